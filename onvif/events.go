package onvif

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"lieciba"
)

// EventKind is what happened to the picture, under one name for all makers.
type EventKind string

// The kinds; every other event of a camera is dropped.
const (
	EventTamper      EventKind = "tamper"
	EventSceneChange EventKind = "global_scene_change"
	EventTooDark     EventKind = "image_too_dark"
	EventTooBright   EventKind = "image_too_bright"
	EventTooBlurry   EventKind = "image_too_blurry"
	EventSignalLoss  EventKind = "signal_loss"
)

// Event is one change, or at the start of a subscription one state, of a camera.
type Event struct {
	Kind       EventKind
	Active     bool      // it holds from now on; false: it ended
	Initial    bool      // the state at the start of a subscription, no change
	At         time.Time // our clock at arrival, UTC
	CameraTime time.Time // the camera's clock when it happened, uncorrected; zero if not told
	Source     string    // video source token; may be empty
	Topic      string    // as sent
}

// Timing of pull points.
const (
	pullTimeout      = 20 * time.Second // how long one PullMessages may wait
	subscriptionLife = time.Minute
	floorEmpty       = time.Second // between polls that brought nothing: some cameras never wait
	floorFull        = 100 * time.Millisecond
	healthyAfter     = 30 * time.Second
	unsubscribeTime  = 2 * time.Second
)

// Events calls handle for every event until ctx ends, one at a time. It keeps a
// pull point, recreates it with growing pauses when the camera drops it, and
// always unsubscribes. It returns ctx's error, or an error that no retry cures:
// ErrRefused, ErrNeedsCredentials, ErrDenied, ErrNetwork, ErrPin, or
// CodeUnsupported when the camera has no pull points.
func (c *Client) Events(ctx context.Context, handle func(Event)) error {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = time.Second, time.Minute
	pause.Reset()
	for {
		started := c.now()
		err := c.pullSession(ctx, handle)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if signInFailed(err) || errors.Is(err, ErrDenied) || errors.Is(err, errNoPullPoints) {
			return err
		}
		if c.now().Sub(started) > healthyAfter || errors.Is(err, errExpired) {
			pause.Reset()
		}
		wait := pause.NextBackOff()
		if !errors.Is(err, errExpired) {
			c.options.Log.WarnContext(ctx, "camera events broke off", "address", c.deviceURL().Host, "retry_in", wait, "error", err)
		}
		if err := c.sleep(ctx, wait); err != nil {
			return err
		}
	}
}

var (
	errNoPullPoints = &lieciba.Error{Code: lieciba.CodeUnsupported, Message: "the camera has no event service with pull points"}
	errExpired      = errors.New("the subscription ran out")
)

// pullSession lives as long as one subscription; it always ends with an error.
func (c *Client) pullSession(ctx context.Context, handle func(Event)) error {
	s, err := c.subscribe(ctx)
	if err != nil {
		return err
	}
	defer s.unsubscribe(ctx)
	for {
		started := c.now()
		if err := s.keepAlive(ctx); err != nil {
			return err
		}
		n, err := s.pull(ctx, handle)
		if err != nil {
			return err
		}
		floor := floorEmpty
		if n > 0 {
			floor = floorFull
		}
		if rest := floor - c.now().Sub(started); rest > 0 {
			if err := c.sleep(ctx, rest); err != nil {
				return err
			}
		}
	}
}

type xmlItem struct {
	Name  string `xml:"Name,attr"`
	Value string `xml:"Value,attr"`
}

type xmlNotification struct {
	Topic   string `xml:"Topic"`
	Message struct {
		At        string    `xml:"UtcTime,attr"`
		Operation string    `xml:"PropertyOperation,attr"`
		Source    []xmlItem `xml:"Source>SimpleItem"`
		Data      []xmlItem `xml:"Data>SimpleItem"`
	} `xml:"Message>Message"`
}

// normalise turns a notification into an Event; false for other topics.
func normalise(n xmlNotification, now time.Time) (Event, bool) {
	kind, ok := eventKind(n.Topic)
	if !ok {
		return Event{}, false
	}
	m := n.Message
	e := Event{Kind: kind, Active: active(m.Data), Initial: strings.EqualFold(m.Operation, "Initialized"),
		At: lieciba.Micro(now), Topic: oneLine(n.Topic, 200)}
	if strings.EqualFold(m.Operation, "Deleted") {
		e.Active = false
	}
	if t, err := time.Parse(time.RFC3339, strings.TrimSpace(m.At)); err == nil {
		e.CameraTime = lieciba.Micro(t)
	}
	for _, i := range m.Source {
		if strings.Contains(strings.ToLower(i.Name), "source") {
			e.Source = oneLine(i.Value, 100)
		}
	}
	return e, true
}

// eventKind knows a topic by its steps without prefixes: makers put the same
// step below VideoSource, RuleEngine or a tree of their own.
func eventKind(topic string) (EventKind, bool) {
	for _, step := range strings.Split(strings.TrimSpace(topic), "/") {
		step = strings.ToLower(step[strings.LastIndexByte(step, ':')+1:])
		switch step {
		case "globalscenechange":
			return EventSceneChange, true
		case "imagetoodark":
			return EventTooDark, true
		case "imagetoobright":
			return EventTooBright, true
		case "imagetooblurry":
			return EventTooBlurry, true
		case "signalloss", "videoloss":
			return EventSignalLoss, true
		}
		if strings.HasPrefix(step, "tamper") {
			return EventTamper, true
		}
	}
	return "", false
}

// active reads the state: the item named so, else the first boolean. An event
// without a state is a plain "it happened".
func active(data []xmlItem) bool {
	state, found := true, false
	for _, i := range data {
		b, err := strconv.ParseBool(strings.TrimSpace(i.Value))
		if err != nil {
			continue
		}
		if strings.EqualFold(i.Name, "State") {
			return b
		}
		if !found {
			state, found = b, true
		}
	}
	return state
}
