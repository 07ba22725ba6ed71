package viewing_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba/storage/evidence/viewing"
	"lieciba/storage/segment"
)

// TestClipIsExact: a clip starts in mid-GOP; the decoder starts at the key frame
// before, the player at the range.
func TestClipIsExact(t *testing.T) {
	for _, name := range []string{"h264-b-frames-aac", "h265-aac"} {
		t.Run(name, func(t *testing.T) {
			list := record(t, specs[name], 0, 2*time.Second)
			o := options(2700*time.Millisecond, 4300*time.Millisecond)
			path, r := write(t, list, o)
			decodes(t, path)
			require.InDelta(t, 1.6, seconds(t, look(t, path).Format.Duration), 0.001)
			require.Less(t, r.Frames, 40+60, "no more than a GOP before it")
			video := packets(t, path, "v")
			require.Equal(t, "KD", video[0].flags, "it starts at a key frame that is not shown")
			require.Equal(t, 1+40, shown(video), "the picture that stands at the start, and 1.6 s")
			wide := o // the source goes on beyond the range
			wide.To = wide.To.Add(time.Second)
			requireTimes(t, video, expected(t, list, wide, "v", 90_000), 90_000/25)
			requireTimes(t, packets(t, path, "a"), expected(t, list, wide, "a", 48_000), 1024)
			require.Equal(t, pictures(t, list, o), decoded(t, path), "the pictures themselves")
		})
	}
}

// TestClipInAGap shows the picture that was last seen before the gap.
func TestClipInAGap(t *testing.T) {
	s := specs["h264-aac"]
	list := append(record(t, s, 0, time.Minute), record(t, s, 20*time.Second, time.Minute)...)
	path, _ := write(t, list, options(15*time.Second, 22*time.Second))
	decodes(t, path)
	p := look(t, path)
	require.InDelta(t, 7, seconds(t, p.Format.Duration), 0.001)
	last := decoded(t, list[0].Path)
	got := decoded(t, path)
	require.Len(t, got, 1+50)
	require.Equal(t, last[len(last)-1], got[0])
	video := packets(t, path, "v")
	for i, x := range video {
		if x.pts == 0 {
			require.Equal(t, int64(5*90_000), video[i+1].pts, "the next picture comes with the next run")
		}
	}
}

// shown counts the packets that a player shows.
func shown(got []packet) (n int) {
	for _, x := range got {
		if !strings.Contains(x.flags, "D") {
			n++
		}
	}
	return n
}

// requireTimes finds each sample of a clip in the source, at the same time; the
// one at the start may be cut by up to its length.
func requireTimes(t *testing.T, got, want []packet, length int64) {
	t.Helper()
	require.NotEmpty(t, got)
	skip := 0
	same := func() bool {
		for i := range got {
			if got[i].sum != want[skip+i].sum {
				return false
			}
		}
		return true
	}
	for ; !same(); skip++ {
		require.Less(t, skip+len(got), len(want), "the samples are some of the source")
	}
	for i, x := range got {
		if pts := want[skip+i].pts; x.pts == 0 {
			require.InDelta(t, -length/2, pts, float64(length/2)+1)
		} else {
			require.InDelta(t, pts, x.pts, 1, "sample %d", i)
		}
	}
}

// decoded lists the hashes of the pictures that ffmpeg shows.
func decoded(t testing.TB, path string) (out []string) {
	t.Helper()
	text := tool(t, "ffmpeg", "-v", "error", "-guess_layout_max", "0", "-i", path, "-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-")
	for line := range strings.Lines(text) {
		if line[0] != '#' {
			out = append(out, strings.TrimSpace(line[strings.LastIndexByte(line, ',')+1:]))
		}
	}
	return out
}

// pictures are those of the native segments that are shown in the range.
func pictures(t testing.TB, list []segment.Result, o viewing.Options) (out []string) {
	t.Helper()
	for _, r := range list {
		at := r.From
		for _, sum := range decoded(t, r.Path) { // 25 a second
			if at.After(o.From.Add(-40*time.Millisecond)) && at.Before(o.To) {
				out = append(out, sum)
			}
			at = at.Add(40 * time.Millisecond)
		}
	}
	return out
}
