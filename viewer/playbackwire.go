package viewer

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"lieciba"
	"lieciba/viewer/play"
)

// ready is the first event.
func (b *playback) ready() {
	e := readyEvent{Ev: "ready", Window: span{stamp(b.window.From), stamp(b.window.To)}, Scope: b.scopeSpan()}
	for _, c := range b.cams {
		r := readyCamera{Camera: c.id, Name: c.name, Mid: c.mid, Codec: c.format.Video.Codec}
		if c.err != nil {
			r.Error = wire(c.err)
		}
		e.Cameras = append(e.Cameras, r)
	}
	if b.soundCamera >= 0 {
		e.Audio.Camera = &b.cams[b.soundCamera].id
	}
	if b.soundTrack != nil {
		e.Audio.Codec = &b.soundTrack.codec.name
	}
	b.peer.tell(e)
}

// scopeSpan says how far the playback may go; nil: as far as the session does.
func (b *playback) scopeSpan() *scopeSpan {
	if s := b.scope; s.Span != (lieciba.Interval{}) || !s.Until.IsZero() {
		return &scopeSpan{stamp(s.Span.From), stamp(s.Span.To), stamp(s.Until)}
	}
	return nil
}

func (b *playback) tellMap(m play.Map) {
	b.seq++
	e := mapEvent{Ev: "map", Seq: b.seq, Rate: m.Rate, Paused: m.Paused, At: stamp(m.At), Tracks: []trackMap{}}
	for _, t := range m.Tracks {
		if c := b.cams[t.Camera]; c.track != nil {
			e.Tracks = append(e.Tracks, trackMap{c.id, t.RTP, t.First})
		}
	}
	b.peer.tell(e)
}

// tell writes the actions that are events or answers.
func (b *playback) tell(a play.Action) {
	switch a := a.(type) {
	case play.Reply:
		r := response{Re: b.wireID(a.ID), OK: a.Err == nil}
		if a.Err != nil {
			r.Error = wire(a.Err)
		}
		b.peer.tell(r)
	case play.GapNote:
		id := b.cams[a.Camera].id
		if a.Entered {
			b.peer.tell(gapEvent{"gap", id, stamp(a.Span.From), stamp(a.Span.To), a.Cause})
		} else {
			b.peer.tell(gapEndEvent{"gap_end", id})
		}
	case play.Trouble:
		w := wire(a.Err)
		if w.Code == lieciba.CodeInternal {
			b.peer.log.Error("archive cannot be read", "camera", b.cams[a.Camera].id, "error", a.Err)
		}
		b.peer.tell(troubleEvent{"error", b.cams[a.Camera].id, w.Code, w.Message})
	case play.Ended:
		b.peer.tell(endEvent{"end"})
	}
}

// state tells where the clock is: always when asked to, else only if something
// other than the position changed.
func (b *playback) state(now time.Time, always bool) {
	s := b.player.Status(now)
	e := stateEvent{Ev: "state", Scope: b.scopeSpan(), Paused: s.Paused, Rate: s.Rate, KeysOnly: s.KeysOnly,
		Waiting: optional(string(s.Waiting)), Sound: optional(b.soundSilence(s))}
	same := b.lastState.Paused == e.Paused && b.lastState.Rate == e.Rate && b.lastState.KeysOnly == e.KeysOnly &&
		deref(b.lastState.Waiting) == deref(e.Waiting) && deref(b.lastState.Sound) == deref(e.Sound)
	b.lastState = e
	if same && !always {
		return
	}
	e.At, e.LiveEdge = stamp(s.At), stamp(b.liveEdge(now))
	b.peer.tell(e)
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// soundSilence says why nothing is heard; "": sound plays.
func (b *playback) soundSilence(s play.Status) string {
	switch {
	case b.soundTrack == nil || s.Sound < 0:
		return "none"
	case s.Paused:
		return "paused"
	case s.Rate != 1:
		return "speed"
	case b.sound.err != "":
		return "error: " + b.sound.err
	case b.sound.pipe == nil:
		return "none"
	}
	return ""
}

// edgeHold bridges the moment between two segments, when none has a fragment.
const edgeHold = 5 * time.Second

// liveEdge is how far the session is durable while it grows; zero if it does not.
func (b *playback) liveEdge(now time.Time) time.Time {
	for _, c := range b.cams {
		if s, ok := c.reader.Source.Growing(c.rec); ok && c.track != nil {
			b.edgeAt = now
			if s.To.After(b.edge) {
				b.edge = s.To
			}
		}
	}
	if now.Sub(b.edgeAt) > edgeHold {
		return time.Time{}
	}
	return b.edge
}

// wireID is the page's id of a command, forgotten with its answer.
func (b *playback) wireID(token int64) int64 {
	id := b.ids[token]
	delete(b.ids, token)
	return id
}

// command takes one message of the page. It is called by pion's goroutine.
func (b *playback) command(text []byte) {
	var r request
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	err := dec.Decode(&r)
	if err == nil && !errors.Is(dec.Decode(&struct{}{}), io.EOF) {
		err = lieciba.Invalid("", "more than one JSON object in a message")
	}
	if err != nil {
		var e *lieciba.Error
		if !errors.As(err, &e) {
			e = lieciba.Invalid(unknownField(err), "is not a command of PROTOCOL.md")
		}
		b.peer.tell(response{Re: r.ID, Error: wire(e)})
		return
	}
	select {
	case b.inbox <- func(now time.Time) { b.obey(now, r) }:
	default:
		b.peer.tell(response{Re: r.ID, Error: wire(lieciba.Errorf(lieciba.CodeRateLimited, "too many commands at once"))})
	}
}

// unknownField finds the field that encoding/json complains of.
func unknownField(err error) string {
	if _, name, ok := strings.Cut(err.Error(), "unknown field "); ok {
		return strings.Trim(name, `"`)
	}
	var t *json.UnmarshalTypeError
	if errors.As(err, &t) {
		return t.Field
	}
	return ""
}

// obey carries out one command on the loop.
func (b *playback) obey(now time.Time, r request) {
	b.token++
	token := b.token
	b.ids[token] = r.ID
	refuse := func(field, message string) {
		b.act(now, []play.Action{play.Reply{ID: token, Err: lieciba.Invalid(field, "%s", message)}})
	}
	switch r.Cmd {
	case "play":
		b.act(now, b.player.Play(now, token))
	case "pause":
		b.act(now, b.player.Pause(now, token))
	case "seek":
		if r.At == nil {
			refuse("at", "is missing: the time to show")
			return
		}
		b.act(now, b.player.Seek(now, token, time.Time(*r.At)))
	case "speed":
		if r.Rate == nil {
			refuse("rate", "is missing")
			return
		}
		b.speed(now, token, *r.Rate)
	case "step":
		b.step(now, token, r, refuse)
	case "gaps":
		if r.Mode != "skip" && r.Mode != "wait" {
			refuse("mode", "is neither skip nor wait")
			return
		}
		b.act(now, b.player.Gaps(now, token, r.Mode == "wait"))
	case "audio":
		cam := -1
		if r.Camera != nil {
			if cam = b.index(*r.Camera); cam < 0 {
				refuse("camera", "is none of this session")
				return
			}
		}
		b.act(now, b.player.Sound(token, cam))
	case "close":
		b.act(now, []play.Action{play.Reply{ID: token}})
		b.peer.cancel()
	default:
		refuse("cmd", "is not a command of PROTOCOL.md")
	}
}

func (b *playback) speed(now time.Time, token int64, rate float64) {
	b.act(now, b.player.Speed(now, token, rate))
	for _, c := range b.cams {
		if c.pacer != nil {
			c.pacer.setRate(int(float64(b.v.cfg.BurstRate) * max(1, b.player.Status(now).Rate/2)))
		}
	}
}

func (b *playback) step(now time.Time, token int64, r request, refuse func(field, message string)) {
	if r.Frames == nil {
		refuse("frames", "is missing")
		return
	}
	cam := -1
	if r.Camera != nil {
		if cam = b.index(*r.Camera); cam < 0 {
			refuse("camera", "is none of this session")
			return
		}
	}
	b.act(now, b.player.Step(now, token, *r.Frames, cam))
}

func (b *playback) index(id lieciba.CameraID) int {
	for i, c := range b.cams {
		if c.id == id {
			return i
		}
	}
	return -1
}
