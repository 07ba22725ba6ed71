package api

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence"
)

// A witness that pulls, checks and cosigns finds all it needs, and nothing that
// is not its business.
func TestWitnessFollowsTheLog(t *testing.T) {
	w := newWorld(t)
	w.as("witness", "GET", "/v1/log/checkpoint", nil).refused(404, "not_found", "")
	w.as("witness", "GET", "/v1/log/keys", nil).refused(404, "not_found", "")
	w.as("witness", "POST", "/v1/log/cosignatures", map[string]any{"size": 1, "line": "— x AAAAAAA="}).refused(409, "conflict", "size")
	old := w.sequence()
	pull := func() (lieciba.Checkpoint, evidence.Note) {
		a := w.as("witness", "GET", "/v1/log/checkpoint", nil).want(200)
		require.Equal(t, "text/plain; charset=utf-8", a.header.Get("Content-Type"))
		key, err := evidence.NewVerifier(w.cfg.LogKey())
		require.NoError(t, err)
		cp, err := evidence.ParseCheckpoint(a.body, key)
		require.NoError(t, err)
		note, err := evidence.ParseNote(a.body)
		require.NoError(t, err)
		return cp, note
	}
	cp, note := pull()
	require.Equal(t, old.Size, cp.Size)
	require.Equal(t, old.Root, cp.Root)
	require.Len(t, note.Signatures, 1)

	w.as("admin", "PUT", "/v1/sites/more", map[string]any{"name": "More"}).want(201)
	newer := w.sequence()
	require.Greater(t, newer.Size, old.Size)
	var proof struct{ Hashes []evidence.Hash }
	a := w.as("witness", "GET", fmt.Sprintf("/v1/log/consistency?from=%d&to=%d", old.Size, newer.Size), nil).want(200)
	require.NoError(t, json.Unmarshal(a.body, &proof))
	hashes := make([][32]byte, len(proof.Hashes))
	for i, h := range proof.Hashes {
		hashes[i] = h
	}
	require.NoError(t, evidence.CheckTree(hashes, newer.Size, newer.Root, old.Size, old.Root))
	require.Error(t, evidence.CheckTree(hashes, newer.Size, newer.Root, old.Size, newer.Root))
	var keys struct{ Items []evidence.KeyDetail }
	require.NoError(t, json.Unmarshal(w.as("witness", "GET", "/v1/log/keys", nil).want(200).body, &keys))
	require.NoError(t, evidence.CheckKeyChain(keys.Items))
	require.Equal(t, w.cfg.LogKey(), keys.Items[0].Key)
	require.Empty(t, w.as("witness", "GET", fmt.Sprintf("/v1/log/consistency?from=0&to=%d", newer.Size), nil).want(200).json()["hashes"])

	body := w.cosignature(newer)
	w.as("witness", "POST", "/v1/log/cosignatures", body).want(204)
	w.as("witness", "POST", "/v1/log/cosignatures", body).want(204)
	_, note = pull()
	require.Len(t, note.Signatures, 2)
	require.Equal(t, body["line"], note.Signatures[1].Line())
	state := w.as("witness", "GET", "/v1/log/state", nil).want(200).json()
	require.Equal(t, []any{map[string]any{"name": "witness.test", "size": float64(newer.Size), "at": "2026-11-18T06:30:00Z"}}, state["witnesses"])
	require.Equal(t, evidence.Fingerprint(w.cfg.LogKey()), state["fingerprint"])
	require.Equal(t, hex.EncodeToString(newer.Root[:]), state["root"])
	require.Equal(t, []any{0.0, nil}, []any{state["staged"], state["oldest_staged_at"]}, "a cosignature stages nothing: else the log would grow without end")
}

func TestLogState(t *testing.T) {
	w := newWorld(t)
	state := w.as("security", "GET", "/v1/log/state", nil).want(200).json()
	require.Equal(t, []any{0.0, nil, nil, ""}, []any{state["size"], state["at"], state["root"], state["origin"]})
	require.Equal(t, []any{map[string]any{"name": "witness.test", "size": 0.0, "at": nil}}, state["witnesses"], "one that never cosigned shows")
	require.Positive(t, state["staged"])
	require.NotNil(t, state["oldest_staged_at"])
	cp := w.sequence()
	require.NoError(t, w.catalog.PutTimeStamp(t.Context(), lieciba.TimeStamp{Size: cp.Size, Authority: "tsa.test", At: start, Token: []byte{1}}))
	state = w.as("security", "GET", "/v1/log/state", nil).want(200).json()
	require.Equal(t, []any{float64(cp.Size), cp.Origin, 0.0}, []any{state["size"], state["origin"], state["staged"]})
	require.Equal(t, []any{map[string]any{"authority": "tsa.test", "size": float64(cp.Size), "at": "2026-11-18T06:30:00Z"}}, state["stamps"])
}

// Leaves leave without salt and detail: what was erased or is secret cannot be guessed.
func TestLeavesHoldNoDetail(t *testing.T) {
	w := newWorld(t)
	w.as("admin", "PUT", "/v1/sites/hushed", map[string]any{"name": "Hushed"}).want(201)
	cp := w.sequence()
	a := w.as("witness", "GET", fmt.Sprintf("/v1/log/leaves?from=0&to=%d", cp.Size), nil).want(200)
	list, err := w.catalog.Leaves(t.Context(), 0, cp.Size)
	require.NoError(t, err)
	got := a.items()
	require.Len(t, got, len(list))
	for i, l := range list {
		require.Len(t, got[i], 5)
		require.Equal(t, []any{float64(i), string(l.Kind), l.Subject, hex.EncodeToString(l.Commitment[:])},
			[]any{got[i]["index"], got[i]["kind"], got[i]["subject"], got[i]["commitment"]})
		require.NotContains(t, string(a.body), hex.EncodeToString(l.Salt[:]))
	}
	require.NotContains(t, string(a.body), "hushed")
	require.Len(t, w.as("witness", "GET", "/v1/log/leaves?from=2&to=5", nil).want(200).items(), 3)
	require.Empty(t, w.as("witness", "GET", "/v1/log/leaves?from=2&to=2", nil).want(200).items())
}

func TestLogRangesAreChecked(t *testing.T) {
	w := newWorld(t)
	cp := w.sequence()
	for query, field := range map[string]string{"": "from", "from=1": "to", "to=1": "from", "from=-1&to=1": "from", "from=+1&to=1": "from", "from=01&to=1": "from",
		"from=1&to=0x2": "to", "from=1.0&to=2": "from", "from=2&to=1": "to", "from=1&to=99999999999999999999": "to", "from=1&to=281474976710657": "to",
		fmt.Sprintf("from=1&to=%d", cp.Size+1): "to", "from=1%20&to=1": "from", "from=%D9%A1&to=1": "from"} {
		for _, path := range []string{"/v1/log/consistency?", "/v1/log/leaves?"} {
			w.badly("witness", "GET", path+query, nil).refused(400, "invalid", field)
		}
	}
}

func TestCosignaturesAreVerified(t *testing.T) {
	w := newWorld(t)
	old := w.sequence()
	w.as("admin", "PUT", "/v1/sites/more", map[string]any{"name": "More"}).want(201)
	cp := w.sequence()
	other, _, err := evidence.OpenWitnessKey(t.TempDir()+"/key", "witness.test") // the name alone makes no witness
	require.NoError(t, err)
	sign := func(k *evidence.Key, cp lieciba.Checkpoint, at time.Time) string {
		_, note, err := evidence.UnverifiedCheckpoint(cp.Note)
		require.NoError(t, err)
		line, err := k.Cosign(note.Text, at)
		require.NoError(t, err)
		return line
	}
	good := sign(w.witness, cp, start)
	_, note, err := evidence.UnverifiedCheckpoint(cp.Note)
	require.NoError(t, err)
	for name, line := range map[string]string{
		"of another key":            sign(other, cp, start),
		"of another checkpoint":     sign(w.witness, old, start),
		"from the future":           sign(w.witness, cp, start.Add(2*time.Hour)),
		"the log's own signature":   note.Signatures[0].Line(),
		"no line":                   "x",
		"cut":                       good[:len(good)-4],
		"with a line end":           good + "\n",
		"two lines":                 good + "\n" + good,
		"another spelling":          good[:len(good)-1] + " ",
		"with a NUL":                "— witness.test\x00 AAAA",
		"of a name with characters": "— <script>alert(1)</script> AAAAAAAA",
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.as("witness", "POST", "/v1/log/cosignatures", map[string]any{"size": cp.Size, "line": line}).refused(422, "refused", "line")
			e := w.audited("cosign")[0]
			require.Equal(t, []any{"refused", fmt.Sprintf("checkpoint:%d", cp.Size), "token-witness"}, []any{e.Outcome, e.Object, e.Who})
		})
	}
	w.t = t
	for size, status := range map[any]int{cp.Size + 1: 409, 2: 409, 0: 400, -1: 400, nil: 400, 1.5: 400, "7": 400, int64(1) << 60: 400} {
		w.badly("witness", "POST", "/v1/log/cosignatures", map[string]any{"size": size, "line": good}).want(status)
	}
	w.badly("witness", "POST", "/v1/log/cosignatures", map[string]any{"size": cp.Size, "line": strings.Repeat("x", 1025)}).refused(400, "invalid", "line")
	w.badly("witness", "POST", "/v1/log/cosignatures", map[string]any{"size": cp.Size, "line": good, "name": "x"}).refused(400, "invalid", "name")
	stored, err := w.catalog.NewestCosignatures(t.Context())
	require.NoError(t, err)
	require.Empty(t, stored)
	w.as("witness", "POST", "/v1/log/cosignatures", map[string]any{"size": cp.Size, "line": good}).want(204)
}

func TestWitnessesMustBeWitnesses(t *testing.T) {
	w := newWorld(t)
	cfg := w.cfg
	cfg.Witnesses = []string{w.cfg.LogKey()}
	_, err := New(cfg)
	require.ErrorContains(t, err, "not of a witness")
	cfg.Witnesses = []string{"nonsense"}
	_, err = New(cfg)
	require.Error(t, err)
}

func TestCheckLog(t *testing.T) {
	w := newWorld(t)
	w.ticks = true
	w.checker.hold, w.checker.told = make(chan struct{}), make(chan struct{})
	w.checker.result = LogCheck{Leaves: 4, FirstBroken: "entry 2: audit x: its row is gone", Violations: []Violation{{"log", "audit:x", "its row is gone"}}}
	get := func() map[string]any { return w.as("security", "GET", "/v1/log/check", nil).want(200).json() }
	require.Equal(t, "none", get()["state"])
	require.Equal(t, "running", w.as("security", "POST", "/v1/log/check", nil).want(202).json()["state"])
	<-w.checker.told
	a := get()
	require.Equal(t, []any{"running", 0.25, "token-security", nil, nil}, []any{a["state"], a["progress"], a["by"], a["ended_at"], a["result"]})
	w.as("security", "POST", "/v1/log/check", nil).refused(409, "conflict", "")
	close(w.checker.hold)
	w.server.checks.jobs.Wait()
	a = get()
	require.Equal(t, []any{"done", 1.0, ""}, []any{a["state"], a["progress"], a["error"]})
	require.Equal(t, map[string]any{"leaves": 4.0, "first_broken": "entry 2: audit x: its row is gone",
		"violations": []any{map[string]any{"invariant": "log", "object": "audit:x", "message": "its row is gone"}}}, a["result"])
	ended := func(n int) lieciba.AuditEntry { // begin and end of one check may be of one instant
		list := w.audited("check_evidence")
		require.Len(t, list, 2*n)
		i := slices.IndexFunc(list, func(e lieciba.AuditEntry) bool { return e.Detail != "check of the log begun" })
		return list[i]
	}
	e := ended(1)
	require.Equal(t, []any{"corrupt", "check of the log: broken first at entry 2: audit x: its row is gone"}, []any{e.Outcome, e.Detail})

	w.checker.hold, w.checker.result = nil, LogCheck{Leaves: 9}
	w.as("security", "POST", "/v1/log/check", nil).want(202)
	w.server.checks.jobs.Wait()
	a = get()
	require.Equal(t, map[string]any{"leaves": 9.0, "first_broken": nil, "violations": []any{}}, a["result"])
	require.Equal(t, "ok", ended(2).Outcome)

	w.checker.err = lieciba.Errorf(lieciba.CodeUnavailable, "the database does not answer")
	w.as("security", "POST", "/v1/log/check", nil).want(202)
	w.server.checks.jobs.Wait()
	a = get()
	require.Equal(t, []any{"failed", "the database does not answer", nil}, []any{a["state"], a["error"], a["result"]})
	require.Equal(t, "unavailable", ended(3).Outcome)
}

// A check under way ends with the server, and holds up nothing.
func TestCheckEndsWithTheServer(t *testing.T) {
	w := newWorld(t)
	w.checker.hold, w.checker.told = make(chan struct{}), make(chan struct{})
	w.as("security", "POST", "/v1/log/check", nil).want(202)
	<-w.checker.told
	require.NoError(t, w.server.Close())
	require.Equal(t, "failed", w.as("security", "GET", "/v1/log/check", nil).want(200).json()["state"])
	w.as("security", "POST", "/v1/log/check", nil).refused(503, "unavailable", "")
}

// The audit log is searched by who, act, session, camera, outcome, time and
// text, and each entry names its place in the hash log.
func TestAuditSearch(t *testing.T) {
	w := newWorld(t)
	w.ticks = true
	w.as("supervisor", "GET", "/v1/cameras/"+string(w.own.camera.ID)+"/snapshot", nil).want(200)
	w.as("supervisor", "GET", "/v1/cameras/"+string(w.foreign.camera.ID)+"/snapshot", nil).want(404)
	w.as("reviewer", "GET", "/v1/segments/"+string(w.own.segment.ID)+"/content", nil).want(200)
	w.as("admin", "PUT", "/v1/sites/ventspils", map[string]any{"name": "Ventspils"}).want(201)
	w.sequence()
	w.as("admin", "PUT", "/v1/sites/late", map[string]any{"name": "Late"}).want(201)
	find := func(query string) []map[string]any {
		w.t.Helper()
		return w.as("security", "GET", "/v1/audit?"+query, nil).want(200).items()
	}
	require.Len(t, find("who=token-supervisor"), 2)
	require.Len(t, find("who=TOKEN-supervisor"), 2)
	require.Len(t, find("who="+string(w.ids["admin"])), 2)
	require.Empty(t, find("who=token-super"), "a name is no part of one")
	require.Len(t, find("outcome=forbidden"), 1)
	require.Len(t, find("outcome=ok,forbidden&who=token-supervisor"), 2)
	require.Len(t, find("outcome=ok&who=token-supervisor&act=watch_live"), 1)
	require.Len(t, find("session="+w.own.session.ExternalID), 1)
	require.Len(t, find("camera="+string(w.own.camera.ID)), 2)
	require.Len(t, find("text=VENTSPILS"), 1)
	require.Len(t, find("text=127.0.0.1"), 5)
	require.Empty(t, find("text=%25"), "a text is no pattern")
	require.Empty(t, find("from=2026-11-19T00:00:00Z"))

	e := find("text=ventspils")[0]
	leaf, err := w.catalog.LeafOf(t.Context(), lieciba.LeafAudit, e["id"].(string))
	require.NoError(t, err)
	require.Equal(t, float64(leaf.Index), e["log_index"])
	require.Nil(t, find("text=site%20late")[0]["log_index"], "it waits for its place")

	// Pages of a compared search go on, entry by entry.
	var all []string
	for path := "/v1/audit?text=127.0.0.1&limit=1"; ; {
		a := w.as("security", "GET", path, nil).want(200)
		for _, e := range a.items() {
			all = append(all, e["id"].(string))
		}
		next := a.json()["next_before"]
		if next == nil {
			break
		}
		path = "/v1/audit?text=127.0.0.1&limit=1&before=" + next.(string)
	}
	require.Len(t, all, 5)
}
