// Package report renders the report page of an evidence package: one HTML file
// that needs nothing else, in Latvian or English, and prints to one A4 page for a
// usual session. It states what the manifest says and never a verdict.
package report

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"

	"lieciba"
	"lieciba/storage/evidence"
)

// The languages.
const (
	Latvian = "lv"
	English = "en"
)

//go:embed page.html
var pageSource string

var page = template.Must(template.New("report").Parse(pageSource))

// view is what the page shows, as texts.
type view struct {
	Lang string
	W    *words

	Session, Source, Place, Day, Planned, Site, Room, Seats, Parts, Events string

	Cameras       []camera
	Ready         string
	IncidentCount string
	Incidents     []incident

	GapCount string
	Gaps     []gap

	Requester, Recipient, Purpose, Approved, Created, Tool, Export, Log, Format string

	Holds       []string
	Fingerprint [][]string // of each log key, in groups of four
	Witnesses   string
}

type camera struct {
	Name, Device, Expected, Recorded, Missing, Segments, Clock, From, To, Label string

	Bars []bar
}

// bar is a part of a camera's strip, in 1/10000 of its window.
type bar struct {
	Class string
	X, W  int64
}

type gap struct{ Camera, Riga, UTC, Length, Cause string }

// Render returns the page in lang, Latvian unless it is English. Of m it needs
// all but Files. Equal arguments give equal bytes. Whatever the strings in m
// hold, they are shown as text.
func Render(lang string, m evidence.Manifest, keys evidence.Keys) []byte {
	w := &latvian
	if lang == English {
		w = &english
	} else {
		lang = Latvian
	}
	v := w.view(lang, m, keys)
	var b bytes.Buffer
	if err := page.Execute(&b, v); err != nil {
		panic(err) // the template does not fit its view
	}
	return b.Bytes()
}

func (w *words) view(lang string, m evidence.Manifest, keys evidence.Keys) view {
	s := m.Session
	v := view{
		Lang: lang, W: w, Session: s.ExternalID, Source: s.Source,
		Place: named(s.SiteName, s.Site) + ", " + named(s.RoomName, s.Room),
		Day:   riga(s.StartsAt).Format(dayLayout), Planned: w.planned(s),
		Site: named(s.SiteName, s.Site), Room: named(s.RoomName, s.Room), Seats: w.count(s.Seats, w.seats),
		Parts: w.partList(s, m.PartEvents), Ready: w.readiness(m), Incidents: w.incidents(m.Incidents), Events: w.eventList(m.Events),
		Requester: cmp.Or(m.Requester, w.notAsked), Recipient: cmp.Or(m.Recipient, w.notAsked), Purpose: cmp.Or(m.Purpose, w.notAsked),
		Approved: w.approval(m.Approval), Created: stamp(m.CreatedAt), Tool: m.Tool, Export: string(m.ExportID), Log: m.Log, Format: m.Format,
		Holds: w.contents(m),
	}
	for _, r := range m.Recordings {
		v.Cameras = append(v.Cameras, w.camera(r))
		for _, g := range r.Gaps {
			v.Gaps = append(v.Gaps, gap{r.Camera.Name, span(riga(g.From), riga(g.To), clock), utc(g.From, g.To),
				w.length(g.To.Sub(g.From.Time).Microseconds()), cmp.Or(w.causes[g.Cause], string(g.Cause))})
		}
	}
	if n := len(v.Incidents); n > 0 {
		v.IncidentCount = w.count(n, w.exam.incidents)
	}
	if n := len(v.Gaps); n > 0 {
		v.GapCount = w.count(n, w.gaps)
	}
	for _, k := range keys.Log[max(0, len(keys.Log)-1):] {
		v.Fingerprint = append(v.Fingerprint, groups(evidence.Fingerprint(k)))
	}
	v.Witnesses = witnesses(keys.Witnesses)
	return v
}

// planned is the session's time in Riga and in UTC.
func (w *words) planned(s evidence.SessionManifest) string {
	return span(riga(s.StartsAt), riga(s.EndsAt), short) + " (UTC" + riga(s.StartsAt).Format("-07:00") + ")"
}

// partList is each part as it was planned and as it really was.
func (w *words) partList(s evidence.SessionManifest, events []evidence.PartDetail) string {
	var list []string
	really := partsOf(events)
	for _, p := range s.Parts {
		text := cmp.Or(w.parts[p.Kind], string(p.Kind)) + "\u00a0" + short(riga(p.StartsAt)) + "\u2060–\u2060" + short(riga(p.EndsAt))
		if p.Sound {
			text += " (" + w.sound + ")"
		}
		list = append(list, text+w.really(really[p.ID]))
		delete(really, p.ID)
	}
	for _, id := range slices.Sorted(maps.Keys(really)) { // planned no more
		list = append(list, w.exam.other+w.really(really[id]))
	}
	return strings.Join(list, " · ")
}

func (w *words) eventList(events []evidence.EventManifest) string {
	var list []string
	for _, e := range events {
		text := cmp.Or(w.events[e.Kind], string(e.Kind)) + " " + riga(e.At).Format(dayLayout)
		if e.Appeal != "" {
			text += " (" + e.Appeal + ")"
		}
		list = append(list, text)
	}
	return strings.Join(list, " · ")
}

func (w *words) camera(r evidence.RecordingManifest) camera {
	window := lieciba.Interval{From: r.From.Time, To: r.To.Time}
	c := camera{
		Name: r.Camera.Name, Device: device(r.Camera),
		Expected: w.length(window.Duration().Microseconds()), Recorded: w.length(r.RecordedU), Missing: w.length(r.MissingU),
		Segments: fmt.Sprint(len(r.Segments)), Clock: w.clockOf(r.Segments),
		From: span(riga(r.From), riga(r.To), clock), To: utc(r.From, r.To),
	}
	c.Label = fmt.Sprintf(w.strip, c.Recorded, c.Missing)
	var held []lieciba.Interval
	for _, s := range r.Segments {
		held = append(held, lieciba.Interval{From: s.From.Time, To: s.To.Time}.Clip(window))
	}
	for _, i := range lieciba.Merge(held) {
		c.Bars = append(c.Bars, barOf("held", i, window, 0))
	}
	for _, g := range r.Gaps {
		c.Bars = append(c.Bars, barOf("gap", lieciba.Interval{From: g.From.Time, To: g.To.Time}.Clip(window), window, 40))
	}
	return c
}

// device is what is known of the camera's make.
func device(c evidence.CameraIdentity) string {
	list := slices.DeleteFunc([]string{strings.TrimSpace(c.Maker + " " + c.Model), c.Serial}, func(s string) bool { return s == "" })
	return strings.Join(list, ", ")
}

// barOf scales an interval to its window; least keeps a short gap visible.
func barOf(class string, i, window lieciba.Interval, least int64) bar {
	whole := max(1, window.Duration().Microseconds())
	at := func(us int64) int64 { return int64(float64(us) / float64(whole) * 10_000) }
	from := at(i.From.Sub(window.From).Microseconds())
	to := max(at(i.To.Sub(window.From).Microseconds()), from+least)
	return bar{class, min(from, 10_000-least), to - from}
}

// badness orders clock qualities: the worst of a recording is shown.
var badness = []lieciba.ClockQuality{lieciba.ClockGood, lieciba.ClockUnknown, lieciba.ClockDrifting, lieciba.ClockUnreliable}

// clockOf is the range of a camera's clock offset and its worst quality.
func (w *words) clockOf(segments []evidence.SegmentDetail) string {
	worst, known := -1, false
	var low, high int64
	for _, s := range segments {
		worst = max(worst, slices.Index(badness, s.ClockQuality))
		if s.ClockQuality == lieciba.ClockUnknown {
			continue
		}
		if !known {
			low, high, known = s.ClockOffset, s.ClockOffset, true
		}
		low, high = min(low, s.ClockOffset), max(high, s.ClockOffset)
	}
	switch {
	case worst < 0:
		return "–"
	case !known:
		return w.quality[lieciba.ClockUnknown]
	}
	return offset(low, high) + ", " + w.quality[badness[worst]]
}

// contents counts what the package holds.
func (w *words) contents(m evidence.Manifest) []string {
	var segments int
	var size int64
	for _, r := range m.Recordings {
		segments += len(r.Segments)
		for _, s := range r.Segments {
			size += s.Size
		}
	}
	list := []string{w.count(segments, w.segments) + ", " + w.bytes(size)}
	for _, x := range []struct {
		n int
		f forms
	}{{len(m.Clips), w.clips}, {len(m.Access), w.entries}, {len(m.Holds), w.holds}} {
		if x.n > 0 {
			list = append(list, w.count(x.n, x.f))
		}
	}
	for _, x := range m.LeftOut {
		list = append(list, w.without+" "+x.Camera)
	}
	return list
}

// groups cuts a fingerprint into groups of four.
func groups(s string) []string {
	var list []string
	for g := range slices.Chunk([]byte(s), 4) {
		list = append(list, string(g))
	}
	return list
}

// witnesses names each witness's key with its fingerprint.
func witnesses(keys []string) string {
	var list []string
	for _, k := range keys {
		name, _, _ := strings.Cut(k, "+")
		list = append(list, name+" "+strings.Join(groups(evidence.Fingerprint(k)), "\u00a0"))
	}
	return strings.Join(list, "; ")
}
