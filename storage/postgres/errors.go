package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"lieciba"
)

// fail turns an error of pgx into one of the product; an *lieciba.Error stays as
// it is. what tells operators which call it was.
func fail(err error, what string) error {
	if err == nil {
		return nil
	}
	if e := (*lieciba.Error)(nil); errors.As(err, &e) {
		return err
	}
	cause := fmt.Errorf("postgres: %s: %w", what, err)
	if e := (*pgconn.PgError)(nil); errors.As(err, &e) {
		return serverError(e, cause)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return lieciba.Wrap(cause, lieciba.CodeUnavailable, "the call ended before the catalogue answered")
	}
	if isLocal(err) {
		return lieciba.Wrap(cause, lieciba.CodeInternal, "the catalogue failed")
	}
	return lieciba.Wrap(cause, lieciba.CodeUnavailable, "the catalogue does not answer: try again")
}

// isLocal tells errors of encoding and scanning, which a retry cannot cure, from
// those of the connection.
func isLocal(err error) bool {
	msg := err.Error()
	return strings.Contains(msg, "can't scan into dest") || strings.Contains(msg, "failed to encode args")
}

// serverError maps SQLSTATE (PostgreSQL manual, appendix A).
func serverError(e *pgconn.PgError, cause error) error {
	switch e.Code {
	case "23505": // unique_violation
		field := strings.TrimPrefix(e.ConstraintName, e.TableName+"_")
		return &lieciba.Error{Code: lieciba.CodeConflict, Field: field, Cause: cause,
			Message: fmt.Sprintf("another row of %s has this %s", e.TableName, field)}
	case "23503": // foreign_key_violation
		return lieciba.Wrap(cause, lieciba.CodeNotFound, "it refers to something that the catalogue does not hold")
	case "23514", "22P02", "22021", "22007", "22008", "22003": // check_violation, bad text, encoding, time or number
		return lieciba.Wrap(cause, lieciba.CodeInvalid, "a value breaks a rule of the catalogue")
	case "28000", "28P01", "3D000": // no such user or database, wrong password
		return &lieciba.Error{Code: lieciba.CodeInvalid, Field: "catalog.url", Cause: cause,
			Message: "PostgreSQL knows no such user, password or database: check the URL"}
	case "53100": // disk_full
		return lieciba.Wrap(cause, lieciba.CodeFull, "no space left for the catalogue: free some on its server")
	case "25006", "40001", "40P01", "55P03", "57014", "58030": // read-only standby, aborted, lock, cancelled, io_error
		return lieciba.Wrap(cause, lieciba.CodeUnavailable, "the catalogue does not answer: try again")
	}
	switch e.Code[:min(2, len(e.Code))] {
	case "08", "53", "57", "25": // connection, resources, shutdown, a transaction that the server ended
		return lieciba.Wrap(cause, lieciba.CodeUnavailable, "the catalogue does not answer: try again")
	case "XX": // internal_error, data_corrupted, index_corrupted
		return lieciba.Wrap(cause, lieciba.CodeCorrupt, "the catalogue's data are damaged: look at the server's log")
	}
	return lieciba.Wrap(cause, lieciba.CodeInternal, "the catalogue failed")
}

// aborted reports whether PostgreSQL rolled the transaction back and asks for
// another try.
func aborted(err error) bool {
	e := (*pgconn.PgError)(nil)
	return errors.As(err, &e) && (e.Code == "40001" || e.Code == "40P01")
}

// lost reports whether err is a connection that died. A server that refuses a
// new connection is not: trying again at once would not help.
func lost(err error) bool {
	if c := (*pgconn.ConnectError)(nil); errors.As(err, &c) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	if e := (*pgconn.PgError)(nil); errors.As(err, &e) {
		return e.Code == "57P01" || e.Code == "57P02" || strings.HasPrefix(e.Code, "08")
	}
	k := (*lieciba.Error)(nil)
	return !errors.As(err, &k) && !isLocal(err)
}
