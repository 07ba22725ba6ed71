package api

import (
	"context"
	"sync"
	"time"

	"lieciba"
)

// cookieValue is what a cookie's value is worth; of a chain of values the most
// counts.
type cookieValue int

const (
	valueCurrent    cookieValue = iota
	valueReplaced               // a moment ago: for requests that were under way, and never a fresh proof
	valueLate                   // too long ago, and an honest browser may do this: see rotations.next
	valueInTwoHands             // too long ago, and somebody uses what followed: one of the two has stolen it
	valueUnknown                // or of a sign-in that has ended
)

// rotationsKept bounds how many replaced values are remembered longer than they work.
const rotationsKept = 10_000

// rotations remembers which cookie value followed which. Another node does not
// know: there the old value ends at once. Safe for concurrent use.
type rotations struct {
	mu   sync.Mutex
	byID map[[32]byte]rotation
	used map[[32]byte]bool // of the values that followed one: somebody has sent it
}

type rotation struct {
	to     [32]byte
	by     sender    // who got the new value
	until  time.Time // the old value works
	doubt  time.Time // and until then by may still send it
	forget time.Time
}

// sender is what tells browsers apart, as far as a request shows it. A thief may
// look the same: it gains no right from that, and is found out after rotateDoubt.
type sender struct{ address, agent string }

func (c *call) sender() sender { return sender{c.address(), c.agent()} }

// add notes that to followed from and was given to by, of a sign-in that ends at last.
func (r *rotations) add(from, to [32]byte, by sender, now, last time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byID == nil {
		r.byID, r.used = map[[32]byte]rotation{}, map[[32]byte]bool{}
	}
	crowded := len(r.byID) >= rotationsKept
	for old, x := range r.byID {
		if !now.Before(x.forget) || crowded && !now.Before(x.until) {
			delete(r.byID, old)
			delete(r.used, x.to)
		}
	}
	r.byID[from], r.used[to] = rotation{to, by, now.Add(rotateGrace), now.Add(rotateDoubt), last}, false
}

// see notes that somebody sent a value.
func (r *rotations) see(value [32]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, followed := r.used[value]; followed {
		r.used[value] = true
	}
}

// next returns what followed a value, and what that makes the old one worth from
// whom. It is late, not stolen, when the new one was never used, since that answer
// may have been lost, and from the browser that got the new one a short time ago,
// since requests overtake each other.
func (r *rotations) next(from [32]byte, by sender, now time.Time) ([32]byte, cookieValue) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x, known := r.byID[from]
	switch {
	case !known || !now.Before(x.forget):
		return x.to, valueUnknown
	case now.Before(x.until):
		return x.to, valueReplaced
	case r.used[x.to] && (by != x.by || !now.Before(x.doubt)):
		return x.to, valueInTwoHands
	}
	return x.to, valueLate
}

// endStolen ends a sign-in whose cookie is in two hands: both begin anew, and the
// person alone can (RFC 9700, 4.14.2, of refresh tokens).
func (c *call) endStolen(in lieciba.SignIn) error {
	s := c.server
	c.who = lieciba.Principal{Name: "system"}
	e := c.entry(lieciba.AuditEndSignIn, target{what: "sign_in", id: string(in.ID)})
	c.who = lieciba.Principal{}
	e.Detail = "of user:" + string(in.UserID) + ": an old value of its cookie was sent, and the new one is in use"
	if err := c.record(&e, func(ctx context.Context) error {
		if err := s.cfg.Catalog.EndSignIn(ctx, in.ID); err != nil {
			return err
		}
		u, err := s.cfg.Catalog.User(ctx, in.UserID)
		if err != nil {
			return err
		}
		return s.raise(ctx, lieciba.Alarm{ID: lieciba.NewID[lieciba.AlarmID](e.At), Kind: lieciba.AlarmCopied, Key: "sign_in:" + string(in.ID),
			Who: u.Login, WhoID: string(u.ID), At: e.At, Count: 1, Detail: "an old cookie of a sign-in was sent from " + c.address() + " although a newer one is in use: it may be stolen; the sign-in was ended"})
	}); err != nil {
		return err
	}
	s.reviewViews(c.ctx())
	return errSignInEnded()
}
