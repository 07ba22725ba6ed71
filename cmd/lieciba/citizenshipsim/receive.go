package citizenshipsim

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"lieciba"
)

// Notice is what a webhook brought.
type Notice struct {
	ID         lieciba.NoticeID   `json:"id"`
	Number     int64              `json:"number"`
	Kind       lieciba.NoticeKind `json:"kind"`
	At         time.Time          `json:"at"`
	SessionID  lieciba.SessionID  `json:"session_id"`
	ExternalID string             `json:"external_id"`
	Data       json.RawMessage    `json:"data"`
}

// Receipt is one arrival, good or not.
type Receipt struct {
	Notice
	Duplicate  bool   `json:"duplicate"`    // its ID has come before: told twice, taken once
	OutOfOrder bool   `json:"out_of_order"` // a later one of its session came before its first arrival
	Refused    string `json:"refused"`      // why it was not taken, such as a wrong signature; empty: it was
}

// inbox keeps what arrived.
type inbox struct {
	mu    sync.Mutex
	list  []Receipt
	seen  map[lieciba.NoticeID]bool
	last  map[lieciba.SessionID]int64
	news  chan struct{} // closed at the next arrival
	hooks []func(Receipt)
}

// tolerance is how old a message may be, by its signed time.
const tolerance = 5 * time.Minute

// ServeHTTP takes webhooks. What is not signed with the secret is refused (401);
// a duplicate is taken for good and ignored, as the contract asks.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	var got Receipt
	switch {
	case err != nil:
		return // the sender gave up, or sends too much
	case r.Method != http.MethodPost:
		http.Error(w, "POST only", http.StatusMethodNotAllowed)
		return
	}
	if err := s.verify(r.Header.Get("Lieciba-Signature"), body); err != nil {
		got.Refused = err.Error()
	} else if err := json.Unmarshal(body, &got.Notice); err != nil || string(got.ID) != r.Header.Get("Lieciba-Event-Id") {
		got.Refused = "the body is no notice, or not the one of its header"
	}
	s.inbox.add(got)
	if got.Refused != "" {
		http.Error(w, "refused", http.StatusUnauthorized)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// verify reads the signature: t=<unix seconds>,v1=<hex>[,v1=<hex>].
func (s *Sim) verify(header string, body []byte) error {
	t, rest, _ := strings.Cut(header, ",")
	seconds, err := strconv.ParseInt(strings.TrimPrefix(t, "t="), 10, 64)
	if err != nil || s.Secret == "" {
		return fmt.Errorf("no signature that can be checked")
	}
	if age := s.now().Sub(time.Unix(seconds, 0)); age.Abs() > tolerance {
		return fmt.Errorf("signed %s ago", age)
	}
	h := hmac.New(sha256.New, []byte(s.Secret))
	h.Write([]byte(strconv.FormatInt(seconds, 10) + "."))
	h.Write(body)
	want := []byte("v1=" + hex.EncodeToString(h.Sum(nil)))
	for one := range strings.SplitSeq(rest, ",") {
		if hmac.Equal([]byte(one), want) {
			return nil
		}
	}
	return fmt.Errorf("wrong signature")
}

func (b *inbox) add(r Receipt) {
	b.mu.Lock()
	if b.seen == nil {
		b.seen, b.last = map[lieciba.NoticeID]bool{}, map[lieciba.SessionID]int64{}
	}
	if r.Refused == "" {
		r.Duplicate = b.seen[r.ID]
		b.seen[r.ID] = true
		if !r.Duplicate {
			r.OutOfOrder = r.Number < b.last[r.SessionID]
			b.last[r.SessionID] = max(b.last[r.SessionID], r.Number)
		}
	}
	b.list = append(b.list, r)
	if b.news != nil {
		close(b.news)
		b.news = nil
	}
	hooks := b.hooks
	b.mu.Unlock()
	for _, h := range hooks {
		h(r)
	}
}

// OnReceive calls f for each arrival from now on; f may be called by several
// goroutines.
func (s *Sim) OnReceive(f func(Receipt)) {
	s.inbox.mu.Lock()
	defer s.inbox.mu.Unlock()
	s.inbox.hooks = append(s.inbox.hooks, f)
}

// Received returns all arrivals in their order.
func (s *Sim) Received() []Receipt {
	s.inbox.mu.Lock()
	defer s.inbox.mu.Unlock()
	return append([]Receipt(nil), s.inbox.list...)
}

// Await returns the first arrival that was taken and that is meant; it waits for
// it until ctx ends.
func (s *Sim) Await(ctx context.Context, meant func(Receipt) bool) (Receipt, error) {
	for from := 0; ; {
		s.inbox.mu.Lock()
		list := s.inbox.list
		if s.inbox.news == nil {
			s.inbox.news = make(chan struct{})
		}
		news := s.inbox.news
		s.inbox.mu.Unlock()
		for ; from < len(list); from++ {
			if list[from].Refused == "" && meant(list[from]) {
				return list[from], nil
			}
		}
		select {
		case <-news:
		case <-ctx.Done():
			return Receipt{}, ctx.Err()
		}
	}
}

// Replay reads what was told after a number through the API, page by page: what a
// system does that was away for longer than webhooks are tried.
func (s *Sim) Replay(ctx context.Context, after int64) ([]Notice, error) {
	var out []Notice
	for {
		var page struct {
			Items     []Notice `json:"items"`
			NextAfter int64    `json:"next_after"`
		}
		if err := s.call(ctx, http.MethodGet, fmt.Sprintf("/v1/notices?limit=1000&after=%d", after), nil, &page); err != nil {
			return out, err
		}
		if len(page.Items) == 0 {
			return out, nil
		}
		out, after = append(out, page.Items...), page.NextAfter
	}
}
