package lieciba_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

var (
	anna  = lieciba.Principal{ID: "anna", Name: "anna", SignIn: "in-anna", Roles: []lieciba.Role{lieciba.RoleReviewer}}
	berta = lieciba.Principal{ID: "berta", Name: "berta", SignIn: "in-berta", Roles: []lieciba.Role{lieciba.RoleApprover}}
)

func asked(t *testing.T, now time.Time) lieciba.Request {
	t.Helper()
	r, err := lieciba.NewRequest(lieciba.RequestGrant, lieciba.Asked{SessionID: "s", CameraIDs: []lieciba.CameraID{"b", "a"},
		From: now.Add(-time.Hour), To: now, Until: now.Add(time.Hour)}, "appeal A-17", anna, now)
	require.NoError(t, err)
	return r
}

func fresh(now time.Time) lieciba.SignIn {
	return lieciba.SignIn{ID: "in-berta", UserID: "berta", FreshAt: now.Add(-time.Minute), FreshBy: lieciba.SignInPasskey}
}

// The digest of what is asked of a client holds its name, rights and key, however
// the lists were ordered, and nobody changes it through the caller's own copy.
func TestDigestHoldsTheClient(t *testing.T) {
	now := time.Date(2026, 11, 18, 10, 0, 0, 0, time.UTC)
	ask := func(change func(*lieciba.AskedClient)) lieciba.Request {
		x := lieciba.AskedClient{Name: "pizis", Roles: []lieciba.Role{"witness", "citizenship"}, Scopes: []lieciba.Act{"push_session", "push_event"},
			Certificate: "PEM", Token: true, Days: 30, Follows: "t", OverlapMinutes: 5}
		change(&x)
		r, err := lieciba.NewRequest(lieciba.RequestClientToken, lieciba.Asked{Client: &x}, "the system is set up", anna, now)
		require.NoError(t, err)
		x.Name, x.Roles[0] = "other", "admin"
		require.Equal(t, r.Digest, r.DigestOf())
		return r
	}
	as := ask(func(*lieciba.AskedClient) {})
	for name, change := range map[string]func(*lieciba.AskedClient){
		"name": func(x *lieciba.AskedClient) { x.Name = "b" }, "roles": func(x *lieciba.AskedClient) { x.Roles = x.Roles[:1] },
		"scopes": func(x *lieciba.AskedClient) { x.Scopes = nil }, "certificate": func(x *lieciba.AskedClient) { x.Certificate = "" },
		"token": func(x *lieciba.AskedClient) { x.Token = false }, "days": func(x *lieciba.AskedClient) { x.Days = 31 },
		"follows": func(x *lieciba.AskedClient) { x.Follows = "u" }, "overlap": func(x *lieciba.AskedClient) { x.OverlapMinutes = 6 },
	} {
		require.NotEqual(t, as.Digest, ask(change).Digest, name)
	}
	require.Equal(t, as.Digest, ask(func(x *lieciba.AskedClient) {
		slices.Reverse(x.Roles)
		slices.Reverse(x.Scopes)
	}).Digest)
}

// Every refusal of four eyes, each by its name.
func TestFourEyes(t *testing.T) {
	now := time.Date(2026, 11, 18, 10, 0, 0, 123456789, time.UTC)
	r := asked(t, now)
	yes := func(r lieciba.Request, by lieciba.Principal, in lieciba.SignIn, digest [32]byte, at time.Time) (lieciba.Request, error) {
		return r.Approve(by, in, digest, at, lieciba.SignInPasskey)
	}
	refused := func(code lieciba.Code, r lieciba.Request, by lieciba.Principal, in lieciba.SignIn, digest [32]byte, at time.Time, why string) {
		t.Helper()
		_, err := yes(r, by, in, digest, at)
		require.Equal(t, code, lieciba.CodeOf(err), why)
	}
	own := fresh(now)
	own.ID, own.UserID = "in-anna-2", "anna"
	refused(lieciba.CodeForbidden, r, anna, own, r.Digest, now, "one's own request, also from another sign-in")
	same := fresh(now)
	same.ID = r.AskedSignIn
	refused(lieciba.CodeForbidden, r, berta, same, r.Digest, now, "the same sign-in")
	refused(lieciba.CodeForbidden, r, lieciba.Principal{ID: "m", Machine: true}, fresh(now), r.Digest, now, "a machine")
	refused(lieciba.CodeForbidden, r, berta, lieciba.SignIn{ID: "x", UserID: "carla", FreshAt: now, FreshBy: lieciba.SignInPasskey}, r.Digest, now, "another's sign-in")
	both := berta
	both.Roles = []lieciba.Role{lieciba.RoleApprover, lieciba.RoleReviewer}
	refused(lieciba.CodeForbidden, r, both, fresh(now), r.Digest, now, "who may ask for a grant approves none")
	none := berta
	none.Roles = []lieciba.Role{lieciba.RoleSecurity}
	refused(lieciba.CodeForbidden, r, none, fresh(now), r.Digest, now, "without the role")
	refused(lieciba.CodeNotFresh, r, berta, fresh(now.Add(-lieciba.FreshFor)), r.Digest, now, "an old proof")
	pass := fresh(now)
	pass.FreshBy = lieciba.SignInPassword
	refused(lieciba.CodeNotFresh, r, berta, pass, r.Digest, now, "a weaker proof")
	refused(lieciba.CodeConflict, r, berta, fresh(r.ExpiresAt), r.Digest, r.ExpiresAt, "expired")

	wider, err := r.Amend(lieciba.Asked{SessionID: "s", From: now.Add(-2 * time.Hour), To: now, Until: now.Add(time.Hour)}, r.Reason, anna, now)
	require.NoError(t, err)
	refused(lieciba.CodeConflict, wider, berta, fresh(now), r.Digest, now, "the range changed after it was seen")
	forged := r
	forged.Asked.CameraIDs = []lieciba.CameraID{"c"}
	refused(lieciba.CodeConflict, forged, berta, fresh(now), r.Digest, now, "changed behind the digest's back")
	_, err = r.Amend(r.Asked, r.Reason, berta, now)
	require.Equal(t, lieciba.CodeForbidden, lieciba.CodeOf(err), "another's request")

	good, err := yes(r, berta, fresh(now), r.Digest, now)
	require.NoError(t, err)
	refused(lieciba.CodeConflict, good, berta, fresh(now), r.Digest, now, "decided already")
	_, err = good.Amend(r.Asked, r.Reason, anna, now)
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err), "approved already")
	_, err = good.Use(berta, "", now)
	require.Equal(t, lieciba.CodeForbidden, lieciba.CodeOf(err), "another person's use")
	_, err = good.Use(anna, "", r.ExpiresAt)
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err), "use after expiry")
	_, err = r.Use(anna, "", now)
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err), "use before approval")
	tampered := good
	tampered.Asked.Until = tampered.Asked.Until.Add(time.Hour)
	_, err = tampered.Use(anna, "", now)
	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err))
	used, err := good.Use(anna, "grant:g", now)
	require.NoError(t, err)
	_, err = used.Use(anna, "grant:g", now)
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err), "twice")
	_, err = used.Withdraw(anna, now)
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err))
}

func TestRequestRefusedWithdrawnOwnRoles(t *testing.T) {
	now := time.Date(2026, 11, 18, 10, 0, 0, 0, time.UTC)
	r := asked(t, now)
	_, err := r.Refuse(berta, " ", now)
	require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err), "a refusal says why")
	no, err := r.Refuse(berta, "the range is wider than the appeal", now)
	require.NoError(t, err)
	require.Equal(t, lieciba.RequestRefused, no.StateAt(now.Add(48*time.Hour)), "a decision does not expire")
	_, err = r.Withdraw(berta, now)
	require.Equal(t, lieciba.CodeForbidden, lieciba.CodeOf(err))
	back, err := r.Withdraw(anna, now)
	require.NoError(t, err)
	require.Equal(t, lieciba.RequestWithdrawn, back.State)
	require.Equal(t, lieciba.RequestExpired, r.StateAt(r.ExpiresAt))
	roles, err := lieciba.NewRequest(lieciba.RequestRoles, lieciba.Asked{UserID: "berta", Roles: []lieciba.Role{lieciba.RoleAdmin}}, "cover", anna, now)
	require.NoError(t, err)
	_, err = roles.Approve(berta, fresh(now), roles.Digest, now, lieciba.SignInPasskey)
	require.Equal(t, lieciba.CodeForbidden, lieciba.CodeOf(err), "one's own roles")
	_, err = lieciba.NewRequest(lieciba.RequestGrant, lieciba.Asked{}, "about 131175-12345", anna, now)
	require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err), "no personal code")
	require.Equal(t, []lieciba.CameraID{"a", "b"}, r.Asked.CameraIDs, "order does not matter to the digest")
	for _, k := range lieciba.RequestKinds() {
		require.NotEmpty(t, k.AskAct(), k)
	}
}

// What was approved can be stopped by another person than who asked, until it is used.
func TestRefuseAfterTheApproval(t *testing.T) {
	now := time.Date(2026, 11, 18, 10, 0, 0, 0, time.UTC)
	r := asked(t, now)
	r, err := r.Approve(berta, fresh(now), r.Digest, now, lieciba.SignInPasskey)
	require.NoError(t, err)
	_, err = r.Refuse(anna, "never mind", now)
	require.Equal(t, lieciba.CodeForbidden, lieciba.CodeOf(err), "one's own is withdrawn, not refused")
	security := lieciba.Principal{ID: "carla", Name: "carla", Roles: []lieciba.Role{lieciba.RoleSecurity}}
	no, err := r.Refuse(security, "berta's account was taken over", now.Add(time.Minute))
	require.NoError(t, err)
	require.Equal(t, lieciba.RequestRefused, no.State)
	require.Equal(t, []string{"carla", "berta's account was taken over"}, []string{no.DecidedBy, no.DecidedNote})
	_, err = no.Use(anna, "grant:g", now)
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err))
	used, err := r.Use(anna, "grant:g", now)
	require.NoError(t, err)
	_, err = used.Refuse(security, "too late", now)
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err))
	_, err = r.Refuse(security, "too late", r.ExpiresAt)
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err))
}

// An approval is worth as much as its approver's account is at the use.
func TestStands(t *testing.T) {
	r := lieciba.Request{Kind: lieciba.RequestGrant, DecidedBy: "berta", DecidedByID: "berta"}
	for name, c := range map[string]struct {
		user lieciba.User
		ok   bool
	}{
		"as it was":             {lieciba.User{ID: "berta", Roles: []lieciba.Role{lieciba.RoleApprover}}, true},
		"closed":                {lieciba.User{ID: "berta", Roles: []lieciba.Role{lieciba.RoleApprover}, Disabled: true}, false},
		"without the role":      {lieciba.User{ID: "berta", Roles: []lieciba.Role{lieciba.RoleSecurity}}, false},
		"may ask for it by now": {lieciba.User{ID: "berta", Roles: []lieciba.Role{lieciba.RoleApprover, lieciba.RoleReviewer}}, false},
		"another":               {lieciba.User{ID: "carla", Roles: []lieciba.Role{lieciba.RoleApprover}}, false},
	} {
		err := r.Stands(c.user)
		require.Equal(t, c.ok, err == nil, name)
		if !c.ok {
			require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err), name)
		}
	}
}

// The kinds of requests are told apart by the fields of their JSON that are there.
func TestEmptyAskedHasNoFields(t *testing.T) {
	b, err := json.Marshal(lieciba.Asked{})
	require.NoError(t, err)
	require.Equal(t, "{}", string(b))
}
