package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence"
	"lieciba/storage/evidence/verify"
	"lieciba/storage/evidence/witness"
	"lieciba/storage/sequencer"
	"lieciba/storage/sqlite"
)

// watchman is an administrator of another machine: a witness's key and state,
// and what the server's administrator gave: a token and the log's key.
type watchman struct {
	h        *house
	dir, log string // folder; the log's verifier key
	key      *evidence.Key
	process  *child
}

// newWatchman has the server take the cosignatures of a witness: the steps are
// those of an administrator, a restart included.
func newWatchman(h *house) *watchman {
	h.t.Helper()
	w := &watchman{h: h, dir: h.t.TempDir(), log: h.logKey()}
	var err error
	w.key, _, err = evidence.OpenWitnessKey(filepath.Join(w.dir, "witness.key"), "witness.example/1")
	require.NoError(h.t, err)
	token := h.token("witness").Token
	require.NoError(h.t, os.WriteFile(filepath.Join(w.dir, "token"), []byte(token+"\n"), 0o600))
	h.configure("evidence: {witnesses: [" + w.key.VerifierKey() + "]}\nexport: {witness_wait: 1m}\n")
	return w
}

// configure adds lines to the configuration and starts the server again.
func (h *house) configure(text string) {
	h.t.Helper()
	old, err := os.ReadFile(h.config)
	require.NoError(h.t, err)
	h.server.stop(h.t)
	require.NoError(h.t, os.WriteFile(h.config, append(old, text...), 0o600))
	h.serve()
}

// replace changes the configuration file for the next start.
func (h *house) replace(old, new string) {
	h.t.Helper()
	text, err := os.ReadFile(h.config)
	require.NoError(h.t, err)
	require.Contains(h.t, string(text), old)
	require.NoError(h.t, os.WriteFile(h.config, []byte(strings.Replace(string(text), old, new, 1)), 0o600))
}

// logKey is what `lieciba key show` prints.
func (h *house) logKey() string {
	h.t.Helper()
	code, out, errs := command(h.t, h.env, "", "key", "show", "-c", h.config)
	require.Zero(h.t, code, errs)
	key := regexp.MustCompile(`(?m)^key: +(\S+)$`).FindStringSubmatch(out)
	require.NotNil(h.t, key, out)
	return key[1]
}

func (w *watchman) state() string { return filepath.Join(w.dir, "state") }

func (w *watchman) args(more ...string) []string {
	return append([]string{"witness", "--server", w.h.server.url, "--token-file", filepath.Join(w.dir, "token"),
		"--key", filepath.Join(w.dir, "witness.key"), "--state", w.state(), "--log-key", w.log, "--interval", "100ms"}, more...)
}

// once looks once, as a timer job does.
func (w *watchman) once() (code int, said string) {
	w.h.t.Helper()
	code, _, errs := command(w.h.t, nil, "", w.args("--once")...)
	return code, errs
}

// watch starts the witness as a process of its own.
func (w *watchman) watch() {
	w.h.t.Helper()
	w.process, _ = startChild(w.h.t, nil, w.args()...)
}

// health asks the process as a monitor does; status 0 before it listens.
func (w *watchman) health() (status int, h witness.Health) {
	w.h.t.Helper()
	m := regexp.MustCompile(`healthz=(\S+)`).FindStringSubmatch(w.process.said())
	if m == nil {
		require.True(w.h.t, w.process.alive(), w.process.said())
		return 0, h
	}
	res, err := w.h.http.Get(m[1])
	require.NoError(w.h.t, err)
	defer func() { require.NoError(w.h.t, res.Body.Close()) }()
	require.NoError(w.h.t, json.NewDecoder(res.Body).Decode(&h))
	return res.StatusCode, h
}

type logState struct {
	Size        int64  `json:"size"`
	Staged      int    `json:"staged"`
	Key         string `json:"key"`
	Fingerprint string `json:"fingerprint"`
	Witnesses   []struct {
		Name string `json:"name"`
		Size int64  `json:"size"`
	} `json:"witnesses"`
}

func (h *house) logState() (s logState) {
	h.t.Helper()
	h.must(h.reviewer, http.MethodGet, "/v1/log/state", nil, &s)
	return s
}

// sealed waits until n recordings of the session are sealed.
func (h *house) sealed(id lieciba.SessionID, n int) []recording {
	h.t.Helper()
	var list []recording
	until(h.t, "all recordings are sealed", 2*patience, func() bool {
		list = h.timeline(id).Recordings
		for _, r := range list {
			if r.State != lieciba.RecordingSealed {
				return false
			}
		}
		return len(list) == n
	})
	for _, r := range list {
		h.exact(r)
	}
	return list
}

// takeOut has a package of the session built and downloads it.
func (h *house) takeOut(id lieciba.SessionID) (lieciba.ExportID, string) {
	h.t.Helper()
	key, err := age.GenerateX25519Identity()
	require.NoError(h.t, err)
	var e struct {
		ID    lieciba.ExportID    `json:"id"`
		State lieciba.ExportState `json:"state"`
		Error string              `json:"error"`
	}
	e.ID = lieciba.ExportID(h.approved(h.reviewer, map[string]any{"kind": "export", "session_id": id, "reason": "apelācija",
		"recipient_name": "Apelācijas komisija", "recipient_kind": "appeal_board", "recipient": key.Recipient().String()}))
	until(h.t, "the package is whole", 2*patience, func() bool {
		h.must(h.reviewer, http.MethodGet, "/v1/exports/"+string(e.ID), nil, &e)
		require.NotEqual(h.t, lieciba.ExportFailed, e.State, e.Error)
		return e.State == lieciba.ExportSealed
	})
	f, err := os.Create(filepath.Join(h.t.TempDir(), string(e.ID)+".zip.age"))
	require.NoError(h.t, err)
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	_, err = h.reviewer.Download(ctx, "/v1/exports/"+string(e.ID)+"/content", f)
	require.NoError(h.t, err)
	path := opened(h.t, f, key)
	return e.ID, path
}

// opened takes an encrypted package over and returns the file of what is in it.
func opened(t *testing.T, sealed *os.File, key age.Identity) string {
	t.Helper()
	_, err := sealed.Seek(0, io.SeekStart)
	require.NoError(t, err)
	plain, err := age.Decrypt(sealed, key)
	require.NoError(t, err)
	path := strings.TrimSuffix(sealed.Name(), ".age")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	require.NoError(t, err)
	_, err = io.Copy(f, plain)
	require.NoError(t, errors.Join(err, f.Close(), sealed.Close()))
	return path
}

// verified runs `lieciba verify` on a package.
func verified(t *testing.T, path string, args ...string) (code int, r verify.Report) {
	t.Helper()
	code, out, errs := command(t, nil, "", append([]string{"verify", path, "--json"}, args...)...)
	require.NotEmpty(t, out, errs)
	return code, decode[verify.Report](t, []byte(out))
}

func codesOf(r verify.Report) (out []verify.Code) {
	for _, f := range r.Findings {
		out = append(out, f.Code)
	}
	return out
}

// TestTheWitnessCatchesACutLog records a session under the eyes of a witness.
// Then whoever owns the server and its key rewrites the end: what was recorded
// last becomes a gap, and the log goes on as if it had never been otherwise.
func TestTheWitnessCatchesACutLog(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir(), nil)
	w := newWatchman(h)
	h.camera(small("Priekša", ""))
	w.watch()
	id := h.push("witnessed", 6*time.Second)
	rec := h.sealed(id, 1)[0]
	require.Empty(t, rec.Gaps, "%+v", rec.Gaps)
	export, path := h.takeOut(id)

	fingerprint := evidence.Fingerprint(w.log)
	trust := []string{"--key", fingerprint, "--witness", evidence.Fingerprint(w.key.VerifierKey())}
	code, r := verified(t, path, trust...)
	require.Zero(t, code, "%+v", r.Findings)
	require.Equal(t, verify.Complete, r.Verdict)
	require.True(t, r.Witnessed)
	require.Empty(t, r.Findings)
	require.Len(t, r.Witnesses, 1)
	require.Equal(t, "witness.example/1", r.Witnesses[0].Name)
	require.True(t, r.Witnesses[0].Compared)
	until(t, "the server knows that all of the log is cosigned", patience, func() bool {
		s := h.logState()
		return len(s.Witnesses) == 1 && s.Witnesses[0].Size == s.Size
	})
	status, health := w.health()
	require.Equal(t, []any{http.StatusOK, "watching", w.log[:strings.IndexByte(w.log, '+')]}, []any{status, health.State, health.Origin})
	w.process.stop(t)
	h.server.stop(t)

	lost := rec.Segments[len(rec.Segments)-1]
	kept := cutTail(h, lost, export)
	h.replace("witness_wait: 1m", "witness_wait: 1s") // for a witness that will not come
	h.serve()
	rec = h.sealed(id, 1)[0]
	require.Len(t, rec.Gaps, 1)
	require.True(t, rec.Gaps[0].From.Equal(lost.From) && rec.Gaps[0].To.Equal(lost.To))
	h.clean() // from inside there is nothing to see

	code, said := w.once()
	require.Equal(t, 1, code, said)
	raw, err := os.ReadFile(filepath.Join(w.state(), "alarm.json"))
	require.NoError(t, err)
	alarm := decode[witness.Alarm](t, raw)
	require.Contains(t, []witness.AlarmKind{witness.AlarmCut, witness.AlarmInconsistent}, alarm.Kind)
	require.Contains(t, said, alarm.Digest)
	w.watch()
	until(t, "the alarm stands", patience, func() bool { status, _ := w.health(); return status != 0 })
	status, health = w.health()
	require.Equal(t, []any{http.StatusServiceUnavailable, "alarm", alarm.Digest}, []any{status, health.State, health.Alarm.Digest})

	_, forged := h.takeOut(id)
	require.LessOrEqual(t, h.logState().Witnesses[0].Size, kept, "nothing of the new end is cosigned")
	code, r = verified(t, forged, trust...)
	require.Equal(t, 2, code)
	require.Equal(t, verify.Unverifiable, r.Verdict)
	require.Equal(t, []verify.Code{verify.CodeNoWitness, verify.CodeNotWitness}, codesOf(r))
	code, r = verified(t, forged, "--key", fingerprint)
	require.Zero(t, code)
	require.Equal(t, verify.CompleteWithGaps, r.Verdict, "the key alone cannot tell")
	require.False(t, r.Witnessed)
	require.Equal(t, []verify.Code{verify.CodeNotWitness}, codesOf(r))
	code, text, _ := command(t, nil, "", "verify", forged, "--lang", "en", "--key", fingerprint)
	require.Zero(t, code)
	require.Contains(t, text, "NOT WITNESSED")
	code, _ = verified(t, path, trust...)
	require.Zero(t, code, "what left the house before still proves itself")
}

// cutTail makes the last segment of a sealed recording a gap, as one does who
// owns the stopped server: past the triggers, with everything that tells of it,
// and signs what is left with the log's own key. It returns how many leaves stay.
func cutTail(h *house, lost segmentRow, export lieciba.ExportID) (size int64) {
	h.t.Helper()
	path := filepath.Join(h.dir, "catalog.db")
	db, err := sql.Open("sqlite", path)
	require.NoError(h.t, err)
	db.SetMaxOpenConns(1)
	exec := func(q string, args ...any) {
		h.t.Helper()
		_, err := db.ExecContext(h.t.Context(), q, args...)
		require.NoError(h.t, err, q)
	}
	number := func(q string, args ...any) (n int64) {
		h.t.Helper()
		require.NoError(h.t, db.QueryRowContext(h.t.Context(), q, args...).Scan(&n), q)
		return n
	}
	triggers := withoutTriggers(h.t, db)
	first := number(`SELECT idx FROM leaves WHERE kind = 'segment' AND subject = ?`, lost.ID)
	size = number(`SELECT max(size) FROM checkpoints WHERE size <= ?`, first)
	exec(`DELETE FROM cosignatures WHERE size > ?`, size)
	exec(`DELETE FROM checkpoints WHERE size > ?`, size)
	exec(`DELETE FROM log_hashes WHERE idx >= ?`, evidence.StoredHashCount(size))
	exec(`DELETE FROM leaves WHERE idx >= ? AND (kind IN ('seal', 'export') OR subject = ?)`, size, lost.ID)
	exec(`UPDATE leaves SET idx = NULL WHERE idx >= ?`, size)
	exec(`DELETE FROM exports WHERE id = ?`, export)
	exec(`DELETE FROM seals`)
	exec(`UPDATE recordings SET state = 'complete'`)
	exec(`INSERT INTO gaps SELECT ?, recording_id, camera_id, node_id, from_at, to_at, 'camera_offline', 'connection refused' FROM segments WHERE id = ?`,
		lieciba.NewID[lieciba.GapID](lost.From), lost.ID)
	exec(`DELETE FROM segments WHERE id = ?`, lost.ID)
	unwrite(exec, string(export))
	for _, sql := range triggers {
		exec(sql)
	}
	require.NoError(h.t, db.Close())
	require.NoError(h.t, os.Remove(h.inFolder(lost)))
	signAgain(h)
	return size
}

// unwrite takes the request of the package out, and the audit entries of the seal,
// of the package and of its request, with their leaves.
func unwrite(exec func(q string, args ...any), export string) {
	const those = `(SELECT id FROM audit WHERE act = 'seal_recording' OR object = ?1
		OR object IN (SELECT 'request:' || id FROM requests WHERE used_for = ?1))`
	exec(`DELETE FROM leaves WHERE kind = 'audit' AND subject IN `+those, "export:"+export)
	exec(`DELETE FROM audit WHERE id IN `+those, "export:"+export)
	exec(`DELETE FROM requests WHERE used_for = ?`, "export:"+export)
}

// withoutTriggers drops every trigger and returns what makes them again.
func withoutTriggers(t *testing.T, db *sql.DB) (again []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT name, sql FROM sqlite_master WHERE type = 'trigger'`)
	require.NoError(t, err)
	var names []string
	for rows.Next() {
		var name, sql string
		require.NoError(t, rows.Scan(&name, &sql))
		names, again = append(names, name), append(again, sql)
	}
	require.NoError(t, errors.Join(rows.Err(), rows.Close()))
	for _, name := range names {
		_, err := db.ExecContext(t.Context(), fmt.Sprintf("DROP TRIGGER %q", name))
		require.NoError(t, err)
	}
	require.NotEmpty(t, again)
	return again
}

// signAgain stages what is not in the log any more and signs it with the right key.
func signAgain(h *house) {
	h.t.Helper()
	cat, err := sqlite.Open(h.t.Context(), filepath.Join(h.dir, "catalog.db"))
	require.NoError(h.t, err)
	for _, rec := range must(cat.ListRecordings(h.t.Context()))(h.t) {
		for _, g := range must(cat.RecordingGaps(h.t.Context(), rec.ID))(h.t) {
			require.NoError(h.t, cat.StageLeaf(h.t.Context(), evidence.LeafOfGap(g)))
		}
	}
	s := sequencer.New(sequencer.Config{Catalog: cat, KeyFile: filepath.Join(h.dir, sequencer.KeyName)})
	n := must(s.Once(h.t.Context()))(h.t)
	require.Positive(h.t, n)
	require.NoError(h.t, cat.Close())
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		require.NoError(t, err)
		return v
	}
}

// TestTheLogKeyIsRotatedBesideTheServer changes the key at the shell while the
// server and a witness run. Both go on, and packages of before and after prove
// themselves by either fingerprint that was in force when they were built.
func TestTheLogKeyIsRotatedBesideTheServer(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir(), nil)
	w := newWatchman(h)
	h.camera(small("Priekša", ""))
	w.watch()
	id := h.push("rotated", 4*time.Second)
	h.sealed(id, 1)
	_, before := h.takeOut(id)

	var r struct{ ID, Digest string }
	h.must(h.admin, http.MethodPost, "/v1/requests", map[string]any{"kind": "key_rotation", "reason": "the yearly change"}, &r)
	h.must(h.approver, http.MethodPost, "/v1/requests/"+r.ID+"/approval", map[string]any{"digest": r.Digest}, nil)
	code, out, errs := command(t, nil, "", "key", "rotate", "--request", r.ID, "-c", h.config)
	require.Zero(t, code, errs)
	fresh := h.logKey()
	require.Contains(t, out, fresh)
	require.NotEqual(t, w.log, fresh)
	require.FileExists(t, filepath.Join(h.dir, sequencer.KeyName))
	retired, err := filepath.Glob(filepath.Join(h.dir, sequencer.KeyName+".retired-*"))
	require.NoError(t, err)
	require.Len(t, retired, 1)

	_, after := h.takeOut(id) // its audit entry and leaf are signed by the new key
	s := h.logState()
	require.Equal(t, []string{fresh, evidence.Fingerprint(fresh)}, []string{s.Key, s.Fingerprint})
	until(t, "the witness followed the key", patience, func() bool {
		status, health := w.health()
		s := h.logState()
		return status == http.StatusOK && health.Size == s.Size && s.Witnesses[0].Size == s.Size
	})
	require.Contains(t, w.process.said(), "the log's key was handed over")
	h.clean()

	seen := []string{"--witness", w.key.VerifierKey()}
	for _, p := range []struct {
		path, key string
		code      int
		verdict   verify.Verdict
	}{{before, w.log, 0, verify.Complete}, {after, w.log, 0, verify.Complete}, {after, fresh, 0, verify.Complete},
		{before, fresh, 2, verify.Unverifiable}} { // nobody knew that key then
		code, r := verified(t, p.path, append(seen, "--key", evidence.Fingerprint(p.key))...)
		require.Equal(t, []any{p.code, p.verdict}, []any{code, r.Verdict}, "%+v", r.Findings)
		require.True(t, r.Witnessed)
	}
	h.server.stop(t)
	h.serve() // with the new file alone
	require.Equal(t, fresh, h.logState().Key)
}
