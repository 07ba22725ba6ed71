package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
	"lieciba/storage/sequencer"
	"lieciba/storage/sqlite"
)

// hashLog is a hash log in a data folder, as a server keeps it.
type hashLog struct {
	dir, config string
	catalog     *sqlite.Catalog
	sequencer   *sequencer.Sequencer
}

func newHashLog(t *testing.T) *hashLog {
	t.Helper()
	dir := t.TempDir()
	l := &hashLog{dir: dir, config: filepath.Join(t.TempDir(), "c.yaml")}
	require.NoError(t, os.WriteFile(l.config, []byte("data: "+dir+"\n"), 0o600))
	var err error
	l.catalog, err = sqlite.Open(t.Context(), filepath.Join(dir, "catalog.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.catalog.Close()) })
	l.sequencer = sequencer.New(sequencer.Config{Catalog: l.catalog, KeyFile: filepath.Join(dir, "log.key")})
	return l
}

func (l *hashLog) grow(t *testing.T, n int) {
	t.Helper()
	for range n {
		id := lieciba.NewID[lieciba.ExportID](time.Now())
		require.NoError(t, l.catalog.StageLeaf(t.Context(), evidence.NewLeaf(lieciba.LeafExport, string(id), time.Now(), evidence.ExportDetail{ID: id})))
	}
	_, err := l.sequencer.Once(t.Context())
	require.NoError(t, err)
}

func TestKeyCommands(t *testing.T) {
	t.Parallel()
	l := newHashLog(t)
	code, out, errs := command(t, nil, "", "key", "show", "-c", l.config)
	require.Equal(t, 1, code)
	require.Empty(t, out)
	require.Contains(t, errs, "makes its key, at its first start")
	require.NoFileExists(t, filepath.Join(l.dir, "log.key"), "showing makes none")

	l.grow(t, 1)
	first := l.sequencer.Key()
	show := func() string {
		code, out, errs := command(t, nil, "", "key", "show", "-c", l.config)
		require.Zero(t, code, errs)
		return out
	}
	require.Equal(t, "key:         "+first.VerifierKey()+"\nfingerprint: "+evidence.FingerprintGroups(first.Fingerprint())+"\n", show())

	for _, c := range []struct {
		args  []string
		field string
	}{{nil, "request: two people change"}, {[]string{"--reason", "the operator left"}, "request: two people change"},
		{[]string{"--request", "1"}, "request: "}, {[]string{"--request", lieciba.NewID[string](time.Now()), "--reason", "x"}, "reason: is the request's"},
		{[]string{"--break-glass"}, "reason: "}, {[]string{"--break-glass", "--reason", "150685-11111 left"}, "reason: holds what looks like a personal code"},
		{[]string{"--break-glass", "--reason", "x", "--request", lieciba.NewID[string](time.Now())}, "break-glass: "}} {
		code, _, errs = command(t, nil, "", append([]string{"key", "rotate", "-c", l.config}, c.args...)...)
		require.Equal(t, 1, code, c.args)
		require.Contains(t, errs, c.field, c.args)
	}
	require.NoFileExists(t, sequencer.NextKeyFile(filepath.Join(l.dir, "log.key")))
	code, out, errs = command(t, nil, "", "key", "rotate", "--break-glass", "--reason", "the operator left", "-c", l.config)
	require.Zero(t, code, errs)
	require.Equal(t, show(), out)
	require.NotContains(t, out, first.VerifierKey())
	l.grow(t, 1) // the running server goes on
	require.Contains(t, out, l.sequencer.Key().VerifierKey())
	keys, err := l.sequencer.Keys(t.Context())
	require.NoError(t, err)
	require.Len(t, keys, 2)
	require.Equal(t, "the operator left", keys[1].Reason)

	file, err := os.ReadFile(filepath.Join(l.dir, "log.key"))
	require.NoError(t, err)
	secret := strings.SplitN(strings.TrimSpace(string(file)), "+", 5)[4]
	require.NotContains(t, out+errs+show(), secret)
	_, help, _ := command(t, nil, "", "key", "rotate", "--help")
	require.Contains(t, strings.Join(strings.Fields(help), " "), "another approves")

	entries, err := l.catalog.ListAudit(t.Context(), storage.AuditFilter{Act: "break_glass"})
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Contains(t, entries[0].Detail, "without a second person: the operator left")
	alarms, err := l.catalog.ListAlarms(t.Context(), storage.AlarmFilter{Limit: 10})
	require.NoError(t, err)
	require.Len(t, alarms, 1)
	require.Equal(t, []any{lieciba.AlarmBreakGlass, entries[0].Object}, []any{alarms[0].Kind, alarms[0].Key})
}

// TestHelpListsEveryRole: what a token or an account may have is in its help.
func TestHelpListsEveryRole(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"token", "user"} {
		code, out, errs := command(t, nil, "", kind, "add", "--help")
		require.Zero(t, code, errs)
		for _, r := range lieciba.Roles() {
			require.Contains(t, out, string(r), kind)
		}
	}
}

// TestKeyShowKnowsTheLog: a key that is not the log's is never shown as if it
// were; recipients would refuse good packages by it.
func TestKeyShowKnowsTheLog(t *testing.T) {
	t.Parallel()
	l := newHashLog(t)
	path := filepath.Join(l.dir, "log.key")
	refused := func(words ...string) {
		t.Helper()
		code, out, errs := command(t, nil, "", "key", "show", "-c", l.config)
		require.Equal(t, 1, code)
		require.Empty(t, out)
		for _, w := range words {
			require.Contains(t, errs, w)
		}
	}
	own, _, err := evidence.OpenKey(path)
	require.NoError(t, err)
	refused("the hash log has not begun")
	l.grow(t, 1)
	require.NoError(t, os.Rename(path, path+".away"))
	refused("the log has 3 leaves", "is missing: put the file back from its backup")
	require.NoFileExists(t, path)
	_, _, err = evidence.OpenKey(path)
	require.NoError(t, err)
	refused("is not the log's current key", "put that key's file in its place")

	require.NoError(t, os.Rename(path+".away", sequencer.NextKeyFile(path))) // as a rotation leaves it that was cut off
	code, out, errs := command(t, nil, "", "key", "show", "-c", l.config)
	require.Zero(t, code, errs)
	require.Contains(t, out, own.VerifierKey())
	require.FileExists(t, sequencer.NextKeyFile(path), "showing changes nothing")
}

// logServer speaks the routes that a witness asks for, over a real catalogue.
type logServer struct {
	t    *testing.T
	mu   sync.Mutex
	log  *hashLog
	took []int64 // sizes that were cosigned
	seen chan struct{}
}

func (s *logServer) show(l *hashLog) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = l
}

func (s *logServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer witness-token-0123456789" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	switch r.URL.Path {
	case "/v1/log/checkpoint":
		head, err := s.log.catalog.NewestCheckpoint(r.Context())
		if err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write(head.Note)
	case "/v1/log/consistency":
		from, _ := strconv.ParseInt(r.FormValue("from"), 10, 64)
		to, _ := strconv.ParseInt(r.FormValue("to"), 10, 64)
		proof, err := evidence.ProveTree(to, from, func(i []int64) ([][32]byte, error) { return s.log.catalog.LogHashes(r.Context(), i) })
		if err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		hashes := []evidence.Hash{}
		for _, h := range proof {
			hashes = append(hashes, h)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"hashes": hashes})
	case "/v1/log/cosignatures":
		var in struct {
			Size int64
			Line string
		}
		if json.NewDecoder(r.Body).Decode(&in) == nil && strings.HasPrefix(in.Line, "— witness.example ") {
			s.took = append(s.took, in.Size)
			w.WriteHeader(http.StatusNoContent)
			s.seen <- struct{}{}
		}
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func witnessKey(t *testing.T) string {
	k, _, err := evidence.OpenWitnessKey(filepath.Join(t.TempDir(), "key"), "other.example")
	require.NoError(t, err)
	return k.VerifierKey()
}

func TestWitnessCommand(t *testing.T) {
	t.Parallel()
	l := newHashLog(t)
	l.grow(t, 8)
	s := &logServer{t: t, log: l, seen: make(chan struct{}, 100)}
	srv := httptest.NewServer(s)
	defer srv.Close()
	dir := t.TempDir()
	token, state := filepath.Join(dir, "token"), filepath.Join(dir, "state")
	require.NoError(t, os.WriteFile(token, []byte("witness-token-0123456789\n"), 0o600))
	args := []string{"witness", "--server", srv.URL, "--token-file", token, "--key", filepath.Join(dir, "key"), "--name", "witness.example",
		"--state", state, "--log-key", l.sequencer.Key().VerifierKey(), "--origin", l.sequencer.Key().Name(), "--interval", "20ms"}

	code, _, errs := command(t, nil, "", append(args, "--once")...)
	require.Zero(t, code, errs)
	head, err := l.catalog.NewestCheckpoint(t.Context())
	require.NoError(t, err)
	require.Equal(t, []int64{head.Size}, s.took)
	<-s.seen
	code, _, errs = command(t, nil, "", "witness", "--state", state, "--server", srv.URL)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "--token-file: is missing")
	for name, c := range map[string]struct{ args, want []string }{ // a later flag wins
		"no key":           {[]string{"--log-key", "nonsense"}, []string{"--log-key: is no verifier key", "lieciba key show"}},
		"a witness's key":  {[]string{"--log-key", witnessKey(t)}, []string{"--log-key: is a witness's key"}},
		"a file as state":  {[]string{"--state", filepath.Join(token, "state")}, []string{"--state: ", filepath.Join(token, "state")}},
		"nothing accepted": {[]string{"--state", filepath.Join(dir, "none"), "--accept-alarm", "x"}, []string{"--state: there is no alarm in " + dir}},
	} {
		code, _, errs = command(t, nil, "", append(append(args[:len(args):len(args)], "--once"), c.args...)...)
		require.Equal(t, 1, code, name)
		for _, w := range c.want {
			require.Contains(t, errs, w, name)
		}
	}

	// Another log with the same key: what a cut and a new signature look like.
	cut := newHashLog(t)
	cut.sequencer = sequencer.New(sequencer.Config{Catalog: cut.catalog, KeyFile: filepath.Join(l.dir, "log.key")})
	cut.grow(t, 1)

	w, _ := startChild(t, nil, args...)
	<-s.seen // it says again what it said before
	healthz := func() (int, string) {
		m := regexp.MustCompile(`healthz=(\S+)`).FindStringSubmatch(w.said())
		if m == nil {
			return 0, ""
		}
		res, err := http.Get(m[1])
		require.NoError(t, err)
		defer func() { require.NoError(t, res.Body.Close()) }()
		var h struct {
			State string
			Alarm *struct{ Kind, Digest string }
		}
		require.NoError(t, json.NewDecoder(res.Body).Decode(&h))
		if h.Alarm == nil {
			return res.StatusCode, ""
		}
		return res.StatusCode, h.Alarm.Kind + " " + h.Alarm.Digest
	}
	until(t, "the witness watches", patience, func() bool { status, _ := healthz(); return status == http.StatusOK })
	s.show(cut)
	var alarm string
	until(t, "an alarm", patience, func() (raised bool) {
		var status int
		status, alarm = healthz()
		return status == http.StatusServiceUnavailable && alarm != ""
	})
	kind, digest, _ := strings.Cut(alarm, " ")
	require.Equal(t, "history_cut", kind)
	require.Contains(t, w.said(), "level=ERROR")
	require.NotContains(t, w.said(), "witness-token")
	require.FileExists(t, filepath.Join(state, "alarm.json"))
	w.stop(t)

	code, _, errs = command(t, nil, "", append(args, "--once")...)
	require.Equal(t, 1, code)
	require.Contains(t, errs, digest)
	code, _, errs = command(t, nil, "", "witness", "--state", state, "--accept-alarm", "another")
	require.Equal(t, 1, code, errs)
	code, _, errs = command(t, nil, "", "witness", "--state", state, "--accept-alarm", digest)
	require.Zero(t, code, errs)
	code, _, errs = command(t, nil, "", append(args, "--once")...)
	require.Zero(t, code, errs)
	head, err = cut.catalog.NewestCheckpoint(t.Context())
	require.NoError(t, err)
	require.Equal(t, head.Size, s.took[len(s.took)-1])
}
