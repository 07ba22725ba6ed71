package api

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"lieciba"
)

// modelNights are where sequences play: an ordinary day and the two nights in
// which Riga's clocks change, each an hour before the change.
var modelNights = []time.Time{
	time.Date(2026, 11, 18, 6, 30, 0, 0, time.UTC),
	time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC),
	time.Date(2026, 10, 24, 23, 30, 0, 0, time.UTC),
}

// generator makes the messages of one sequence.
type generator struct {
	rnd   *rand.Rand
	rooms []string
	base  time.Time
	last  map[string]modelDoc // newest good document of each session
	sent  []sentDoc           // all that was made, to be repeated or sent late
}

type sentDoc struct {
	ext  string
	doc  modelDoc
	body string
}

// near is an instant within a few hours of the sequence's begin, often on a full
// quarter of an hour, sometimes with microseconds.
func (g *generator) near(t time.Time, hours int) time.Time {
	t = t.Add(time.Duration(g.rnd.IntN(hours*12)) * 5 * time.Minute)
	if g.rnd.IntN(8) == 0 {
		t = t.Add(time.Duration(g.rnd.IntN(1e6)) * time.Microsecond)
	}
	return t
}

// document makes the next document of a session: new, or its last one changed.
func (g *generator) document(ext string, now time.Time) sentDoc {
	d, known := g.last[ext]
	if !known || g.rnd.IntN(6) == 0 {
		d = g.fresh(d.version)
	} else {
		d = g.changed(d, now)
	}
	switch g.rnd.IntN(10) {
	case 0: // the same version again, maybe with another body
	case 1:
		d.version += 2 + g.rnd.Int64N(5)
	default:
		d.version++
	}
	d.version = max(1, d.version)
	body := g.body(d)
	if g.rnd.IntN(10) == 0 {
		d.bad, body = g.spoil(d)
	} else {
		g.last[ext] = d
	}
	out := sentDoc{ext, d, body}
	g.sent = append(g.sent, out)
	return out
}

func (g *generator) fresh(version int64) modelDoc {
	d := modelDoc{version: version, room: g.room(), seats: g.rnd.IntN(20), from: g.near(g.base.Add(-2*time.Hour), 6)}
	d.to = d.from.Add(time.Duration(1+g.rnd.IntN(48)) * 5 * time.Minute)
	d.parts = g.parts(d)
	return d
}

// plan is the source's document of an exam that was started by hand.
func (g *generator) plan(ext string, byHand modelDoc) sentDoc {
	d := modelDoc{version: g.last[ext].version + 1, room: byHand.room, seats: g.rnd.IntN(20)}
	d.from = byHand.from.Add(time.Duration(g.rnd.IntN(13)-6) * 5 * time.Minute)
	d.to = latest(d.from, byHand.to).Add(time.Duration(1+g.rnd.IntN(12)) * 5 * time.Minute)
	d.parts = g.parts(d)
	g.last[ext] = d
	out := sentDoc{ext, d, g.body(d)}
	g.sent = append(g.sent, out)
	return out
}

// changed is a late change: longer, shorter, moved, another room, cancelled or
// taken back, or a mere correction.
func (g *generator) changed(d modelDoc, now time.Time) modelDoc {
	switch g.rnd.IntN(9) {
	case 0, 1:
		d.to = d.to.Add(time.Duration(1+g.rnd.IntN(12)) * 5 * time.Minute)
	case 2:
		d.to = now.Add(time.Duration(g.rnd.IntN(21)-10) * time.Minute)
	case 3:
		shift := time.Duration(g.rnd.IntN(25)-12) * 5 * time.Minute
		d.from, d.to, d.parts = d.from.Add(shift), d.to.Add(shift), nil
	case 4:
		d.room = g.room()
	case 5:
		d.cancelled = !d.cancelled
	case 6:
		d.cancelled = true
	case 7:
		d.parts = g.parts(d)
	default:
		d.seats = g.rnd.IntN(1001)
	}
	if !d.to.After(d.from) || d.to.Sub(d.from) > lieciba.MaxSessionLength {
		d.to = d.from.Add(time.Hour)
	}
	d.parts = slices.DeleteFunc(slices.Clone(d.parts), func(p modelPart) bool {
		return !p.from.IsZero() && (p.from.Before(d.from) || p.to.After(d.to))
	})
	return d
}

func (g *generator) room() string { return g.rooms[g.rnd.IntN(len(g.rooms))] }

func (g *generator) parts(d modelDoc) (out []modelPart) {
	kinds := lieciba.PartKinds()
	for range g.rnd.IntN(4) {
		p := modelPart{kind: string(kinds[g.rnd.IntN(len(kinds))]), sound: []string{"", "", "true", "false"}[g.rnd.IntN(4)]}
		if g.rnd.IntN(2) == 0 {
			p.from = lieciba.Micro(d.from.Add(d.to.Sub(d.from) / 4))
			p.to = lieciba.Micro(d.from.Add(d.to.Sub(d.from) / 2))
		}
		out = append(out, p)
	}
	return out
}

func riga(t time.Time) string { return t.In(lieciba.Riga).Format(time.RFC3339Nano) }

// fields is the document as JSON; zero fields that may be left out sometimes are.
func (g *generator) fields(d modelDoc) map[string]any {
	f := map[string]any{"source_version": d.version, "room": d.room, "starts_at": riga(d.from), "ends_at": riga(d.to)}
	if d.seats != 0 || g.rnd.IntN(2) == 0 {
		f["seats"] = d.seats
	}
	if d.cancelled || g.rnd.IntN(2) == 0 {
		f["cancelled"] = d.cancelled
	}
	list := []any{}
	for _, p := range d.parts {
		part := map[string]any{"kind": p.kind}
		if !p.from.IsZero() {
			part["starts_at"], part["ends_at"] = riga(p.from), riga(p.to)
		}
		if p.sound != "" {
			part["sound"] = p.sound == "true"
		}
		list = append(list, part)
	}
	if len(list) > 0 || g.rnd.IntN(2) == 0 {
		f["parts"] = list
	}
	return f
}

// body writes the fields in an order of its own.
func (g *generator) body(d modelDoc) string { return g.write(g.fields(d)) }

func (g *generator) write(f map[string]any) string {
	var list []string
	for name, v := range f {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err) // values of our own
		}
		list = append(list, fmt.Sprintf("%q: %s", name, b))
	}
	slices.Sort(list)
	g.rnd.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return "{" + strings.Join(list, ", ") + "}"
}

// spoil puts one fault into a good document and names its field.
func (g *generator) spoil(d modelDoc) (field, body string) {
	f := g.fields(d)
	switch g.rnd.IntN(9) {
	case 0:
		field, f["starts_at"] = "starts_at", "2026-03-29T03:30:00+02:00" // does not exist
	case 1:
		field, f["ends_at"] = "ends_at", d.to.UTC().Format(time.RFC3339)
	case 2:
		field, f["starts_at"] = "starts_at", d.from.In(time.FixedZone("", 5*3600)).Format(time.RFC3339)
	case 3:
		field, f["ends_at"] = "ends_at", riga(d.from)
	case 4:
		field, f["ends_at"] = "ends_at", riga(d.from.Add(25*time.Hour))
	case 5:
		field, f["source_version"] = "source_version", 0
	case 6:
		field, f["room"] = "room", "no-such-room"
	case 7:
		field, f["candidate"] = "candidate", "x"
	default:
		field, f["seats"] = "seats", 1001
	}
	return field, g.write(f)
}
