package report_test

import (
	"fmt"
	"html"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence"
	"lieciba/storage/evidence/report"
)

// lived adds what the usual session was like: every part held a minute
// late, one with a pause, three incidents, one camera let through.
func lived(m *evidence.Manifest) {
	for i := range m.Session.Parts {
		p := &m.Session.Parts[i]
		p.ID = lieciba.PartID(fmt.Sprint("part-", i))
		step := func(s lieciba.PartStep, at time.Time) string {
			id := lieciba.PartEventID(fmt.Sprint("event-", len(m.PartEvents)))
			m.PartEvents = append(m.PartEvents, evidence.PartDetail{ID: id, PartID: p.ID, Step: s, At: evidence.At(at), RecordedAt: evidence.At(at)})
			return string(id)
		}
		late := time.Duration(i) * time.Second
		first := step(lieciba.StepStarted, p.StartsAt.Add(5*time.Minute))
		step(lieciba.StepStarted, p.StartsAt.Add(time.Minute+late))
		m.PartEvents[len(m.PartEvents)-1].Corrects = lieciba.PartEventID(first)
		if i == 1 {
			step(lieciba.StepPaused, p.StartsAt.Add(8*time.Minute))
			step(lieciba.StepResumed, p.StartsAt.Add(10*time.Minute))
		}
		step(lieciba.StepEnded, p.EndsAt.Add(late))
	}
	row := func(id string, follows lieciba.IncidentID, step lieciba.IncidentStep, kind lieciba.IncidentKind, seat int, d time.Duration) {
		m.Incidents = append(m.Incidents, evidence.IncidentDetail{ID: lieciba.IncidentID(id), Follows: follows, Step: step, Kind: kind, Seat: seat, At: at(d),
			Note: "NOT ON THE PAGE", RecordedAt: at(d + time.Duration(len(m.Incidents))*time.Second)})
	}
	row("i1", "", lieciba.IncidentRaised, lieciba.IncidentTalking, 3, 12*time.Minute)
	row("i1b", "i1", lieciba.IncidentCorrected, lieciba.IncidentPhone, 4, 12*time.Minute+250*time.Millisecond)
	row("i1c", "i1", lieciba.IncidentReviewed, lieciba.IncidentPhone, 4, 12*time.Minute+250*time.Millisecond)
	row("i2", "", lieciba.IncidentRaised, lieciba.IncidentLeft, 0, 70*time.Minute)
	row("i3", "", lieciba.IncidentRaised, lieciba.IncidentCrib, 9, 80*time.Minute)
	row("i3b", "i3", lieciba.IncidentRetracted, lieciba.IncidentCrib, 9, 80*time.Minute)
	for i := range m.Recordings {
		id := lieciba.CameraID(fmt.Sprint("camera-", i))
		m.Recordings[i].Camera.ID = id
		x := evidence.ReadinessDetail{ID: lieciba.ReadinessID(fmt.Sprint("r", i)), CameraID: id, When: lieciba.ReadinessT60, At: at(-time.Hour), State: lieciba.ReadinessPassed, By: "system"}
		if i == 3 {
			x.State = lieciba.ReadinessFailed
		}
		m.Readiness = append(m.Readiness, x)
	}
	m.Readiness = append(m.Readiness,
		evidence.ReadinessDetail{ID: "r8", CameraID: "camera-3", When: lieciba.ReadinessByHand, At: at(-30 * time.Minute), State: lieciba.ReadinessOverridden, Follows: "r3", Reason: "gaisma ieslēgta", By: "V. Vadītājs"},
		evidence.ReadinessDetail{ID: "r9", When: lieciba.ReadinessByHand, At: at(-19 * time.Minute), State: lieciba.ReadinessPassed, By: "V. Vadītājs"})
	m.Approval = evidence.Approval{RequestID: "q1", Kind: lieciba.RequestExport, Digest: evidence.Hash{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}, AskedBy: m.Requester,
		ApprovedBy: "A. Bērziņš", ApprovedAt: at(29 * time.Hour), Reason: m.Purpose}
}

// pageOf is a page as a person reads it.
func pageOf(lang string, m evidence.Manifest, keys evidence.Keys) string {
	return html.UnescapeString(string(report.Render(lang, m, keys)))
}

func TestRenderSaysWhatTheExamWasLike(t *testing.T) {
	m, keys := usual()
	for lang, want := range map[string][]string{
		report.Latvian: {"Incidenti eksāmenā: 3\u00a0incidenti", "<td>2026-11-18 09:12:00.250</td><td class=\"n\">4</td><td>tālrunis vai cita ierīce</td><td>izskatīts, labots</td>",
			"<td class=\"n\">–</td><td>izgāja no telpas</td><td>atzīmēts</td>", "<td>špikeris</td><td>atsaukts</td>",
			"klausīšanās\u00a009:00\u2060–\u206009:20, notika\u00a009:01:00\u2060–\u206009:20:00 ·", "notika\u00a009:26:01\u2060–\u206009:33:00, 09:35:00\u2060–\u206009:45:01",
			"gatavas kameras: 3; atļautas ar pamatojumu: galds (gaisma ieslēgta); apstiprināja V. Vadītājs 2026-11-18 08:41",
			"<dt>Atļāva</dt><dd class=\"wide\">A. Bērziņš, 2026-11-19 14:00:00 (UTC+02:00); pieprasījuma nospiedums 0123 4567 89ab cdef…</dd>"},
		report.English: {"Incidents of the exam: 3\u00a0incidents", "<td>phone or another device</td><td>reviewed, corrected</td>", "<td>left the room</td><td>marked</td>", "<td>crib notes</td><td>retracted</td>",
			"held\u00a009:01:00\u2060–\u206009:20:00", "cameras that passed: 3; let through with a reason: galds (gaisma ieslēgta); signed off by V. Vadītājs 2026-11-18 08:41",
			"<dt>Approved by</dt><dd class=\"wide\">A. Bērziņš, 2026-11-19 14:00:00 (UTC+02:00); digest of the request 0123 4567 89ab cdef…</dd>"},
	} {
		page := pageOf(lang, m, keys)
		for _, w := range want {
			require.Contains(t, page, w)
		}
		require.NotContains(t, page, "NOT ON THE PAGE")
	}
}

// TestRenderOfAnExamThatIsNotOver: what is open, contradicts itself or was never
// done is said too.
func TestRenderOfAnExamThatIsNotOver(t *testing.T) {
	m, keys := usual()
	m.PartEvents = slices.DeleteFunc(m.PartEvents, func(x evidence.PartDetail) bool { return x.PartID == "part-0" && x.Step == lieciba.StepEnded })
	m.PartEvents = append(m.PartEvents, evidence.PartDetail{ID: "e", PartID: "gone", Step: lieciba.StepStarted, At: at(0), RecordedAt: at(0)},
		evidence.PartDetail{ID: "f", PartID: "part-6", Step: lieciba.StepResumed, At: at(170 * time.Minute), RecordedAt: at(170 * time.Minute)})
	m.Readiness = m.Readiness[:4]
	m.Incidents, m.Approval = nil, evidence.Approval{}
	page := pageOf("lv", m, keys)
	require.Contains(t, page, "notika\u00a009:01:00\u2060–\u2060… (nav beigusies)")
	require.Contains(t, page, "daļa, kas vairs nav plānā, notika\u00a009:00:00")
	require.Contains(t, page, "norises pieraksti ir pretrunīgi")
	require.Contains(t, page, "gatavas kameras: 3; neder: galds; gatavība nav apstiprināta")
	require.NotContains(t, page, "Incidenti")
	require.Contains(t, page, "bez pieprasījuma: pakotne izveidota pašā serverī")
	m.Readiness, m.PartEvents = nil, nil
	page = pageOf("en", m, keys)
	require.Contains(t, page, "Readiness was not checked")
	require.NotContains(t, page, ", held\u00a0")
}

// TestEveryExamWordIsThere: no kind and no state of an incident is shown as its
// code in Latvian, and the codes of two words in neither.
func TestEveryExamWordIsThere(t *testing.T) {
	m, keys := usual()
	m.Incidents = nil
	steps := []lieciba.IncidentStep{lieciba.IncidentCorrected, lieciba.IncidentReviewed, lieciba.IncidentRetracted}
	for i, k := range lieciba.IncidentKinds() {
		first := evidence.IncidentDetail{ID: lieciba.IncidentID(fmt.Sprint(i)), Step: lieciba.IncidentRaised, Kind: k, At: at(0)}
		next := first
		next.ID, next.Follows, next.Step = first.ID+"b", first.ID, steps[i%len(steps)]
		m.Incidents = append(m.Incidents, first, next)
	}
	lv, en := pageOf("lv", m, keys), pageOf("en", m, keys)
	for _, k := range lieciba.IncidentKinds() {
		require.NotContains(t, lv, "<td>"+string(k)+"</td>")
	}
	for _, s := range append(steps, lieciba.IncidentRaised) {
		require.NotContains(t, lv, "<td>"+string(s))
	}
	require.Equal(t, 3, strings.Count(lv, "<td>atzīmēts, labots</td>"))
	require.NotContains(t, en, "left_room")
	require.NotContains(t, en, "<td></td>")
	require.NotContains(t, lv, "<td></td>")
}
