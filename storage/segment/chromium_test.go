package segment

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

	"lieciba"
)

// page loads the segment into a video element, seeks into its middle, plays to
// the end and reports what it saw.
const page = `<!doctype html><video id=v muted></video><script>
const v = document.getElementById('v'), seen = {};
const done = () => fetch('/seen', {method: 'POST', body: JSON.stringify(seen)});
const once = name => new Promise((ok, no) => {
  v.addEventListener(name, ok, {once: true});
  v.addEventListener('error', () => no(v.error.message), {once: true});
});
const lit = () => {
  const c = document.createElement('canvas');
  c.width = v.videoWidth; c.height = v.videoHeight;
  const g = c.getContext('2d');
  g.drawImage(v, 0, 0);
  return new Set(new Uint32Array(g.getImageData(0, 0, c.width, c.height).data.buffer)).size;
};
(async () => {
  const shown = () => new Promise(ok => v.requestVideoFrameCallback(ok));
  const loaded = Promise.all([once('loadeddata'), shown()]);
  v.src = '/segment.mp4';
  await loaded;
  Object.assign(seen, {duration: v.duration, width: v.videoWidth, height: v.videoHeight, start: v.currentTime, colours: lit()});
  const seeked = Promise.all([once('seeked'), shown()]);
  v.currentTime = 2.5;
  await seeked;
  Object.assign(seen, {middle: v.currentTime, middleColours: lit()});
  const ended = once('ended');
  await v.play();
  await ended;
  seen.end = v.currentTime;
  seen.sound = v.webkitAudioDecodedByteCount;
})().catch(e => seen.error = String(e)).finally(done);
</script>`

type sight struct {
	Error                        string
	Duration, Start, Middle, End float64
	Width, Height                int
	Colours, MiddleColours       int
	Sound                        int64
}

// browse opens the segment in a real Chromium.
func browse(t *testing.T, path string) sight {
	t.Helper()
	seen := make(chan sight, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(page))
	})
	mux.HandleFunc("GET /segment.mp4", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) })
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
		"--autoplay-policy=no-user-gesture-required", "--user-data-dir="+profile, srv.URL+"/")
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
	return s
}

// TestChromiumPlaysASegment: one segment on its own, with in-band parameter
// sets, B-frames and each sound, shows from 0, seeks, and plays to its end.
func TestChromiumPlaysASegment(t *testing.T) {
	for _, c := range combinations {
		if c.video != lieciba.H264 { // no decoder for H.265 without hardware
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			r := write(t, encode(t, c.video, c.audio, c.options...), time.Time{})
			s := browse(t, r.Path)
			require.InDelta(t, r.To.Sub(r.From).Seconds(), s.Duration, 0.05) // sound frames end a little later
			require.InDelta(t, 0, s.Start, 0.001)
			require.Equal(t, []int{320, 240}, []int{s.Width, s.Height})
			require.Greater(t, s.Colours, 100, "a picture is shown")
			require.InDelta(t, 2.5, s.Middle, 0.001)
			require.Greater(t, s.MiddleColours, 100, "a picture is shown after the seek")
			require.InDelta(t, s.Duration, s.End, 0.05)
			if c.audio == lieciba.AAC || c.audio == lieciba.Opus {
				require.Positive(t, s.Sound, "sound is decoded")
			}
			t.Logf("%+v", s)
		})
	}
}
