package viewertest

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
)

//go:embed page.html
var page []byte

// Browser is Chromium on one page that runs what it is told.
type Browser struct {
	URL    string
	orders chan string
	result chan json.RawMessage
	log    bytes.Buffer
	mu     sync.Mutex
}

// Dial answers an SDP offer; the browser posts to the paths of handlers.
type Dial func(ctx context.Context, r *http.Request, offer string) (id, answer string, err error)

// NewBrowser starts Chromium with a fresh profile and the page of this package,
// which may POST offers to the given paths. It ends with the test.
func NewBrowser(tb TB, dials map[string]Dial) *Browser {
	tb.Helper()
	b := &Browser{orders: make(chan string), result: make(chan json.RawMessage, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(page) // a browser that went away is seen by its silence
	})
	mux.HandleFunc("GET /next", b.next)
	mux.HandleFunc("POST /result", b.took)
	for path, dial := range dials {
		mux.HandleFunc("POST "+path, answerWith(dial))
	}
	srv := httptest.NewServer(mux)
	b.URL = srv.URL
	profile, err := os.MkdirTemp("", "viewer-chromium-")
	require.NoError(tb, err)
	cmd := exec.Command("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
		"--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows",
		"--mute-audio", "--window-size=1400,1000", "--user-data-dir="+profile, srv.URL+"/")
	cmd.Stderr = &lockedWriter{b: b}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	require.NoError(tb, cmd.Start(), "chromium is needed: apt-get install chromium")
	tb.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // its whole group; it may be gone already
		_ = cmd.Wait()                                      // killed: always an error
		srv.CloseClientConnections()
		srv.Close()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		require.NoError(tb, os.RemoveAll(profile))
	})
	return b
}

type lockedWriter struct{ b *Browser }

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	if w.b.log.Len() > 1<<20 {
		return len(p), nil
	}
	return w.b.log.Write(p)
}

func (b *Browser) next(w http.ResponseWriter, r *http.Request) {
	select {
	case code := <-b.orders:
		_, _ = io.WriteString(w, code) // as above
	case <-r.Context().Done():
	case <-time.After(20 * time.Second):
		w.WriteHeader(http.StatusNoContent)
	}
}

func (b *Browser) took(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	b.result <- body
	w.WriteHeader(http.StatusNoContent)
}

func answerWith(dial Dial) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		offer, err := io.ReadAll(r.Body)
		if err == nil {
			var id, answer string
			if id, answer, err = dial(r.Context(), r, string(offer)); err == nil {
				w.Header().Set("Location", "/"+id)
				w.Header().Set("Content-Type", "application/sdp")
				w.WriteHeader(http.StatusCreated)
				_, _ = io.WriteString(w, answer) // as above
				return
			}
		}
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
	}
}

// Eval runs the body of an async function in the page and decodes what it
// returns. An exception fails the test.
func (b *Browser) Eval(tb TB, code string, out any) {
	tb.Helper()
	require.NoError(tb, b.Try(tb.Context(), code, out))
}

// Try is Eval with the exception as an error.
func (b *Browser) Try(ctx context.Context, code string, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	select {
	case b.orders <- code:
	case <-ctx.Done():
		b.mu.Lock()
		defer b.mu.Unlock()
		return errors.New("the browser does not ask for orders: " + tail(b.log.String()))
	}
	select {
	case raw := <-b.result:
		var r struct {
			Value json.RawMessage
			Error string
		}
		if err := json.Unmarshal(raw, &r); err != nil {
			return err
		}
		if r.Error != "" {
			return errors.New(r.Error)
		}
		if out == nil {
			return nil
		}
		return json.Unmarshal(r.Value, out)
	case <-ctx.Done():
		return errors.New("the page did not answer: " + strings.SplitN(code, "\n", 2)[0])
	}
}

func tail(s string) string {
	if len(s) > 2000 {
		return s[len(s)-2000:]
	}
	return s
}
