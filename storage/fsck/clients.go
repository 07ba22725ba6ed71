package fsck

import (
	"context"
	"encoding/hex"
	"slices"

	"lieciba"
)

// letIn says what is wrong with the client that came of a used request; empty: nothing.
func (c *checker) letIn(ctx context.Context, r lieciba.Request, id string) (why string, err error) {
	t, err := c.catalog.ClientTokenByID(ctx, lieciba.TokenID(id))
	asked := r.Asked.Client
	switch {
	case lieciba.CodeOf(err) == lieciba.CodeNotFound || lieciba.CodeOf(err) == lieciba.CodeInvalid:
		return "which is not there", nil
	case err != nil:
		return "", err
	case asked == nil:
		return "though it asked for no client", nil
	case t.Name != asked.Name || !sameSet(t.Roles, asked.Roles) || !sameSet(t.Scopes, asked.Scopes):
		return "which has another name or other rights than those that were approved", nil
	case asked.Certificate == "" && t.Certificate != [32]byte{}:
		return "which has the certificate " + hex.EncodeToString(t.Certificate[:]) + ", and none was approved", nil
	}
	return "", nil
}

func sameSet[T ~string](a, b []T) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// clientActs looks for clients of the citizenship system that nobody let in: their
// events end holds. It runs after auditLogged.
func (c *checker) clientActs(ctx context.Context) error {
	all, err := c.catalog.ListClientTokens(ctx)
	if err != nil {
		return err
	}
	for _, t := range all {
		if !slices.Contains(t.Roles, lieciba.RoleCitizenship) {
			continue
		}
		if err := c.require(ctx, lieciba.ActManageUsers, string(t.ID), 1, "client token "+string(t.ID), "of %s was made", t.Name); err != nil {
			return err
		}
	}
	return nil
}
