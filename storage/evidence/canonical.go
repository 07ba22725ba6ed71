package evidence

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"time"

	"lieciba"
)

// Encode writes v as canonical JSON: the fields in the order of the struct,
// nothing escaped that need not be, no white space, one line end. Equal values
// have equal bytes. A byte of a string that is no UTF-8 becomes U+FFFD. v holds structs, lists, strings, integers and booleans only:
// no maps, no fractions.
func Encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // a type that breaks the rule above
	}
	return oneReplacement(b.Bytes())
}

// oneReplacement spells U+FFFD itself wherever encoding/json escaped it for a
// byte that is no UTF-8: what Decode reads back must be written the same again,
// or one such byte would make a seal unreadable for good.
func oneReplacement(b []byte) []byte {
	const escaped = `\ufffd`
	if !bytes.Contains(b, []byte(escaped)) {
		return b
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] != '\\':
			out = append(out, b[i])
		case bytes.HasPrefix(b[i:], []byte(escaped)):
			out = append(out, "\uFFFD"...)
			i += len(escaped) - 1
		default: // an escape is two bytes or more, and its second is none of its own
			out = append(out, b[i], b[i+1])
			i++
		}
	}
	return out
}

// Decode reads canonical JSON into v and refuses any other spelling of it, so
// that no byte can be changed without a trace: CodeCorrupt.
func Decode(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return lieciba.Wrap(err, lieciba.CodeCorrupt, "is no JSON of the expected shape")
	}
	if !bytes.Equal(Encode(v), b) {
		return lieciba.Errorf(lieciba.CodeCorrupt, "is not in canonical form: it was written or edited by something else")
	}
	return nil
}

// Time is an instant in UTC, written with six decimals; the zero time is "".
type Time struct{ time.Time }

// At makes a Time, cut to the microsecond.
func At(t time.Time) Time {
	if t.IsZero() {
		return Time{}
	}
	return Time{lieciba.Micro(t)}
}

const timeLayout = "2006-01-02T15:04:05.000000Z"

// MarshalText implements encoding.TextMarshaler.
func (t Time) MarshalText() ([]byte, error) {
	if t.IsZero() {
		return nil, nil
	}
	return []byte(t.UTC().Format(timeLayout)), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *Time) UnmarshalText(b []byte) (err error) {
	if len(b) == 0 {
		*t = Time{}
		return nil
	}
	t.Time, err = time.Parse(timeLayout, string(b))
	return err
}

// MarshalJSON and UnmarshalJSON shadow those of time.Time.
func (t Time) MarshalJSON() ([]byte, error) {
	b, err := t.MarshalText()
	return append(append([]byte{'"'}, b...), '"'), err
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *Time) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	return t.UnmarshalText([]byte(s))
}

// Hash is a SHA-256, written in lower-case hex.
type Hash [32]byte

// MarshalText implements encoding.TextMarshaler.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hash) UnmarshalText(b []byte) error {
	if len(b) != 2*len(h) {
		return lieciba.Errorf(lieciba.CodeCorrupt, "a SHA-256 has %d hex digits, not %d", 2*len(h), len(b))
	}
	_, err := hex.Decode(h[:], b)
	return err
}

// String is the lower-case hex form.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }
