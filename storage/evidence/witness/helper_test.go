package witness_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"lieciba"
	"lieciba/storage/evidence"
	"lieciba/storage/evidence/witness"
	"lieciba/storage/sequencer"
	"lieciba/storage/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "tok_0123456789abcdef0123456789abcdef"

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// ledger is a real catalogue with a sequencer.
type ledger struct {
	t    *testing.T
	path string
	cat  *sqlite.Catalog
	seq  *sequencer.Sequencer
}

// openLedger opens the catalogue at path, with the key at keyFile.
func openLedger(t *testing.T, path, keyFile string) *ledger {
	t.Helper()
	cat, err := sqlite.Open(t.Context(), path)
	require.NoError(t, err)
	l := &ledger{t, path, cat, sequencer.New(sequencer.Config{Catalog: cat, KeyFile: keyFile, Origin: "log.example/1"})}
	t.Cleanup(func() { require.NoError(t, cat.Close()) })
	_, err = l.seq.Once(t.Context())
	require.NoError(t, err)
	return l
}

// grow adds leaves until the log has that size.
func (l *ledger) grow(size int64) *ledger {
	l.t.Helper()
	ctx := l.t.Context()
	_, err := l.seq.Once(ctx) // what is staged already
	require.NoError(l.t, err)
	for i := l.size(); i < size; i++ {
		id := lieciba.NewID[lieciba.ExportID](time.Now())
		require.NoError(l.t, l.cat.StageLeaf(ctx, evidence.NewLeaf(lieciba.LeafExport, string(id), noon, evidence.ExportDetail{ID: id})))
	}
	_, err = l.seq.Once(ctx)
	require.NoError(l.t, err)
	require.Equal(l.t, size, l.size())
	return l
}

func (l *ledger) size() int64 {
	head, err := l.cat.NewestCheckpoint(l.t.Context())
	require.NoError(l.t, err)
	return head.Size
}

// copyTo backs the catalogue up, as an administrator could to put it back later.
func (l *ledger) copyTo(path string) {
	l.t.Helper()
	require.NoError(l.t, l.cat.Close())
	b, err := os.ReadFile(l.path)
	require.NoError(l.t, err)
	require.NoError(l.t, os.WriteFile(path, b, 0o600))
}

// server speaks the log's routes over a ledger. hook, if set, answers instead.
type server struct {
	*httptest.Server
	t       *testing.T
	mu      sync.Mutex
	of      *ledger
	witness evidence.Verifier
	hook    func(http.ResponseWriter, *http.Request) (answered bool)
	asked   []string // method and path of each request
}

func newServer(t *testing.T, of *ledger) *server {
	s := &server{t: t, of: of}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *server) show(l *ledger) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of = l
}

func (s *server) intercept(h func(http.ResponseWriter, *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = h
}

func (s *server) count(what string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.asked {
		if a == what {
			n++
		}
	}
	return n
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r.Method+" "+r.URL.Path)
	if r.Header.Get("Authorization") != "Bearer "+secret || r.URL.User != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if s.hook != nil && s.hook(w, r) {
		return
	}
	ctx := r.Context()
	read := func(i []int64) ([][32]byte, error) { return s.of.cat.LogHashes(ctx, i) }
	switch r.Method + " " + r.URL.Path {
	case "GET /v1/log/checkpoint":
		_, _ = w.Write(s.checkpoint(ctx))
	case "GET /v1/log/consistency":
		from, _ := strconv.ParseInt(r.FormValue("from"), 10, 64)
		to, _ := strconv.ParseInt(r.FormValue("to"), 10, 64)
		p, err := evidence.ProveTree(to, from, read)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		hashes := []evidence.Hash{}
		for _, h := range p {
			hashes = append(hashes, h)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"from": from, "to": to, "hashes": hashes})
	case "GET /v1/log/keys":
		keys, err := s.of.seq.Keys(ctx)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"items": keys})
	case "POST /v1/log/cosignatures":
		w.WriteHeader(s.cosign(ctx, r))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (s *server) checkpoint(ctx context.Context) []byte {
	head, err := s.of.cat.NewestCheckpoint(ctx)
	if err != nil {
		return nil
	}
	list, err := s.of.cat.Cosignatures(ctx, head.Size)
	if err != nil {
		return nil
	}
	var lines []string
	for _, c := range list {
		lines = append(lines, c.Line)
	}
	out, err := evidence.WithCosignatures(head.Note, lines...)
	if err != nil {
		return nil
	}
	return out
}

func (s *server) cosign(ctx context.Context, r *http.Request) int {
	var in struct {
		Size int64
		Line string
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		return http.StatusBadRequest
	}
	list, err := s.of.cat.Checkpoints(ctx, in.Size-1)
	if err != nil || len(list) == 0 || list[0].Size != in.Size {
		return http.StatusConflict
	}
	at, err := evidence.CheckCosignature(s.witness, evidence.CheckpointText(list[0].Origin, list[0].Size, list[0].Root), in.Line)
	if err != nil {
		return http.StatusUnprocessableEntity
	}
	if s.of.cat.PutCosignature(ctx, lieciba.Cosignature{Size: in.Size, Witness: s.witness.Name(), At: at, Line: in.Line}) != nil {
		return http.StatusInternalServerError
	}
	return http.StatusNoContent
}

// house is a log, its server and what a witness of it needs.
type house struct {
	t      *testing.T
	dir    string
	log    *ledger
	server *server
	cfg    witness.Config
	out    *bytes.Buffer // the witness's log
	now    time.Time
}

func newHouse(t *testing.T) *house {
	t.Helper()
	dir := t.TempDir()
	h := &house{t: t, dir: dir, out: &bytes.Buffer{}, now: noon}
	h.log = openLedger(t, filepath.Join(dir, "catalog.db"), filepath.Join(dir, "log.key"))
	h.server = newServer(t, h.log)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "token"), []byte(secret+"\n"), 0o600))
	key, _, err := evidence.OpenWitnessKey(filepath.Join(dir, "witness.key"), "witness.example/1")
	require.NoError(t, err)
	h.server.witness = key.Verifier()
	h.cfg = witness.Config{Server: h.server.URL, TokenFile: filepath.Join(dir, "token"), Key: key, Dir: filepath.Join(dir, "state"),
		LogKey: h.log.seq.Key().VerifierKey(), Origin: "log.example/1", Transport: &http.Transport{},
		Now: func() time.Time { return h.now }, Log: slog.New(slog.NewTextHandler(h.out, nil))}
	return h
}

// open starts a witness; it is closed with the test, or by the test.
func (h *house) open() *witness.Witness {
	h.t.Helper()
	w, err := witness.Open(h.cfg)
	require.NoError(h.t, err)
	h.t.Cleanup(func() { require.NoError(h.t, w.Close()) })
	return w
}

// cosigned are the sizes that the log has cosignatures of.
func (l *ledger) cosigned() (out []int64) {
	list, err := l.cat.Checkpoints(l.t.Context(), 0)
	require.NoError(l.t, err)
	for _, c := range list {
		s, err := l.cat.Cosignatures(l.t.Context(), c.Size)
		require.NoError(l.t, err)
		if len(s) > 0 {
			out = append(out, c.Size)
		}
	}
	return out
}

// healthz asks the witness as a monitor would.
func healthz(t *testing.T, w *witness.Witness) (int, witness.Health) {
	t.Helper()
	rec := httptest.NewRecorder()
	w.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/healthz", nil))
	var h witness.Health
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &h), rec.Body.String())
	return rec.Code, h
}

// requireAlarm expects an alarm of that kind from err, file, log and monitor.
func (h *house) requireAlarm(w *witness.Witness, err error, kind witness.AlarmKind) *witness.Alarm {
	h.t.Helper()
	var a *witness.Alarm
	require.ErrorAs(h.t, err, &a)
	require.Equal(h.t, kind, a.Kind, a.Text)
	var onDisk witness.Alarm
	b, err := os.ReadFile(filepath.Join(h.cfg.Dir, "alarm.json"))
	require.NoError(h.t, err)
	require.NoError(h.t, evidence.Decode(b, &onDisk))
	require.Equal(h.t, a.Digest, onDisk.Digest)
	require.Contains(h.t, h.out.String(), fmt.Sprintf("level=ERROR msg=%q", "ALARM: "+a.Text))
	status, health := healthz(h.t, w)
	require.Equal(h.t, http.StatusServiceUnavailable, status)
	require.Equal(h.t, "alarm", health.State)
	require.Equal(h.t, kind, health.Alarm.Kind)
	return a
}
