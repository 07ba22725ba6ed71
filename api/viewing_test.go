package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

func (w *world) offer(role lieciba.Role, path string, bad bool) answer {
	w.t.Helper()
	return w.do(request{method: "POST", path: path, token: w.tokens[role], body: "v=0\r\n", contentType: "application/sdp", bad: bad})
}

func TestWatchLive(t *testing.T) {
	w := newWorld(t)
	w.ticks = true
	path := "/v1/cameras/" + string(w.own.camera.ID) + "/whep"
	a := w.offer("supervisor", path+"?stream=main", false).want(201)
	require.Equal(t, "application/sdp", a.header.Get("Content-Type"))
	require.Equal(t, answerSDP, string(a.body))
	require.Equal(t, lieciba.StreamMain, w.viewer.role)
	e := w.audited("watch_live")[0]
	require.Equal(t, []any{"ok", w.own.camera.ID, "live view of the main stream", "token-supervisor"}, []any{e.Outcome, e.CameraID, e.Detail, e.Who})
	// Only the owner hangs up.
	location := a.header.Get("Location")
	w.as("admin", "DELETE", location, nil).want(404)
	w.as("supervisor", "DELETE", location, nil).want(204)
	w.as("supervisor", "DELETE", location, nil).want(404)

	w.offer("supervisor", path, false).want(201)
	require.Equal(t, lieciba.StreamSub, w.viewer.role, "without a wish, the small one")
	w.offer("supervisor", path+"?stream=other", true).refused(400, "invalid", "stream")
	w.do(request{method: "POST", path: path, token: w.tokens["supervisor"], body: map[string]any{}, bad: true}).refused(422, "unsupported", "Content-Type")
	w.do(request{method: "POST", path: path, token: w.tokens["supervisor"], body: "", contentType: "application/sdp", bad: true}).refused(400, "invalid", "")
	w.do(request{method: "POST", path: path, token: w.tokens["supervisor"], body: make([]byte, maxOffer+1), contentType: "application/sdp", bad: true}).refused(413, "too_large", "")

	w.viewer.err = lieciba.Invalid("sdp", "the offer has no video") // junk SDP: what the viewer says goes through
	require.Equal(t, "the offer has no video", w.offer("supervisor", path, false).refused(400, "invalid", "sdp"))
	require.Equal(t, "invalid", w.audited("watch_live")[0].Outcome)
	w.viewer.err = lieciba.Errorf(lieciba.CodeUnauthenticated, "401 from the camera")
	w.offer("supervisor", path, false).refused(422, "refused", "") // never 401: the page would sign out
}

// bare is a detail without the grant that the look rested on.
func bare(detail string) string {
	before, _, _ := strings.Cut(detail, " under grant ")
	return before
}

func TestPlayback(t *testing.T) {
	w := newWorld(t)
	w.ticks = true
	path := "/v1/exam-sessions/" + w.own.session.ExternalID + "/playback"
	at := start.Add(2 * time.Second)
	a := w.offer("reviewer", path+"?at="+at.Format(time.RFC3339), false).want(201)
	require.Equal(t, at, w.viewer.at)
	e := w.audited("watch_archive")[0]
	require.Equal(t, []any{"ok", w.own.session.ID, "playback opened", at}, []any{e.Outcome, e.SessionID, bare(e.Detail), e.From})

	second := func(n int) time.Time { return start.Add(time.Duration(n) * time.Second) }
	cam, other := w.own.camera.ID, w.foreign.camera.ID
	w.viewer.watched = []lieciba.Watched{{CameraID: cam, Interval: lieciba.Interval{From: second(1), To: second(3)}},
		{CameraID: other, Interval: lieciba.Interval{From: second(1), To: second(2)}},
		{CameraID: cam, Interval: lieciba.Interval{From: second(2), To: second(5)}},
		{CameraID: cam, Interval: lieciba.Interval{From: second(7), To: second(8)}}}
	w.as("supervisor", "DELETE", a.header.Get("Location"), nil).want(404)
	w.as("reviewer", "DELETE", a.header.Get("Location"), nil).want(204)
	var ranges []lieciba.Watched
	for _, e := range w.audited("watch_archive") {
		if bare(e.Detail) == "watched" {
			require.Equal(t, w.own.session.ID, e.SessionID)
			require.Equal(t, "token-reviewer", e.Who)
			ranges = append(ranges, lieciba.Watched{CameraID: e.CameraID, Interval: lieciba.Interval{From: e.From, To: e.To}})
		}
	}
	require.ElementsMatch(t, []lieciba.Watched{{CameraID: cam, Interval: lieciba.Interval{From: second(1), To: second(5)}},
		{CameraID: cam, Interval: lieciba.Interval{From: second(7), To: second(8)}},
		{CameraID: other, Interval: lieciba.Interval{From: second(1), To: second(2)}}}, ranges)

	w.viewer.watched = nil
	a = w.offer("reviewer", path, false).want(201)
	require.True(t, w.viewer.at.IsZero())
	w.as("reviewer", "DELETE", a.header.Get("Location"), nil).want(204)
	require.Contains(t, w.audited("watch_archive")[0].Detail, "nothing was shown")
	w.offer("reviewer", path+"?at=2026-11-18T01:00:00Z", false).refused(400, "invalid", "at")
	w.offer("reviewer", path+"?at=noon", true).refused(400, "invalid", "at")
}

// brokenAudit is a real catalogue whose audit log fails.
type brokenAudit struct{ storage.Catalog }

func (brokenAudit) AppendAudit(_ context.Context, _ lieciba.AuditEntry) error {
	return lieciba.Errorf(lieciba.CodeUnavailable, "the audit log cannot be written")
}

// Invariant 7: nobody looks without a trace.
func TestNothingIsShownWithoutAuditEntry(t *testing.T) {
	w := newWorld(t)
	w.server.cfg.Catalog = brokenAudit{w.catalog}
	cam := "/v1/cameras/" + string(w.own.camera.ID)
	w.offer("supervisor", cam+"/whep", false).refused(503, "unavailable", "")
	w.offer("reviewer", "/v1/exam-sessions/"+string(w.own.session.ID)+"/playback", false).refused(503, "unavailable", "")
	require.Empty(t, w.viewer.owners, "both were hung up")
	w.as("supervisor", "GET", cam+"/snapshot", nil).refused(503, "unavailable", "")
	w.as("reviewer", "GET", "/v1/segments/"+string(w.own.segment.ID)+"/content", nil).refused(503, "unavailable", "")
}

func TestSnapshotAndKeyFrame(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.catalog.SetCameraSecret(t.Context(), w.own.camera.ID, SealCredentials(w.cfg.Secrets, w.own.camera.ID, Credentials{"u", "p"})))
	path := "/v1/cameras/" + string(w.own.camera.ID)
	a := w.as("supervisor", "GET", path+"/snapshot", nil).want(200)
	require.Equal(t, "image/jpeg", a.header.Get("Content-Type"))
	require.Equal(t, jpegMagic, a.body)
	require.Equal(t, "snapshot", w.audited("watch_live")[0].Detail)
	w.as("supervisor", "POST", path+"/key-frame", nil).want(204)
	require.Equal(t, []Credentials{{"u", "p"}, {"u", "p"}}, w.cameras.used)
	w.cameras.snapshot = []byte("<html><script>alert(1)</script>")
	w.as("supervisor", "GET", path+"/snapshot", nil).refused(422, "unsupported", "")
	w.cameras.err = lieciba.Errorf(lieciba.CodeUnavailable, "off")
	w.as("supervisor", "POST", path+"/key-frame", nil).refused(503, "unavailable", "")
}

func TestSegmentContent(t *testing.T) {
	w := newWorld(t)
	w.ticks = true
	big := bytes.Repeat([]byte("0123456789abcdef"), 200_000) // three reads of the source
	second := w.session("token-citizenship", "big", w.own.room, start)
	_, seg, _ := w.record(second, w.own.camera.ID, big)
	w.grant(w.principal(lieciba.RoleReviewer), second)
	path := "/v1/segments/" + string(seg.ID) + "/content"
	a := w.as("reviewer", "GET", path, nil).want(200)
	require.True(t, bytes.Equal(big, a.body))
	require.Equal(t, "video/mp4", a.header.Get("Content-Type"))
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	e := w.audited("watch_archive")[0]
	require.Equal(t, []any{"ok", second.ID, w.own.camera.ID, seg.From, seg.To, "segment:" + string(seg.ID)}, []any{e.Outcome, e.SessionID, e.CameraID, e.From, e.To, e.Object})
	part := func(rng string, status int) answer {
		return w.do(request{method: "GET", path: path, token: w.tokens["reviewer"], header: http.Header{"Range": {rng}}}).want(status)
	}
	require.Equal(t, string(big[1_048_570:1_048_590]), string(part("bytes=1048570-1048589", 206).body), "across two reads")
	require.Equal(t, string(big[len(big)-5:]), string(part("bytes=-5", 206).body))
	require.Equal(t, "bytes 0-0/3200000", part("bytes=0-0", 206).header.Get("Content-Range"))
	part("bytes=3200000-", 416)
	require.Contains(t, w.audited("watch_archive")[0].Detail, "bytes=3200000-")
	w.do(request{method: "GET", path: path, token: w.tokens["reviewer"], header: http.Header{"If-None-Match": {a.header.Get("ETag")}}}).want(304)
}

// Several ranges are no range: each may cost a read of a mebibyte from the store.
func TestManyRangesReadNoMoreThanTheFile(t *testing.T) {
	w := newWorld(t)
	big := bytes.Repeat([]byte("0123456789abcdef"), 200_000) // three reads of the source, and one of the first byte
	x := w.session("token-citizenship", "big", w.own.room, start)
	_, seg, _ := w.record(x, w.own.camera.ID, big)
	w.grant(w.principal(lieciba.RoleReviewer), x)
	far := "bytes=" + strings.Repeat("0-0,3199999-3199999,", 1000) + "0-0"
	a := w.do(request{method: "GET", path: "/v1/segments/" + string(seg.ID) + "/content", token: w.tokens["reviewer"], header: http.Header{"Range": {far}}}).want(200)
	require.True(t, bytes.Equal(big, a.body))
	require.LessOrEqual(t, w.source.reads, 5)
	require.Equal(t, "segment content", bare(w.audited("watch_archive")[0].Detail))
}

// A store that fails before the first byte gives the error shape; one that fails
// later cuts the connection, so that half a file never looks whole.
func TestSegmentContentFromAFailingStore(t *testing.T) {
	w := newWorld(t)
	x := w.session("token-citizenship", "big", w.own.room, start)
	_, seg, _ := w.record(x, w.own.camera.ID, make([]byte, 3<<20))
	w.grant(w.principal(lieciba.RoleReviewer), x)
	w.source.failAt = 1
	w.as("reviewer", "GET", "/v1/segments/"+string(seg.ID)+"/content", nil).refused(503, "unavailable", "")
	w.source.failAt = w.source.reads + 3
	req, err := http.NewRequestWithContext(t.Context(), "GET", w.http.URL+"/v1/segments/"+string(seg.ID)+"/content", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+w.tokens["reviewer"])
	resp, err := w.http.Client().Do(req)
	require.NoError(t, err)
	n, err := io.Copy(io.Discard, resp.Body)
	require.True(t, errors.Is(err, io.ErrUnexpectedEOF), "%v after %d bytes", err, n)
	require.NoError(t, resp.Body.Close())
	require.NoError(t, w.server.Close())
	w.http.Close() // waits for the handler, and with it for the log
	require.Contains(t, w.log.String(), "the media store does not answer")
}

// ffprobe opens a segment by its address, as a player does, with Range requests.
func TestFFprobeOpensSegmentContent(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "s.mp4")
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=25", "-t", "2", "-c:v", "libx264", "-g", "25",
		"-pix_fmt", "yuv420p", "-movflags", "+frag_keyframe+empty_moov+default_base_moof", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	x := w.session("token-citizenship", "real", w.own.room, start)
	_, seg, _ := w.record(x, w.own.camera.ID, content)
	w.grant(w.principal(lieciba.RoleReviewer), x)
	out, err = exec.Command("ffprobe", "-v", "error", "-headers", "Authorization: Bearer "+w.tokens["reviewer"]+"\r\n", "-count_frames",
		"-show_entries", "stream=nb_read_frames,codec_name", "-of", "csv=p=0", w.http.URL+"/v1/segments/"+string(seg.ID)+"/content").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, "h264,50\n", string(out))
	require.NotEmpty(t, w.audited("watch_archive"))
}
