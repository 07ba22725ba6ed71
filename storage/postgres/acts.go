package postgres

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"lieciba"
	"lieciba/storage"
)

// act is a transaction that travels in the ctx that do of Act gets.
type act struct {
	tx      pgx.Tx
	over    atomic.Bool
	aborted error // the deadlock or serialization failure that a step met
}

// actKey holds the *act of one Catalog: the ctx of another one's Act means nothing here.
type actKey struct{ c *Catalog }

// joined returns the act that ctx is part of; nil for none.
func (c *Catalog) joined(ctx context.Context) *act {
	a, _ := ctx.Value(actKey{c}).(*act)
	return a
}

// step runs fn as one part of the act. PostgreSQL gives a transaction up at its
// first error; the savepoint takes back this part alone, so that do may go on
// after a refusal, as it may on the other database.
func (a *act) step(ctx context.Context, fn func(tx pgx.Tx) error) (err error) {
	if a.over.Load() {
		return lieciba.Errorf(lieciba.CodeInternal, "the act that this call is part of has ended")
	}
	point, err := a.tx.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if rerr := rollback(ctx, point); rerr != nil {
			err = errors.Join(err, rerr)
		}
		if aborted(err) {
			a.aborted = err
		}
	}()
	if err = fn(point); err != nil {
		return err
	}
	return point.Commit(ctx)
}

// Act implements storage.Acts. do uses the ctx that it gets from one goroutine
// at a time.
func (c *Catalog) Act(ctx context.Context, e *lieciba.AuditEntry, do func(ctx context.Context) error) error {
	if c.joined(ctx) != nil {
		return lieciba.Errorf(lieciba.CodeInternal, "an act inside of an act")
	}
	return c.write(ctx, "act", func(tx pgx.Tx) error {
		a := &act{tx: tx}
		defer a.over.Store(true)
		err := do(context.WithValue(ctx, actKey{c}, a))
		switch {
		case a.aborted != nil: // whatever do made of it: all of it runs again
			return a.aborted
		case err != nil:
			return decided{err}
		}
		return appendAudit(ctx, tx, *e)
	})
}

// keep is added to a read of what is later written back whole. Inside of an Act it
// locks the rows, so that no other change of them is lost (storage.Shared: so that
// nobody changes them); elsewhere it is empty.
func (c *Catalog) keep(ctx context.Context) string {
	if c.joined(ctx) == nil {
		return ""
	}
	if storage.IsShared(ctx) {
		return ` FOR SHARE`
	}
	return ` FOR NO KEY UPDATE`
}

// decided marks an error of the caller's own function, which gets it back as it is.
type decided struct{ error }

// own returns the caller's own error if err holds one, else err as one of the product.
func own(err error, what string) error {
	if d := (decided{}); errors.As(err, &d) {
		return d.error
	}
	return fail(err, what)
}
