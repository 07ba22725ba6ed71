package storagetest

import (
	"context"
	"maps"

	"lieciba"
	"lieciba/storage"
)

// faultCasesOfAccess are the writes of people and access.
func faultCasesOfAccess(w *world) map[string]faultCase {
	cases := faultCasesOfSignIns()
	maps.Copy(cases, faultCasesOfRequests(w))
	maps.Copy(cases, faultCasesOfAppeals(w))
	return cases
}

func faultCasesOfSignIns() map[string]faultCase {
	user := newProviderUser("zane", "s-1")
	signIn := newSignIn(user, 3)
	signedIn := func(w *world) error {
		if err := w.PutUser(w.ctx, user); err != nil {
			return err
		}
		return w.PutSignIn(w.ctx, signIn)
	}
	return map[string]faultCase{
		"ChangeSignIn": {before: signedIn, call: func(ctx context.Context, c storage.Catalog) error {
			_, err := c.ChangeSignIn(ctx, signIn.ID, func(s lieciba.SignIn) (*lieciba.SignIn, error) {
				s.TokenHash, s.SeenAt = [32]byte{4}, sec(30)
				return &s, nil
			})
			return err
		}},
		"EndSignIn": {before: signedIn, call: func(ctx context.Context, c storage.Catalog) error { return c.EndSignIn(ctx, signIn.ID) }},
		"EndProviderSession": {before: signedIn, call: func(ctx context.Context, c storage.Catalog) error {
			_, err := c.EndProviderSession(ctx, user.Issuer, user.Subject, signIn.ProviderSession)
			return err
		}},
	}
}

func faultCasesOfRequests(w *world) map[string]faultCase {
	r := w.ask(lieciba.RequestGrant, 0)
	g := grantOf(r, 2)
	asked := func(w *world) error { return w.PutRequest(w.ctx, r) }
	approved := func(w *world) error {
		if err := asked(w); err != nil {
			return err
		}
		_, err := w.change(r.ID, func(r lieciba.Request) (*lieciba.Request, error) { return approve(r, 1) })
		return err
	}
	return map[string]faultCase{
		"PutRequest": {call: func(ctx context.Context, c storage.Catalog) error { return c.PutRequest(ctx, r) }},
		"ChangeRequest": {before: asked, call: func(ctx context.Context, c storage.Catalog) error {
			_, err := c.ChangeRequest(ctx, r.ID, func(r lieciba.Request) (*lieciba.Request, error) {
				if r.State == lieciba.RequestApproved { // by the call whose answer was lost
					return nil, nil
				}
				return approve(r, 1)
			})
			return err
		}},
		"PutGrant": {before: approved, call: func(ctx context.Context, c storage.Catalog) error { return c.PutGrant(ctx, g) }},
		"RevokeGrant": {
			before: func(w *world) error {
				if err := approved(w); err != nil {
					return err
				}
				return w.PutGrant(w.ctx, g)
			},
			call: func(ctx context.Context, c storage.Catalog) error {
				_, err := c.RevokeGrant(ctx, g.ID, "berta", sec(9))
				return err
			}},
	}
}

func faultCasesOfAppeals(w *world) map[string]faultCase {
	appeal, user := w.newAppeal("A-1", 0), newUser(passkeyOwner)
	passkey := newPasskey(user, 1)
	owner := func(w *world) error { return w.PutUser(w.ctx, user) }
	return map[string]faultCase{
		"ChangeAppeal": {call: func(ctx context.Context, c storage.Catalog) error { return w.setAppeal(ctx, c, appeal) }},
		"PutPasskey":   {before: owner, call: func(ctx context.Context, c storage.Catalog) error { return c.PutPasskey(ctx, passkey) }},
		"DeletePasskey": {
			before: func(w *world) error {
				if err := owner(w); err != nil {
					return err
				}
				return w.PutPasskey(w.ctx, passkey)
			},
			call: func(ctx context.Context, c storage.Catalog) error { // a repeat finds it gone
				return unless(c.DeletePasskey(ctx, user.ID, passkey.ID), lieciba.CodeNotFound)
			}},
	}
}

const passkeyOwner = "owner"

// snapshotAccess adds what the writes above can change.
func snapshotAccess(w *world, add func(v any, err error)) {
	signIns, err := w.ListSignIns(w.ctx, "")
	add(signIns, err)
	requests, err := w.ListRequests(w.ctx, storage.RequestFilter{})
	add(requests, err)
	grants, err := w.ListGrants(w.ctx, storage.GrantFilter{})
	add(grants, err)
	appeals, err := w.ListAppeals(w.ctx, storage.AppealFilter{})
	add(appeals, err)
	owner, err := w.UserByLogin(w.ctx, passkeyOwner)
	if lieciba.CodeOf(err) != lieciba.CodeNotFound {
		add(owner, err)
		passkeys, err := w.UserPasskeys(w.ctx, owner.ID)
		add(passkeys, err)
	}
}
