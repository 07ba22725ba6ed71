package storagetest

import (
	"context"

	"lieciba"
)

// accessWrites are the writing methods of people and access.
func accessWrites() []string {
	return []string{"ChangeSignIn", "EndSignIn", "EndProviderSession"}
}

// ChangeSignIn and the methods below are those of storage.Catalog.
func (f *FaultCatalog) ChangeSignIn(ctx context.Context, id lieciba.SignInID, decide func(lieciba.SignIn) (*lieciba.SignIn, error)) (lieciba.SignIn, error) {
	return get(f, "ChangeSignIn", func() (lieciba.SignIn, error) { return f.Catalog.ChangeSignIn(ctx, id, decide) })
}

func (f *FaultCatalog) EndSignIn(ctx context.Context, id lieciba.SignInID) error {
	return f.do("EndSignIn", func() error { return f.Catalog.EndSignIn(ctx, id) })
}

func (f *FaultCatalog) EndProviderSession(ctx context.Context, issuer, subject, sid string) (int, error) {
	return get(f, "EndProviderSession", func() (int, error) { return f.Catalog.EndProviderSession(ctx, issuer, subject, sid) })
}
