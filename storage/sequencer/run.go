package sequencer

import (
	"context"
	"sync"
	"time"

	"lieciba"
)

// attempt bounds one call of Once by Run, and one time stamp.
const attempt = 30 * time.Second

// Run sequences until ctx ends: at once when it is poked, else once in an
// Interval, with at least Rest between two checkpoints. It returns nil. Errors
// are logged when they begin and when they end, and stand in Stats.
func (s *Sequencer) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var stamps sync.WaitGroup
	if s.c.Stamper != nil {
		stamps.Go(func() { s.stampAll(ctx) })
	}
	defer stamps.Wait()
	defer cancel()
	tick := time.NewTicker(s.c.Interval)
	defer tick.Stop()
	rest := time.NewTimer(0)
	defer rest.Stop()
	failing := false
	for {
		select { // between two checkpoints facts gather
		case <-ctx.Done():
			return nil
		case <-rest.C:
		}
		n, err := s.once(ctx)
		if ctx.Err() != nil {
			return nil
		}
		s.report(ctx, err, &failing)
		wait := time.Duration(0)
		if n > 0 || err != nil {
			wait = s.c.Rest
		}
		rest.Reset(wait)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-s.poke:
		}
	}
}

func (s *Sequencer) once(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	return s.Once(ctx)
}

func (s *Sequencer) report(ctx context.Context, err error, failing *bool) {
	switch {
	case err != nil && !*failing:
		s.c.Log.ErrorContext(ctx, "the hash log cannot be continued; facts wait for their place in it", "error", err)
	case err == nil && *failing:
		s.c.Log.InfoContext(ctx, "the hash log goes on")
	}
	*failing = err != nil
}

// stampAll gets a time stamp for the newest checkpoint once in StampEvery.
func (s *Sequencer) stampAll(ctx context.Context) {
	failing := false
	for {
		wait := s.c.StampEvery
		err := lieciba.Guard("time stamps", func() error { return s.stampNewest(ctx) })
		if ctx.Err() != nil {
			return
		}
		if lieciba.CodeOf(err) == lieciba.CodeNotFound { // a log that has not begun: Once says why
			err, wait = nil, min(wait, time.Minute)
		}
		s.noteStamp(err)
		if err != nil {
			wait = min(wait, time.Minute)
		}
		if err != nil && !failing {
			s.c.Log.WarnContext(ctx, "no time stamp was got for the hash log", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func (s *Sequencer) noteStamp(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.stats.StampFailingAt = time.Time{}
	case s.stats.StampFailingAt.IsZero():
		s.stats.StampFailingAt = s.c.Now()
	}
}

func (s *Sequencer) stampNewest(ctx context.Context) error {
	c, err := s.c.Catalog.NewestCheckpoint(ctx)
	if err != nil {
		return err
	}
	_, err = s.Stamp(ctx, c.Size)
	return err
}

// Stamp makes sure that the checkpoint of that size has a time stamp and returns
// those that it has. CodeUnsupported without an authority, CodeNotFound without
// such a checkpoint.
func (s *Sequencer) Stamp(ctx context.Context, size int64) ([]lieciba.TimeStamp, error) {
	if s.c.Stamper == nil {
		return nil, lieciba.Errorf(lieciba.CodeUnsupported, "no time-stamp authority is configured")
	}
	there, err := s.c.Catalog.TimeStamps(ctx, size)
	if err != nil || len(there) > 0 {
		return there, err
	}
	list, err := s.c.Catalog.Checkpoints(ctx, size-1)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 || list[0].Size != size {
		return nil, lieciba.Errorf(lieciba.CodeNotFound, "there is no checkpoint of %d leaves", size)
	}
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	ts, err := s.c.Stamper.Stamp(ctx, list[0].Note)
	if err != nil {
		return nil, err
	}
	ts.Size = size
	if err := s.c.Catalog.PutTimeStamp(ctx, ts); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.stats.StampedAt = ts.At
	s.mu.Unlock()
	return s.c.Catalog.TimeStamps(ctx, size)
}
