package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"io/fs"

	"github.com/pressly/goose/v3"

	"lieciba"
	"lieciba/storage/evidence"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate applies the missing migrations, each in its own transaction. When two
// processes meet here one of them finds its work done and looks again.
func (c *Catalog) migrate(ctx context.Context) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	stage := goose.NewGoMigration(3, &goose.GoFunc{RunTx: stageOld}, nil)
	for attempt := 0; ; attempt++ {
		p, err := goose.NewProvider(goose.DialectSQLite3, c.writer, dir, goose.WithDisableGlobalRegistry(true), goose.WithGoMigrations(stage))
		if err != nil {
			return err
		}
		_, err = p.Up(ctx)
		tries := 3
		if busy(err) {
			tries = busyTries
		}
		if err == nil || attempt >= tries || ctx.Err() != nil {
			return err
		}
	}
}

// The rows of before there was a log, in pages by their ID.
const (
	oldSegments = selectSegment + `WHERE id > ? ORDER BY id LIMIT ?`
	oldGaps     = selectGap + `WHERE id > ? AND to_at > from_at ORDER BY id LIMIT ?`
	oldAudit    = selectAudit + `WHERE id > ? ORDER BY id LIMIT ?`
)

// stageOld is the migration that stages the leaves of rows from before there was
// a log: with leaves of their own they are proven and sealed like any other.
func stageOld(ctx context.Context, tx *sql.Tx) error {
	if err := stageEach(ctx, tx, oldAudit, scanAudit, evidence.LeafOfAudit); err != nil {
		return err
	}
	if err := stageEach(ctx, tx, oldSegments, scanSegment, evidence.LeafOfSegment); err != nil {
		return err
	}
	return stageEach(ctx, tx, oldGaps, scanGap, evidence.LeafOfGap)
}

func stageEach[T any](ctx context.Context, tx *sql.Tx, query string, scan func(row) (T, error), leaf func(T) lieciba.Leaf) error {
	after := ""
	for {
		page, err := list(ctx, tx, scan, query, after, scanPage)
		if err != nil {
			return err
		}
		for _, v := range page {
			l := leaf(v)
			if err := stageLeaf(ctx, tx, l); err != nil {
				return err
			}
			after = l.Subject
		}
		if len(page) < scanPage {
			return nil
		}
	}
}
