// Package sqlite is storage.Catalog in one SQLite file: the default of a small
// site, with no server to install. One process owns the file; commands such as
// fsck may open it beside a running server.
//
// Every write is one BEGIN IMMEDIATE transaction on the only writing connection
// and is synced to disk before it returns (WAL, synchronous=FULL). Reads run
// beside it on connections of their own and see the newest commit.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/durable"
)

// The wait for another process that writes the same file: SQLite's own wait
// cannot be interrupted, so it is short, and repeated while ctx lasts.
const (
	busyTimeout = 100 * time.Millisecond
	busyTries   = 100
)

// Catalog is a storage.Catalog. Safe for concurrent use.
type Catalog struct {
	writer  *sql.DB // one connection
	readers *sql.DB
	now     func() time.Time
	gate    gate
}

var _ storage.Catalog = (*Catalog)(nil)

// Option changes how Open works.
type Option func(*Catalog)

// WithClock sets the clock that leases are decided by; time.Now by default. It
// is the database's clock: SQLite runs inside this process.
func WithClock(now func() time.Time) Option { return func(c *Catalog) { c.now = now } }

// Open opens the catalogue at path, makes it if it is missing (readable by this
// account only) and brings its schema up to date. Folders are not made. Errors
// are those of package storage; CodeCorrupt when the file is no catalogue.
func Open(ctx context.Context, path string, opts ...Option) (*Catalog, error) {
	c := &Catalog{now: time.Now}
	for _, o := range opts {
		o(c)
	}
	if err := create(path); err != nil {
		return nil, err
	}
	var err error
	if c.writer, err = sql.Open("sqlite", dsn(path)); err != nil {
		return nil, fail(err, "open the catalogue")
	}
	c.writer.SetMaxOpenConns(1)
	if c.readers, err = sql.Open("sqlite", dsn(path)+"&_pragma=query_only(1)"); err != nil {
		return nil, errors.Join(fail(err, "open the catalogue"), c.writer.Close())
	}
	n := max(4, runtime.GOMAXPROCS(0))
	c.readers.SetMaxOpenConns(n)
	c.readers.SetMaxIdleConns(n)
	if err := c.migrate(ctx); err != nil {
		return nil, errors.Join(fail(err, "bring the catalogue's schema up to date"), c.Close())
	}
	return c, nil
}

// create makes the file and its entry in the folder durable, before SQLite
// writes the first page.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return durable.Error(err)
	}
	if err := f.Close(); err != nil {
		return durable.Error(err)
	}
	return durable.SyncDir(filepath.Dir(path))
}

func dsn(path string) string {
	return fmt.Sprintf("file:%s?_txlock=immediate&_pragma=busy_timeout(%d)&_pragma=journal_mode(WAL)"+
		"&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=recursive_triggers(1)",
		(&url.URL{Path: path}).EscapedPath(), busyTimeout.Milliseconds())
}

// Name is "sqlite".
func (c *Catalog) Name() string { return "sqlite" }

// Ping takes and gives back the write lock.
func (c *Catalog) Ping(ctx context.Context) error {
	return c.write(ctx, "ping", func(*sql.Tx) error { return nil })
}

// Close waits for calls under way. Idempotent.
func (c *Catalog) Close() error {
	if !c.gate.close() {
		return nil
	}
	return fail(errors.Join(c.readers.Close(), c.writer.Close()), "close the catalogue")
}

// write runs fn in one transaction that excludes every other write; inside of an
// Act in the act's transaction. An error that fn marks as decided is returned as
// it was.
func (c *Catalog) write(ctx context.Context, what string, fn func(tx *sql.Tx) error) (err error) {
	if err := c.gate.enter(); err != nil {
		return err
	}
	defer c.gate.leave()
	if a := c.joined(ctx); a != nil {
		return own(a.step(ctx, fn), what)
	}
	tx, err := c.begin(ctx)
	if err != nil {
		return fail(err, what)
	}
	defer func() { // also when fn panics: there is only one writing connection
		if rerr := tx.Rollback(); rerr != nil && !errors.Is(rerr, sql.ErrTxDone) {
			err = errors.Join(err, fail(rerr, what))
		}
	}()
	if err := fn(tx); err != nil {
		return own(err, what)
	}
	return fail(tx.Commit(), what)
}

func (c *Catalog) begin(ctx context.Context) (tx *sql.Tx, err error) {
	for range busyTries {
		if tx, err = c.writer.BeginTx(ctx, nil); !busy(err) || ctx.Err() != nil {
			break
		}
	}
	return tx, err
}

// exec is a write of one statement; n is the number of rows it changed.
func (c *Catalog) exec(ctx context.Context, what, query string, args ...any) (n int64, err error) {
	err = c.write(ctx, what, func(tx *sql.Tx) error {
		n, err = execTx(ctx, tx, query, args...)
		return err
	})
	return n, err
}

func execTx(ctx context.Context, tx *sql.Tx, query string, args ...any) (int64, error) {
	res, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// queryer is a *sql.Tx or the readers.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// row is a *sql.Rows at one row.
type row interface{ Scan(dest ...any) error }

// readOne returns the first row, CodeNotFound naming what if there is none.
func readOne[T any](ctx context.Context, c *Catalog, what string, scan func(row) (T, error), query string, args ...any) (T, error) {
	list, err := readList(ctx, c, what, scan, query, args...)
	if err != nil || len(list) == 0 {
		var zero T
		return zero, orMissing(err, what)
	}
	return list[0], nil
}

// readList returns nil for no rows. It reads inside of the Act that ctx is part of.
func readList[T any](ctx context.Context, c *Catalog, what string, scan func(row) (T, error), query string, args ...any) ([]T, error) {
	if err := c.gate.enter(); err != nil {
		return nil, err
	}
	defer c.gate.leave()
	var from queryer = c.readers
	if a := c.joined(ctx); a != nil {
		if err := a.usable(); err != nil {
			return nil, err
		}
		from = a.tx
	}
	list, err := list(ctx, from, scan, query, args...)
	return list, fail(err, "read the "+what)
}

// one is readOne inside a transaction.
func one[T any](ctx context.Context, q queryer, what string, scan func(row) (T, error), query string, args ...any) (T, error) {
	rows, err := list(ctx, q, scan, query, args...)
	if err != nil || len(rows) == 0 {
		var zero T
		return zero, orMissing(err, what)
	}
	return rows[0], nil
}

func list[T any](ctx context.Context, q queryer, scan func(row) (T, error), query string, args ...any) (out []T, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

func orMissing(err error, what string) error {
	if err == nil {
		return lieciba.Errorf(lieciba.CodeNotFound, "there is no such %s", what)
	}
	return err
}

// gate counts the calls under way, so that Close can wait for them.
type gate struct {
	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup
}

func (g *gate) enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return lieciba.Errorf(lieciba.CodeUnavailable, "the catalogue is closed")
	}
	g.calls.Add(1)
	return nil
}

func (g *gate) leave() { g.calls.Done() }

// close refuses new calls and waits for the others; false if it was closed.
func (g *gate) close() bool {
	g.mu.Lock()
	was := g.closed
	g.closed = true
	g.mu.Unlock()
	g.calls.Wait()
	return !was
}
