package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"

	"lieciba"
)

// act is a transaction that travels in the ctx that do of Act gets.
type act struct {
	tx   *sql.Tx
	over atomic.Bool
	lost error // why the transaction is gone, though do has not ended
}

// actKey holds the *act of one Catalog: the ctx of another one's Act means nothing here.
type actKey struct{ c *Catalog }

// joined returns the act that ctx is part of; nil for none.
func (c *Catalog) joined(ctx context.Context) *act {
	a, _ := ctx.Value(actKey{c}).(*act)
	return a
}

// Act implements storage.Acts.
func (c *Catalog) Act(ctx context.Context, e *lieciba.AuditEntry, do func(ctx context.Context) error) error {
	if c.joined(ctx) != nil {
		return lieciba.Errorf(lieciba.CodeInternal, "an act inside of an act")
	}
	return c.write(ctx, "act", func(tx *sql.Tx) error {
		a := &act{tx: tx}
		defer a.over.Store(true)
		if err := do(context.WithValue(ctx, actKey{c}, a)); err != nil {
			return decided{err}
		}
		if a.lost != nil { // whatever do made of it: nothing of it is there
			return a.lost
		}
		return appendAudit(ctx, tx, *e)
	})
}

// usable refuses a call that comes after the act, or after its transaction.
func (a *act) usable() error {
	if a.over.Load() {
		return lieciba.Errorf(lieciba.CodeInternal, "the act that this call is part of has ended")
	}
	return a.lost
}

// step runs fn as one part of the act: when it fails it is undone alone, so that
// do may go on after a refusal. SQLite gives up the whole transaction at some
// errors (a full disk, an interrupt); then there is nothing to go on with.
func (a *act) step(ctx context.Context, fn func(tx *sql.Tx) error) (err error) {
	if err := a.usable(); err != nil {
		return err
	}
	if _, err := a.tx.ExecContext(ctx, `SAVEPOINT step`); err != nil {
		return err
	}
	done := false
	defer func() { // also when fn panics or ctx has ended
		if done {
			return
		}
		if _, rerr := a.tx.ExecContext(context.WithoutCancel(ctx), `ROLLBACK TO step; RELEASE step`); rerr != nil {
			a.lost = fail(errors.Join(err, rerr), "go on with an act")
		}
	}()
	if err = fn(a.tx); err != nil {
		return err
	}
	_, err = a.tx.ExecContext(ctx, `RELEASE step`)
	done = err == nil
	return err
}

// decided marks an error of the caller's own function, who gets it back as it is.
type decided struct{ error }

// own returns the caller's own error if err holds one, else err as one of the product.
func own(err error, what string) error {
	if d := (decided{}); errors.As(err, &d) {
		return d.error
	}
	return fail(err, what)
}
