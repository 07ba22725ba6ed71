package storagetest

import (
	"context"
	"errors"
	"io"
	"math"
	"sync"
	"time"

	"lieciba"
	"lieciba/storage"
)

// MediaStep names a method of storage.Media, for faults.
type MediaStep string

// The steps, one per method that reaches the store.
const (
	MediaPut    MediaStep = "put"
	MediaStat   MediaStep = "stat"
	MediaRead   MediaStep = "read" // ReadRange
	MediaOpen   MediaStep = "open"
	MediaSum    MediaStep = "sum"
	MediaRemove MediaStep = "remove" // Remove and RemoveAll
	MediaList   MediaStep = "list"
	MediaPing   MediaStep = "ping"
	MediaHold   MediaStep = "hold" // SetHold
	MediaLock   MediaStep = "lock" // LockUntil
)

// FaultMedia wraps a real Media and fails or holds up chosen calls. A call that
// fails "after" has taken effect. Safe for concurrent use.
type FaultMedia struct {
	storage.Media

	mu     sync.Mutex
	counts map[MediaStep]int
	plans  []*mediaPlan
}

// mediaPlan is one fault: on the calls of step from first to last.
type mediaPlan struct {
	step        MediaStep
	first, last int
	after       bool
	err         error
	reached     chan struct{}
	once        *sync.Once
	release     <-chan struct{}
}

// NewFaultMedia wraps m; without further calls it only counts.
func NewFaultMedia(m storage.Media) *FaultMedia {
	return &FaultMedia{Media: m, counts: map[MediaStep]int{}}
}

// Outage is what a store that does not answer returns.
func Outage() error {
	return lieciba.Errorf(lieciba.CodeUnavailable, "injected outage")
}

// FailBefore makes the n-th call of step from now (1 is the next) fail with err
// and do nothing.
func (f *FaultMedia) FailBefore(step MediaStep, n int, err error) {
	f.add(step, n, n, &mediaPlan{err: err})
}

// FailAfter makes the n-th call of step from now take effect and fail with err.
func (f *FaultMedia) FailAfter(step MediaStep, n int, err error) {
	f.add(step, n, n, &mediaPlan{err: err, after: true})
}

// FailAll makes every call of step from now fail with err and do nothing, until
// Heal.
func (f *FaultMedia) FailAll(step MediaStep, err error) {
	f.add(step, 1, math.MaxInt32, &mediaPlan{err: err})
}

// Block holds up the n-th call of step from now before it does anything.
// reached is closed when it arrives; it goes on after release, or when its
// context ends, then with CodeUnavailable.
func (f *FaultMedia) Block(step MediaStep, n int) (reached <-chan struct{}, release func()) {
	open := make(chan struct{})
	p := &mediaPlan{reached: make(chan struct{}), once: &sync.Once{}, release: open}
	f.add(step, n, n, p)
	return p.reached, sync.OnceFunc(func() { close(open) })
}

// Heal drops every fault that has not struck; calls that Block holds stay held.
func (f *FaultMedia) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plans = nil
}

// Calls returns how often step was called.
func (f *FaultMedia) Calls(step MediaStep) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[step]
}

func (f *FaultMedia) add(step MediaStep, first, last int, p *mediaPlan) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.step, p.first, p.last = step, f.counts[step]+first, f.counts[step]+last
	f.plans = append(f.plans, p)
}

// next counts a call and returns the fault that strikes it.
func (f *FaultMedia) next(step MediaStep) *mediaPlan {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[step]++
	n := f.counts[step]
	for _, p := range f.plans {
		if p.step == step && p.first <= n && n <= p.last {
			return p
		}
	}
	return nil
}

// run does one call under its fault.
func (f *FaultMedia) run(ctx context.Context, step MediaStep, do func() error) error {
	p := f.next(step)
	switch {
	case p == nil:
		return do()
	case p.release != nil:
		p.once.Do(func() { close(p.reached) })
		select {
		case <-p.release:
			return do()
		case <-ctx.Done():
			return lieciba.Wrap(ctx.Err(), lieciba.CodeUnavailable, "the call was given up")
		}
	case p.after:
		if err := do(); err != nil {
			return err
		}
	}
	return p.err
}

// Put implements storage.Media.
func (f *FaultMedia) Put(ctx context.Context, key string, src io.ReaderAt, size int64, sum [32]byte) (o storage.Object, err error) {
	err = f.run(ctx, MediaPut, func() error {
		o, err = f.Media.Put(ctx, key, src, size, sum)
		return err
	})
	return o, err
}

// Stat implements storage.Media.
func (f *FaultMedia) Stat(ctx context.Context, ref lieciba.MediaRef) (o storage.Object, err error) {
	err = f.run(ctx, MediaStat, func() error {
		o, err = f.Media.Stat(ctx, ref)
		return err
	})
	return o, err
}

// ReadRange implements storage.Media.
func (f *FaultMedia) ReadRange(ctx context.Context, ref lieciba.MediaRef, p []byte, off int64) error {
	return f.run(ctx, MediaRead, func() error { return f.Media.ReadRange(ctx, ref, p, off) })
}

// Open implements storage.Media.
func (f *FaultMedia) Open(ctx context.Context, ref lieciba.MediaRef) (r io.ReadCloser, err error) {
	err = f.run(ctx, MediaOpen, func() error {
		r, err = f.Media.Open(ctx, ref)
		return err
	})
	if err != nil && r != nil { // opened, and reported as failed
		return nil, errors.Join(err, r.Close())
	}
	return r, err
}

// Sum implements storage.Media.
func (f *FaultMedia) Sum(ctx context.Context, ref lieciba.MediaRef) (sum [32]byte, err error) {
	err = f.run(ctx, MediaSum, func() error {
		sum, err = f.Media.Sum(ctx, ref)
		return err
	})
	return sum, err
}

// Remove implements storage.Media.
func (f *FaultMedia) Remove(ctx context.Context, ref lieciba.MediaRef) error {
	return f.run(ctx, MediaRemove, func() error { return f.Media.Remove(ctx, ref) })
}

// RemoveAll implements storage.Media.
func (f *FaultMedia) RemoveAll(ctx context.Context, key string) error {
	return f.run(ctx, MediaRemove, func() error { return f.Media.RemoveAll(ctx, key) })
}

// SetHold implements storage.Media.
func (f *FaultMedia) SetHold(ctx context.Context, ref lieciba.MediaRef, on bool) error {
	return f.run(ctx, MediaHold, func() error { return f.Media.SetHold(ctx, ref, on) })
}

// LockUntil implements storage.Media.
func (f *FaultMedia) LockUntil(ctx context.Context, ref lieciba.MediaRef, t time.Time) error {
	return f.run(ctx, MediaLock, func() error { return f.Media.LockUntil(ctx, ref, t) })
}

// List implements storage.Media.
func (f *FaultMedia) List(ctx context.Context, prefix string, fn func(storage.Object) error) error {
	return f.run(ctx, MediaList, func() error { return f.Media.List(ctx, prefix, fn) })
}

// Ping implements storage.Media.
func (f *FaultMedia) Ping(ctx context.Context) error {
	return f.run(ctx, MediaPing, func() error { return f.Media.Ping(ctx) })
}
