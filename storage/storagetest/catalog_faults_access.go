package storagetest

import (
	"context"

	"lieciba"
	"lieciba/storage"
)

// faultCasesOfAccess are the writes of people and access.
func faultCasesOfAccess(w *world) map[string]faultCase {
	return faultCasesOfSignIns()
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

// snapshotAccess adds what the writes above can change.
func snapshotAccess(w *world, add func(v any, err error)) {
	signIns, err := w.ListSignIns(w.ctx, "")
	add(signIns, err)
}
