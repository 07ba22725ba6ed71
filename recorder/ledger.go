package recorder

import (
	"context"
	"sync"
	"time"

	"lieciba"
)

// ledger brings one recording's rows to the catalogue, in order, repeating each
// until it is in: a catalogue that is down never stops recording. What waits
// here is bounded by the spool, because each row but a gap's belongs to bytes
// there. If the process dies first, recovery writes the segments' rows from the
// spool, and declares what is missing as server_down.
type ledger struct {
	env *env
	rec lieciba.RecordingID

	mu     sync.Mutex
	ops    []ledgerOp
	wake   chan struct{}
	closed bool // no more ops will come: run returns when all are done
}

type ledgerOp struct {
	name string
	do   func(ctx context.Context) error
}

func newLedger(e *env, rec lieciba.RecordingID) *ledger {
	return &ledger{env: e, rec: rec, wake: make(chan struct{}, 1)}
}

// add queues an op. do must be idempotent.
func (l *ledger) add(name string, do func(ctx context.Context) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ops = append(l.ops, ledgerOp{name, do})
	poke(l.wake)
}

func (l *ledger) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	poke(l.wake)
}

// backlog is how many rows wait.
func (l *ledger) backlog() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.ops)
}

// run works until close and an empty queue, or ctx.
func (l *ledger) run(ctx context.Context) {
	for {
		l.mu.Lock()
		empty, closed := len(l.ops) == 0, l.closed
		var op ledgerOp
		if !empty {
			op = l.ops[0]
		}
		l.mu.Unlock()
		if empty && closed {
			return
		}
		if empty {
			select {
			case <-l.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		if !l.repeat(ctx, op) {
			return
		}
		l.mu.Lock()
		l.ops[0] = ledgerOp{}
		l.ops = l.ops[1:]
		l.mu.Unlock()
	}
}

// repeat does op until it succeeds or can never succeed; false when ctx ends.
func (l *ledger) repeat(ctx context.Context, op ledgerOp) bool {
	for n := 0; ; n++ {
		err := l.env.bounded(ctx, op.name, op.do)
		switch {
		case err == nil:
			return true
		case ctx.Err() != nil:
			return false
		case !retryable(err):
			l.env.log.ErrorContext(ctx, "the catalogue refused a row", "recording", l.rec, "row", op.name, "err", err)
			return true
		}
		if n == 0 {
			l.env.log.WarnContext(ctx, "the catalogue does not take rows; they wait", "recording", l.rec, "row", op.name, "err", err)
		}
		if !pause(ctx, jitter(min(200*time.Millisecond<<min(n, 6), 5*time.Second))) {
			return false
		}
	}
}

// catalogTimeout bounds one call.
const catalogTimeout = 10 * time.Second
