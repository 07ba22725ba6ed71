package storagetest

import (
	"context"
	"time"

	"lieciba"
)

// accessWrites are the writing methods of people and access.
func accessWrites() []string {
	return []string{"ChangeSignIn", "EndSignIn", "EndProviderSession", "PutRequest", "ChangeRequest", "PutGrant", "RevokeGrant",
		"ChangeAppeal", "PutPasskey", "DeletePasskey"}
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

func (f *FaultCatalog) PutRequest(ctx context.Context, r lieciba.Request) error {
	return f.do("PutRequest", func() error { return f.Catalog.PutRequest(ctx, r) })
}

func (f *FaultCatalog) ChangeRequest(ctx context.Context, id lieciba.RequestID, decide func(lieciba.Request) (*lieciba.Request, error)) (lieciba.Request, error) {
	return get(f, "ChangeRequest", func() (lieciba.Request, error) { return f.Catalog.ChangeRequest(ctx, id, decide) })
}

func (f *FaultCatalog) PutGrant(ctx context.Context, g lieciba.Grant) error {
	return f.do("PutGrant", func() error { return f.Catalog.PutGrant(ctx, g) })
}

func (f *FaultCatalog) RevokeGrant(ctx context.Context, id lieciba.GrantID, by string, at time.Time) (lieciba.Grant, error) {
	return get(f, "RevokeGrant", func() (lieciba.Grant, error) { return f.Catalog.RevokeGrant(ctx, id, by, at) })
}

func (f *FaultCatalog) ChangeAppeal(ctx context.Context, s lieciba.SessionID, reference string,
	decide func(*lieciba.Appeal) (*lieciba.Appeal, error)) (lieciba.Appeal, error) {
	return get(f, "ChangeAppeal", func() (lieciba.Appeal, error) { return f.Catalog.ChangeAppeal(ctx, s, reference, decide) })
}

func (f *FaultCatalog) PutPasskey(ctx context.Context, p lieciba.Passkey) error {
	return f.do("PutPasskey", func() error { return f.Catalog.PutPasskey(ctx, p) })
}

func (f *FaultCatalog) DeletePasskey(ctx context.Context, user lieciba.UserID, id lieciba.PasskeyID) error {
	return f.do("DeletePasskey", func() error { return f.Catalog.DeletePasskey(ctx, user, id) })
}
