package api

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/alarm"
)

// newAlarmedWorld is a world whose server raises alarms, without a provider, and
// takes a password as the proof of an approver.
func newAlarmedWorld(t *testing.T) *world {
	return newWorld(t, func(c *Config) {
		c.Alarms = alarm.Raiser{Catalog: c.Catalog}
		c.ApproveWith = []lieciba.SignInMethod{lieciba.SignInPassword, lieciba.SignInPasskey}
	})
}

func (w *world) alarms(kind lieciba.AlarmKind) []lieciba.Alarm {
	w.t.Helper()
	list, err := w.catalog.ListAlarms(w.t.Context(), storage.AlarmFilter{Kinds: []lieciba.AlarmKind{kind}, Limit: 100})
	require.NoError(w.t, err)
	return list
}

// passkeyOf registers a passkey of a person in the catalogue.
func (w *world) passkeyOf(u lieciba.User) {
	w.t.Helper()
	k := lieciba.Passkey{ID: lieciba.NewID[lieciba.PasskeyID](start), UserID: u.ID, Name: "key", KeyID: []byte(u.ID), Credential: []byte("{}"), CreatedAt: start}
	require.NoError(w.t, w.catalog.PutPasskey(w.t.Context(), k))
}

// takeOver sets a password through PATCH, signs in with it and makes it one's own,
// as whoever resets an account to act in its name would.
func (w *world) takeOver(admin *http.Client, u lieciba.User) *http.Client {
	w.t.Helper()
	set := "set by the administrator"
	w.do(request{method: "PATCH", path: "/v1/users/" + string(u.ID), body: map[string]any{"password": set}, client: admin}).want(200)
	b := w.browser()
	w.signIn(b, u.Login, set).want(200)
	w.do(request{method: "PUT", path: "/v1/me/password", body: map[string]any{"current": set, "password": "a third one of theirs"}, client: b}).want(200)
	return b
}

// One administrator does not become the approver: the password that they set opens
// an account that may do nothing, and security staff are told.
func TestAdminCannotBecomeTheApprover(t *testing.T) {
	t.Parallel()
	w := newAlarmedWorld(t)
	admin := w.person("boss", lieciba.RoleAdmin)
	approver := w.user("berta", goodPassword, []lieciba.SiteID{w.own.site.ID}, lieciba.RoleApprover)
	w.person("bruno", lieciba.RoleApprover)
	w.passkeyOf(approver)
	theirs := w.browser()
	w.signIn(theirs, "berta", goodPassword).want(200)
	puppet := w.user("puppet", goodPassword, nil)
	asked := w.do(request{method: "POST", path: "/v1/requests", client: admin,
		body: map[string]any{"kind": "roles", "reason": "A new colleague", "user_id": puppet.ID, "roles": []string{"reviewer"}}}).want(201).json()

	b := w.takeOver(admin, approver)
	w.me(theirs).want(401)
	require.Empty(t, w.me(b).want(200).json()["roles"])
	path := "/v1/requests/" + asked["id"].(string)
	w.do(request{method: "GET", path: path, client: b}).want(403)
	w.do(request{method: "POST", path: path + "/approval", client: b, body: map[string]any{"digest": asked["digest"]}}).refused(403, "forbidden", "")
	w.do(request{method: "POST", path: path + "/use", client: admin}).refused(409, "conflict", "")
	keys, err := w.catalog.UserPasskeys(t.Context(), approver.ID)
	require.NoError(t, err)
	require.Empty(t, keys)
	got, err := w.catalog.User(t.Context(), approver.ID)
	require.NoError(t, err)
	require.Empty(t, got.Roles)
	require.Empty(t, got.SiteIDs)

	e := w.audited("manage_users")[0]
	require.Equal(t, "changed: password; taken: roles approver, 1 site, 1 passkey", e.Detail)
	raised := w.alarms(lieciba.AlarmAccountReset)
	require.Len(t, raised, 1)
	require.Equal(t, []string{"boss", "boss opened the account of berta: " + e.Detail}, []string{raised[0].Who, raised[0].Detail})
}

// What was approved for the account's holder falls with the reset: neither the
// roles of a request that waits for its use, nor what the holder had asked for,
// reach whoever has the password now.
func TestResetEndsWhatWasApproved(t *testing.T) {
	t.Parallel()
	w := newAlarmedWorld(t)
	admin := w.person("boss", lieciba.RoleAdmin)
	bruno := w.person("bruno", lieciba.RoleApprover)
	berta := w.user("berta", goodPassword, nil, lieciba.RoleApprover)
	rita := w.person("rita", lieciba.RoleReviewer)
	ask := func(by *http.Client, body map[string]any) string {
		asked := w.do(request{method: "POST", path: "/v1/requests", client: by, body: body}).want(201).json()
		path := "/v1/requests/" + asked["id"].(string)
		w.do(request{method: "POST", path: path + "/approval", client: bruno, body: map[string]any{"digest": asked["digest"]}}).want(200)
		return path
	}
	roles := ask(admin, map[string]any{"kind": "roles", "reason": "One more site", "user_id": berta.ID, "roles": []string{"approver"}, "site_ids": []lieciba.SiteID{w.own.site.ID}})
	grant := ask(rita, w.grantBody(w.own.session))

	w.takeOver(admin, berta)
	w.do(request{method: "POST", path: roles + "/use", client: admin}).refused(409, "conflict", "")
	got, err := w.catalog.User(t.Context(), berta.ID)
	require.NoError(t, err)
	require.Empty(t, got.Roles)
	require.Equal(t, "withdrawn", w.do(request{method: "GET", path: roles, client: admin}).want(200).json()["state"])
	require.Contains(t, w.audited("manage_users")[0].Detail, "taken: roles approver, 1 request")

	reviewer, err := w.catalog.UserByLogin(t.Context(), "rita")
	require.NoError(t, err)
	w.takeOver(admin, reviewer)
	require.Equal(t, "refused", w.as("security", "GET", grant, nil).want(200).json()["state"])
}

// The last who could approve the roles again is not reset over HTTP, where nobody
// could give them back.
func TestLastApproverIsNotReset(t *testing.T) {
	t.Parallel()
	w := newAlarmedWorld(t)
	admin := w.person("boss", lieciba.RoleAdmin, lieciba.RoleApprover)
	berta := w.user("berta", goodPassword, nil, lieciba.RoleApprover)
	users, err := w.catalog.ListUsers(t.Context())
	require.NoError(t, err)
	for _, u := range users { // of the world's own people
		if u.Login != "boss" && u.Login != "berta" {
			u.Disabled = true
			require.NoError(t, w.catalog.PutUser(t.Context(), u))
		}
	}
	set := request{method: "PATCH", path: "/v1/users/" + string(berta.ID), body: map[string]any{"password": "set by the administrator"}, client: admin}
	w.do(set).refused(409, "conflict", "password")
	got, err := w.catalog.User(t.Context(), berta.ID)
	require.NoError(t, err)
	require.Equal(t, berta.PasswordHash, got.PasswordHash)
	w.person("bruno", lieciba.RoleApprover)
	w.do(set).want(200)
}

// Whoever sets a reviewer's password does not watch under the reviewer's grants,
// also when the roles have come back.
func TestAdminCannotTakeAGrantOver(t *testing.T) {
	t.Parallel()
	w := newAlarmedWorld(t)
	admin := w.person("boss", lieciba.RoleAdmin)
	reviewer := w.user("rita", goodPassword, nil, lieciba.RoleReviewer)
	g := w.grant(lieciba.Principal{ID: string(reviewer.ID), Name: "rita"}, w.own.session)
	b := w.takeOver(admin, reviewer)
	watch := request{method: "GET", path: "/v1/segments/" + string(w.own.segment.ID) + "/content", client: b}
	w.do(watch).refused(403, "forbidden", "")
	got, err := w.catalog.Grant(t.Context(), g.ID)
	require.NoError(t, err)
	require.Equal(t, "boss", got.RevokedBy)
	require.Equal(t, "changed: password; taken: roles reviewer, 1 grant", w.audited("manage_users")[0].Detail)

	now, err := w.catalog.User(t.Context(), reviewer.ID)
	require.NoError(t, err)
	now.Roles = reviewer.Roles
	require.NoError(t, w.catalog.PutUser(t.Context(), now))
	w.do(watch).refused(403, "needs_grant", "")
}

// A closed account that somebody opens again, one of the provider too, comes back
// with nothing; closing takes nothing and raises nothing.
func TestOpeningAnAccountTakesItsRights(t *testing.T) {
	t.Parallel()
	w := newAlarmedWorld(t)
	of := w.user("dora", goodPassword, nil, lieciba.RoleApprover)
	of.Issuer, of.Subject, of.PasswordHash = "https://provider.test", "s-1", ""
	require.NoError(t, w.catalog.PutUser(t.Context(), of))
	w.passkeyOf(of)
	change := func(disabled bool) map[string]any {
		return w.as("admin", "PATCH", "/v1/users/"+string(of.ID), map[string]any{"disabled": disabled}).want(200).json()
	}
	require.Equal(t, []any{"approver"}, change(false)["roles"], "it was open")
	require.Equal(t, []any{"approver"}, change(true)["roles"])
	require.Empty(t, w.alarms(lieciba.AlarmAccountReset))
	require.Empty(t, change(false)["roles"])
	require.Len(t, w.alarms(lieciba.AlarmAccountReset), 1)
	require.Contains(t, w.alarms(lieciba.AlarmAccountReset)[0].Detail, "changed: enabled; taken: roles approver, 1 passkey")
	keys, err := w.catalog.UserPasskeys(t.Context(), of.ID)
	require.NoError(t, err)
	require.Empty(t, keys)
}
