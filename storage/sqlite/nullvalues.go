package sqlite

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
func hashBytes(h [32]byte) any {
	if h == [32]byte{} {
		return nil
	}
	return h[:]
}

// strsOrNull keeps nil and empty apart: nil is NULL.
type strsOrNull[T ~string] struct{ list *[]T }

func (s strsOrNull[T]) Scan(v any) error {
	*s.list = nil
	if v == nil {
		return nil
	}
	if err := (strs[T](s)).Scan(v); err != nil {
		return err
	}
	if *s.list == nil {
		*s.list = []T{}
	}
	return nil
}

func jsonListOrNull[T ~string](list []T) any {
	if list == nil {
		return nil
	}
	return jsonList(list)
}

// text scans a stored text or ID; NULL is the empty one.
type text[T ~string] struct{ s *T }

func (t text[T]) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*t.s = ""
	case string:
		*t.s = T(v)
	default:
		return fmt.Errorf("a stored text is a %T", v)
	}
	return nil
}
