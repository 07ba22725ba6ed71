// Package postgres is storage.Catalog on PostgreSQL 15 or newer, through pgx: for
// several recorder nodes that share one catalogue.
//
// Writes run at READ COMMITTED and lock the row that their rule is about (the
// recording, the camera, the session), so that two nodes take turns. A
// transaction that PostgreSQL aborts as a deadlock or a serialization failure is
// run again; so is a call that found a dead connection before it did anything.
//
// Locks are taken in one order, so that no two methods wait for each other:
//
//  0. a request's row: it is used before what comes of it is done, a grant of it too
//  1. the advisory lock of a session's key
//  2. the session's row: its state, events, holds, appeals, new exports, and every step of a deletion
//  3. the recording's row: its window, state, runs, segments, gaps, seal, and every step of a deletion
//  4. one row of a hold, a deletion, an export, a gap, or rows of segments
//  5. the policies' advisory lock: alone for a change, shared for a decision that rests on them
//  6. the advisory lock of the sequencer, of the publisher, or of a session's seals
//  7. a new row of audit, leaves or notices: another transaction that adds the same one waits
//
// Rows of sites, rooms, cameras, users, sign-ins, passkeys, client tokens and
// grants are locked alone; an Act locks those that it reads, and requests, appeals
// and exports (keep). Several sign-ins are locked in the order of their IDs.
//
// Who needs an earlier one to know which row it is reads without a lock what
// never changes (whose recording it is), locks, and reads again. Only an Act that
// joins methods in another order can still deadlock: PostgreSQL ends one of the
// two, and it runs again.
package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"lieciba"
	"lieciba/storage"
)

// maxConns is how many connections a node keeps at most, unless the URL says
// otherwise with pool_max_conns.
const maxConns = 16

// Catalog is a storage.Catalog. Safe for concurrent use.
type Catalog struct{ pool *pgxpool.Pool }

var _ storage.Catalog = (*Catalog)(nil)

// Open connects to the database of the URL (libpq syntax) and brings its schema
// up to date; nodes that start together take turns. Errors are those of package
// storage; CodeInvalid for a URL that cannot be read. No error holds the password.
func Open(ctx context.Context, url string) (*Catalog, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, &lieciba.Error{Code: lieciba.CodeInvalid, Field: "catalog.url", // the cause may hold the URL
			Message: "is not a PostgreSQL URL such as postgres://user:password@host:5432/lieciba"}
	}
	return open(ctx, cfg)
}

func open(ctx context.Context, cfg *pgxpool.Config) (*Catalog, error) {
	if _, set := cfg.ConnConfig.RuntimeParams["pool_max_conns"]; !set && cfg.MaxConns < maxConns {
		cfg.MaxConns = maxConns
	}
	cfg.AfterConnect = prepare
	if err := migrate(ctx, cfg.ConnConfig); err != nil {
		return nil, fail(err, "bring the catalogue's schema up to date")
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fail(err, "open the catalogue")
	}
	c := &Catalog{pool: pool}
	if err := c.stageMissing(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// prepare makes a connection keep the promises of package storage: a commit is
// durable when it returns, and a node that hangs in mid-transaction loses its
// locks.
func prepare(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `SELECT set_config('idle_in_transaction_session_timeout', '30s', false),
		CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', false) END`)
	return err
}

// Name is "postgres".
func (c *Catalog) Name() string { return "postgres" }

// Ping begins a writing transaction, which a read-only standby refuses.
func (c *Catalog) Ping(ctx context.Context) error {
	return c.write(ctx, "ping", func(pgx.Tx) error { return nil })
}

// Close waits for calls under way. Idempotent.
func (c *Catalog) Close() error {
	c.pool.Close()
	return nil
}

// attempts bounds how often an aborted transaction is run again.
const attempts = 10

// write runs fn in one transaction, again after a deadlock or a serialization
// failure; inside of an Act in the act's transaction, which runs again as a whole.
// An error that fn marks as decided is returned as it was.
func (c *Catalog) write(ctx context.Context, what string, fn func(tx pgx.Tx) error) error {
	if a := c.joined(ctx); a != nil {
		return own(a.step(ctx, fn), what)
	}
	var err error
	for range attempts {
		if err = c.writeOnce(ctx, fn); !aborted(err) {
			break
		}
	}
	return own(err, what)
}

func (c *Catalog) writeOnce(ctx context.Context, fn func(tx pgx.Tx) error) (err error) {
	var tx pgx.Tx
	err = c.alive(ctx, func() (err error) {
		tx, err = c.pool.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadWrite})
		return err
	})
	if err != nil {
		return err
	}
	defer func() { // also when fn panics: the connection must not be lost
		if rerr := rollback(ctx, tx); rerr != nil {
			err = errors.Join(err, rerr)
		}
	}()
	if err = fn(tx); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// rollback ends tx if it has not ended. The caller's ctx may be over: this has a
// time of its own. A connection that died has rolled back by itself.
func rollback(ctx context.Context, tx pgx.Tx) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := tx.Rollback(ctx)
	if err == nil || errors.Is(err, pgx.ErrTxClosed) || lost(err) {
		return nil
	}
	return err
}

// alive runs do again while it meets pooled connections that died, as after a
// restart of the server. do must be repeatable.
func (c *Catalog) alive(ctx context.Context, do func() error) error {
	var err error
	for range c.pool.Config().MaxConns + 1 {
		if err = do(); err == nil || ctx.Err() != nil || !lost(err) {
			break
		}
	}
	return err
}

// exec is a write of one statement; n is the number of rows it changed.
func (c *Catalog) exec(ctx context.Context, what, query string, args ...any) (n int64, err error) {
	err = c.write(ctx, what, func(tx pgx.Tx) error {
		n, err = execTx(ctx, tx, query, args...)
		return err
	})
	return n, err
}

func execTx(ctx context.Context, tx pgx.Tx, query string, args ...any) (int64, error) {
	tag, err := tx.Exec(ctx, query, args...)
	return tag.RowsAffected(), err
}

// queryer is a pgx.Tx or the pool.
type queryer interface {
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
}

// readOne returns the first row, CodeNotFound naming what if there is none.
func readOne[T any](ctx context.Context, c *Catalog, what string, scan pgx.RowToFunc[T], query string, args ...any) (T, error) {
	rows, err := readList(ctx, c, what, scan, query, args...)
	if err != nil || len(rows) == 0 {
		var zero T
		return zero, orMissing(err, what)
	}
	return rows[0], nil
}

// readList returns nil for no rows.
func readList[T any](ctx context.Context, c *Catalog, what string, scan pgx.RowToFunc[T], query string, args ...any) (out []T, err error) {
	err = c.read(ctx, what, func(q queryer) (err error) {
		out, err = list(ctx, q, scan, query, args...)
		return err
	})
	return out, err
}

// read runs fn on the pool, or inside of the Act that ctx is part of.
func (c *Catalog) read(ctx context.Context, what string, fn func(q queryer) error) error {
	if a := c.joined(ctx); a != nil {
		return fail(a.step(ctx, func(tx pgx.Tx) error { return fn(tx) }), "read the "+what)
	}
	return fail(c.alive(ctx, func() error { return fn(c.pool) }), "read the "+what)
}

// one is readOne inside a transaction.
func one[T any](ctx context.Context, q queryer, what string, scan pgx.RowToFunc[T], query string, args ...any) (T, error) {
	rows, err := list(ctx, q, scan, query, args...)
	if err != nil || len(rows) == 0 {
		var zero T
		return zero, orMissing(err, what)
	}
	return rows[0], nil
}

// list returns nil for no rows.
func list[T any](ctx context.Context, q queryer, scan pgx.RowToFunc[T], query string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.AppendRows([]T(nil), rows, scan)
}

func orMissing(err error, what string) error {
	if err == nil {
		return lieciba.Errorf(lieciba.CodeNotFound, "there is no such %s", what)
	}
	return err
}
