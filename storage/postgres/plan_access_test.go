package postgres

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

// seedAccess fills the tables of people and access: 2,000 people with 20,000
// sign-ins and passkeys, 20,000 requests, 10,000 grants, 20,000 appeals.
const seedAccess = `
INSERT INTO users (id, login, name, password_hash, issuer, subject, roles, site_ids, disabled, created_at)
  SELECT uid(n), 'u' || n, '', '', 'https://i', 's' || n, '{}', '{}', false, now() FROM generate_series(1, 2000) n;
INSERT INTO sign_ins SELECT uid(n), sha256(n::text::bytea), uid(1 + n % 2000), 'oidc', t0() + n * interval '1 s', now(), t0() + n * interval '1 h',
  NULL, '', '', '', 'sid' || n, NULL FROM generate_series(1, 20000) n;
INSERT INTO passkeys SELECT uid(n), uid(1 + n % 2000), '', n::text::bytea, 'x', t0() + n * interval '1 s', NULL FROM generate_series(1, 20000) n;
INSERT INTO client_tokens (id, name, token_hash, certificate, roles, site_ids, created_at, expires_at)
  SELECT uid(n), 'c' || n % 50, sha256(n::text::bytea), sha256(('c' || n)::bytea), '{}', '{}', t0(), t0() FROM generate_series(1, 5000) n;
INSERT INTO requests SELECT uid(n), 'grant', uid(1 + n % 5000), '{}', '', sha256(''), '', 'u' || n % 500, '', t0() + n * interval '1 h', t0() + (n + 24) * interval '1 h',
  CASE WHEN n % 200 = 0 THEN 'requested' WHEN n % 2 = 0 THEN 'used' ELSE 'refused' END, '', 'b', CASE WHEN n % 200 > 0 THEN t0() + (n + 1) * interval '1 h' END, '',
  CASE WHEN n % 200 > 0 AND n % 2 = 0 THEN t0() + (n + 2) * interval '1 h' END, CASE WHEN n % 200 > 0 AND n % 2 = 0 THEN 'grant:x' ELSE '' END FROM generate_series(1, 20000) n;
INSERT INTO grants SELECT uid(n), uid(n), uid(1 + n % 5000), 'u' || n % 500, '', '{}', NULL, NULL, '', 'A-1', '', '', t0() + n * interval '1 h', t0() + (n + 240) * interval '1 h',
  NULL, '' FROM generate_series(1, 10000) n;
INSERT INTO appeals SELECT uid(n), uid(1 + n % 5000), 'A-' || n, 'pizis', CASE WHEN n % 200 = 0 THEN 'opened' ELSE 'closed' END, NULL, '', '', t0() + n * interval '1 h',
  NULL, NULL, NULL, '' FROM generate_series(1, 20000) n;
ANALYZE;`

func TestQueriesOfAccessDescendOneIndex(t *testing.T) {
	c := openTest(t)
	for _, q := range []string{helpers, `
INSERT INTO sites VALUES (uid(1), 's', '', false, 'active', now());
INSERT INTO rooms VALUES (uid(1), uid(1), 'r', '', 'active', now());
INSERT INTO sessions (id, source, external_id, source_version, document_hash, site_id, room_id, starts_at, ends_at, seats, parts, state, cancel_asked, created_at, updated_at)
  SELECT uid(n), 'p', n, 1, sha256(''), uid(1), uid(1), t0(), t0() + interval '3 hours', 9, '', 'finished', false, now(), now() FROM generate_series(1, 5000) n;`, seedAccess} {
		_, err := c.pool.Exec(t.Context(), q)
		require.NoError(t, err)
	}
	const id = "00000000-0000-0000-0000-000000000007"
	for name, q := range map[string]struct {
		query, index string
		args         []any
	}{
		"UserBySubject":     {selectUserBySubject, "users_subject", []any{"https://i", "s7"}},
		"SignIn":            {selectSignIn + `WHERE token_hash = $1`, "sign_ins_token_hash", []any{make([]byte, 32)}},
		"ListSignIns":       {userSignIns, "sign_ins_user", []any{id}},
		"ClientCertificate": {whereCertificate, "client_tokens_(any_)?certificate", []any{make([]byte, 32)}},
		"UserPasskeys":      {userPasskeys, "passkeys_user", []any{id}},
		"PutGrant":          {selectGrant + `WHERE request_id = $1`, "grants_request_id", []any{id}},
		"ChangeAppeal":      {selectAppeal + `WHERE session_id = $1 AND reference = $2`, "appeals_(of_session|reference)", []any{id, "A-7"}},
	} {
		requireIndex(t, c, name, q.index, q.query, q.args)
	}
	query, args := endProviderSession("https://i", "", "sid7")
	requireIndex(t, c, "EndProviderSession", "sign_ins_provider", query, args)
	query, args = endProviderSession("https://i", "s7", "")
	requireIndex(t, c, "EndProviderSession", "sign_ins_user", query, args)
	requireAccessLists(t, c, id)
}

func requireAccessLists(t *testing.T, c *Catalog, id string) {
	t.Helper()
	session, at := lieciba.SessionID(id), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for index, f := range map[string]storage.RequestFilter{
		"requests_asked": {Limit: 5}, "requests_by": {AskedByID: "u7"}, "requests_session": {SessionID: session},
		"requests_(state|asked)": {States: []lieciba.RequestState{lieciba.RequestRequested}, NotByID: "u7", Limit: 5},
	} {
		query, args, err := c.requestQuery(t.Context(), f)
		require.NoError(t, err)
		requireIndex(t, c, index, index, query, args)
	}
	for index, f := range map[string]storage.GrantFilter{
		"grants_began": {Limit: 5, InForceAt: at}, "grants_holder": {HolderID: "u7", InForceAt: at}, "grants_session": {SessionID: session, Appeal: "A-1"},
	} {
		query, args, err := c.grantQuery(t.Context(), f)
		require.NoError(t, err)
		requireIndex(t, c, index, index, query, args)
	}
	for index, f := range map[string]storage.AppealFilter{
		"appeals_opened": {Limit: 5}, "appeals_session": {SessionID: session}, "appeals_reference": {Reference: "A-7"},
		"appeals_(state|opened)": {States: []lieciba.AppealState{lieciba.AppealOpened}, Limit: 5},
	} {
		query, args, err := c.appealQuery(t.Context(), f)
		require.NoError(t, err)
		requireIndex(t, c, index, index, query, args)
	}
}
