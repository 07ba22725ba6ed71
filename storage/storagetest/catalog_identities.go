package storagetest

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

const issuer = "https://login.example.lv/realms/pmlp"

func newProviderUser(login, subject string) lieciba.User {
	u := newUser(login)
	u.PasswordHash, u.Issuer, u.Subject = "", issuer, subject
	return u
}

func newSignIn(u lieciba.User, n byte) lieciba.SignIn {
	return lieciba.SignIn{ID: newID[lieciba.SignInID](), TokenHash: [32]byte{n}, UserID: u.ID, Method: lieciba.SignInOIDC, CreatedAt: base,
		SeenAt: sec(1), ExpiresAt: sec(60), FreshAt: sec(2), FreshBy: lieciba.SignInPasskey, Address: "10.0.0.9", Agent: "Mozilla/5.0",
		ProviderSession: "sid-1", Challenge: []byte{n, 0, 9}}
}

// identityTests are about how people and machines are known.
var identityTests = map[string]func(*testing.T, *world){
	"UsersOfAProvider": func(t *testing.T, w *world) {
		a, b, local := newProviderUser("anna", "s-1"), newProviderUser("berta", "s-1"), newUser("cilda")
		b.Issuer, local.MustChange = "https://other.example.lv", true
		for _, u := range []lieciba.User{a, b, local} {
			require.NoError(t, w.PutUser(w.ctx, u))
		}
		require.NoError(t, w.PutUser(w.ctx, newUser("dace")), "local accounts share that they have no subject")
		got, err := w.UserBySubject(w.ctx, issuer, "s-1")
		require.NoError(t, err)
		require.Equal(t, a, got)
		got, err = w.User(w.ctx, local.ID)
		require.NoError(t, err)
		require.Equal(t, local, got)
		for _, of := range [][2]string{{issuer, "s-2"}, {"https://third.example.lv", "s-1"}, {"", ""}} {
			_, err = w.UserBySubject(w.ctx, of[0], of[1])
			requireCode(t, err, lieciba.CodeNotFound, "")
		}
		requireCode(t, w.PutUser(w.ctx, newProviderUser("dora", "s-1")), lieciba.CodeConflict, "subject")
		requireCode(t, w.PutUser(w.ctx, newProviderUser("anna", "s-9")), lieciba.CodeConflict, "login")
	},

	"OneAccountOfASubject": func(t *testing.T, w *world) {
		made := make([]bool, 8)
		w.together(t, len(made), func(c storage.Catalog, i int) error {
			err := c.PutUser(w.ctx, newProviderUser("user"+string(rune('a'+i)), "s-1"))
			made[i] = err == nil
			return unless(err, lieciba.CodeConflict)
		})
		require.Equal(t, 1, count(made))
	},

	"ListSignIns":        testListSignIns,
	"ChangeSignIn":       testChangeSignIn,
	"EndProviderSession": testEndProviderSession,

	"AnEndedSignInStaysEnded": func(t *testing.T, w *world) {
		w.rounds(t, func(round int) {
			u := newUser("u" + string(newID[lieciba.UserID]()))
			require.NoError(t, w.PutUser(w.ctx, u))
			s := newSignIn(u, byte(round))
			require.NoError(t, w.PutSignIn(w.ctx, s))
			w.together(t, 4, func(c storage.Catalog, i int) error {
				if i == 3 {
					return c.EndSignIn(w.ctx, s.ID)
				}
				_, err := c.ChangeSignIn(w.ctx, s.ID, func(s lieciba.SignIn) (*lieciba.SignIn, error) {
					s.SeenAt = sec(float64(30 + i))
					return &s, nil
				})
				return unless(err, lieciba.CodeNotFound)
			})
			list, err := w.ListSignIns(w.ctx, u.ID)
			require.NoError(t, err)
			require.Empty(t, list)
		})
	},

	"ScopesOfAClient": func(t *testing.T, w *world) {
		all := lieciba.ClientToken{ID: newID[lieciba.TokenID](), Name: "pizis", TokenHash: [32]byte{1}, CreatedAt: base, ExpiresAt: sec(10)}
		none, some := all, all
		none.ID, none.TokenHash, none.Scopes = newID[lieciba.TokenID](), [32]byte{2}, []lieciba.Act{}
		some.ID, some.TokenHash, some.Scopes = newID[lieciba.TokenID](), [32]byte{3}, []lieciba.Act{lieciba.ActPushSession, lieciba.ActPushEvent}
		for _, c := range []lieciba.ClientToken{all, none, some} {
			require.NoError(t, w.PutClientToken(w.ctx, c), "several of one name")
			got, err := w.ClientToken(w.ctx, c.TokenHash)
			require.NoError(t, err)
			require.Equal(t, c, got, "nil and empty differ: nil is everything")
		}
		some.Scopes = nil
		require.NoError(t, w.PutClientToken(w.ctx, some))
		got, err := w.ClientToken(w.ctx, some.TokenHash)
		require.NoError(t, err)
		require.Nil(t, got.Scopes)
	},

	"ClientCertificates": testClientCertificates,
}

func testListSignIns(t *testing.T, w *world) {
	u, v := newUser("anna"), newUser("berta")
	require.NoError(t, w.PutUser(w.ctx, u))
	require.NoError(t, w.PutUser(w.ctx, v))
	first, second, other := newSignIn(u, 1), newSignIn(u, 2), newSignIn(v, 3)
	first.CreatedAt, other.CreatedAt, other.Challenge, other.FreshAt = sec(-2), sec(-1), nil, base.AddDate(0, 0, -1)
	for _, s := range []lieciba.SignIn{second, other, first} {
		require.NoError(t, w.PutSignIn(w.ctx, s))
	}
	list, err := w.ListSignIns(w.ctx, u.ID)
	require.NoError(t, err)
	require.Equal(t, []lieciba.SignIn{first, second}, list)
	list, err = w.ListSignIns(w.ctx, "")
	require.NoError(t, err)
	require.Equal(t, []lieciba.SignIn{first, other, second}, list)
	list, err = w.ListSignIns(w.ctx, newID[lieciba.UserID]())
	require.NoError(t, err)
	require.Empty(t, list)
	for _, s := range []lieciba.SignIn{first, second, other} {
		got, err := w.SignInByID(w.ctx, s.ID)
		require.NoError(t, err)
		require.Equal(t, s, got)
	}

	rotated := first
	rotated.TokenHash, rotated.Challenge = [32]byte{9}, nil
	require.NoError(t, w.PutSignIn(w.ctx, rotated), "a rotation")
	_, err = w.SignIn(w.ctx, first.TokenHash)
	requireCode(t, err, lieciba.CodeNotFound, "")
	got, err := w.SignIn(w.ctx, rotated.TokenHash)
	require.NoError(t, err)
	require.Equal(t, rotated, got)
	taken := second
	taken.TokenHash = other.TokenHash
	requireCode(t, w.PutSignIn(w.ctx, taken), lieciba.CodeConflict, "token_hash")
	require.NoError(t, w.EndSignIn(w.ctx, second.ID))
	require.NoError(t, w.EndSignIn(w.ctx, second.ID), "the same again")
	_, err = w.SignInByID(w.ctx, second.ID)
	requireCode(t, err, lieciba.CodeNotFound, "")
	list, err = w.ListSignIns(w.ctx, "")
	require.NoError(t, err)
	require.Equal(t, []lieciba.SignIn{rotated, other}, list)
}

func testChangeSignIn(t *testing.T, w *world) {
	u := newUser("anna")
	require.NoError(t, w.PutUser(w.ctx, u))
	s := newSignIn(u, 1)
	require.NoError(t, w.PutSignIn(w.ctx, s))
	change := func(next *lieciba.SignIn, err error) (lieciba.SignIn, error) {
		return w.ChangeSignIn(w.ctx, s.ID, func(stored lieciba.SignIn) (*lieciba.SignIn, error) {
			require.Equal(t, s, stored)
			return next, err
		})
	}
	got, err := change(nil, nil)
	require.NoError(t, err)
	require.Equal(t, s, got)
	refused := errors.New("over")
	_, err = change(nil, refused)
	require.True(t, err == refused, "%v", err)
	for name, spoil := range map[string]func(*lieciba.SignIn){
		"id":      func(s *lieciba.SignIn) { s.ID = newID[lieciba.SignInID]() },
		"user":    func(s *lieciba.SignIn) { s.UserID = newID[lieciba.UserID]() },
		"created": func(s *lieciba.SignIn) { s.CreatedAt = sec(1) },
	} {
		bad := s
		spoil(&bad)
		_, err := change(&bad, nil)
		require.Equal(t, lieciba.CodeInternal, lieciba.CodeOf(err), "%s: %v", name, err)
	}
	next := s
	next.TokenHash, next.SeenAt, next.FreshAt, next.FreshBy, next.Challenge = [32]byte{2}, sec(9), sec(8), lieciba.SignInPassword, nil
	got, err = change(&next, nil)
	require.NoError(t, err)
	require.Equal(t, next, got)
	got, err = w.SignIn(w.ctx, next.TokenHash)
	require.NoError(t, err)
	require.Equal(t, next, got)
	s = next

	second := w.second(t)
	_, err = w.ChangeSignIn(w.ctx, s.ID, func(lieciba.SignIn) (*lieciba.SignIn, error) {
		w.short(t, func(ctx context.Context) error { return second.EndSignIn(ctx, s.ID) })
		return nil, nil
	})
	require.NoError(t, err)
	require.NoError(t, w.EndSignIn(w.ctx, s.ID))
	_, err = change(&next, nil)
	requireCode(t, err, lieciba.CodeNotFound, "")
}

func testEndProviderSession(t *testing.T, w *world) {
	a, b, foreign, local := newProviderUser("anna", "s-1"), newProviderUser("berta", "s-2"), newProviderUser("cilda", "s-1"), newUser("dace")
	foreign.Issuer = "https://other.example.lv"
	n := byte(0)
	put := func(u lieciba.User, sid string) lieciba.SignIn {
		n++
		s := newSignIn(u, n)
		s.ProviderSession, s.CreatedAt = sid, sec(float64(n))
		require.NoError(t, w.PutSignIn(w.ctx, s))
		return s
	}
	for _, u := range []lieciba.User{a, b, foreign, local} {
		require.NoError(t, w.PutUser(w.ctx, u))
	}
	end := func(want int, issuer, subject, sid string, left ...lieciba.SignIn) {
		t.Helper()
		got, err := w.EndProviderSession(w.ctx, issuer, subject, sid)
		require.NoError(t, err)
		require.Equal(t, want, got)
		list, err := w.ListSignIns(w.ctx, "")
		require.NoError(t, err)
		require.Equal(t, left, list)
	}
	a1, a2, b1, f1, l1, bare := put(a, "x"), put(a, "y"), put(b, "x"), put(foreign, "x"), put(local, ""), put(a, "")
	end(0, issuer, "s-3", "", a1, a2, b1, f1, l1, bare)
	end(0, issuer, "s-1", "z", a1, a2, b1, f1, l1, bare)
	end(1, issuer, "s-1", "x", a2, b1, f1, l1, bare)
	end(0, issuer, "s-1", "x", a2, b1, f1, l1, bare)
	end(1, issuer, "", "x", a2, f1, l1, bare)
	end(2, issuer, "s-1", "", f1, l1)
	_, err := w.EndProviderSession(w.ctx, "", "", "x")
	requireCode(t, err, lieciba.CodeInvalid, "issuer")
	_, err = w.EndProviderSession(w.ctx, issuer, "", "")
	requireCode(t, err, lieciba.CodeInvalid, "sid")
}

func testClientCertificates(t *testing.T, w *world) {
	key := [32]byte{7}
	put := func(made float64, revoked bool) lieciba.ClientToken {
		c := lieciba.ClientToken{ID: newID[lieciba.TokenID](), Name: "pizis", Certificate: key, Roles: []lieciba.Role{lieciba.RoleCitizenship},
			CreatedAt: sec(made), ExpiresAt: sec(99)}
		if revoked {
			c.RevokedAt = sec(made + 1)
		}
		require.NoError(t, w.PutClientToken(w.ctx, c))
		return c
	}
	is := func(want lieciba.ClientToken) {
		t.Helper()
		got, err := w.ClientCertificate(w.ctx, key)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := w.ClientCertificate(w.ctx, key)
	requireCode(t, err, lieciba.CodeNotFound, "")
	put(1, true)
	last := put(3, true)
	put(2, true)
	is(last)
	live := put(0, false)
	is(live)
	again := live
	again.ID = newID[lieciba.TokenID]()
	requireCode(t, w.PutClientToken(w.ctx, again), lieciba.CodeConflict, "certificate")
	live.RevokedAt = sec(9)
	require.NoError(t, w.PutClientToken(w.ctx, live))
	is(last)
	require.NoError(t, w.PutClientToken(w.ctx, again), "the one before is revoked")
	is(again)
	both := again
	both.TokenHash = [32]byte{8}
	require.NoError(t, w.PutClientToken(w.ctx, both))
	is(both)
	got, err := w.ClientToken(w.ctx, both.TokenHash)
	require.NoError(t, err)
	require.Equal(t, both, got)

	// The zero hash is none, and finds nobody.
	_, err = w.ClientToken(w.ctx, [32]byte{})
	requireCode(t, err, lieciba.CodeNotFound, "")
	_, err = w.ClientCertificate(w.ctx, [32]byte{})
	requireCode(t, err, lieciba.CodeNotFound, "")
	neither := again
	neither.ID, neither.Certificate = newID[lieciba.TokenID](), [32]byte{}
	requireCode(t, w.PutClientToken(w.ctx, neither), lieciba.CodeInvalid, "token_hash")
}
