package onvif

import (
	"context"
	"sync"
	"time"
)

// auth is what is known of signing in to one device. Safe for concurrent use.
//
// Cameras lock an account after a few wrong passwords, so a refused pair is
// never sent again (refused), an operation that a proven user may not call is
// not repeated (denied), and while nothing is proven only one signed call is on
// its way at a time (gate).
type auth struct {
	gate chan struct{} // one token, held by a signed call while not proven

	mu         sync.Mutex
	cred       Credentials
	generation int // of cred, so that a late answer cannot judge newer credentials
	refused    bool
	proven     bool
	digest     bool                // the device wants HTTP Digest and no WSSE
	denied     map[string]struct{} // operations
	offset     time.Duration       // camera clock minus ours, to a second or so
	hostTime   bool                // the device checks Created against a clock it does not tell
}

func newAuth(c Credentials) *auth {
	return &auth{gate: make(chan struct{}, 1), cred: c, denied: map[string]struct{}{}}
}

// set replaces the credentials and forgets all judgements; the same ones again
// change nothing.
func (a *auth) set(c Credentials) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cred == c {
		return
	}
	a.cred, a.generation = c, a.generation+1
	a.refused, a.proven, a.digest = false, false, false
	a.denied = map[string]struct{}{}
}

// ticket is the right to send one operation with the credentials of its generation.
type ticket struct {
	cred       Credentials
	generation int
	digest     bool
	offset     time.Duration
	hostTime   bool
	release    func()
}

// begin waits for its turn and returns what to sign with. The caller must call
// release once. The error is ErrRefused, ErrDenied or ctx's.
func (a *auth) begin(ctx context.Context, operation string) (ticket, error) {
	t, proven, err := a.ticket(operation)
	if err != nil || proven {
		return t, err
	}
	select {
	case a.gate <- struct{}{}:
	case <-ctx.Done():
		return ticket{}, ctx.Err()
	}
	release := sync.OnceFunc(func() { <-a.gate })
	t, proven, err = a.ticket(operation) // the call before us may have settled it
	if err != nil || proven {
		release()
		return t, err
	}
	t.release = release
	return t, nil
}

func (a *auth) ticket(operation string) (t ticket, proven bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.refused {
		return ticket{}, false, errRefused()
	}
	if _, no := a.denied[operation]; no {
		return ticket{}, false, errDenied(operation)
	}
	t = ticket{cred: a.cred, generation: a.generation, digest: a.digest, offset: a.offset, hostTime: a.hostTime, release: func() {}}
	if a.hostTime {
		t.offset = 0
	}
	return t, a.proven, nil
}

// accepted notes that the device took the credentials, and, for SOAP, how.
func (a *auth) accepted(t ticket, soap, digest, hostTime bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.generation != t.generation {
		return
	}
	a.proven = true
	if soap {
		a.digest, a.hostTime = digest, hostTime
	}
}

// refuse notes that the device refused an operation. Credentials that worked
// before are doubted, not dropped: perhaps the user may not call just this one.
// The next signed call decides.
func (a *auth) refuse(t ticket, operation string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.generation != t.generation {
		return errRefused()
	}
	if a.proven {
		a.proven = false
		a.denied[operation] = struct{}{}
		return errDenied(operation)
	}
	a.refused = true
	return errRefused()
}

func (a *auth) setOffset(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.offset = d
}

// unproven reports whether there are credentials that the device never took.
func (a *auth) unproven() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.cred.Username != "" && !a.proven
}

// hasCredentials reports whether there are any.
func (a *auth) hasCredentials() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.cred.Username != ""
}

func (a *auth) clockOffset() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.offset
}
