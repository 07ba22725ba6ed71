package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/postgres"
	"lieciba/storage/secret"
	"lieciba/storage/sqlite"
	"lieciba/storage/storagetest"
)

var start = time.Date(2026, 11, 18, 6, 30, 0, 0, time.UTC)

// house is a real catalogue with sessions, and a clock set by hand.
type house struct {
	t        *testing.T
	catalog  storage.Catalog
	box      *secret.Box
	sessions []lieciba.SessionID
	log      bytes.Buffer

	mu  sync.Mutex
	now time.Time
}

func newHouse(t *testing.T, sessions int) *house {
	cat, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "catalog.db"))
	require.NoError(t, err)
	return newHouseOn(t, cat, sessions)
}

func newPostgresHouse(t *testing.T, sessions int) *house {
	cat, err := postgres.Open(t.Context(), storagetest.PostgresFor(t, postgres.Open))
	require.NoError(t, err)
	return newHouseOn(t, cat, sessions)
}

func newHouseOn(t *testing.T, cat storage.Catalog, sessions int) *house {
	t.Cleanup(func() { require.NoError(t, cat.Close()) })
	box, err := secret.New(bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	h := &house{t: t, catalog: cat, box: box, now: start}
	site := lieciba.Site{ID: lieciba.NewID[lieciba.SiteID](start), Code: "riga", Name: "Rīga", State: lieciba.PlaceActive, CreatedAt: start}
	require.NoError(t, cat.PutSite(t.Context(), site))
	room := lieciba.Room{ID: lieciba.NewID[lieciba.RoomID](start), SiteID: site.ID, Code: "r", Name: "R", State: lieciba.PlaceActive, CreatedAt: start}
	require.NoError(t, cat.PutRoom(t.Context(), room))
	for i := range sessions {
		key := lieciba.SessionKey{Source: "pizis", ExternalID: fmt.Sprintf("S-%d", i)}
		s := lieciba.ExamSession{ID: lieciba.NewID[lieciba.SessionID](start), SessionKey: key, SourceVersion: 1, SiteID: site.ID, RoomID: room.ID,
			StartsAt: start, EndsAt: start.Add(time.Hour), State: lieciba.SessionRunning, CreatedAt: start, UpdatedAt: start}
		require.NoError(t, cat.ChangeSession(t.Context(), key, func(*lieciba.ExamSession) (*lieciba.ExamSession, error) { return &s, nil }, nil))
		h.sessions = append(h.sessions, s.ID)
	}
	return h
}

func (h *house) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// stage stages one notice for each session.
func (h *house) stage() {
	for i, id := range h.sessions {
		data, err := json.Marshal(storage.NoticeData{SessionID: id, ExternalID: fmt.Sprintf("S-%d", i)})
		require.NoError(h.t, err)
		require.NoError(h.t, h.catalog.StageNotice(h.t.Context(), lieciba.Notice{ID: lieciba.NewID[lieciba.NoticeID](h.Now()), SessionID: id,
			Source: "pizis", Kind: lieciba.NoticeGap, At: lieciba.Micro(h.Now()), Data: data}))
	}
}

// sender is a node's, with every wait cut short by jitter.
func (h *house) sender(jitter func(time.Duration) time.Duration) *Sender {
	return &Sender{Catalog: h.catalog, Node: lieciba.NewID[lieciba.NodeID](start), Secrets: h.box, Now: h.Now, Jitter: jitter,
		Policy: Policy{Allow: prefixes("127.0.0.0/8")}, Log: slog.New(slog.NewTextHandler(&h.log, nil))}
}

func whole(d time.Duration) time.Duration { return d }

func (h *house) webhook(name, url string) lieciba.Webhook {
	w := lieciba.Webhook{ID: lieciba.NewID[lieciba.WebhookID](start), Name: name, URL: url, CreatedAt: start}
	w.Secret = SealSecret(h.box, w.ID, "secret of "+name)
	require.NoError(h.t, h.catalog.PutWebhook(h.t.Context(), w))
	return w
}

func (h *house) deliveries(w lieciba.Webhook, states ...lieciba.DeliveryState) []lieciba.Delivery {
	list, err := h.catalog.ListDeliveries(h.t.Context(), storage.DeliveryFilter{WebhookID: w.ID, States: states, Limit: 1000})
	require.NoError(h.t, err)
	return list
}

// receiver is another system: a real HTTP server that notes what it takes.
type receiver struct {
	t      *testing.T
	secret string
	srv    *httptest.Server
	answer func(n int, w http.ResponseWriter, r *http.Request) // nil: 204; n counts from 1

	mu       sync.Mutex
	n        int
	seen     []Message // each arrival, whatever was answered
	first    []Message // of each event ID the first arrival
	bodies   map[lieciba.NoticeID][]byte
	arrived  chan struct{}
	expected int
}

func newReceiver(t *testing.T, secret string) *receiver {
	r := &receiver{t: t, secret: secret, bodies: map[lieciba.NoticeID][]byte{}, arrived: make(chan struct{})}
	r.srv = httptest.NewServer(r)
	t.Cleanup(func() { r.srv.Close() })
	return r
}

// after makes arrived close once so many different events have come.
func (r *receiver) after(n int) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expected = n
	return r.arrived
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the sender gave up
	}
	var m Message
	switch {
	case json.Unmarshal(body, &m) != nil, req.Method != http.MethodPost, req.Header.Get("Content-Type") != "application/json",
		string(m.ID) != req.Header.Get(EventHeader):
		r.t.Errorf("no message: %s %v", body, req.Header)
	}
	at := start.Add(100 * 24 * time.Hour)
	if err := Verify(req.Header.Get(SignatureHeader), body, []byte(r.secret), at, 200*24*time.Hour); err != nil {
		r.t.Errorf("signature: %v", err)
	}
	r.mu.Lock()
	r.n++
	n := r.n
	r.seen = append(r.seen, m)
	if old, twice := r.bodies[m.ID]; !twice {
		r.first = append(r.first, m)
	} else if !bytes.Equal(old, body) {
		r.t.Errorf("event %s came with two bodies: %s and %s", m.ID, old, body)
	}
	r.bodies[m.ID] = body
	if r.expected > 0 && len(r.first) == r.expected {
		close(r.arrived)
		r.expected = 0
	}
	r.mu.Unlock()
	if r.answer == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	r.answer(n, w, req)
}

// inOrder checks that all n notices of each session came, each event first seen
// in the order of its numbers.
func (r *receiver) inOrder(h *house, n int) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	last, count := map[lieciba.SessionID]int64{}, map[lieciba.SessionID]int{}
	for _, m := range r.first {
		require.Greater(r.t, m.Number, last[*m.SessionID], "out of order within a session")
		last[*m.SessionID] = m.Number
		count[*m.SessionID]++
	}
	for _, id := range h.sessions {
		require.Equal(r.t, n, count[id], "lost, or twice under two IDs")
	}
}

// cut ends the connection without an answer: the receiver has the message, and
// the sender does not know.
func cut(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	_ = conn.(*net.TCPConn).SetLinger(0) // a reset, where there is one
	_ = conn.Close()                     // as meant
}
