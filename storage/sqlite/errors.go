package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"lieciba"
)

// fail turns an error of SQLite into one of the product; an *lieciba.Error
// stays as it is. what tells operators which call it was.
func fail(err error, what string) error {
	if err == nil {
		return nil
	}
	if e := (*lieciba.Error)(nil); errors.As(err, &e) {
		return err
	}
	cause := fmt.Errorf("sqlite: %s: %w", what, err)
	if e := (*driver.Error)(nil); errors.As(err, &e) {
		return sqliteError(e, cause)
	}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return lieciba.Wrap(cause, lieciba.CodeUnavailable, "the call ended before the catalogue answered")
	case errors.Is(err, sql.ErrConnDone), errors.Is(err, sql.ErrTxDone):
		return lieciba.Wrap(cause, lieciba.CodeUnavailable, "the catalogue does not answer: try again")
	}
	return lieciba.Wrap(cause, lieciba.CodeInternal, "the catalogue failed")
}

// busy reports whether another process holds the file's write lock.
func busy(err error) bool {
	e := (*driver.Error)(nil)
	return errors.As(err, &e) && e.Code()&0xff == lib.SQLITE_BUSY
}

// sqliteError maps SQLite's result codes (sqlite.org/rescode.html).
func sqliteError(e *driver.Error, cause error) error {
	switch e.Code() {
	case lib.SQLITE_CONSTRAINT_UNIQUE, lib.SQLITE_CONSTRAINT_PRIMARYKEY, lib.SQLITE_CONSTRAINT_ROWID:
		table, column := uniqueColumn(e.Error())
		return &lieciba.Error{Code: lieciba.CodeConflict, Field: column, Cause: cause,
			Message: fmt.Sprintf("another row of %s has this %s", table, column)}
	case lib.SQLITE_CONSTRAINT_FOREIGNKEY:
		return lieciba.Wrap(cause, lieciba.CodeNotFound, "it refers to something that the catalogue does not hold")
	case lib.SQLITE_CONSTRAINT_CHECK:
		return lieciba.Wrap(cause, lieciba.CodeInvalid, "a value breaks a rule of the catalogue")
	case lib.SQLITE_IOERR_SHMSIZE:
		return lieciba.Wrap(cause, lieciba.CodeFull, "no space left for the catalogue: free some on its disk")
	}
	switch e.Code() & 0xff {
	case lib.SQLITE_FULL:
		return lieciba.Wrap(cause, lieciba.CodeFull, "no space left for the catalogue: free some on its disk")
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_IOERR, lib.SQLITE_INTERRUPT, lib.SQLITE_CANTOPEN, lib.SQLITE_NOMEM:
		return lieciba.Wrap(cause, lieciba.CodeUnavailable, "the catalogue does not answer: try again")
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return lieciba.Wrap(cause, lieciba.CodeCorrupt, "the catalogue's file is damaged: restore it from a backup")
	}
	return lieciba.Wrap(cause, lieciba.CodeInternal, "the catalogue failed")
}

// uniqueColumn reads the last column of "UNIQUE constraint failed:
// sites.code, …", the one that people know the object by.
func uniqueColumn(msg string) (table, column string) {
	_, list, _ := strings.Cut(msg, "constraint failed: ")
	list, _, _ = strings.Cut(list, " (")
	last := list[strings.LastIndex(list, " ")+1:]
	table, column, _ = strings.Cut(last, ".")
	return table, column
}
