package postgres

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"lieciba"
)

// ts is how a time is stored: to the microsecond.
func ts(t time.Time) time.Time { return lieciba.Micro(t) }

// storable is a text that PostgreSQL takes: a NUL, or bytes that are no UTF-8,
// become U+FFFD, as in the JSON of a leaf. What a camera sends reaches the words
// of an error, and a gap must be stored whatever they are.
func storable(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "\uFFFD"), "\uFFFD")
}

// orNull stores the zero time as NULL.
func orNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return ts(t)
}

// idOrNull stores an empty ID as NULL.
func idOrNull[T ~string](id T) any {
	if id == "" {
		return nil
	}
	return string(id)
}

// stamp scans a stored time in UTC; NULL is the zero time.
type stamp struct{ t *time.Time }

func (s stamp) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*s.t = time.Time{}
	case time.Time:
		*s.t = lieciba.Micro(v)
	default:
		return fmt.Errorf("a stored time is a %T", v)
	}
	return nil
}

// span scans a stored duration in µs.
type span struct{ d *time.Duration }

func (s span) Scan(v any) error {
	n, ok := v.(int64)
	if !ok {
		return fmt.Errorf("a stored duration is a %T", v)
	}
	*s.d = time.Duration(n) * time.Microsecond
	return nil
}

// hash scans a stored SHA-256.
type hash struct{ h *[32]byte }

func (h hash) Scan(v any) error {
	b, ok := v.([]byte)
	if !ok || len(b) != len(h.h) {
		return lieciba.Errorf(lieciba.CodeCorrupt, "a stored hash is a %T of %d bytes", v, len(b))
	}
	copy(h.h[:], b)
	return nil
}

// salt scans the salt of a leaf.
type salt struct{ s *[16]byte }

func (s salt) Scan(v any) error {
	b, ok := v.([]byte)
	if !ok || len(b) != len(s.s) {
		return lieciba.Errorf(lieciba.CodeCorrupt, "a stored salt is a %T of %d bytes", v, len(b))
	}
	copy(s.s[:], b)
	return nil
}

// texts is the text[] of a list; never NULL.
func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

// typed is the list of a text[]; nil if it is empty.
func typed[T ~string](list []string) []T {
	var out []T
	for _, v := range list {
		out = append(out, T(v))
	}
	return out
}

// where collects the conditions of a query. A condition names its values ?.
type where struct {
	conds []string
	args  []any
}

func (w *where) add(cond string, args ...any) {
	for _, a := range args {
		cond = strings.Replace(cond, "?", w.arg(a), 1)
	}
	w.conds = append(w.conds, cond)
}

// arg adds a value and returns its placeholder.
func (w *where) arg(v any) string {
	w.args = append(w.args, v)
	return "$" + strconv.Itoa(len(w.args))
}

func (w *where) sql() string {
	if len(w.conds) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conds, " AND ")
}
