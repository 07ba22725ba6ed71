package api

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// clientRequest asks for a client of the citizenship system.
func clientRequest(client map[string]any) map[string]any {
	return map[string]any{"kind": "client_token", "reason": "The citizenship system is set up", "client": client}
}

func pizis(change map[string]any) map[string]any {
	x := map[string]any{"name": "pizis", "roles": []string{"citizenship"}}
	for k, v := range change {
		x[k] = v
	}
	return clientRequest(x)
}

// letIn has a client asked for, approved and let in, and answers its token.
func (w *world) letIn(body map[string]any) (id, plain string) {
	w.t.Helper()
	used := w.as("admin", "POST", w.agreed("admin", body)+"/use", nil).want(200).json()
	plain, _ = used["token"].(string)
	_, id, _ = strings.Cut(used["used_for"].(string), ":")
	return id, plain
}

// One administrator gives out no token that ends holds and starts deletions: not
// by making one under the name of the real client, nor by following its own.
func TestAdminCannotActAsTheCitizenshipSystem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, roles := range [][]string{{"citizenship"}, {"monitoring", "citizenship"}} {
		w.as("admin", "POST", "/v1/client-tokens", map[string]any{"name": "token-citizenship", "roles": roles}).refused(403, "forbidden", "roles")
	}
	real := string(w.ids[lieciba.RoleCitizenship])
	w.as("admin", "POST", "/v1/client-tokens/"+real+"/rotation", map[string]any{"overlap_minutes": 5}).refused(403, "forbidden", "")
	for _, e := range w.audited("manage_users")[:3] {
		require.Equal(t, []string{"forbidden", "token-admin"}, []string{e.Outcome, e.Who})
		require.True(t, strings.HasPrefix(e.Object, "client_token:"), e.Object)
	}
	all, err := w.catalog.ListClientTokens(t.Context())
	require.NoError(t, err)
	require.Len(t, all, len(lieciba.Roles()), "none was made")

	asked := w.as("admin", "POST", "/v1/requests", pizis(nil)).want(201).json()
	path := "/v1/requests/" + asked["id"].(string)
	w.as("admin", "POST", path+"/use", nil).refused(409, "conflict", "")
	for _, role := range []lieciba.Role{"reviewer", "security", "approver"} {
		w.as(role, "POST", "/v1/requests", pizis(nil)).refused(403, "forbidden", "")
	}
}

// A client that two people let in: the approver sees what it may, its token is
// shown once, and its row comes of the request.
func TestClientOfTheCitizenshipSystemIsLetIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := pizis(map[string]any{"scopes": []string{"push_session"}, "days": 30})
	path := w.agreed("admin", body)
	seen := w.as("security", "GET", path, nil).want(200).json()
	require.Equal(t, map[string]any{"name": "pizis", "roles": []any{"citizenship"}, "scopes": []any{"push_session"}, "certificate": "", "token": true,
		"days": 30.0, "follows": nil, "overlap_minutes": 0.0}, seen["asked"].(map[string]any)["client"])
	require.Equal(t, map[string]any{"certificate": "", "until": nil, "same_name": 0.0}, seen["summary"].(map[string]any)["client"])
	require.NotContains(t, seen, "token")

	used := w.as("admin", "POST", path+"/use", nil).want(200).json()
	plain := used["token"].(string)
	require.NotContains(t, w.as("admin", "GET", path, nil).want(200).json(), "token", "shown once")
	w.as("admin", "POST", path+"/use", nil).refused(409, "conflict", "")
	_, id, _ := strings.Cut(used["used_for"].(string), ":")
	got, err := w.catalog.ClientTokenByID(t.Context(), lieciba.TokenID(id))
	require.NoError(t, err)
	require.Equal(t, []any{"pizis", []lieciba.Act{"push_session"}, start.Add(30 * day)}, []any{got.Name, got.Scopes, got.ExpiresAt})
	e := w.audited("manage_users")[0]
	require.Equal(t, used["used_for"], e.Object)
	require.Contains(t, e.Detail, "token pizis created with roles citizenship, asked for by token-admin, approved by yes-")
	w.do(request{method: "GET", path: "/v1/exam-sessions", token: plain}).refused(403, "forbidden", "")
	require.NotContains(t, w.log.String(), plain)
	require.Equal(t, 1.0, w.as("admin", "POST", "/v1/requests", pizis(nil)).want(201).json()["summary"].(map[string]any)["client"].(map[string]any)["same_name"])
}

func TestApprovedTokenFollowsAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ticks = true
	first, old := w.letIn(pizis(map[string]any{"scopes": []string{"push_session", "push_event"}, "days": 30}))
	path := w.agreed("admin", clientRequest(map[string]any{"follows": first, "overlap_minutes": 10}))
	asked := w.as("security", "GET", path, nil).want(200).json()["asked"].(map[string]any)["client"].(map[string]any)
	require.Equal(t, []any{"pizis", []any{"push_event", "push_session"}, first}, []any{asked["name"], asked["scopes"], asked["follows"]})
	used := w.as("admin", "POST", path+"/use", nil).want(200).json()
	next := used["token"].(string)
	get := func(token string) answer { return w.do(request{method: "GET", path: "/v1/me", token: token}) }
	w.clock.add(9 * time.Minute)
	get(old).want(200)
	w.clock.add(time.Minute)
	get(old).refused(401, "unauthenticated", "")
	require.ElementsMatch(t, []any{"push_session", "push_event"}, get(next).want(200).json()["acts"])
	require.Contains(t, w.audited("manage_users")[0].Detail, "; it follows "+first+", which works until 2026-11-18T06:40:00Z")
}

// What was approved does not hold any more when the token that is to be followed
// was revoked meanwhile, or was given other rights past the server.
func TestFollowedTokenIsJudgedAgain(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*lieciba.ClientToken){
		"revoked": func(t *lieciba.ClientToken) { t.RevokedAt = start },
		"rights":  func(t *lieciba.ClientToken) { t.Scopes = nil },
		"name":    func(t *lieciba.ClientToken) { t.Name = "other" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			first, _ := w.letIn(pizis(map[string]any{"scopes": []string{"push_session"}}))
			path := w.agreed("admin", clientRequest(map[string]any{"follows": first}))
			old, err := w.catalog.ClientTokenByID(t.Context(), lieciba.TokenID(first))
			require.NoError(t, err)
			change(&old)
			require.NoError(t, w.catalog.PutClientToken(t.Context(), old))
			w.as("admin", "POST", path+"/use", nil).want(409)
			stored, err := w.catalog.ClientTokenByID(t.Context(), old.ID)
			require.NoError(t, err)
			require.Equal(t, old, stored)
		})
	}
}

// certificate is a client's own, valid so long.
func certificate(t *testing.T, until time.Time) (text, spki string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: start, NotAfter: until},
		&x509.Certificate{}, key.Public(), key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), hex.EncodeToString(sum[:])
}

func TestClientIsLetInByItsCertificate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text, spki := certificate(t, start.Add(12*time.Hour))
	path := w.agreed("admin", pizis(map[string]any{"certificate": text}))
	sum := w.as("security", "GET", path, nil).want(200).json()["summary"].(map[string]any)["client"]
	require.Equal(t, map[string]any{"certificate": spki, "until": "2026-11-18T18:30:00Z", "same_name": 0.0}, sum)
	used := w.as("admin", "POST", path+"/use", nil).want(200).json()
	require.NotContains(t, used, "token", "the certificate is enough")
	_, id, _ := strings.Cut(used["used_for"].(string), ":")
	got, err := w.catalog.ClientTokenByID(t.Context(), lieciba.TokenID(id))
	require.NoError(t, err)
	require.Equal(t, []any{spki, [32]byte{}, start.Add(12 * time.Hour)}, []any{hex.EncodeToString(got.Certificate[:]), got.TokenHash, got.ExpiresAt})

	late := w.agreed("admin", pizis(map[string]any{"certificate": text, "token": true}))
	got.RevokedAt = start
	require.NoError(t, w.catalog.PutClientToken(t.Context(), got))
	w.clock.add(12 * time.Hour)
	w.as("admin", "POST", late+"/use", nil).want(409)
}

func TestBadClientRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	monitoring := string(w.ids[lieciba.RoleMonitoring])
	for field, bodies := range map[string][]map[string]any{
		"client":         {clientRequest(nil)},
		"client.name":    {pizis(map[string]any{"name": "shell"}), pizis(map[string]any{"name": "a b"})},
		"client.roles":   {pizis(map[string]any{"roles": []string{}}), pizis(map[string]any{"roles": []string{"admin"}}), pizis(map[string]any{"roles": []string{"monitoring"}})},
		"client.scopes":  {pizis(map[string]any{"scopes": []string{}}), pizis(map[string]any{"scopes": []string{"watch_live"}})},
		"client.days":    {pizis(map[string]any{"days": 0}), pizis(map[string]any{"days": 731})},
		"client.follows": {clientRequest(map[string]any{"follows": "x"}), clientRequest(map[string]any{"follows": lieciba.NewID[string](start)}), clientRequest(map[string]any{"follows": monitoring})},
		"client.overlap_minutes": {pizis(map[string]any{"overlap_minutes": 5}),
			clientRequest(map[string]any{"follows": w.ids[lieciba.RoleCitizenship], "overlap_minutes": -1}),
			clientRequest(map[string]any{"follows": w.ids[lieciba.RoleCitizenship], "overlap_minutes": 1 << 40})},
		"client.certificate": {pizis(map[string]any{"certificate": "none"}), pizis(map[string]any{"token": false})},
		"client.other":       {pizis(map[string]any{"other": 1})},
		"user_id":            {{"kind": "client_token", "reason": "x", "client": map[string]any{"name": "p", "roles": []string{"citizenship"}}, "user_id": monitoring}},
	} {
		for _, body := range bodies {
			a := w.badly("admin", "POST", "/v1/requests", body).want(400)
			require.Contains(t, []any{field, strings.TrimPrefix(field, "client.")}, a.json()["error"].(map[string]any)["field"], "%v: %s", body, a.body)
		}
	}
	for _, field := range []string{"name", "roles", "scopes", "certificate", "token", "days"} {
		x := map[string]any{"follows": w.ids[lieciba.RoleCitizenship]}
		x[field] = map[string]any{"name": "pizis", "roles": []string{"citizenship"}, "scopes": []string{"push_session"}, "certificate": "x", "token": true, "days": 3}[field]
		w.badly("admin", "POST", "/v1/requests", clientRequest(x)).refused(400, "invalid", "client."+field)
	}
}
