package api

import (
	"container/list"
	"context"
	"net/netip"
	"sync"
	"time"

	"lieciba"
)

// Bounds of sign-in attempts. Failures are counted per account and browser, if
// the account has signed in with that browser before, else per account and
// address: who guesses, from elsewhere or from behind the same address, cannot
// lock an account out of the browser that it uses, and one account's bad typing
// cannot lock out the site's other people.
const (
	freeAttempts  = 5
	firstWait     = 30 * time.Second // doubles with each further failure
	longestWait   = 15 * time.Minute
	forgetAfter   = time.Hour
	trackedLimit  = 10_000 // counters remembered; the longest unused goes first
	waitDoublings = 5      // 30 s · 2^5 is above longestWait
)

// Bounds of the attempts on one account from all browsers that it does not know,
// so that many addresses together guess no faster than a few.
const (
	freeStrangers        = 20
	firstStrangersWait   = 5 * time.Second // doubles with each further failure
	longestStrangersWait = 5 * time.Minute
	strangersDoublings   = 6 // 5 s · 2^6 is above longestStrangersWait
)

// attemptKey names a counter: of an account at an address or, with neither
// prefix nor device, of all strangers.
type attemptKey struct {
	login  string
	prefix netip.Prefix
	device string
}

type attemptCount struct {
	key      attemptKey
	failures int
	last     time.Time
	blocked  time.Time // no attempt before
}

// fail counts a failure, and from the free-th on blocks for a growing wait.
func (n *attemptCount) fail(now time.Time, free, doublings int, first, longest time.Duration) {
	n.failures++
	n.last = now
	if over := n.failures - free; over >= 0 {
		n.blocked = now.Add(min(first<<min(over, doublings), longest))
	}
}

// throttle slows down guessing. Safe for concurrent use; bounded memory.
type throttle struct {
	mu    sync.Mutex
	byKey map[attemptKey]*list.Element // of *attemptCount
	order *list.List                   // front: used last
}

func newThrottle() *throttle {
	return &throttle{byKey: map[attemptKey]*list.Element{}, order: list.New()}
}

// attempt is one sign-in under way, counted as failed until it is told otherwise.
type attempt struct {
	t    *throttle
	keys []attemptKey
}

// begin counts an attempt, or refuses it with CodeRateLimited and the time to
// wait. device is the name of a browser that the account knows, or empty.
func (t *throttle) begin(login, address, device string, now time.Time) (attempt, error) {
	a := attempt{t, []attemptKey{{login: login, device: device}}}
	if device == "" {
		a.keys = []attemptKey{{login: login, prefix: network(address)}, {login: login}}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var counts []*attemptCount
	for _, key := range a.keys {
		n := t.count(key, now)
		if wait := n.blocked.Sub(now); wait > 0 {
			return a, retryError{err: lieciba.Errorf(lieciba.CodeRateLimited,
				"too many failed sign-ins for this account from here: wait %s", wait.Round(time.Second)), after: wait}
		}
		counts = append(counts, n)
	}
	counts[0].fail(now, freeAttempts, waitDoublings, firstWait, longestWait)
	if len(counts) > 1 {
		counts[1].fail(now, freeStrangers, strangersDoublings, firstStrangersWait, longestStrangersWait)
	}
	return a, nil
}

// count finds or makes the counter of a key. mu is held.
func (t *throttle) count(key attemptKey, now time.Time) *attemptCount {
	if e, ok := t.byKey[key]; ok {
		t.order.MoveToFront(e)
		n := e.Value.(*attemptCount)
		if now.Sub(n.last) > forgetAfter {
			*n = attemptCount{key: key}
		}
		return n
	}
	n := &attemptCount{key: key}
	t.byKey[key] = t.order.PushFront(n)
	if t.order.Len() > trackedLimit {
		oldest := t.order.Back()
		delete(t.byKey, oldest.Value.(*attemptCount).key)
		t.order.Remove(oldest)
	}
	return n
}

// succeed forgets the failures that the attempt was counted with.
func (a attempt) succeed() {
	a.t.mu.Lock()
	defer a.t.mu.Unlock()
	for _, key := range a.keys {
		if e, ok := a.t.byKey[key]; ok {
			delete(a.t.byKey, key)
			a.t.order.Remove(e)
		}
	}
}

// undo takes back an attempt that was not judged, because the server could not.
func (a attempt) undo() {
	a.t.mu.Lock()
	defer a.t.mu.Unlock()
	for _, key := range a.keys {
		if e, ok := a.t.byKey[key]; ok {
			if n := e.Value.(*attemptCount); n.failures > 0 {
				n.failures--
				n.blocked = time.Time{}
			}
		}
	}
}

// network is what counts as one address: an IPv4 address, or an IPv6 /64,
// because one machine owns that many.
func network(address string) netip.Prefix {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}
	}
	ip = ip.Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// How many wait for a password hash before the next is sent away: at all, and of
// one network. The second keeps who guesses many logins at once from shutting
// out everybody else.
const (
	passwordQueue = 64
	passwordShare = 16
)

// passwordWork bounds the password hashes under way, which take 19 MiB each, and
// those that wait for their turn.
type passwordWork struct {
	running, admitted chan struct{}
	mu                *sync.Mutex
	of                map[netip.Prefix]int // admitted by network
}

func newPasswordWork(atOnce int) passwordWork {
	return passwordWork{make(chan struct{}, atOnce), make(chan struct{}, atOnce+passwordQueue), &sync.Mutex{}, map[netip.Prefix]int{}}
}

// enter waits for a turn; the caller calls done once. CodeRateLimited when the
// queue is full or the address's network has its share, ctx's error when it ends.
func (p passwordWork) enter(ctx context.Context, address string) (done func(), err error) {
	from := network(address)
	if !p.admit(from) {
		return nil, retryError{err: lieciba.Errorf(lieciba.CodeRateLimited, "too many people sign in at once: try again"), after: 2 * time.Second}
	}
	select {
	case p.running <- struct{}{}:
		return func() { <-p.running; p.leave(from) }, nil
	case <-ctx.Done():
		p.leave(from)
		return nil, ctx.Err()
	}
}

func (p passwordWork) admit(from netip.Prefix) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of[from] >= passwordShare {
		return false
	}
	select {
	case p.admitted <- struct{}{}:
		p.of[from]++
		return true
	default:
		return false
	}
}

func (p passwordWork) leave(from netip.Prefix) {
	p.mu.Lock()
	defer p.mu.Unlock()
	<-p.admitted
	if p.of[from]--; p.of[from] == 0 {
		delete(p.of, from)
	}
}
