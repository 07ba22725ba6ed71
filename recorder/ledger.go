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
// there; gaps that wait while the catalogue is away are written to a file of
// their own (pending). If the process dies first, recovery writes the rows from
// the spool, and declares what is still missing as server_down.
type ledger struct {
	env  *env
	rec  lieciba.RecordingID
	wake chan struct{}

	mu     sync.Mutex
	ops    []ledgerOp
	closed bool              // no more ops will come: run returns when all are done
	parent lieciba.Recording // its row; what a gap's row refers to
	away   bool              // the catalogue does not take rows
	kept   bool              // a file of pending rows is there, or may be
}

type ledgerOp struct {
	name string
	do   func(ctx context.Context) error
	gap  *gapRow // what do changes of a gap; nil: nothing
}

func newLedger(e *env, rec lieciba.RecordingID) *ledger {
	return &ledger{env: e, rec: rec, wake: make(chan struct{}, 1)}
}

// add queues an op. do must be idempotent.
func (l *ledger) add(name string, do func(ctx context.Context) error) {
	l.addOp(ledgerOp{name: name, do: do})
}

// addGap queues a change of one of rec's gaps.
func (l *ledger) addGap(name string, rec lieciba.Recording, row gapRow, do func(ctx context.Context) error) {
	l.mu.Lock()
	l.parent = rec
	l.mu.Unlock()
	l.addOp(ledgerOp{name: name, do: do, gap: &row})
}

func (l *ledger) addOp(op ledgerOp) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ops = append(l.ops, op)
	if l.away && op.gap != nil {
		l.keep()
	}
	poke(l.wake)
}

// keep writes the gap rows that wait to the spool. A disk that refuses costs
// their cause if the process dies too. l.mu is held.
func (l *ledger) keep() {
	p := pending{Recording: l.parent, Alive: l.env.now()}
	for _, op := range l.ops {
		if op.gap != nil {
			p.Rows = append(p.Rows, *op.gap)
		}
	}
	if len(p.Rows) == 0 && !l.kept {
		return
	}
	l.kept = true
	if err := l.env.spool.putPending(p); err != nil {
		l.env.log.Warn("gaps that wait for the catalogue cannot be kept in the spool", "recording", l.rec, "err", err)
	}
}

// taken notes that the oldest op is done.
func (l *ledger) taken() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ops[0] = ledgerOp{}
	l.ops = l.ops[1:]
	l.away = false
	if !l.kept {
		return
	}
	for _, op := range l.ops {
		if op.gap != nil {
			return
		}
	}
	if err := l.env.spool.removePending(l.rec); err != nil {
		l.env.log.Warn("gaps that are on record cannot be removed from the spool; they are put on record again", "recording", l.rec, "err", err)
		return
	}
	l.kept = false
}

// refused notes that the catalogue does not take rows.
func (l *ledger) refused() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away = true
	l.keep()
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
		l.taken()
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
		l.refused()
		if !pause(ctx, jitter(min(200*time.Millisecond<<min(n, 6), 5*time.Second))) {
			return false
		}
	}
}

// catalogTimeout bounds one call.
const catalogTimeout = 10 * time.Second
