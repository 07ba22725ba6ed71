package api

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lieciba"
)

// The model of exam sessions: what the contract with the citizenship system says
// of them, in the plainest form, apart from the product's code.

// modelPart is a part as a document names it; a zero time is one that was left out.
type modelPart struct {
	kind     string
	from, to time.Time
	sound    string // "", "true", "false"
}

// modelDoc is a session document as its author means it.
type modelDoc struct {
	version   int64
	room      string
	from, to  time.Time
	seats     int
	parts     []modelPart
	cancelled bool
	bad       string // field of the one fault that the sender put in; empty: none
}

// same tells whether two documents say the same, field by field.
func (d modelDoc) same(o modelDoc) bool { return fmt.Sprint(d) == fmt.Sprint(o) }

type modelSession struct {
	byHand bool
	doc    modelDoc // as it stands: room, times, seats, parts
	last   modelDoc // that was applied last
	state  string
	asked  bool // to cancel
	holds  map[string]bool
	recs   map[string]*modelRecording // by room

	pushed         bool      // the source has sent a document of it since it was linked
	linked, toldOf time.Time // newest link, newest event
}

// modelRecording is what should be on record of a session in one room.
type modelRecording struct {
	from, to time.Time      // window
	film     [][2]time.Time // spans, sorted and apart
}

// model is one source's world.
type model struct {
	sessions map[string]*modelSession // by external ID
	events   map[string]string        // content by event ID
	links    map[string]string        // external ID of the source to that of the session started by hand
	now      time.Time
}

func newModel() *model {
	return &model{sessions: map[string]*modelSession{}, events: map[string]string{}, links: map[string]string{}}
}

const modelBefore, modelAfter = 10 * time.Minute, 5 * time.Minute

// outcome is what an answer must be: its status and, of a refusal, its field.
type outcome struct {
	status int
	field  string
}

func (x *modelSession) begun(now time.Time) bool {
	return x.state == "running" || (x.state == "planned" || x.state == "ready") && !now.Before(x.doc.from.Add(-modelBefore))
}

// push is a document of the source.
func (m *model) push(ext string, d modelDoc) outcome {
	if m.links[ext] != "" && d.bad != "candidate" && d.bad != "room" { // those are seen before anything is looked up
		x := m.sessions[m.links[ext]]
		switch stale := x.pushed && d.version <= x.last.version; {
		case x.pushed && d.bad == "" && d.same(x.last):
			return outcome{200, ""}
		case d.bad == "" && m.goesOn(x, d):
			return m.goOn(x, d)
		case d.bad != "", stale, m.standsFor(x.doc, d), !x.toldOf.Before(x.linked):
			return outcome{409, "external_id"}
		}
		delete(m.links, ext) // a session of its own
	}
	x := m.sessions[ext]
	switch {
	case x != nil && d.bad == "" && d.same(x.last):
		return outcome{200, ""}
	case d.bad != "":
		return outcome{400, d.bad}
	case x == nil:
		x = &modelSession{doc: d, last: d, state: "planned", holds: map[string]bool{}, recs: map[string]*modelRecording{}}
		if d.cancelled {
			x.state = "cancelled"
		}
		m.sessions[ext] = x
		return outcome{201, ""}
	case d.version <= x.last.version:
		return outcome{409, "source_version"}
	}
	return m.change(x, d)
}

// standsFor tells whether a session that was started by hand can be the planned one:
// the same room and day, and all that is still to come is filmed by it.
func (m *model) standsFor(byHand, plan modelDoc) bool {
	const day = "2006-01-02"
	from := plan.from
	if from.Before(m.now) {
		from = m.now
	}
	filmed := !from.Before(byHand.from.Add(-modelBefore)) && !plan.to.After(byHand.to.Add(modelAfter))
	return !plan.to.After(m.now) || plan.cancelled ||
		filmed && byHand.room == plan.room && byHand.from.In(lieciba.Riga).Format(day) == plan.from.In(lieciba.Riga).Format(day)
}

// goesOn tells whether a session that was started by hand is the planned one, is
// being filmed, and would not be until the planned end.
func (m *model) goesOn(x *modelSession, plan modelDoc) bool {
	const day = "2006-01-02"
	return x.begun(m.now) && m.now.Before(x.doc.to.Add(modelAfter)) && !plan.cancelled && plan.to.After(x.doc.to.Add(modelAfter)) &&
		plan.from.Before(x.doc.to) && plan.to.Sub(x.doc.from) <= 24*time.Hour &&
		x.doc.room == plan.room && x.doc.from.In(lieciba.Riga).Format(day) == plan.from.In(lieciba.Riga).Format(day)
}

// goOn lets a session that was started by hand go on to the planned end: what is
// planned at the plan's edges is at its own.
func (m *model) goOn(x *modelSession, d modelDoc) outcome {
	if x.pushed && d.version <= x.last.version {
		return outcome{409, "source_version"}
	}
	next := d
	next.from, next.parts = x.doc.from, slices.Clone(d.parts)
	for i := range next.parts {
		if p := &next.parts[i]; p.from.Equal(d.from) {
			p.from = next.from
		}
	}
	x.doc, x.last, x.state, x.pushed = next, d, "running", true
	return outcome{200, ""}
}

// change is a document of a newer version.
func (m *model) change(x *modelSession, d modelDoc) outcome {
	switch {
	case x.begun(m.now):
		if !d.from.Equal(x.doc.from) {
			return outcome{409, "starts_at"}
		}
		if !d.to.Equal(x.doc.to) && d.to.Before(m.now) {
			return outcome{409, "ends_at"}
		}
		x.state, x.asked = "running", d.cancelled
	case x.state == "planned" || x.state == "ready":
		if d.cancelled {
			x.state = "cancelled"
		}
	default: // over or cancelled: only what was not filmed
		switch {
		case d.cancelled != (x.state == "cancelled"):
			return outcome{409, "cancelled"}
		case d.room != x.doc.room:
			return outcome{409, "room"}
		case !d.from.Equal(x.doc.from):
			return outcome{409, "starts_at"}
		case !d.to.Equal(x.doc.to):
			return outcome{409, "ends_at"}
		}
	}
	x.doc, x.last = d, d
	return outcome{200, ""}
}

// confirm is a person's yes to a cancellation, refuse the no.
func (m *model) confirm(x *modelSession) outcome {
	switch {
	case x.state == "cancelled":
		return outcome{200, ""}
	case !x.asked || !x.begun(m.now):
		return outcome{409, ""}
	}
	x.state, x.asked = "cancelled", false
	return outcome{200, ""}
}

func (m *model) refuse(x *modelSession) outcome {
	if !x.asked {
		return outcome{409, ""}
	}
	x.asked = false
	return outcome{200, ""}
}

// tick is a look of the scheduler.
func (m *model) tick() {
	for _, x := range m.sessions {
		if x.state != "planned" && x.state != "ready" && x.state != "running" {
			continue
		}
		switch {
		case !m.now.Before(x.doc.to.Add(modelAfter)):
			x.state = "finished"
		case !m.now.Before(x.doc.from.Add(-modelBefore)):
			x.state = "running"
		}
	}
}

// start is a session started by hand; its ID is the server's and told later.
func (m *model) start(room string, minutes int) (outcome, *modelSession) {
	for _, x := range m.sessions {
		if x.doc.room == room && !x.doc.from.After(m.now) && x.doc.to.After(m.now) &&
			(x.state == "planned" || x.state == "ready" || x.state == "running") {
			return outcome{409, "room"}, nil
		}
	}
	d := modelDoc{version: 1, room: room, from: m.now, to: m.now.Add(time.Duration(minutes) * time.Minute)}
	return outcome{201, ""}, &modelSession{byHand: true, doc: d, last: d, state: "planned", holds: map[string]bool{}, recs: map[string]*modelRecording{}}
}

// link gives a session that was started by hand the ID that the source knows.
func (m *model) link(byHand, ext string) outcome {
	x := m.sessions[byHand]
	switch {
	case !x.byHand:
		return outcome{409, "id"}
	case m.links[ext] == byHand:
		return outcome{200, ""}
	}
	for _, other := range m.links {
		if other == byHand {
			return outcome{409, "session_id"}
		}
	}
	if m.links[ext] != "" || m.sessions[ext] != nil {
		return outcome{409, "external_id"}
	}
	m.links[ext] = byHand
	x.linked, x.pushed = m.now, false
	return outcome{200, ""}
}

// event is what the source tells of a session under the ID that it knows.
func (m *model) event(ext, id, kind string, at time.Time, appeal string) outcome {
	name := ext
	if byHand := m.links[ext]; byHand != "" {
		name = byHand
	}
	x := m.sessions[name]
	content := fmt.Sprint(name, kind, at.UnixMicro(), appeal)
	switch {
	case x == nil:
		return outcome{404, ""}
	case at.Before(x.doc.from), at.After(m.now.Add(5 * time.Minute)):
		return outcome{400, "at"}
	case m.events[id] == content:
		return outcome{200, ""}
	case m.events[id] != "":
		return outcome{409, "event_id"}
	}
	m.events[id], x.toldOf = content, m.now
	if kind == "result_notified" && x.state == "finished" {
		x.state = "anchored"
	}
	if kind == "appeal_opened" {
		x.holds[appeal] = true
	}
	return outcome{201, ""}
}

// wanted tells whether a session is filmed when its window is there.
func (x *modelSession) wanted() bool {
	return x.state == "planned" || x.state == "ready" || x.state == "running"
}

// look gives every recording its window as the sessions stand now: a session is
// recorded in the room that it is in, from its window's begin or from when it came
// there, to its window's end or to when it left or was cancelled.
func (m *model) look() {
	for _, x := range m.sessions {
		from, to := x.doc.from.Add(-modelBefore), x.doc.to.Add(modelAfter)
		here := x.recs[x.doc.room]
		if x.wanted() && here == nil && !m.now.Before(from) {
			if len(x.recs) > 0 {
				from = m.now
			}
			if from.Before(to) {
				here = &modelRecording{from: from}
				x.recs[x.doc.room] = here
			}
		}
		if x.wanted() && here != nil {
			here.to = to
		}
		for room, r := range x.recs {
			if (room != x.doc.room || x.state == "cancelled") && r.to.After(m.now) {
				r.to = m.now
			}
		}
	}
}

// film is time that passes to an instant, with no message on the way.
func (m *model) film(to time.Time) {
	m.look()
	for _, x := range m.sessions {
		from, end := x.doc.from.Add(-modelBefore), x.doc.to.Add(modelAfter)
		if from.Before(m.now) {
			from = m.now
		}
		if to.Before(end) {
			end = to
		}
		r := x.recs[x.doc.room]
		if !x.wanted() || r == nil || !from.Before(end) {
			continue
		}
		if n := len(r.film); n > 0 && r.film[n-1][1].Equal(from) {
			r.film[n-1][1] = end
		} else {
			r.film = append(r.film, [2]time.Time{from, end})
		}
	}
}

// view is what GET must answer of a session, as one text to compare.
func (x *modelSession) view() string {
	var b strings.Builder
	fmt.Fprint(&b, x.state, x.asked, x.last.version, x.doc.room, utc(x.doc.from), utc(x.doc.to), x.doc.seats)
	for _, p := range x.doc.parts {
		from, to := x.doc.from, x.doc.to
		if !p.from.IsZero() {
			from, to = p.from, p.to
		}
		sound := p.sound == "true" || p.sound == "" && p.kind == "speaking"
		fmt.Fprint(&b, " ", p.kind, utc(from), utc(to), sound)
	}
	return b.String()
}

func utc(t time.Time) string { return t.UTC().Format(" 2006-01-02T15:04:05.999999Z ") }
