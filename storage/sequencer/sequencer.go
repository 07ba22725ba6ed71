package sequencer

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

// Catalog is what a sequencer needs of the catalogue.
type Catalog interface {
	storage.Acts
	storage.HashLog
}

// Stamper asks a time-stamp authority; storage/evidence/tsa has one.
type Stamper interface {
	// Stamp returns a verified time stamp over the SHA-256 of a checkpoint's note;
	// Size is left to the caller. CodeUnavailable is worth a retry.
	Stamp(ctx context.Context, note []byte) (lieciba.TimeStamp, error)
}

// Config is what a Sequencer is made of. Zero durations take the defaults.
type Config struct {
	Catalog Catalog
	Key     *evidence.Key // the log's current key; may be nil with KeyFile
	// KeyFile is where the key is kept. With it the sequencer reads the key itself,
	// makes one for an empty log, and goes on with the new one after a rotation by
	// another process.
	KeyFile string
	Origin  string // name of a log that begins; "": the key's name. A log that is there keeps its own
	Stamper Stamper

	Interval   time.Duration // between two looks at what is staged; 5 s
	Rest       time.Duration // at least so long between two checkpoints, pokes or not; 200 ms
	StampEvery time.Duration // 1 h
	Now        func() time.Time
	Log        *slog.Logger
	Who, WhoID string // whose act a rotation is; "system"
	// Allow, if not nil, is asked in the transaction of a rotation to next, and may
	// write in it: its error undoes the rotation. It may run more than once.
	Allow func(ctx context.Context, next *evidence.Key) error
}

// Stats is how a sequencer stands.
type Stats struct {
	Size      int64     // of the newest checkpoint that this sequencer knows
	At        time.Time // of that checkpoint
	Staged    int       // leaves that waited at the last look
	Oldest    time.Time // of those; zero if none
	Batches   int64     // checkpoints made here
	Leaves    int64     // sequenced here
	StampedAt time.Time // newest time stamp got here
	LastError error     // of the last attempt; nil if it went well
	FailingAt time.Time // since when attempts fail; zero if they do not

	StampFailingAt time.Time // since when Run gets no time stamp; zero if it does
}

// Sequencer sequences one catalogue's log. Safe for concurrent use.
type Sequencer struct {
	c    Config
	poke chan struct{}

	turn    chan struct{} // holds one token: who has it changes key and log
	mu      sync.Mutex    // guards what is below
	key     *evidence.Key
	next    *evidence.Key // of a rotation whose answer may have been lost
	started bool
	stats   Stats
	changed chan struct{} // closed and replaced at each new checkpoint
}

// New makes a Sequencer; nothing is read or written before its first call.
func New(c Config) *Sequencer {
	c.Interval, c.Rest = or(c.Interval, 5*time.Second), or(c.Rest, 200*time.Millisecond)
	c.StampEvery = or(c.StampEvery, time.Hour)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Who == "" {
		c.Who, c.WhoID = "system", "system"
	}
	return &Sequencer{c: c, key: c.Key, poke: make(chan struct{}, 1), turn: make(chan struct{}, 1), changed: make(chan struct{})}
}

func or(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}

// Poke asks for a checkpoint soon, without waiting for it.
func (s *Sequencer) Poke() {
	select {
	case s.poke <- struct{}{}:
	default: // one is asked for already
	}
}

// Stats tells how the sequencer stands.
func (s *Sequencer) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Key is the log's current key as this sequencer knows it; nil before Start.
func (s *Sequencer) Key() *evidence.Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.key
}

// Changed is closed at the next checkpoint that this sequencer makes.
func (s *Sequencer) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// take waits for this sequencer's turn.
func (s *Sequencer) take(ctx context.Context) (release func(), err error) {
	select {
	case s.turn <- struct{}{}:
		return func() { <-s.turn }, nil
	case <-ctx.Done():
		return nil, lieciba.Wrap(ctx.Err(), lieciba.CodeUnavailable, "the hash log was not reached in time")
	}
}

// Start makes sure that this sequencer may sign: it begins an empty log with its
// key, or proves that its key is the current one. CodeNotFound for a missing key
// file of a log that has leaves, CodeConflict for a key that is not the current
// one, CodeCorrupt for a checkpoint that does not hold. Once and Run call it too.
func (s *Sequencer) Start(ctx context.Context) error {
	release, err := s.take(ctx)
	if err != nil {
		return err
	}
	defer release()
	err = s.start(ctx)
	s.note(err)
	return err
}

func (s *Sequencer) start(ctx context.Context) error {
	s.mu.Lock()
	done, key := s.started, s.key
	s.mu.Unlock()
	if done {
		return nil
	}
	if key == nil {
		var err error
		if key, err = LoadKey(ctx, s.c.Catalog, s.c.KeyFile); err != nil {
			return err
		}
	}
	head, err := s.c.Catalog.NewestCheckpoint(ctx)
	switch {
	case lieciba.CodeOf(err) == lieciba.CodeNotFound:
		err = s.found(ctx, key)
		if errors.Is(err, errFounded) {
			head, err = s.c.Catalog.NewestCheckpoint(ctx)
		}
		if err == nil && head.Size > 0 {
			err = checkCurrent(head, key)
		}
	case err == nil:
		err = checkCurrent(head, key)
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key, s.started = key, true
	if head.Size > s.stats.Size {
		s.stats.Size, s.stats.At = head.Size, head.At
	}
	return nil
}

// Once gives every staged leaf its place and returns how many there were. A call
// whose answer was lost is repeated by the next one.
func (s *Sequencer) Once(ctx context.Context) (n int, err error) {
	release, err := s.take(ctx)
	if err != nil {
		return 0, err
	}
	defer release()
	err = lieciba.Guard("the hash log", func() error {
		n, err = s.sequence(ctx)
		return err
	})
	s.note(err)
	return n, err
}

func (s *Sequencer) sequence(ctx context.Context) (n int, err error) {
	if _, err := s.waiting(ctx); err != nil { // shown also while nobody may sign
		return 0, err
	}
	if err := s.start(ctx); err != nil {
		return 0, err
	}
	staged, err := s.waiting(ctx) // a log that begins has staged a leaf of its own
	if err != nil {
		return 0, err
	}
	if staged == 0 {
		return 0, s.refresh(ctx)
	}
	n, err = s.drain(ctx)
	if !errors.Is(err, errOtherKey) {
		return n, err
	}
	if rerr := s.reload(ctx); rerr != nil {
		return n, errors.Join(err, rerr)
	}
	more, err := s.drain(ctx)
	return n + more, err
}

// waiting counts what is staged.
func (s *Sequencer) waiting(ctx context.Context) (int, error) {
	staged, oldest, err := s.c.Catalog.StagedLeaves(ctx)
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Staged, s.stats.Oldest = staged, oldest
	return staged, nil
}

// batch is how many leaves one checkpoint takes at most.
const batch = storage.MaxSequence

// drain sequences until nothing is staged.
func (s *Sequencer) drain(ctx context.Context) (total int, err error) {
	key := s.Key()
	for {
		var made lieciba.Checkpoint
		n, err := s.c.Catalog.Sequence(ctx, batch, func(head storage.LogHead, staged []lieciba.Leaf) (out storage.Sequenced, err error) {
			out, err = s.extend(head, staged, extension{now: key})
			made = out.Checkpoint
			return out, err
		})
		if err != nil {
			return total, err
		}
		if total += n; n > 0 {
			s.sequenced(made, n)
		}
		if n < batch {
			return total, nil
		}
	}
}

func (s *Sequencer) sequenced(c lieciba.Checkpoint, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Size, s.stats.At = c.Size, c.At
	s.stats.Batches++
	s.stats.Leaves += int64(n)
	s.stats.Staged, s.stats.Oldest = 0, time.Time{}
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Sequencer) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.LastError = err
	switch {
	case err == nil:
		s.stats.FailingAt = time.Time{}
	case s.stats.FailingAt.IsZero():
		s.stats.FailingAt = s.c.Now()
	}
}

// reload finds the key that signs now: of a rotation here whose answer was lost,
// or by another process, in the key file.
func (s *Sequencer) reload(ctx context.Context) error {
	s.mu.Lock()
	key := s.next
	s.mu.Unlock()
	if key != nil {
		head, err := s.c.Catalog.NewestCheckpoint(ctx)
		if err != nil {
			return err
		}
		if checkCurrent(head, key) != nil {
			key = nil
		}
	}
	if key == nil && s.c.KeyFile == "" {
		return nil // and the next attempt says it again
	}
	if key == nil {
		var err error
		if key, err = LoadKey(ctx, s.c.Catalog, s.c.KeyFile); err != nil {
			return err
		}
	}
	s.use(key)
	s.c.Log.InfoContext(ctx, "the hash log is signed by another key from now on", "fingerprint", key.Fingerprint())
	return nil
}

// Refresh makes Key the one that signs now, after a rotation by another process.
// A key that this machine does not have is CodeConflict, as for Start.
func (s *Sequencer) Refresh(ctx context.Context) error {
	release, err := s.take(ctx)
	if err != nil {
		return err
	}
	defer release()
	if err := s.start(ctx); err != nil {
		return err
	}
	return s.refresh(ctx)
}

func (s *Sequencer) refresh(ctx context.Context) error {
	head, err := s.c.Catalog.NewestCheckpoint(ctx)
	if err != nil {
		return err
	}
	err = checkCurrent(head, s.Key())
	if !errors.Is(err, errOtherKey) {
		return err
	}
	return s.reload(ctx)
}

// Await pokes and waits until the object has its leaf in the log, whichever
// node's sequencer puts it there. CodeNotFound if none was staged.
func (s *Sequencer) Await(ctx context.Context, kind lieciba.LeafKind, subject string) (lieciba.Leaf, error) {
	look := time.NewTicker(time.Second) // another node's sequencer tells us nothing
	defer look.Stop()
	for {
		changed := s.Changed()
		l, err := s.c.Catalog.LeafOf(ctx, kind, subject)
		if err != nil || l.Index >= 0 {
			return l, err
		}
		s.Poke()
		select {
		case <-ctx.Done():
			return l, lieciba.Wrap(ctx.Err(), lieciba.CodeUnavailable, "the leaf has not entered the hash log yet")
		case <-changed:
		case <-look.C:
		}
	}
}
