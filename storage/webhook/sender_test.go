package webhook

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

func TestNoticesArriveInOrder(t *testing.T) {
	for name, open := range map[string]func(*testing.T, int) *house{"sqlite": newHouse, "postgres": newPostgresHouse} {
		t.Run(name, func(t *testing.T) {
			h := open(t, 20)
			r := newReceiver(t, "secret of pizis")
			w := h.webhook("pizis", r.srv.URL+"/hook?key=1")
			for range 10 {
				h.stage()
			}
			require.NoError(t, h.sender(whole).Round(t.Context()))
			r.inOrder(h, 10)
			require.Len(t, r.seen, 200, "each once")
			require.Contains(t, *r.first[0].ExternalID, "S-")
			require.Equal(t, "2026-11-18T06:30:00Z", r.first[0].At)
			require.Len(t, h.deliveries(w, lieciba.DeliveryDelivered), 200)
		})
	}
}

// A receiver that is down for an hour gets everything afterwards, in order and
// once; meanwhile it is not hammered.
func TestReceiverIsDownForAnHour(t *testing.T) {
	h := newHouse(t, 5)
	r := newReceiver(t, "secret of pizis")
	address := r.srv.Listener.Addr().String()
	r.srv.Close() // nobody listens: the connection is refused
	w := h.webhook("pizis", "http://"+address)
	s := h.sender(whole)
	for end := start.Add(time.Hour); h.Now().Before(end); h.pass(time.Minute) {
		h.stage()
		require.NoError(t, s.Round(t.Context()))
	}
	waiting := h.deliveries(w, lieciba.DeliveryWaiting)
	require.Len(t, waiting, 300)
	attempts := 0
	for _, d := range waiting {
		attempts += d.Attempts
		if d.Attempts > 0 {
			require.Contains(t, d.LastError, "refused")
		}
	}
	require.Greater(t, attempts, 5)
	require.Less(t, attempts, 5*15, "only the oldest of each session is tried, ever more seldom")

	l, err := net.Listen("tcp", address)
	require.NoError(t, err)
	back := &httptest.Server{Listener: l, Config: &http.Server{Handler: r, ReadHeaderTimeout: time.Minute}}
	back.Start()
	defer back.Close()
	h.pass(time.Hour)
	require.NoError(t, s.Round(t.Context()))
	r.inOrder(h, 60)
	require.Len(t, r.seen, 300)
	require.NotContains(t, h.log.String(), "secret of", "no secret in the log")
}

// A receiver that does not answer takes its own attempts only: another one gets
// all of its notices meanwhile.
func TestSlowReceiverHoldsUpNobodyElse(t *testing.T) {
	h := newHouse(t, 40)
	slow, quick := newReceiver(t, "secret of slow"), newReceiver(t, "secret of quick")
	release := make(chan struct{})
	slow.answer = func(_ int, w http.ResponseWriter, req *http.Request) {
		select {
		case <-release:
		case <-req.Context().Done():
		}
		w.WriteHeader(http.StatusOK)
	}
	h.webhook("slow", slow.srv.URL)
	h.webhook("quick", quick.srv.URL)
	for range 3 {
		h.stage()
	}
	s := h.sender(whole)
	s.Now, s.Client = time.Now, s.Policy.Client(time.Minute)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	all, late := quick.after(120), slow.after(120)
	go func() {
		defer close(ended)
		s.Run(ctx)
	}()
	<-all
	quick.inOrder(h, 3)
	close(release)
	<-late
	slow.inOrder(h, 3)
	stop()
	<-ended
}

// An attempt ends by itself, and is made again.
func TestReceiverThatNeverAnswers(t *testing.T) {
	h := newHouse(t, 1)
	r := newReceiver(t, "secret of pizis")
	r.answer = func(n int, w http.ResponseWriter, req *http.Request) {
		if n == 1 {
			<-req.Context().Done()
		}
	}
	w := h.webhook("pizis", r.srv.URL)
	h.stage()
	s := h.sender(whole)
	s.Client = s.Policy.Client(100 * time.Millisecond)
	require.NoError(t, s.Round(t.Context()))
	d := h.deliveries(w)[0]
	require.Equal(t, []any{lieciba.DeliveryWaiting, 1, "no answer within 10s"}, []any{d.State, d.Attempts, d.LastError})
	s = h.sender(whole)
	h.pass(5 * time.Second)
	require.NoError(t, s.Round(t.Context()))
	require.Equal(t, lieciba.DeliveryDelivered, h.deliveries(w)[0].State)
}

// What a receiver says beside its status is a stranger's text: bounded, and
// neither kept nor logged.
func TestReceiverThatFails(t *testing.T) {
	h := newHouse(t, 2)
	r := newReceiver(t, "secret of pizis")
	r.answer = func(n int, w http.ResponseWriter, req *http.Request) {
		switch {
		case n <= 2:
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write([]byte("stack trace of a stranger"))
		case n <= 4:
			http.Redirect(w, req, r.srv.URL+"/elsewhere", http.StatusTemporaryRedirect)
		default: // a receipt with an answer that has no end
			for {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}
	}
	w := h.webhook("pizis", r.srv.URL)
	h.stage()
	h.stage()
	s := h.sender(whole)
	require.NoError(t, s.Round(t.Context()))
	for _, d := range h.deliveries(w)[2:] {
		require.Equal(t, []any{1, "answered 500 Internal Server Error", start.Add(5 * time.Second)}, []any{d.Attempts, d.LastError, d.NextAt})
	}
	h.pass(5 * time.Second)
	require.NoError(t, s.Round(t.Context()))
	require.Equal(t, "answered 307 Temporary Redirect", h.deliveries(w)[2].LastError)
	require.Equal(t, 4, r.n, "the redirect is not followed, and the next notice waits for its turn")
	h.pass(10 * time.Second)
	require.NoError(t, s.Round(t.Context()))
	r.inOrder(h, 2)
	require.Len(t, h.deliveries(w, lieciba.DeliveryDelivered), 4)
	require.NotContains(t, h.log.String(), "stranger")
}

// A message that was received without the sender's knowledge comes again: under
// the same event ID, with the same body, before the next one of its session.
func TestAnswerThatIsLost(t *testing.T) {
	h := newHouse(t, 3)
	r := newReceiver(t, "secret of pizis")
	r.answer = func(n int, w http.ResponseWriter, _ *http.Request) {
		if n%2 == 1 {
			cut(w)
		}
	}
	w := h.webhook("pizis", r.srv.URL)
	for range 5 {
		h.stage()
	}
	s := h.sender(whole)
	for rounds := 0; len(h.deliveries(w, lieciba.DeliveryDelivered)) < 15; rounds++ {
		require.Less(t, rounds, 100)
		require.NoError(t, s.Round(t.Context()))
		h.pass(time.Hour)
	}
	r.inOrder(h, 5)
	require.Greater(t, len(r.seen), 15, "duplicates are what this test is about")
}

// While a secret is changed, both sign; afterwards the new one alone.
func TestSecretIsRotated(t *testing.T) {
	h := newHouse(t, 1)
	before, after := newReceiver(t, "secret of pizis"), newReceiver(t, "the new one")
	w := h.webhook("pizis", before.srv.URL)
	w.NewSecret = SealSecret(h.box, w.ID, "the new one")
	s := h.sender(whole)
	for _, url := range []string{before.srv.URL, after.srv.URL} { // a receiver with either secret takes it
		w.URL = url
		require.NoError(t, h.catalog.PutWebhook(t.Context(), w))
		h.stage()
		require.NoError(t, s.Round(t.Context()))
	}
	w.Secret, w.NewSecret = w.NewSecret, nil
	require.NoError(t, h.catalog.PutWebhook(t.Context(), w))
	var header string
	after.answer = func(_ int, _ http.ResponseWriter, r *http.Request) { header = r.Header.Get(SignatureHeader) }
	h.stage()
	require.NoError(t, s.Round(t.Context()))
	require.Equal(t, 1, strings.Count(header, "v1="))
	require.Equal(t, []int{1, 2}, []int{before.n, after.n})
	require.Len(t, h.deliveries(w, lieciba.DeliveryDelivered), 3)

	other := h.webhook("other", after.srv.URL)
	other.Secret = w.Secret // a secret moved to another row opens nothing
	require.NoError(t, h.catalog.PutWebhook(t.Context(), other))
	h.stage()
	require.NoError(t, s.Round(t.Context()))
	require.Equal(t, 1, h.deliveries(other)[0].Attempts)
	require.Equal(t, 3, after.n)
}

// After three days a notice is given up, and its session goes on without it;
// people can send it again.
func TestNoticeIsGivenUpAfterThreeDays(t *testing.T) {
	h := newHouse(t, 1)
	r := newReceiver(t, "secret of pizis")
	broken := true
	r.answer = func(_ int, w http.ResponseWriter, _ *http.Request) {
		if broken {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}
	w := h.webhook("pizis", r.srv.URL)
	h.stage()
	s := h.sender(whole)
	for len(h.deliveries(w, lieciba.DeliveryDead)) == 0 {
		require.NoError(t, s.Round(t.Context()))
		require.Less(t, h.Now().Sub(start), 4*24*time.Hour)
		h.pass(10 * time.Minute)
	}
	require.GreaterOrEqual(t, h.Now().Sub(start), DeadAfter)
	dead := h.deliveries(w)[0]
	require.Greater(t, dead.Attempts, 70)
	require.False(t, dead.DoneAt.IsZero())
	broken = false
	h.stage()
	require.NoError(t, s.Round(t.Context()))
	require.Len(t, h.deliveries(w, lieciba.DeliveryDelivered), 1, "the next one goes out")
	n, err := h.catalog.RedeliverDead(t.Context(), w.ID, dead.Notice.ID, h.Now())
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.NoError(t, s.Round(t.Context()))
	require.Len(t, h.deliveries(w, lieciba.DeliveryDelivered), 2)

	// A server that was off for days gives a notice its tries first.
	broken = true
	h.stage()
	h.pass(10 * 24 * time.Hour)
	require.NoError(t, s.Round(t.Context()))
	require.Len(t, h.deliveries(w, lieciba.DeliveryWaiting), 1)
}

// Who stops in the middle of an attempt leaves the delivery to others at once,
// and counts it against nobody.
func TestStopInTheMiddle(t *testing.T) {
	h := newHouse(t, 1)
	r := newReceiver(t, "secret of pizis")
	reached := make(chan struct{})
	r.answer = func(n int, _ http.ResponseWriter, req *http.Request) {
		if n == 1 {
			close(reached)
			<-req.Context().Done()
		}
	}
	w := h.webhook("pizis", r.srv.URL)
	h.stage()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	s := h.sender(whole)
	go func() {
		defer close(ended)
		s.Run(ctx)
	}()
	<-reached
	stop()
	<-ended
	require.Equal(t, 0, h.deliveries(w)[0].Attempts)
	require.NoError(t, h.sender(whole).Round(t.Context()), "another node")
	require.Equal(t, lieciba.DeliveryDelivered, h.deliveries(w)[0].State)
}

// Two nodes send at once, and the receiver fails in every way: each session's
// notices arrive in order, none is lost, and what comes twice has the same ID.
func TestTwoSendersAtOnce(t *testing.T) {
	h := newPostgresHouse(t, 12)
	r := newReceiver(t, "secret of pizis")
	rnd := rand.New(rand.NewPCG(1, 2))
	dice := make(chan int, 1)
	go func() {
		for {
			select {
			case dice <- rnd.IntN(10):
			case <-t.Context().Done():
				return
			}
		}
	}()
	r.answer = func(_ int, w http.ResponseWriter, _ *http.Request) {
		switch <-dice {
		case 0:
			w.WriteHeader(http.StatusBadGateway)
		case 1:
			cut(w)
		}
	}
	w := h.webhook("pizis", r.srv.URL)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{}, 2)
	for range 2 {
		s := h.sender(func(time.Duration) time.Duration { return 0 })
		s.Now = time.Now
		go func() {
			defer func() { ended <- struct{}{} }()
			s.Run(ctx)
		}()
	}
	all := r.after(12 * 15)
	for range 15 {
		h.stage()
	}
	<-all
	last := h.sender(whole)
	last.Now = time.Now
	for len(h.deliveries(w, lieciba.DeliveryWaiting)) > 0 { // the answer to the last ones may have been lost
		require.NoError(t, last.Round(ctx))
	}
	stop()
	<-ended
	<-ended
	r.inOrder(h, 15)
	list, err := h.catalog.ListNotices(t.Context(), "pizis", 0, 1000)
	require.NoError(t, err)
	for i, n := range list {
		require.Equal(t, int64(i+1), n.Number, "numbers have no hole")
	}
	t.Logf("%d arrivals of %d notices", len(r.seen), len(list))
}

// What a webhook does not want does not come, and a disabled one gets nothing.
func TestWebhookGetsWhatItWants(t *testing.T) {
	h := newHouse(t, 1)
	gaps, seals, off := newReceiver(t, "secret of gaps"), newReceiver(t, "secret of seals"), newReceiver(t, "secret of off")
	h.webhook("gaps", gaps.srv.URL)
	w := h.webhook("seals", seals.srv.URL)
	w.Kinds = []lieciba.NoticeKind{lieciba.NoticeSealed}
	require.NoError(t, h.catalog.PutWebhook(t.Context(), w))
	d := h.webhook("off", off.srv.URL)
	d.Disabled = true
	require.NoError(t, h.catalog.PutWebhook(t.Context(), d))
	h.stage()
	require.NoError(t, h.sender(whole).Round(t.Context()))
	require.Equal(t, []int{1, 0, 0}, []int{gaps.n, seals.n, off.n})
}

// broken is a real catalogue that fails now and then, before or after it acts.
type broken struct {
	storage.Catalog
	n int
}

func (b *broken) fails() bool {
	b.n++
	return b.n%3 == 0
}

func (b *broken) PublishNotices(ctx context.Context, max int, now time.Time) (int, error) {
	if b.fails() {
		return 0, lieciba.Errorf(lieciba.CodeUnavailable, "no database")
	}
	return b.Catalog.PublishNotices(ctx, max, now)
}

func (b *broken) ClaimDeliveries(ctx context.Context, node lieciba.NodeID, w lieciba.WebhookID, now time.Time, ttl time.Duration, limit int) ([]lieciba.Delivery, error) {
	list, err := b.Catalog.ClaimDeliveries(ctx, node, w, now, ttl, limit)
	if b.fails() {
		return nil, lieciba.Errorf(lieciba.CodeUnavailable, "the answer was lost")
	}
	return list, err
}

// A catalogue that comes and goes delays notices and loses none.
func TestCatalogueThatComesAndGoes(t *testing.T) {
	h := newHouse(t, 4)
	r := newReceiver(t, "secret of pizis")
	w := h.webhook("pizis", r.srv.URL)
	s := h.sender(whole)
	s.Catalog = &broken{Catalog: h.catalog}
	failed := 0
	for range 6 {
		h.stage()
	}
	for rounds := 0; len(h.deliveries(w, lieciba.DeliveryDelivered)) < 24; rounds++ {
		require.Less(t, rounds, 100, fmt.Sprint(h.deliveries(w)))
		if s.Round(t.Context()) != nil {
			failed++
		}
		h.pass(claimFor)
	}
	require.Positive(t, failed)
	r.inOrder(h, 6)
}
