package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// content reads a segment through the public API.
func (h *house) content(id lieciba.SegmentID, header ...string) (*http.Response, []byte) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.server.url+"/v1/segments/"+string(id)+"/content", nil)
	require.NoError(h.t, err)
	req.Header.Set("Authorization", "Bearer "+h.reviewer.Token)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := h.http.Do(req)
	require.NoError(h.t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(h.t, err)
	require.NoError(h.t, res.Body.Close())
	return res, body
}

// fetch stores a segment as the API sends it, checks its hash, and returns its path.
func (h *house) fetch(s segmentRow) string {
	h.t.Helper()
	res, body := h.content(s.ID)
	require.Equal(h.t, http.StatusOK, res.StatusCode, "%s", body)
	require.Equal(h.t, "video/mp4", res.Header.Get("Content-Type"))
	sum := sha256.Sum256(body)
	require.Equal(h.t, s.SHA256, hex.EncodeToString(sum[:]))
	path := filepath.Join(h.t.TempDir(), string(s.ID)+".mp4")
	require.NoError(h.t, os.WriteFile(path, body, 0o600))
	return path
}

// tool runs a program that nobody here wrote and returns its output.
func tool(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	var out, complaint bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &out, &complaint
	require.NoError(t, cmd.Run(), "%s: %s", name, complaint.String())
	require.Empty(t, complaint.String(), "%s complains", name)
	return out.Bytes()
}

// video is what ffprobe says of the video track of a file.
type video struct {
	Codec    string `json:"codec_name"`
	Width    int    `json:"width"`
	Frames   string `json:"nb_read_packets"`
	Duration string `json:"duration"`
}

func (v video) frames(t testing.TB) int {
	t.Helper()
	n, err := strconv.Atoi(v.Frames)
	require.NoError(t, err)
	return n
}

func seconds(t testing.TB, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	require.NoError(t, err)
	return v
}

// ffprobe reads the video track to its end; args name the input.
func ffprobe(t testing.TB, args ...string) video {
	t.Helper()
	out := tool(t, "ffprobe", append([]string{"-v", "error", "-select_streams", "v:0", "-count_packets", "-show_streams",
		"-of", "json"}, args...)...)
	r := decode[struct {
		Streams []video `json:"streams"`
	}](t, out)
	require.Len(t, r.Streams, 1)
	return r.Streams[0]
}

// playable opens each segment with ffprobe and holds it against its row; it
// returns the files.
func (h *house) playable(rec recording) []string {
	h.t.Helper()
	var files []string
	for _, s := range rec.Segments {
		path := h.fetch(s)
		v := ffprobe(h.t, path)
		require.Equal(h.t, []any{s.Video, s.Frames}, []any{lieciba.VideoCodec(strings.Replace(v.Codec, "hevc", "h265", 1)), v.frames(h.t)})
		require.InDelta(h.t, s.To.Sub(s.From).Seconds(), seconds(h.t, v.Duration), 0.001)
		files = append(files, path)
	}
	return files
}

// joined reads the pictures of a recording's segments as one film: how many
// there are, and how long they last. Each file's length is the one that ffprobe
// reads; ffmpeg's joining of files rounds.
func joined(t testing.TB, files []string) (frames int, length float64) {
	t.Helper()
	list := filepath.Join(t.TempDir(), "list.txt")
	var text strings.Builder
	for _, f := range files {
		text.WriteString("file '" + f + "'\n")
		length += seconds(t, ffprobe(t, f).Duration)
	}
	require.NoError(t, os.WriteFile(list, []byte(text.String()), 0o600))
	return ffprobe(t, "-f", "concat", "-safe", "0", list).frames(t), length
}

// inFolder is a segment's file in the media folder.
func (h *house) inFolder(s segmentRow) string {
	h.t.Helper()
	found, err := filepath.Glob(filepath.Join(h.dir, "media", "*", "*", "*"+string(s.ID)+"*"))
	require.NoError(h.t, err)
	more, err := filepath.Glob(filepath.Join(h.dir, "media", "*", "*"+string(s.ID)+"*"))
	require.NoError(h.t, err)
	found = append(found, more...)
	require.Len(h.t, found, 1)
	return found[0]
}

// TestEverySegmentOpensAndJoins records two cameras and reads everything back
// with ffprobe.
func TestEverySegmentOpensAndJoins(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir(), nil)
	h.camera(small("Priekša", lieciba.PCMU))
	h.camera(small("Durvis", lieciba.AAC))
	id := h.push("whole", 12*time.Second)
	for _, rec := range h.complete(id, 2) {
		require.Empty(t, rec.Gaps)
		files := h.playable(rec)
		frames, length := joined(t, files)
		rows, span := 0, 0.0
		for _, s := range rec.Segments {
			rows += s.Frames
			span += s.To.Sub(s.From).Seconds()
		}
		require.Equal(t, rows, frames, "not a frame more or less than the catalogue says")
		require.InDelta(t, span, length, frameTime.Seconds()/2)
		require.GreaterOrEqual(t, span, rec.ExpectedS-1e-6)
		for i, s := range rec.Segments {
			stored, err := os.ReadFile(h.inFolder(s))
			require.NoError(t, err)
			sent, err := os.ReadFile(files[i])
			require.NoError(t, err)
			require.True(t, bytes.Equal(stored, sent), "the API sends what the folder holds")
			require.NotEmpty(t, s.Audio)
		}
		ffprobe(t, h.inFolder(rec.Segments[0]))
		h.ranges(rec.Segments[0])
	}
	h.clean()
}

// ranges asks for parts of a segment.
func (h *house) ranges(s segmentRow) {
	h.t.Helper()
	_, whole := h.content(s.ID)
	res, part := h.content(s.ID, "Range", "bytes=100-299")
	require.Equal(h.t, http.StatusPartialContent, res.StatusCode)
	require.True(h.t, bytes.Equal(whole[100:300], part))
	res, _ = h.content(s.ID, "Range", "bytes=99999999-")
	require.Equal(h.t, http.StatusRequestedRangeNotSatisfiable, res.StatusCode)
}
