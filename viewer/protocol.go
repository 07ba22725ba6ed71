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

// Messages of the archive channel "control".
type (
	request struct {
		ID     int64             `json:"id"`
		Cmd    string            `json:"cmd"`
		At     *stamp            `json:"at"`
		Rate   *float64          `json:"rate"`
		Frames *int              `json:"frames"`
		Camera *lieciba.CameraID `json:"camera"`
		Mode   string            `json:"mode"`
	}
	response struct {
		Re    int64      `json:"re"`
		OK    bool       `json:"ok,omitempty"`
		Error *wireError `json:"error,omitempty"`
	}
	span struct {
		From stamp `json:"from"`
		To   stamp `json:"to"`
	}
	scopeSpan struct {
		From  stamp `json:"from"`
		To    stamp `json:"to"`
		Until stamp `json:"until"`
	}
	readyCamera struct {
		Camera lieciba.CameraID   `json:"camera"`
		Name   string             `json:"name"`
		Mid    string             `json:"mid"`
		Codec  lieciba.VideoCodec `json:"codec"`
		Error  *wireError         `json:"error"`
	}
	readySound struct {
		Camera *lieciba.CameraID `json:"camera"`
		Codec  *string           `json:"codec"`
	}
	readyEvent struct {
		Ev      string        `json:"ev"` // "ready"
		Window  span          `json:"window"`
		Scope   *scopeSpan    `json:"scope"`
		Cameras []readyCamera `json:"cameras"`
		Audio   readySound    `json:"audio"`
	}
	trackMap struct {
		Camera lieciba.CameraID `json:"camera"`
		RTP    uint32           `json:"rtp"`
		First  uint32           `json:"first"`
	}
	mapEvent struct {
		Ev     string     `json:"ev"` // "map"
		Seq    int        `json:"seq"`
		Rate   float64    `json:"rate"`
		Paused bool       `json:"paused"`
		At     stamp      `json:"at"`
		Tracks []trackMap `json:"tracks"`
	}
	stateEvent struct {
		Ev       string     `json:"ev"` // "state"
		At       stamp      `json:"at"`
		Scope    *scopeSpan `json:"scope"`
		Paused   bool       `json:"paused"`
		Rate     float64    `json:"rate"`
		LiveEdge stamp      `json:"live_edge"`
		Waiting  *string    `json:"waiting"`
		KeysOnly bool       `json:"keys_only"`
		Sound    *string    `json:"sound"`
	}
	gapEvent struct {
		Ev     string           `json:"ev"` // "gap"
		Camera lieciba.CameraID `json:"camera"`
		From   stamp            `json:"from"`
		To     stamp            `json:"to"`
		Cause  string           `json:"cause"`
	}
	gapEndEvent struct {
		Ev     string           `json:"ev"` // "gap_end"
		Camera lieciba.CameraID `json:"camera"`
	}
	troubleEvent struct {
		Ev      string           `json:"ev"` // "error"
		Camera  lieciba.CameraID `json:"camera"`
		Code    lieciba.Code     `json:"code"`
		Message string           `json:"message"`
	}
	endEvent struct {
		Ev string `json:"ev"` // "end"
	}
)

// optional is a JSON string, null for the empty one.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
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
