package server

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"lieciba"
	"lieciba/onvif"
)

// events listens to what cameras say of themselves (tamper, dark picture, …),
// keeps what holds now and writes each change into the audit log. Safe for
// concurrent use.
type events struct {
	s *Server

	mu     sync.Mutex
	active map[lieciba.CameraID]map[onvif.EventKind]*condition
}

// condition is what one camera says of one kind of event.
type condition struct {
	active  bool
	limit   *rate.Limiter // of rows in the audit log, which only grows
	skipped int           // changes since the last row
}

// rows that a camera whose event comes and goes may write: ten at once, then
// one a minute that counts the rest.
func newCondition() *condition {
	return &condition{limit: rate.NewLimiter(rate.Every(time.Minute), 10)}
}

// change notes a state; write tells whether it is to be written down, together
// with how many changes before it were not.
func (c *condition) change(active bool, at time.Time) (write bool, skipped int) {
	if c.active == active {
		return false, 0
	}
	c.active = active
	if !c.limit.AllowN(at, 1) {
		c.skipped++
		return false, 0
	}
	skipped, c.skipped = c.skipped, 0
	return true, skipped
}

// lookAgain is how soon a camera that was adopted, retired or given up is noticed.
const lookAgain = 15 * time.Second

var eventAdvice = map[onvif.EventKind]string{
	onvif.EventTamper:      "The camera reports tampering: look at it.",
	onvif.EventSceneChange: "The camera reports that its view changed: look at it.",
	onvif.EventTooDark:     "The camera reports that its picture is too dark.",
	onvif.EventTooBright:   "The camera reports that its picture is too bright.",
	onvif.EventTooBlurry:   "The camera reports that its picture is out of focus.",
	onvif.EventSignalLoss:  "The camera reports that its picture is lost.",
}

// run keeps one listener for every ONVIF camera until ctx ends.
func (e *events) run(ctx context.Context) {
	var listeners sync.WaitGroup
	defer listeners.Wait()
	var mu sync.Mutex
	heard := map[lieciba.CameraID]context.CancelFunc{}
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		wanted, known := e.cameras(ctx)
		mu.Lock()
		for id, cancel := range heard {
			if _, ok := wanted[id]; known && !ok {
				cancel()
			}
		}
		for id, c := range wanted {
			if heard[id] != nil {
				continue
			}
			listen, cancel := context.WithCancel(ctx)
			heard[id] = cancel
			listeners.Add(1)
			go func() {
				defer listeners.Done()
				defer cancel()
				e.listen(listen, c)
				mu.Lock()
				defer mu.Unlock()
				delete(heard, id)
			}()
		}
		mu.Unlock()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// cameras returns those that can tell events; known is false while the
// catalogue is away: what is heard then is heard on.
func (e *events) cameras(ctx context.Context) (out map[lieciba.CameraID]lieciba.Camera, known bool) {
	all, err := e.s.catalog.ListCameras(ctx, "")
	if err != nil {
		if ctx.Err() == nil {
			e.s.log.WarnContext(ctx, "cameras cannot be listed, so events of new ones are not heard", "error", err)
		}
		return nil, false
	}
	out = map[lieciba.CameraID]lieciba.Camera{}
	for _, c := range all {
		if c.ONVIF && c.State != lieciba.CameraRetired {
			out[c.ID] = c
		}
	}
	return out, true
}

// listen hears one camera until ctx ends or no retry helps; then it waits, so
// that a camera without events is asked seldom.
func (e *events) listen(ctx context.Context, c lieciba.Camera) {
	user, pass, err := e.s.cameraSecret(ctx, c.ID)
	var client *onvif.Client
	if err == nil {
		client, err = e.s.prober.clients.For(c, onvif.Credentials{Username: user, Password: pass})
	}
	if err == nil {
		err = client.Events(ctx, func(ev onvif.Event) { e.take(ctx, c, ev) })
	}
	e.forget(c.ID)
	if ctx.Err() != nil {
		return
	}
	e.s.log.InfoContext(ctx, "no events from this camera", "camera", c.ID, "error", err)
	wait := time.NewTimer(20 * lookAgain)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
}

func (e *events) forget(id lieciba.CameraID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.active, id)
}

// take notes a change and writes it down.
func (e *events) take(ctx context.Context, c lieciba.Camera, ev onvif.Event) {
	e.mu.Lock()
	if e.active[c.ID] == nil {
		e.active[c.ID] = map[onvif.EventKind]*condition{}
	}
	if e.active[c.ID][ev.Kind] == nil {
		e.active[c.ID][ev.Kind] = newCondition()
	}
	write, skipped := e.active[c.ID][ev.Kind].change(ev.Active, ev.At)
	e.mu.Unlock()
	if !write {
		return
	}
	what := "ended"
	if ev.Active {
		what = "began"
	}
	if skipped > 0 {
		what += fmt.Sprintf(", after %d changes that are not listed", skipped)
	}
	st, _ := e.s.recorder.CameraStatus(c.ID)
	at := lieciba.Micro(ev.At)
	err := e.s.catalog.AppendAudit(ctx, lieciba.AuditEntry{ID: lieciba.NewID[lieciba.AuditID](at), At: at, Who: "system", WhoID: "system",
		Act: lieciba.AuditCameraEvent, Object: "camera:" + string(c.ID), CameraID: c.ID, SessionID: st.SessionID, From: at, Outcome: "ok",
		Detail: fmt.Sprintf("%s %s", ev.Kind, what)})
	if err != nil {
		e.s.log.ErrorContext(ctx, "a camera's event was not written down", "camera", c.ID, "event", ev.Kind, "state", what, "error", err)
		return
	}
	e.s.log.WarnContext(ctx, "camera event", "camera", c.ID, "event", ev.Kind, "state", what)
}

// advice says what the camera complains about now.
func (e *events) advice(id lieciba.CameraID) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []string
	for _, kind := range slices.Sorted(maps.Keys(e.active[id])) {
		if e.active[id][kind].active {
			out = append(out, eventAdvice[kind])
		}
	}
	return out
}
