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

// snapshotAccess adds what the writes above can change.
func snapshotAccess(w *world, add func(v any, err error)) {
	signIns, err := w.ListSignIns(w.ctx, "")
	add(signIns, err)
	requests, err := w.ListRequests(w.ctx, storage.RequestFilter{})
	add(requests, err)
	grants, err := w.ListGrants(w.ctx, storage.GrantFilter{})
	add(grants, err)
}
