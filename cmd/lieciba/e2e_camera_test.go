package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/onvif/virtualcam"
	"lieciba/storage/segment"
)

// TestCameraRestartsWithAnotherSPS gives the camera another picture size in
// mid-recording.
func TestCameraRestartsWithAnotherSPS(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir(), nil)
	cam, _ := h.camera(small("Priekša", lieciba.AAC))
	id := h.push("restart", 12*time.Second)
	h.grown(id, 1, 1)
	require.NoError(t, cam.RTSP().Restart(640, 384))
	rec := h.complete(id, 1)[0]
	g := h.oneGap(rec, lieciba.CauseNetworkLoss, lieciba.CauseCameraRestarted, lieciba.CauseCameraOffline)
	require.Less(t, g.To.Sub(g.From), 10*time.Second, "the stream is taken up again")
	widths := map[bool]map[int]bool{true: {}, false: {}} // by being before the gap
	for i, path := range h.playable(rec) {
		widths[!rec.Segments[i].To.After(g.From)][ffprobe(t, path).Width] = true
		tool(t, "ffmpeg", "-v", "error", "-i", path, "-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "null", "-") // decodes without a complaint
	}
	require.Equal(t, map[bool]map[int]bool{true: {320: true}, false: {640: true}}, widths)
	h.clean()
}

// nals cuts an H.264 byte stream (H.264 Annex B) into its NAL units.
func nals(stream []byte) [][]byte {
	var out [][]byte
	for _, n := range bytes.Split(stream, []byte{0, 0, 1}) {
		if n = bytes.TrimSuffix(n, []byte{0}); len(n) > 0 { // of a four-byte start code
			out = append(out, n)
		}
	}
	return out
}

// stored reads the NAL units of a recording out of its media files.
func (h *house) stored(rec recording) [][]byte {
	h.t.Helper()
	var out [][]byte
	for _, s := range rec.Segments {
		b, err := os.ReadFile(h.inFolder(s))
		require.NoError(h.t, err)
		init, err := segment.ParseInit(b)
		require.NoError(h.t, err)
		for at := init.Body; at < int64(len(b)); {
			size := fragmentSize(h.t, b[at:])
			frames, err := segment.ParseFragment(b[at:at+size], init)
			require.NoError(h.t, err)
			for _, f := range frames {
				if f.Track == lieciba.TrackVideo {
					out = append(out, f.Units...)
				}
			}
			at += size
		}
	}
	return out
}

// fragmentSize is the size of the boxes up to and with the next mdat.
func fragmentSize(t testing.TB, b []byte) int64 {
	t.Helper()
	for at := 0; ; {
		require.GreaterOrEqual(t, len(b)-at, 8)
		size, typ := int(binary.BigEndian.Uint32(b[at:])), string(b[at+4:at+8])
		at += size
		if typ == "mdat" {
			return int64(at)
		}
	}
}

// noted keeps what is written and tells when the first of it comes.
type noted struct {
	all   bytes.Buffer
	began chan struct{}
}

func (n *noted) Write(p []byte) (int, error) {
	if n.all.Len() == 0 && len(p) > 0 {
		close(n.began)
	}
	return n.all.Write(p)
}

// TestNALUnitsAreTheCameras has ffmpeg record the same camera at the same time,
// and compares NAL unit by NAL unit, SEI included.
func TestNALUnitsAreTheCameras(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir(), nil)
	cam, _ := h.camera(small("Priekša", ""))
	told := noted{began: make(chan struct{})}
	witness := exec.Command("ffmpeg", "-v", "error", "-rtsp_transport", "tcp", "-i", withUser(cam), "-c", "copy", "-f", "h264", "-flush_packets", "1", "-")
	witness.Stdout = &told
	quit, err := witness.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, witness.Start())
	select {
	case <-told.began:
	case <-time.After(patience):
		require.FailNow(t, "ffmpeg does not read the camera")
	}
	id := h.push("bytes", 8*time.Second)
	rec := h.complete(id, 1)[0]
	_, err = io.WriteString(quit, "q") // ffmpeg's own key for a clean end
	require.NoError(t, err)
	require.NoError(t, witness.Wait())
	require.Empty(t, rec.Gaps)

	theirs, ours := nals(told.all.Bytes()), h.stored(rec)
	kinds := map[byte]int{}
	for _, n := range ours {
		kinds[n[0]&0x1f]++
	}
	for kind, name := range map[byte]string{1: "slices", 5: "key frames", 6: "SEI", 7: "SPS", 8: "PPS"} {
		require.Positive(t, kinds[kind], name)
	}
	require.Greater(t, len(ours), 200)
	// The first SEI names its instant: it finds the place in the other recording.
	sei := slices.IndexFunc(ours, func(n []byte) bool { return n[0]&0x1f == 6 })
	same := slices.IndexFunc(theirs, func(n []byte) bool { return bytes.Equal(n, ours[sei]) })
	require.GreaterOrEqual(t, same, sei, "ffmpeg recorded the same instant")
	for i, n := range ours {
		require.True(t, bytes.Equal(n, theirs[same-sei+i]), "NAL unit %d of %d, type %d", i, len(ours), n[0]&0x1f)
	}
}

// withUser puts the credentials into the URL, for ffmpeg only.
func withUser(c *virtualcam.Camera) string {
	return strings.Replace(c.RTSP().URL(lieciba.StreamMain), "rtsp://", "rtsp://"+c.Username()+":"+c.Password()+"@", 1)
}

// TestCameraChangesItsPassword has somebody change the password at the camera:
// the server must not lock itself out by trying, and must say what is wrong.
func TestCameraChangesItsPassword(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir(), nil)
	config := small("Durvis", "")
	old, id := h.camera(config)
	address := old.Address()
	config.Address = old.RTSP().Address()
	config.Password = "cita"
	require.NoError(t, old.Close())
	cam, err := virtualcam.Start(virtualcam.Options{Address: address, Streams: config})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cam.Close()) })
	session := h.push("password", 8*time.Second)
	until(t, "the open gap says that the password is refused", patience, func() bool {
		s := h.state(id).Status
		return s.GapOpenSince != nil && s.GapCause == lieciba.CauseAuthFailed
	})
	rec := h.complete(session, 1)[0]
	for _, g := range rec.Gaps {
		require.Contains(t, []lieciba.GapCause{lieciba.CauseAuthFailed, lieciba.CauseCameraOffline, lieciba.CauseNetworkLoss}, g.Cause)
		require.NotContains(t, g.Detail, config.Password)
	}
	require.LessOrEqual(t, cam.RTSP().Failures(), 4, "no lock-out loop: one attempt, of two streams at most, in half a minute")
	require.LessOrEqual(t, cam.Failures(), 2)
	before := cam.Failures() + cam.RTSP().Failures()
	wrong := h.call(h.admin, http.MethodPatch, "/v1/cameras/"+string(id), map[string]any{"password": "nepareiza"}, nil)
	h.refused(wrong, lieciba.CodeRefused, "password")
	require.LessOrEqual(t, cam.Failures()+cam.RTSP().Failures(), before+2)
	h.must(h.admin, http.MethodPatch, "/v1/cameras/"+string(id), map[string]any{"password": "cita"}, nil)
	h.connected(id) // at once, and not after the long wait
	h.clean()
}
