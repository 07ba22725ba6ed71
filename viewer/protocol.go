package viewer

import (
	"encoding/json"
	"errors"
	"time"

	"lieciba"
)

// stamp is a time as PROTOCOL.md writes it: RFC 3339, UTC, six decimals.
type stamp time.Time

const stampLayout = "2006-01-02T15:04:05.000000Z"

// MarshalJSON writes null for the zero time.
func (s stamp) MarshalJSON() ([]byte, error) {
	t := time.Time(s)
	if t.IsZero() {
		return []byte("null"), nil
	}
	return []byte(`"` + t.UTC().Format(stampLayout) + `"`), nil
}

// UnmarshalJSON takes any RFC 3339 time.
func (s *stamp) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return lieciba.Invalid("at", "is not a time: write 2026-11-22T09:30:00.000000Z")
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return lieciba.Invalid("at", "is not a time: write 2026-11-22T09:30:00.000000Z")
	}
	*s = stamp(t.UTC())
	return nil
}

// Events of the live channel "info".
type liveMap struct {
	Ev    string `json:"ev"` // "map"
	RTP   uint32 `json:"rtp"`
	First uint32 `json:"first"`
	At    stamp  `json:"at"`
}

type liveState struct {
	Ev   string `json:"ev"` // "state"
	Kind string `json:"kind"`
	Text string `json:"text"`
}

// wireError is the product's error shape on a data channel.
type wireError struct {
	Code    lieciba.Code `json:"code"`
	Message string       `json:"message"`
	Field   string       `json:"field,omitempty"`
}

func wire(err error) *wireError {
	var e *lieciba.Error
	if errors.As(err, &e) {
		return &wireError{e.Code, e.Message, e.Field}
	}
	return &wireError{Code: lieciba.CodeInternal, Message: "something went wrong here: try again"}
}

// userMessage is what a person may read of an error.
func userMessage(err error) string { return wire(err).Message }
