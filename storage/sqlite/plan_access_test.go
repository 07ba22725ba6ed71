package sqlite

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

func TestQueriesOfAccessDescendOneIndex(t *testing.T) {
	c := openTest(t)
	const id = "0198c0de-0000-7000-8000-000000000000"
	for name, q := range map[string]struct {
		query, index string
		args         []any
	}{
		"UserBySubject":     {selectUserBySubject, "users_subject (issuer=? AND subject=?)", []any{"i", "s"}},
		"SignIn":            {selectSignIn + `WHERE token_hash = ?`, "sqlite_autoindex_sign_ins_2 (token_hash=?)", []any{[]byte{1}}},
		"ListSignIns":       {userSignIns, "sign_ins_user (user_id=?)", []any{id}},
		"ClientToken":       {selectToken + `WHERE token_hash = ?`, "client_tokens_token_hash (token_hash=?)", []any{[]byte{1}}},
		"UserPasskeys":      {userPasskeys, "passkeys_user (user_id=?)", []any{id}},
		"PutGrant":          {selectGrant + whereGrantedBy, "sqlite_autoindex_grants_2 (request_id=?)", []any{id}},
		"ChangeAppeal":      {selectAppeal + whereAppealKnown, "sqlite_autoindex_appeals_2 (session_id=? AND reference=?)", []any{id, "A-1"}},
		"DeleteSignIns":     {`DELETE FROM sign_ins WHERE expires_at <= ?`, "sign_ins_expiry (expires_at<?)", []any{1}},
		"ExportsOfARequest": {`SELECT id FROM exports WHERE request_id = ?`, "exports_request (request_id=?)", []any{id}},
	} {
		got := plan(t, c, q.query, q.args...)
		require.Contains(t, got, q.index, name)
		requireNoScan(t, name, got)
	}
	// One key has few tokens, those that follow each other: they are sorted.
	require.Contains(t, plan(t, c, whereCertificate, []byte{1}), "client_tokens_any_certificate (certificate=?)")
	for name, c2 := range map[string][3]string{"person": {"i", "s", ""}, "session": {"i", "", "sid"}, "both": {"i", "s", "sid"}} {
		query, args := endProviderSession(c2[0], c2[1], c2[2])
		require.NotContains(t, plan(t, c, query, args...), "SCAN", name)
	}
	require.Equal(t, "SCAN sign_ins USING INDEX sign_ins_created", plan(t, c, allSignIns))
}

func TestListsOfAccessReadOneIndex(t *testing.T) {
	c := openTest(t)
	const id = "0198c0de-0000-7000-8000-000000000000"
	requireList := func(index, query string, args []any, err error) {
		t.Helper()
		require.NoError(t, err)
		got := plan(t, c, query, args...)
		require.Contains(t, got, index+" ")
		requireNoScan(t, index, got)
	}
	for index, f := range map[string]storage.RequestFilter{
		"requests_by": {AskedByID: id, ExpiresAfter: time.Now()}, "requests_session": {SessionID: id},
		"requests_state": {States: []lieciba.RequestState{lieciba.RequestRequested}, NotByID: id},
	} {
		query, args, err := c.requestQuery(t.Context(), f)
		requireList(index, query, args, err)
	}
	for index, f := range map[string]storage.GrantFilter{
		"grants_holder": {HolderID: id, InForceAt: time.Now()}, "grants_session": {SessionID: id, Appeal: "A-1"}, "grants_began": {InForceAt: time.Now()},
	} {
		query, args, err := c.grantQuery(t.Context(), f)
		requireList(index, query, args, err)
	}
	for index, f := range map[string]storage.AppealFilter{
		"appeals_session": {SessionID: id}, "appeals_reference": {Reference: "A-1"}, "appeals_state": {States: []lieciba.AppealState{lieciba.AppealOpened}},
	} {
		query, args, err := c.appealQuery(t.Context(), f)
		requireList(index, query, args, err)
	}
	// Without a filter the newest are read from the end of an index, unsorted.
	for index, query := range map[string]string{
		"requests_asked": func() string { q, _, _ := c.requestQuery(t.Context(), storage.RequestFilter{}); return q }(),
		"grants_began":   func() string { q, _, _ := c.grantQuery(t.Context(), storage.GrantFilter{}); return q }(),
		"appeals_opened": func() string { q, _, _ := c.appealQuery(t.Context(), storage.AppealFilter{}); return q }(),
	} {
		got := plan(t, c, query, 100)
		require.Contains(t, got, "USING INDEX "+index)
		require.NotContains(t, got, "TEMP B-TREE")
	}
}
