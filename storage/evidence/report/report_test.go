package report_test

import (
	"bytes"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence"
	"lieciba/storage/evidence/report"
)

var start = time.Date(2026, 11, 18, 7, 0, 0, 0, time.UTC)

func at(d time.Duration) evidence.Time { return evidence.At(start.Add(d)) }

// usual is the manifest of a session of four cameras and two gaps.
func usual() (evidence.Manifest, evidence.Keys) {
	m := evidence.Manifest{Format: evidence.PackageFormat, Tool: "lieciba 1.4.0", ExportID: "0198c0de-0000-7000-8000-0000000000e1", Log: "lieciba.riga.example",
		CreatedAt: at(30 * time.Hour), Requester: "I. Ozoliņa", Purpose: "Apstrīdēšanas lieta A-17: runāšanas daļas izskatīšana", Recipient: "Apstrīdēšanas komisija",
		Session: evidence.SessionManifest{SessionIdentity: evidence.SessionIdentity{ID: "0198c0de-0000-7000-8000-000000000001", Source: "pizis", ExternalID: "2026-11-18/R201/A"},
			Site: "riga-1", SiteName: "Rīga, Čiekurkalna 1. līnija", Room: "R201", RoomName: "201. telpa", StartsAt: at(0), EndsAt: at(3 * time.Hour), Seats: 11, State: "finished"},
		Events: []evidence.EventManifest{{Kind: lieciba.EventResultNotified, At: at(20 * time.Hour)}, {Kind: lieciba.EventAppealOpened, At: at(26 * time.Hour), Appeal: "A-17"}},
		Holds:  make([]evidence.HoldDetail, 1), Access: make([]evidence.AuditDetail, 21)}
	for i, k := range lieciba.PartKinds() {
		m.Session.Parts = append(m.Session.Parts, evidence.PartManifest{Kind: k, StartsAt: at(time.Duration(i*25) * time.Minute), EndsAt: at(time.Duration(i*25+20) * time.Minute), Sound: k == lieciba.PartSpeaking})
	}
	for n := range 4 {
		m.Recordings = append(m.Recordings, camera(n))
	}
	gap := func(n int, from, length time.Duration, cause lieciba.GapCause) {
		r := &m.Recordings[n]
		r.Gaps = append(r.Gaps, evidence.GapDetail{From: at(from), To: at(from + length), Cause: cause})
		r.MissingU += length.Microseconds()
		r.RecordedU -= length.Microseconds()
	}
	gap(1, 31*time.Minute+4*time.Second+480*time.Millisecond, 3214*time.Millisecond, lieciba.CauseNetworkLoss)
	gap(3, 100*time.Minute, 12*time.Minute, lieciba.CauseCameraOffline)
	lived(&m)
	return m, evidence.Keys{Log: []string{"lieciba.riga.example+11223344+AZZZ"}, Witnesses: []string{"pmlp.example+55667788+BAAA"}}
}

func camera(n int) evidence.RecordingManifest {
	r := evidence.RecordingManifest{From: at(-5 * time.Minute), To: at(185 * time.Minute), RecordedU: (190 * time.Minute).Microseconds(),
		Camera: evidence.CameraIdentity{Name: []string{"priekša", "aizmugure", "durvis", "galds"}[n], Maker: "Axis", Model: "P3245-LVE", Serial: fmt.Sprintf("ACCC8E%06d", n)}}
	for i := range 190 {
		r.Segments = append(r.Segments, evidence.SegmentDetail{From: at(time.Duration(i-5) * time.Minute), To: at(time.Duration(i-4) * time.Minute),
			Size: 15_300_000, ClockOffset: int64(i*200 - 12_000), ClockQuality: lieciba.ClockGood})
	}
	return r
}

func TestRenderSaysWhatTheManifestSays(t *testing.T) {
	m, keys := usual()
	fingerprint := strings.Fields(evidence.FingerprintGroups(evidence.Fingerprint(keys.Log[0])))
	for lang, want := range map[string][]string{
		report.Latvian: {"2026-11-18/R201/A", "Rīga, Čiekurkalna 1. līnija", "11\u00a0sēdvietu", "klausīšanās", "runāšana", "(ar skaņu)", "3,214\u00a0s", "zuda savienojums ar kameru",
			"kamera neatbildēja", "2026-11-18 09:31:04.480–09:31:07.694", "2026-11-18 07:31:04.480–07:31:07.694Z", "2\u00a0pārrāvumi", "−12…+25\u00a0ms", "I. Ozoliņa", "760\u00a0segmentu", "11,6\u00a0GB",
			"21\u00a0auditācijas žurnāla ieraksts", "1\u00a0dzēšanas aizliegums", "3\u00a0h\u00a010\u00a0min", "pmlp.example", "nesatur slēdzienu"},
		report.English: {"11\u00a0seats", "listening", "(with sound)", "3.214\u00a0s", "the line to the camera was lost", "2\u00a0gaps", "760\u00a0segments", "21\u00a0entries of the audit log", "holds no verdict"},
	} {
		page := html.UnescapeString(string(report.Render(lang, m, keys)))
		for _, w := range append(want, fingerprint...) {
			require.Contains(t, page, w)
		}
		require.Contains(t, page, `<html lang="`+lang+`">`)
	}
	require.Equal(t, report.Render("lv", m, keys), report.Render("lv", m, keys))
	require.Equal(t, report.Render("lv", m, keys), report.Render("", m, keys))
	m.Recordings = m.Recordings[:1]
	require.Contains(t, string(report.Render("lv", m, keys)), "Manifestā nav norādīts neviens pārrāvums.")
}

func TestPluralForms(t *testing.T) {
	m, keys := usual()
	for n, want := range map[int]string{0: "0\u00a0sēdvietu", 1: "1\u00a0sēdvieta", 2: "2\u00a0sēdvietas", 10: "10\u00a0sēdvietu", 11: "11\u00a0sēdvietu", 21: "21\u00a0sēdvieta", 22: "22\u00a0sēdvietas", 111: "111\u00a0sēdvietu", 101: "101\u00a0sēdvieta"} {
		m.Session.Seats = n
		require.Contains(t, string(report.Render("lv", m, keys)), ", "+want+"<")
	}
	for n, want := range map[int]string{0: "0\u00a0seats", 1: "1\u00a0seat", 21: "21\u00a0seats"} {
		m.Session.Seats = n
		require.Contains(t, string(report.Render("en", m, keys)), ", "+want+"<")
	}
}

// TestEveryWordIsThere: no cause, part or quality is shown as its code, and none
// of the texts is empty.
func TestEveryWordIsThere(t *testing.T) {
	m, keys := usual()
	m.Recordings = m.Recordings[:1]
	r := &m.Recordings[0]
	for _, c := range lieciba.GapCauses() {
		r.Gaps = append(r.Gaps, evidence.GapDetail{From: at(0), To: at(time.Second), Cause: c})
	}
	for _, lang := range []string{"lv", "en"} {
		page := string(report.Render(lang, m, keys))
		for _, c := range lieciba.GapCauses() {
			require.NotContains(t, page, ">"+string(c)+"<")
		}
		require.NotRegexp(t, `<(h2|dt|th)[^>]*></`, page)
		require.NotContains(t, page, "ZgotmplZ")
		require.NotContains(t, page, "%!")
	}
}

// TestHostileStrings: nothing that a manifest holds becomes markup.
func TestHostileStrings(t *testing.T) {
	evil := []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</style><script>x</script>`, `' onmouseover='x`, `{{.Lang}}`, `<!--`, `&lt;b&gt;`, "javascript:x"}
	tag := regexp.MustCompile(`<[a-zA-Z!/][^>]*>`)
	for _, lang := range []string{"lv", "en"} {
		m, keys := usual()
		plain := tag.FindAllString(string(report.Render(lang, m, keys)), -1)
		for _, e := range evil {
			m, keys := usual()
			m.Requester, m.Purpose, m.Recipient, m.Tool, m.Log, m.Format, m.ExportID = e, e, e, e, e, e, lieciba.ExportID(e)
			s := &m.Session
			s.ExternalID, s.Source, s.SiteName, s.RoomName, s.Site, s.Room = e, e, e, e, e, e
			s.Parts[0].Kind, m.Events[0].Kind, m.Events[1].Appeal = lieciba.PartKind(e), lieciba.EventKind(e), e
			c := &m.Recordings[1]
			c.Camera.Name, c.Camera.Maker, c.Camera.Model, c.Camera.Serial, c.Gaps[0].Cause = e, e, e, e, lieciba.GapCause(e)
			keys.Witnesses[0] = e
			m.Incidents[2].Step, m.Incidents[3].Kind, m.Approval.ApprovedBy = lieciba.IncidentStep(e), lieciba.IncidentKind(e), e
			m.Readiness[4].Reason, m.Readiness[5].By, m.Readiness[5].Reason = e, e, e
			page := report.Render(lang, m, keys)
			require.Equal(t, plain, tag.FindAllString(string(page), -1), "the same tags with %q", e)
			require.Contains(t, html.UnescapeString(string(page)), e)
		}
	}
}

func TestNothingExternal(t *testing.T) {
	m, keys := usual()
	page := string(report.Render("lv", m, keys))
	for _, no := range []string{"<script", "http://", "https://", "url(", "@import", "<link", "<img", "src=", "href="} {
		require.NotContains(t, page, no)
	}
	require.Contains(t, page, "default-src 'none'")
}

// TestPrintsToOnePage prints with Chromium and counts the pages of the PDF.
func TestPrintsToOnePage(t *testing.T) {
	for _, lang := range []string{"lv", "en"} {
		m, keys := usual()
		dir := t.TempDir()
		in, out := filepath.Join(dir, "report.html"), filepath.Join(dir, "report.pdf")
		require.NoError(t, os.WriteFile(in, report.Render(lang, m, keys), 0o600))
		msg, err := exec.CommandContext(t.Context(), "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer", "--user-data-dir="+dir,
			"--print-to-pdf="+out, "file://"+in).CombinedOutput()
		require.NoError(t, err, string(msg))
		pdf, err := os.ReadFile(out)
		require.NoError(t, err)
		pages := regexp.MustCompile(`/Type\s*/Page\b[^s]`).FindAll(pdf, -1)
		require.Len(t, pages, 1, lang)
		require.True(t, bytes.HasPrefix(pdf, []byte("%PDF")))
	}
}
