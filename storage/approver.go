package storage

import (
	"context"

	"lieciba"
)

// StillApproved refuses to use a request whose approver may not approve it any
// more (lieciba.Request.Stands). Call it in the transaction of the use: there no
// other change of the account comes between. CodeConflict.
func StillApproved(ctx context.Context, c interface {
	User(ctx context.Context, id lieciba.UserID) (lieciba.User, error)
}, r lieciba.Request) error {
	u, err := c.User(ctx, lieciba.UserID(r.DecidedByID))
	if code := lieciba.CodeOf(err); code == lieciba.CodeNotFound || code == lieciba.CodeInvalid {
		err = nil // r.Stands refuses the account that is not there
	}
	if err != nil {
		return err
	}
	return r.Stands(u)
}
