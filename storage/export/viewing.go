package export

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"lieciba"
	"lieciba/storage/evidence"
	"lieciba/storage/evidence/viewing"
)

// view is one viewing copy or clip.
type view struct {
	name    string
	sources []viewing.Source
	options viewing.Options
	camera  lieciba.CameraID
	clip    bool

	incident lieciba.IncidentID // of a clip; "": the range that was asked for
}

// viewing writes the viewing copies and clips, from the native segments as they
// stand in the package.
func (x *building) viewing(ctx context.Context) error {
	if err := x.planViews(); err != nil {
		return err
	}
	first := len(x.natives)
	have := x.zip.Entries()[first:]
	for i, v := range x.views {
		if v.clip {
			x.m.Clips = append(x.m.Clips, evidence.ClipManifest{CameraID: v.camera, From: evidence.At(v.options.From), To: evidence.At(v.options.To), File: v.name, IncidentID: v.incident})
		}
		if i < len(have) && have[i].Name == v.name {
			continue
		}
		if i < len(have) { // a journal of something else
			if err := x.zip.Rewind(first + i); err != nil {
				return err
			}
			have = have[:i]
		}
		err := x.put(v.name, func(w io.Writer) error {
			_, err := viewing.Write(ctx, &counted{ctx, w, x.meter}, v.sources, v.options)
			return err
		}, nil)
		if err != nil {
			return err
		}
	}
	return nil
}

// planViews decides which files there will be: it reads the segments' heads.
func (x *building) planViews() error {
	x.views, x.m.Clips = nil, []evidence.ClipManifest{}
	asked := x.clips()
	clips := make([][]view, len(asked))
	next := 0
	for _, r := range x.m.Recordings {
		sources := make([]viewing.Source, len(r.Segments))
		for i := range sources {
			e := x.zip.Entries()[next+i]
			sources[i] = viewing.Source{R: io.NewSectionReader(x.zip, e.Content(), e.Size), Size: e.Size}
		}
		groups, err := viewing.Split(sources)
		if err != nil {
			return err
		}
		at := 0
		for i, group := range groups {
			span := x.spanOf(r, at, len(group), i == 0, i == len(groups)-1)
			segments := r.Segments[at : at+len(group)]
			at += len(group)
			x.views = append(x.views, x.view(r, group, span, fmt.Sprintf("viewing/%s%s.mp4", r.Camera.ID, suffix(i)), false))
			for i, a := range asked {
				if cut := a.span.Clip(span); shows(segments, cut) {
					v := x.view(r, group, cut, "", true)
					v.incident = a.incident
					clips[i] = append(clips[i], v)
				}
			}
		}
		next += len(r.Segments)
	}
	for i, c := range slices.Concat(clips...) {
		c.name = fmt.Sprintf("viewing/clip-%d.mp4", i+1)
		x.views = append(x.views, c)
	}
	return nil
}

// A clip of an incident begins so long before it was marked and ends so long
// after: who marks it has seen it happen.
const (
	clipBefore = 30 * time.Second
	clipAfter  = time.Minute
)

// clip is what was asked to be seen of all cameras.
type clip struct {
	span     lieciba.Interval
	incident lieciba.IncidentID
}

// clips are the range that was asked for, then every incident that stands by the
// time it happened; the one alone that was asked for, if one was.
func (x *building) clips() (out []clip) {
	if !x.e.From.IsZero() {
		out = append(out, clip{span: lieciba.Interval{From: x.e.From, To: x.e.To}})
	}
	asked := x.m.Approval.IncidentID
	var rows []lieciba.Incident
	for _, i := range x.m.Incidents {
		rows = append(rows, i.Row())
	}
	for _, i := range lieciba.IncidentsOf(rows) {
		named := slices.ContainsFunc(i.Rows, func(r lieciba.Incident) bool { return r.ID == asked })
		if (named || asked == "") && i.State != lieciba.IncidentRetracted {
			out = append(out, clip{lieciba.Interval{From: i.At.Add(-clipBefore), To: i.At.Add(clipAfter)}, i.ID})
		}
	}
	return out
}

func suffix(i int) string {
	if i == 0 {
		return ""
	}
	return fmt.Sprintf("-%d", i+1)
}

// spanOf is what the file of n segments from the at-th on shows: from the
// window's start or its own, to that of the next file or the window's end.
func (x *building) spanOf(r evidence.RecordingManifest, at, n int, first, last bool) lieciba.Interval {
	span := lieciba.Interval{From: r.From.Time, To: r.To.Time}
	if !first {
		span.From = r.Segments[at].From.Time
	}
	if !last {
		span.To = r.Segments[at+n].From.Time
	}
	return span
}

// shows reports whether anything was recorded in the range.
func shows(segments []evidence.SegmentDetail, i lieciba.Interval) bool {
	for _, s := range segments {
		if s.From.Before(i.To) && i.From.Before(s.To.Time) {
			return true
		}
	}
	return false
}

func (x *building) view(r evidence.RecordingManifest, sources []viewing.Source, span lieciba.Interval, name string, clip bool) view {
	o := viewing.Options{From: span.From.Truncate(time.Microsecond), To: span.To, Session: x.m.Session.ExternalID, Camera: r.Camera.Name}
	return view{name: name, sources: sources, options: o, camera: r.Camera.ID, clip: clip}
}
