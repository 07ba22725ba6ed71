// Package citizenshipsim is a small stand-in for the citizenship system: it
// pushes a day's exam sessions, tells what happened to them later, and receives
// webhooks. It uses nothing but the public API (api/openapi.yaml), as the real
// system does, and judges signatures by its own reading of the contract.
package citizenshipsim

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"lieciba"
)

// Sim is one citizenship system. Its fields are set before the first call. Safe
// for concurrent use.
type Sim struct {
	Base   string // URL of the server, without a path
	Token  string // of a client with role citizenship
	Secret string // of the webhook; empty: none is received
	HTTP   *http.Client
	Now    func() time.Time // nil: time.Now

	mu       sync.Mutex
	sessions map[string]*Session // as last pushed, by external ID
	order    []string
	inbox    inbox
}

// Session is one exam session as this system plans it.
type Session struct {
	ExternalID string
	Version    int64
	Room       string
	StartsAt   time.Time
	EndsAt     time.Time
	Seats      int
	Parts      []Part
	Cancelled  bool
}

// Part of a session; zero times: as long as the session.
type Part struct {
	Kind     lieciba.PartKind
	StartsAt time.Time
	EndsAt   time.Time
}

// Plan is a day: in each room one session after the other.
type Plan struct {
	Rooms    []string // codes
	Start    time.Time
	Sessions int           // in each room; 0: 1
	Length   time.Duration // of each; 0: 3 h
	Pause    time.Duration // between two; 0: 30 min
	Seats    int
	Parts    []lieciba.PartKind // of each session, of equal length, one after the other
	Prefix   string             // of the external IDs; empty: the date in Riga
}

func (s *Sim) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// PushDay pushes all sessions of a plan and returns them in the order of their
// pushes. It ends at the first refusal.
func (s *Sim) PushDay(ctx context.Context, p Plan) ([]Session, error) {
	if p.Length == 0 {
		p.Length = 3 * time.Hour
	}
	if p.Pause == 0 {
		p.Pause = 30 * time.Minute
	}
	if p.Prefix == "" {
		p.Prefix = p.Start.In(lieciba.Riga).Format("2006-01-02")
	}
	var out []Session
	for n := range max(1, p.Sessions) {
		for _, room := range p.Rooms {
			from := p.Start.Add(time.Duration(n) * (p.Length + p.Pause))
			x := Session{ExternalID: fmt.Sprintf("%s.%s.%d", p.Prefix, room, n+1), Version: 1, Room: room, StartsAt: from, EndsAt: from.Add(p.Length),
				Seats: p.Seats, Parts: split(p.Parts, from, p.Length)}
			if err := s.Push(ctx, x); err != nil {
				return out, err
			}
			out = append(out, x)
		}
	}
	return out, nil
}

// split gives each part an equal share, to the second.
func split(kinds []lieciba.PartKind, from time.Time, length time.Duration) (out []Part) {
	for i, k := range kinds {
		at := func(n int) time.Time {
			return from.Add((length * time.Duration(n) / time.Duration(len(kinds))).Truncate(time.Second))
		}
		out = append(out, Part{Kind: k, StartsAt: at(i), EndsAt: at(i + 1)})
	}
	return out
}

// Push sends a session as a whole. The same one again changes nothing there.
func (s *Sim) Push(ctx context.Context, x Session) error {
	parts := []map[string]any{}
	for _, p := range x.Parts {
		d := map[string]any{"kind": p.Kind}
		if !p.StartsAt.IsZero() {
			d["starts_at"], d["ends_at"] = riga(p.StartsAt), riga(p.EndsAt)
		}
		parts = append(parts, d)
	}
	doc := map[string]any{"source_version": x.Version, "room": x.Room, "starts_at": riga(x.StartsAt), "ends_at": riga(x.EndsAt),
		"seats": x.Seats, "parts": parts, "cancelled": x.Cancelled}
	if err := s.call(ctx, http.MethodPut, "/v1/exam-sessions/"+x.ExternalID, doc, nil); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions == nil {
		s.sessions = map[string]*Session{}
	}
	if s.sessions[x.ExternalID] == nil {
		s.order = append(s.order, x.ExternalID)
	}
	s.sessions[x.ExternalID] = &x
	return nil
}

// riga writes a time as the contract wants it: with Riga's offset of that instant.
func riga(t time.Time) string { return t.In(lieciba.Riga).Format(time.RFC3339) }

// Change pushes the next version of a session after edit. CodeNotFound for one
// that this system never pushed.
func (s *Sim) Change(ctx context.Context, externalID string, edit func(*Session)) error {
	s.mu.Lock()
	known := s.sessions[externalID]
	var x Session
	if known != nil {
		x = *known
	}
	s.mu.Unlock()
	if known == nil {
		return lieciba.Errorf(lieciba.CodeNotFound, "this system pushed no session %s", externalID)
	}
	x.Version++
	edit(&x)
	return s.Push(ctx, x)
}

// Extend moves the end of a session; a running one is recorded on.
func (s *Sim) Extend(ctx context.Context, externalID string, by time.Duration) error {
	return s.Change(ctx, externalID, func(x *Session) { x.EndsAt = x.EndsAt.Add(by) })
}

// Cancel cancels a session; of a running one it is a wish that a person confirms.
func (s *Sim) Cancel(ctx context.Context, externalID string) error {
	return s.Change(ctx, externalID, func(x *Session) { x.Cancelled = true })
}

// Sessions returns what was pushed, in its order.
func (s *Sim) Sessions() []Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Session
	for _, id := range s.order {
		out = append(out, *s.sessions[id])
	}
	return out
}

// notifyTries is how often an event is sent that the server could not take.
const notifyTries = 3

// Notify tells what happened to a session now: result_notified, or appeal_opened
// and appeal_decided with the appeal's reference. It returns the event's ID. An
// event that the server may have taken is sent again under the same ID.
func (s *Sim) Notify(ctx context.Context, kind lieciba.EventKind, externalID, appeal string) (id string, err error) {
	id = "E-" + rand.Text()
	body := map[string]any{"event_id": id, "kind": kind, "at": riga(s.now())}
	if appeal != "" {
		body["appeal"] = appeal
	}
	for range notifyTries {
		err = s.call(ctx, http.MethodPost, "/v1/exam-sessions/"+externalID+"/events", body, nil)
		if lieciba.CodeOf(err) != lieciba.CodeUnavailable {
			break
		}
	}
	return id, err
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 16 << 20

// call makes a JSON call. A refusal is the *lieciba.Error that the server sent.
func (s *Sim) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.Base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.Token)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	client := s.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return lieciba.Wrap(err, lieciba.CodeUnavailable, "%s %s: no answer", method, path)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if e := resp.Body.Close(); err == nil {
		err = e
	}
	switch {
	case err != nil:
		return lieciba.Wrap(err, lieciba.CodeUnavailable, "%s %s: the answer broke off", method, path)
	case resp.StatusCode >= 300:
		return refusal(method, path, resp.StatusCode, b)
	case out == nil:
		return nil
	}
	return json.Unmarshal(b, out)
}

func refusal(method, path string, status int, body []byte) error {
	var shape struct {
		Error struct {
			Code    lieciba.Code
			Message string
			Field   string
		}
	}
	if json.Unmarshal(body, &shape) != nil || shape.Error.Code == "" {
		return lieciba.Errorf(lieciba.CodeInternal, "%s %s: status %d", method, path, status)
	}
	return &lieciba.Error{Code: shape.Error.Code, Field: shape.Error.Field, Message: method + " " + path + ": " + shape.Error.Message}
}
