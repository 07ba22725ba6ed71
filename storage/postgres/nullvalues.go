package postgres

import "fmt"

// hashOrNull scans a stored SHA-256; NULL is the zero hash.
type hashOrNull struct{ h *[32]byte }

func (h hashOrNull) Scan(v any) error {
	if v == nil {
		*h.h = [32]byte{}
		return nil
	}
	return hash(h).Scan(v)
}

// hashBytes stores the zero hash as NULL.
func hashBytes(h [32]byte) []byte {
	if h == [32]byte{} {
		return nil
	}
	return h[:]
}

// orEmpty scans a stored ID; NULL is the empty one.
type orEmpty[T ~string] struct{ id *T }

func (o orEmpty[T]) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*o.id = ""
	case string:
		*o.id = T(v)
	default:
		return fmt.Errorf("a stored ID is a %T", v)
	}
	return nil
}
