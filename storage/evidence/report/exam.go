package report

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"lieciba"
	"lieciba/storage/evidence"
)

type incident struct{ Riga, Seat, Kind, State string }

// incidents is one line for each incident as its rows leave it, by time.
func (w *words) incidents(rows []evidence.IncidentDetail) (out []incident) {
	var list []lieciba.Incident
	for _, x := range rows {
		list = append(list, x.Row())
	}
	for _, x := range lieciba.IncidentsOf(list) {
		at, seat := x.At.In(lieciba.Riga), "–"
		if x.Seat > 0 {
			seat = fmt.Sprint(x.Seat)
		}
		state := cmp.Or(w.exam.states[x.State], string(x.State))
		if slices.ContainsFunc(x.Rows, func(r lieciba.Incident) bool { return r.Step == lieciba.IncidentCorrected }) {
			state += ", " + w.exam.corrected
		}
		out = append(out, incident{at.Format(dayLayout) + " " + clock(at), seat, cmp.Or(w.exam.kinds[x.Kind], string(x.Kind)), state})
	}
	return out
}

// partsOf puts the events of each part together.
func partsOf(rows []evidence.PartDetail) map[lieciba.PartID][]lieciba.PartEvent {
	out := map[lieciba.PartID][]lieciba.PartEvent{}
	for _, x := range rows {
		out[x.PartID] = append(out[x.PartID], lieciba.PartEvent{ID: x.ID, PartID: x.PartID, Step: x.Step, At: x.At.Time,
			Corrects: x.Corrects, Void: x.Void, RecordedAt: x.RecordedAt.Time})
	}
	return out
}

// really says when a part took place, pause by pause; "" without an event.
func (w *words) really(events []lieciba.PartEvent) string {
	times, err := lieciba.PartTimesOf(events)
	if err != nil {
		return ", " + w.exam.unclear
	}
	var list []string
	for _, i := range times.Running {
		text := second(i.From) + "\u2060–\u2060"
		if i.To.IsZero() {
			text += "… (" + w.exam.running + ")"
		} else {
			text += second(i.To)
		}
		list = append(list, text)
	}
	if len(list) == 0 {
		return ""
	}
	return ", " + w.exam.really + "\u00a0" + strings.Join(list, ", ")
}

func second(t time.Time) string { return t.In(lieciba.Riga).Format("15:04:05") }

// readiness is one line on the cameras that were checked and the sign-off.
func (w *words) readiness(m evidence.Manifest) string {
	if len(m.Readiness) == 0 {
		return w.exam.unchecked
	}
	var rows []lieciba.Readiness
	for _, x := range m.Readiness {
		rows = append(rows, lieciba.Readiness{ID: x.ID, CameraID: x.CameraID, At: x.At.Time, State: x.State, Follows: x.Follows, Reason: x.Reason, By: x.By})
	}
	cameras, signed := lieciba.ReadinessOf(rows)
	names, ready := cameraNames(m), 0
	var overridden, failed []string
	for id, r := range cameras {
		name := cmp.Or(names[id], w.exam.camera)
		switch r.State {
		case lieciba.ReadinessPassed:
			ready++
		case lieciba.ReadinessOverridden:
			overridden = append(overridden, name+" ("+r.Reason+")")
		default:
			failed = append(failed, name)
		}
	}
	list := []string{fmt.Sprintf("%s: %d", w.exam.ready, ready)}
	for _, x := range []struct {
		what  string
		names []string
	}{{w.exam.overridden, overridden}, {w.exam.unready, failed}} {
		if len(x.names) > 0 {
			slices.Sort(x.names) // a map has no order
			list = append(list, x.what+": "+strings.Join(x.names, ", "))
		}
	}
	if signed == nil {
		return strings.Join(append(list, w.exam.unsigned), "; ")
	}
	at := signed.At.In(lieciba.Riga)
	end := fmt.Sprintf(w.exam.signed, signed.By, at.Format(dayLayout)+" "+short(at))
	if signed.Reason != "" {
		end += " (" + signed.Reason + ")"
	}
	return strings.Join(append(list, end), "; ")
}

// cameraNames are those of the package and those that were left out.
func cameraNames(m evidence.Manifest) map[lieciba.CameraID]string {
	out := map[lieciba.CameraID]string{}
	for _, r := range m.Recordings {
		out[r.Camera.ID] = r.Camera.Name
	}
	for _, x := range m.LeftOut {
		out[x.CameraID] = x.Camera
	}
	return out
}

// approval says who let the package leave, and what exactly they approved.
func (w *words) approval(a evidence.Approval) string {
	if a.RequestID == "" {
		return w.exam.withoutRequest
	}
	digest := strings.Join(groups(hex.EncodeToString(a.Digest[:8])), " ")
	return fmt.Sprintf("%s, %s; %s %s…", a.ApprovedBy, stamp(a.ApprovedAt), w.exam.digest, digest)
}
