package sqlite

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"lieciba"
)

// us is how a time is stored: µs since the Unix epoch.
func us(t time.Time) int64 { return t.UnixMicro() }

// storable is a text as every catalogue keeps it: a NUL, or bytes that are no
// UTF-8, become U+FFFD, as in the JSON of a leaf. What a camera or a client sends
// reaches the words of a gap or an entry, and those must read back the same.
func storable(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "\uFFFD"), "\uFFFD")
}

// usOrNull stores the zero time as NULL.
func usOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return us(t)
}

// idOrNull stores an empty ID as NULL.
func idOrNull[T ~string](id T) any {
	if id == "" {
		return nil
	}
	return string(id)
}

// micros scans a stored time; NULL is the zero time.
type micros struct{ t *time.Time }

func (m micros) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*m.t = time.Time{}
	case int64:
		*m.t = time.UnixMicro(v).UTC()
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

// strs stores a list of strings as JSON; it is its own scanner.
type strs[T ~string] struct{ list *[]T }

func (s strs[T]) Scan(v any) error {
	text, ok := v.(string)
	if !ok {
		return fmt.Errorf("a stored list is a %T", v)
	}
	*s.list = nil
	err := json.Unmarshal([]byte(text), s.list)
	if len(*s.list) == 0 {
		*s.list = nil
	}
	return err
}

func jsonList[T ~string](list []T) string {
	if len(list) == 0 {
		return "[]"
	}
	b, err := json.Marshal(list)
	if err != nil {
		panic(err) // strings only
	}
	return string(b)
}
