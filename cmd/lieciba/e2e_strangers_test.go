package main

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/recorder/gsttest"
)

// TestCamerasOfStrangers records what GStreamer sends, adopted by URL, and plays
// the archive while the session still runs.
func TestCamerasOfStrangers(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir(), nil)
	avc := h.adopt(map[string]any{"name": "H.264", "url": gsttest.Start(t, gsttest.H264WithAAC)})
	hevc := h.adopt(map[string]any{"name": "H.265", "url": gsttest.Start(t, gsttest.H265)})
	h.refused(h.call(h.supervisor, http.MethodGet, "/v1/cameras/"+string(avc)+"/snapshot", nil, nil), lieciba.CodeUnsupported, "")
	id := h.push("strangers", 16*time.Second)
	h.grown(id, 2, 2)
	h.plays(id) // while it is being written
	list := h.complete(id, 2)
	want := map[lieciba.CameraID][]any{avc: {lieciba.H264, lieciba.AAC}, hevc: {lieciba.H265, lieciba.AudioCodec("")}}
	for _, rec := range list {
		require.Empty(t, rec.Gaps)
		for i, path := range h.playable(rec) {
			require.Equal(t, want[rec.CameraID], []any{rec.Segments[i].Video, rec.Segments[i].Audio})
			tool(t, "ffmpeg", "-v", "error", "-i", path, "-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "null", "-")
		}
	}
	h.plays(id)
	h.clean()
}

// plays watches the archive of a session as a browser does: picture, sound, seek.
// Of the session's cameras the one in H.264 must show.
func (h *house) plays(id lieciba.SessionID) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	from := h.timeline(id).Window.From
	h.mayWatch(id)
	p, err := h.reviewer.Playback(ctx, id, from.Add(time.Second), 2)
	require.NoError(h.t, err)
	_, err = p.Skew(ctx, 25) // a second of pictures of each camera that has any
	require.NoError(h.t, err)
	until(h.t, "sound is heard", patience, func() bool { return p.SoundPackets() > 10 })
	_, err = p.Seek(ctx, from.Add(3*time.Second))
	require.NoError(h.t, err)
	require.NoError(h.t, p.Close(ctx))
	var log struct {
		Items []struct {
			Act       string            `json:"act"`
			SessionID lieciba.SessionID `json:"session_id"`
			From      *time.Time        `json:"from"`
			To        *time.Time        `json:"to"`
		} `json:"items"`
	}
	h.must(h.security, http.MethodGet, "/v1/audit?limit=50", nil, &log)
	watched := 0
	for _, e := range log.Items {
		if e.Act == string(lieciba.ActWatchArchive) && e.SessionID == id && e.From != nil && e.To != nil {
			watched++
		}
	}
	require.Positive(h.t, watched, "who watched what is on record")
}
