package webhook

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"lieciba"
	"lieciba/storage"
)

// The bounds of sending.
const (
	Timeout      = 10 * time.Second    // of one attempt, from the dial to the end of the answer
	DeadAfter    = 3 * 24 * time.Hour  // given up when the notice is so old…
	DeadAttempts = 8                   // …and was tried at least so often: the server may have been off
	claimFor     = time.Minute         // longer than an attempt can last
	lanes        = 8                   // attempts under way to one webhook
	batch        = 200                 // notices published at once
	look         = time.Second         // between two looks when nothing pokes
	answerLimit  = 4 << 10             // bytes of an answer that are read; they are dropped
	userAgent    = "Lieciba-Webhook/1" // no version: it would help an attacker only
)

// Sender publishes staged notices and delivers them. Several senders, on several
// nodes, may share a catalogue: it hands each delivery to one of them. Fields are
// set before Run and not changed after.
type Sender struct {
	Catalog storage.Notices
	Node    lieciba.NodeID
	Secrets Secrets
	Policy  Policy
	Client  *http.Client // nil: Policy.Client(Timeout)
	Log     *slog.Logger // nil: slog.Default
	Now     func() time.Time
	Jitter  func(time.Duration) time.Duration // nil: somewhere in the second half of it

	once sync.Once
	poke chan struct{}
}

func (s *Sender) init() {
	s.once.Do(func() {
		s.poke = make(chan struct{}, 1)
		if s.Client == nil {
			s.Client = s.Policy.Client(Timeout)
		}
		if s.Log == nil {
			s.Log = slog.Default()
		}
		if s.Now == nil {
			s.Now = time.Now
		}
		if s.Jitter == nil {
			s.Jitter = secondHalf
		}
	})
}

// Poke makes it look now; it does not block.
func (s *Sender) Poke() {
	s.init()
	select {
	case s.poke <- struct{}{}:
	default:
	}
}

// Run publishes and sends until ctx ends, then returns once every attempt has
// ended. What could not be done is tried at the next look and logged.
func (s *Sender) Run(ctx context.Context) {
	s.init()
	out := newOutbox(s)
	defer s.Client.CloseIdleConnections()
	defer out.jobs.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		n, err := s.turn(ctx, out)
		if err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "notices are late: the catalogue does not answer", "error", err)
		}
		if n > 0 && err == nil && ctx.Err() == nil {
			continue
		}
		timer.Reset(look)
		select {
		case <-ctx.Done():
			return
		case <-s.poke:
		case <-out.done:
		case <-timer.C:
		}
	}
}

// Round publishes what is staged and sends what is due, until nothing is due any
// more and every attempt has ended. The error is the catalogue's; a failed attempt
// is none.
func (s *Sender) Round(ctx context.Context) error {
	s.init()
	out := newOutbox(s)
	defer out.jobs.Wait()
	for ctx.Err() == nil {
		n, err := s.turn(ctx, out)
		if err != nil {
			return err
		}
		if n == 0 && !out.next() {
			return nil
		}
	}
	return ctx.Err()
}

// turn publishes, and begins as many attempts as are due and may run. It returns
// how many deliveries it claimed.
func (s *Sender) turn(ctx context.Context, out *outbox) (claimed int, err error) {
	for {
		n, err := s.Catalog.PublishNotices(ctx, batch, s.Now())
		if err != nil {
			return 0, err
		}
		if n < batch {
			break
		}
	}
	hooks, err := s.Catalog.ListWebhooks(ctx)
	if err != nil {
		return 0, err
	}
	for _, w := range hooks {
		free := out.free(w.ID)
		if w.Disabled || free == 0 {
			continue
		}
		list, err := s.Catalog.ClaimDeliveries(ctx, s.Node, w.ID, s.Now(), claimFor, free)
		if err != nil {
			return claimed, err
		}
		claimed += len(list)
		for _, d := range list {
			out.begin(ctx, d)
		}
	}
	return claimed, nil
}

// outbox is the attempts under way.
type outbox struct {
	sender *Sender
	done   chan struct{} // a word for attempts that have ended
	jobs   sync.WaitGroup

	mu      sync.Mutex
	running map[lieciba.WebhookID]int // attempts to each
	all     int
}

func newOutbox(s *Sender) *outbox {
	return &outbox{sender: s, running: map[lieciba.WebhookID]int{}, done: make(chan struct{}, 1)}
}

// free is how many more attempts to a webhook may run: each has lanes of its own,
// so that a slow one takes none from the others.
func (o *outbox) free(id lieciba.WebhookID) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return lanes - o.running[id]
}

// next waits for an attempt to end, which may make another delivery due; false
// when none is under way.
func (o *outbox) next() bool {
	o.mu.Lock()
	idle := o.all == 0 && len(o.done) == 0
	o.mu.Unlock()
	if idle {
		return false
	}
	<-o.done
	return true
}

func (o *outbox) begin(ctx context.Context, d lieciba.Delivery) {
	o.mu.Lock()
	o.running[d.WebhookID]++
	o.all++
	o.mu.Unlock()
	o.jobs.Go(func() {
		defer o.ended(d.WebhookID)
		if err := lieciba.Guard("send a notice", func() error { o.sender.deliver(ctx, d); return nil }); err != nil {
			o.sender.Log.ErrorContext(ctx, "sending a notice failed inside the server", "notice", d.Notice.ID, "error", err) // its claim runs out
		}
	})
}

func (o *outbox) ended(id lieciba.WebhookID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.running[id]--
	o.all--
	select {
	case o.done <- struct{}{}:
	default: // a word is waiting already
	}
}
