package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// TestCorruptSegmentsAreNamed damages media files behind the server's back: one
// byte turned, one file cut short, one gone.
func TestCorruptSegmentsAreNamed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir(), nil)
	h.camera(small("Priekša", ""))
	id := h.push("corrupt", 14*time.Second)
	rec := h.complete(id, 1)[0]
	require.GreaterOrEqual(t, len(rec.Segments), 5)
	turned, short, gone := rec.Segments[1], rec.Segments[2], rec.Segments[3]
	turn(t, h.inFolder(turned))
	require.NoError(t, os.Truncate(h.inFolder(short), short.Size/2))
	require.NoError(t, os.Remove(h.inFolder(gone)))

	code, r := h.fsck()
	require.Equal(t, 1, code)
	named := map[lieciba.SegmentID]bool{}
	for _, v := range r.Violations {
		require.Equal(t, 2, v.Invariant, "%+v", v)
		for _, s := range rec.Segments {
			if filepath.Base(v.Object) == string(s.ID) || v.Object == "segment "+string(s.ID) {
				named[s.ID] = true
			}
		}
	}
	require.Equal(t, map[lieciba.SegmentID]bool{turned.ID: true, short.ID: true, gone.ID: true}, named, "%+v", r.Violations)

	for _, s := range []segmentRow{short, gone} {
		res, body := h.content(s.ID)
		if res.StatusCode == http.StatusOK { // it broke off behind the first megabyte
			require.Less(t, int64(len(body)), s.Size)
			continue
		}
		require.Equal(t, http.StatusInternalServerError, res.StatusCode)
		require.Contains(t, string(body), `"code":"corrupt"`)
	}
	h.fetch(rec.Segments[0])
	h.playsOver(id, rec)
	require.True(t, h.server.alive())
}

// turn changes one byte in the middle of a file.
func turn(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	b[len(b)/2] ^= 0x40
	require.NoError(t, os.WriteFile(path, b, 0o600))
}

// playsOver plays a recording from before the damage to behind it.
func (h *house) playsOver(id lieciba.SessionID, rec recording) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p, err := h.reviewer.Playback(ctx, id, rec.Segments[0].From.Add(1500*time.Millisecond), 1)
	require.NoError(h.t, err)
	_, err = p.Skew(ctx, 150) // six seconds of pictures: they are not all in the first segment
	require.NoError(h.t, err)
	last := rec.Segments[len(rec.Segments)-1]
	_, err = p.Seek(ctx, last.From.Add(200*time.Millisecond))
	require.NoError(h.t, err)
	require.NoError(h.t, p.Close(ctx))
}
