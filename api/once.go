package api

import (
	"crypto/sha256"
	"sync"
	"time"

	"lieciba"
)

// onceLimit bounds how many used things are remembered; sweepEvery how often
// those that are too old are looked for.
const (
	onceLimit  = 100_000
	sweepEvery = time.Minute
)

// once remembers what is good only once, until it would be too old anyway. Only
// what has proven good may be remembered: else anybody fills it. Safe for
// concurrent use.
type once struct {
	mu    sync.Mutex
	seen  map[[32]byte]time.Time // until, by hash
	swept time.Time
}

// use reports whether a thing is used for the first time. CodeUnavailable when
// so many are remembered that another would not fit.
func (o *once) use(thing string, now, until time.Time) (first bool, err error) {
	key := sha256.Sum256([]byte(thing))
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.seen == nil {
		o.seen = map[[32]byte]time.Time{}
	}
	if end, ok := o.seen[key]; ok && now.Before(end) {
		return false, nil
	}
	if len(o.seen) >= onceLimit/2 && now.Sub(o.swept) >= sweepEvery {
		o.swept = now
		for key, end := range o.seen {
			if !now.Before(end) {
				delete(o.seen, key)
			}
		}
	}
	if len(o.seen) >= onceLimit {
		return false, lieciba.Errorf(lieciba.CodeUnavailable, "too many at once: try again")
	}
	o.seen[key] = until
	return true, nil
}

// spent reports whether a thing was used.
func (o *once) spent(thing string, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	end, ok := o.seen[sha256.Sum256([]byte(thing))]
	return ok && now.Before(end)
}

// forget takes back a use that had no effect.
func (o *once) forget(thing string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.seen, sha256.Sum256([]byte(thing)))
}
