package demo

import (
	"context"
	"net/http"
	"time"

	"lieciba"
)

// The parts of the API's answers that the demo reads (api/openapi.yaml).

type foundCamera struct {
	Address string `json:"address"`
	Name    string `json:"name"`
	Error   string `json:"error"`
}

type discovery struct {
	ID       string        `json:"id"`
	State    string        `json:"state"`
	Progress float64       `json:"progress"`
	Found    []foundCamera `json:"found"`
	Error    string        `json:"error"`
}

type camera struct {
	ID      lieciba.CameraID `json:"id"`
	Name    string           `json:"name"`
	State   string           `json:"state"`
	Streams []struct {
		Role  lieciba.StreamRole `json:"role"`
		Video string             `json:"video"`
		Audio string             `json:"audio"`
		FPS   float64            `json:"fps"`
	} `json:"streams"`
	Status *struct {
		Connected        bool    `json:"connected"`
		FPS              float64 `json:"fps"`
		Recording        bool    `json:"recording"`
		LastDurableAgeMS *int64  `json:"last_durable_age_ms"`
		GapOpenSince     *stamp  `json:"gap_open_since"`
	} `json:"status"`
}

type stamp = time.Time

type span struct {
	From stamp `json:"from"`
	To   stamp `json:"to"`
}

type recording struct {
	ID         lieciba.RecordingID    `json:"id"`
	CameraID   lieciba.CameraID       `json:"camera_id"`
	CameraName string                 `json:"camera_name"`
	State      lieciba.RecordingState `json:"state"`
	ExpectedS  float64                `json:"expected_s"`
	RecordedS  float64                `json:"recorded_s"`
	Exact      bool                   `json:"exact"`
	Segments   []struct {
		Video string `json:"video"`
		Audio string `json:"audio"`
	} `json:"segments"`
	Gaps []struct {
		From  stamp            `json:"from"`
		To    *stamp           `json:"to"`
		Cause lieciba.GapCause `json:"cause"`
	} `json:"gaps"`
}

type timeline struct {
	Window     span        `json:"window"`
	Now        stamp       `json:"now"`
	Recordings []recording `json:"recordings"`
}

type list[T any] struct {
	Items []T `json:"items"`
}

type system struct {
	Catalog   string `json:"catalog"`
	Media     string `json:"media"`
	WriteOnce bool   `json:"write_once"`
}

// as calls the API with the token of a role.
func (j *job) as(ctx context.Context, role lieciba.Role, method, path string, in, out any) error {
	return j.clients[role].Call(ctx, method, path, in, out)
}

func (j *job) get(ctx context.Context, role lieciba.Role, path string, out any) error {
	return j.as(ctx, role, http.MethodGet, path, nil, out)
}

// until asks again and again until done says so or ctx ends.
func (j *job) until(ctx context.Context, every time.Duration, done func() (bool, error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
