package api

import (
	"container/list"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"lieciba"
)

// Rate is how many requests may come: Burst at once, then PerSecond for ever.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Rates bound requests, beside the throttle of sign-ins. One site has one address
// as a rule: a room of 12 supervisors whose walls ask five times a second, and who
// all load the pages at once, stays below half of the defaults.
type Rates struct {
	Address Rate // of one network address, pages included; zero: 120/s, 1200 at once
	Account Rate // of one person or machine; zero: 40/s, 400 at once
	Wrong   Rate // failed sign-ins of one address, whatever the account and the way; zero: 1 in 5 s, 120 at once
}

// withDefaults fills what is left out.
func (r Rates) withDefaults() Rates {
	orDefault(&r.Address, Rate{120, 1200})
	orDefault(&r.Account, Rate{40, 400})
	orDefault(&r.Wrong, Rate{0.2, 120})
	return r
}

// rateKeys bounds how many buckets one limit remembers; the longest unused goes
// first. A bucket that was forgotten starts full again.
const rateKeys = 20_000

// rateLimit holds a token bucket for each key. Safe for concurrent use; bounded memory.
type rateLimit[K comparable] struct {
	rate  Rate
	mu    sync.Mutex
	byKey map[K]*list.Element // of *bucket[K]
	order *list.List          // front: used last
}

type bucket[K comparable] struct {
	key   K
	limit *rate.Limiter
}

func newRateLimit[K comparable](r Rate) *rateLimit[K] {
	return &rateLimit[K]{rate: r, byKey: map[K]*list.Element{}, order: list.New()}
}

// take spends one token of the key. Without one it returns how long to wait for it.
func (l *rateLimit[K]) take(key K, now time.Time) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(key)
	r := b.ReserveN(now, 1)
	if wait = r.DelayFrom(now); wait > 0 {
		r.CancelAt(now) // who is refused does not push the end further away
	}
	return wait
}

// wait tells how long until the key has a token, and spends none.
func (l *rateLimit[K]) wait(key K, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(key)
	r := b.ReserveN(now, 1)
	defer r.CancelAt(now)
	return r.DelayFrom(now)
}

// bucket finds or makes the bucket of a key. mu is held.
func (l *rateLimit[K]) bucket(key K) *rate.Limiter {
	if e, ok := l.byKey[key]; ok {
		l.order.MoveToFront(e)
		return e.Value.(*bucket[K]).limit
	}
	b := &bucket[K]{key, rate.NewLimiter(rate.Limit(l.rate.PerSecond), l.rate.Burst)}
	l.byKey[key] = l.order.PushFront(b)
	if l.order.Len() > rateKeys {
		oldest := l.order.Back()
		delete(l.byKey, oldest.Value.(*bucket[K]).key)
		l.order.Remove(oldest)
	}
	return b.limit
}

// logoutRate bounds bad logout tokens of one address: one with an unknown key makes
// the provider be asked for its keys.
var logoutRate = Rate{PerSecond: 1, Burst: 20}

// networkLimit bounds the requests of a network, and beside it those of the IPv6
// site that it belongs to: who owns a site has 65,536 networks, more than a limit
// remembers. Safe for concurrent use; bounded memory.
type networkLimit struct {
	network, site *rateLimit[netip.Prefix]
}

// siteBits is the prefix that a site is given (RFC 6177, 2: between /48 and /64).
const siteBits = 48

// newNetworkLimit lets a site do as much as `networks` of its networks.
func newNetworkLimit(r Rate, networks int) *networkLimit {
	return &networkLimit{newRateLimit[netip.Prefix](r), newRateLimit[netip.Prefix](Rate{r.PerSecond * float64(networks), r.Burst * networks})}
}

// siteOf is the site of an IPv6 network; an IPv4 address has none.
func siteOf(network netip.Prefix) (site netip.Prefix, ok bool) {
	if !network.IsValid() || !network.Addr().Is6() {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(network.Addr(), siteBits).Masked(), true
}

// take spends one token of the network and one of its site. Without both it
// spends none of the site's, and returns how long to wait.
func (l *networkLimit) take(network netip.Prefix, now time.Time) (wait time.Duration) {
	site, ok := siteOf(network)
	if ok {
		if wait = l.site.wait(site, now); wait > 0 {
			return wait
		}
	}
	if wait = l.network.take(network, now); wait == 0 && ok {
		l.site.take(site, now)
	}
	return wait
}

// wait tells how long until there are both tokens, and spends none.
func (l *networkLimit) wait(network netip.Prefix, now time.Time) time.Duration {
	wait := l.network.wait(network, now)
	if site, ok := siteOf(network); ok {
		wait = max(wait, l.site.wait(site, now))
	}
	return wait
}

// How many networks' worth of requests and of wrong passwords one site has. The
// second times the burst of 16 sites stays below trackedLimit, so that they
// cannot make the throttle forget an account's failures.
const (
	siteRequests = 8
	siteWrong    = 2
)

// rates are the limits of a server.
type rates struct {
	address, wrong, logout *networkLimit
	account                *rateLimit[string]
}

func newRates(r Rates) rates {
	return rates{newNetworkLimit(r.Address, siteRequests), newNetworkLimit(r.Wrong, siteWrong), newNetworkLimit(logoutRate, siteWrong),
		newRateLimit[string](r.Account)}
}

func tooMany(whose string, wait time.Duration) error {
	return retryError{err: lieciba.Errorf(lieciba.CodeRateLimited, "too many requests of %s: wait, then go on more slowly", whose), after: wait}
}

// admitAddress answers a request of an address that asks too often, and reports
// whether it may go on.
func (s *Server) admitAddress(w http.ResponseWriter, r *http.Request) bool {
	wait := s.rates.address.take(network(s.addressOf(r)), s.cfg.Now())
	if wait > 0 {
		writeRetry(w, tooMany("this address", wait))
	}
	return wait <= 0
}

// admitAccount refuses an account that asks too often, with CodeRateLimited.
func (c *call) admitAccount() error {
	if wait := c.server.rates.account.take(c.who.ID, c.now); wait > 0 {
		return tooMany("this account", wait)
	}
	return nil
}

// admitPassword refuses an address from which too many failed sign-ins came,
// whatever the accounts: each account has its own throttle beside.
func (c *call) admitPassword() error {
	if wait := c.server.rates.wrong.wait(network(c.address()), c.now); wait > 0 {
		return retryError{err: lieciba.Errorf(lieciba.CodeRateLimited, "too many failed sign-ins from this address: wait %s", wait.Round(time.Second)), after: wait}
	}
	return nil
}

// admitGuess is admitPassword for other ways to sign in. A browser that somebody
// has signed in with before is not slowed down for its network.
func (c *call) admitGuess(known bool) error {
	if known {
		return nil
	}
	return c.admitPassword()
}

// countGuess counts a failed sign-in against its address, and reports whether it
// is one of the few that are recorded.
func (c *call) countGuess() bool {
	return c.server.rates.wrong.take(network(c.address()), c.now) <= 0
}
