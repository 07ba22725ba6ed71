package viewing_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// page loads the file into a video element, looks at it at each of the given
// times, then plays from the given one to the end.
const page = `<!doctype html><video id=v muted></video><script>
const v = document.getElementById('v'), seen = {looks: []}, ask = new URLSearchParams(location.search);
const done = () => fetch('/seen', {method: 'POST', body: JSON.stringify(seen)});
const once = name => new Promise((ok, no) => {
  v.addEventListener(name, ok, {once: true});
  v.addEventListener('error', () => no(v.error.message), {once: true});
});
// 'seeked' may come before the picture is on screen.
const picture = () => new Promise(ok => v.requestVideoFrameCallback(ok));
const look = () => {
  const c = document.createElement('canvas');
  c.width = v.videoWidth; c.height = v.videoHeight;
  const g = c.getContext('2d');
  g.drawImage(v, 0, 0);
  const data = g.getImageData(0, 0, c.width, c.height).data;
  let sum = 0;
  for (const p of new Uint32Array(data.buffer)) sum = (sum * 31 + p) | 0;
  return {at: v.currentTime, width: c.width, sum, colours: new Set(new Uint32Array(data.buffer)).size};
};
(async () => {
  const loaded = once('loadeddata'), first = picture();
  v.src = '/viewing.mp4';
  await loaded;
  await first;
  seen.duration = v.duration;
  for (const at of ask.get('at').split(',').map(Number)) {
    if (v.currentTime !== at) {
      const seeked = once('seeked'), there = picture();
      v.currentTime = at;
      await seeked;
      await there;
    }
    seen.looks.push(look());
  }
  v.playbackRate = Number(ask.get('rate'));
  const ended = once('ended');
  await v.play();
  await ended;
  seen.end = v.currentTime;
  seen.sound = v.webkitAudioDecodedByteCount;
  seen.frames = v.getVideoPlaybackQuality().totalVideoFrames;
})().catch(e => seen.error = String(e)).finally(done);
</script>`

type sight struct {
	Error         string
	Duration, End float64
	Looks         []struct {
		At                  float64
		Width, Sum, Colours int
	}
	Sound  int64
	Frames int
}

// browse opens the file in a real Chromium.
func browse(t *testing.T, path, at, rate string) sight {
	t.Helper()
	seen := make(chan sight, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(page))
	})
	mux.HandleFunc("GET /viewing.mp4", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) })
	mux.HandleFunc("POST /seen", func(_ http.ResponseWriter, r *http.Request) {
		var s sight
		if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
			s.Error = err.Error()
		}
		select {
		case seen <- s:
		default:
		}
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()

	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	profile, err := os.MkdirTemp("", "chromium") // removed when Chromium has ended
	require.NoError(t, err)
	cmd := exec.CommandContext(ctx, "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--autoplay-policy=no-user-gesture-required", "--user-data-dir="+profile, srv.URL+"/?at="+at+"&rate="+rate)
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	said := make(chan string, 1)
	go func() {
		var lines []string
		for s := bufio.NewScanner(stderr); s.Scan(); {
			if lines = append(lines, s.Text()); len(lines) > 20 {
				lines = lines[1:]
			}
		}
		said <- strings.Join(lines, "\n")
	}()
	var s sight
	select {
	case s = <-seen:
	case <-ctx.Done():
		s.Error = "Chromium did not answer"
	}
	cancel() // kills the browser
	text := <-said
	_ = cmd.Wait()
	require.NoError(t, os.RemoveAll(profile))
	require.Empty(t, s.Error, text)
	t.Logf("%+v", s)
	return s
}

// requireLooks: at each time there is a picture of that width.
func requireLooks(t *testing.T, s sight, widths ...int) {
	t.Helper()
	require.Len(t, s.Looks, len(widths))
	for i, l := range s.Looks {
		require.Equal(t, widths[i], l.Width, "look %d", i)
		require.Greater(t, l.Colours, 100, "a picture is shown in look %d", i)
	}
}

// TestChromiumPlaysAViewingCopy: a gap at the start, one in the middle, sound
// before and after it.
func TestChromiumPlaysAViewingCopy(t *testing.T) {
	for _, name := range []string{"h264-b-frames-aac", "h264-quiet-opus", "h264-pcma", "h264-pcmu"} {
		t.Run(name, func(t *testing.T) {
			s := specs[name]
			list := append(record(t, s, time.Second, 2*time.Second), record(t, s, 20*time.Second+7*time.Millisecond, time.Minute)...)
			path, _ := write(t, list, options(0, 26*time.Second))
			seen := browse(t, path, "2.02,6.5,8,18,21,23.5", "1")
			requireLooks(t, seen, 320, 320, 320, 320, 320, 320)
			require.InDelta(t, 26, seen.End, 0.05)
			require.Equal(t, seen.Looks[2].Sum, seen.Looks[3].Sum, "the last picture stays in the gap")
			require.NotEqual(t, seen.Looks[1].Sum, seen.Looks[2].Sum)
			require.Positive(t, seen.Sound, "sound is decoded after the gap")
			whole, _ := write(t, list, options(time.Second, 26*time.Second))
			later := browse(t, whole, "1.02,24", "1")
			require.InDelta(t, 25, later.Duration, 0.05)
			require.Equal(t, later.Looks[0].Sum, seen.Looks[0].Sum, "the gap at the start moves the picture by its length")
		})
	}
}

// TestChromiumPlaysThroughAGap plays from before a gap of a minute to the end
// behind it, four times as fast.
func TestChromiumPlaysThroughAGap(t *testing.T) {
	s := specs["h264-b-frames-aac"]
	list := append(record(t, s, 0, time.Minute), record(t, s, time.Minute, time.Minute)...)
	path, _ := write(t, list, options(0, 66*time.Second))
	seen := browse(t, path, "4", "4")
	requireLooks(t, seen, 320)
	require.InDelta(t, 66, seen.Duration, 0.05)
	require.InDelta(t, 66, seen.End, 0.05)
	require.Positive(t, seen.Sound)
}

func TestChromiumPlaysChangedParameterSets(t *testing.T) {
	path, _ := write(t, changed(t), options(0, 11*time.Second))
	seen := browse(t, path, "1,5,9,2", "4")
	requireLooks(t, seen, 320, 160, 320, 320)
	require.InDelta(t, 11, seen.End, 0.05)
}

func TestChromiumPlaysAClip(t *testing.T) {
	list := record(t, specs["h264-b-frames-aac"], 0, 2*time.Second)
	path, _ := write(t, list, options(2700*time.Millisecond, 4300*time.Millisecond))
	seen := browse(t, path, "0,1", "1")
	requireLooks(t, seen, 320, 320)
	require.InDelta(t, 1.6, seen.Duration, 0.05)
	require.InDelta(t, 1.6, seen.End, 0.2, "a player may show the pictures that those before the end refer to")
	whole, _ := write(t, list, options(0, 6*time.Second))
	later := browse(t, whole, "2.71,3.71", "4")
	for i := range later.Looks {
		require.Equal(t, later.Looks[i].Sum, seen.Looks[i].Sum)
	}
}
