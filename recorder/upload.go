package recorder

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/durable"
)

// uploader brings closed segments from the spool to Media: put, read back,
// compare, record, and only then remove the spool's copy (invariant 3).
type uploader struct {
	env     *env
	waiting atomic.Int64 // segments in the last list that are not verified
	oldest  atomic.Int64 // end of the oldest of them, Unix µs; 0: none
	failing atomic.Bool
	batch   int          // how many segments are taken on at a time
	stuck   int          // of the last list: can never be brought; owned by round
	ups     atomic.Int64 // segments brought
	errs    atomic.Int64

	mu     sync.Mutex
	spares map[lieciba.SegmentID]spareFile // still in the spool
	held   int64                           // bytes of those that are verified
}

// spareFile is a spool file that may be removed as soon as its segment is known
// to be verified and logged.
type spareFile struct {
	camera   lieciba.CameraID
	size     int64 // bytes
	verified bool  // on record
}

// uploadBatch is how many segments are taken on at a time.
const uploadBatch = 200

// run uploads until ctx ends.
func (u *uploader) run(ctx context.Context) {
	for n := 0; ctx.Err() == nil; {
		more, err := u.round(ctx)
		u.failing.Store(err != nil)
		wait := u.idle()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if n == 0 {
				u.env.log.WarnContext(ctx, "segments cannot be brought to the store; they wait in the spool", "err", err)
			}
			wait = jitter(min(500*time.Millisecond<<min(n, 5), 15*time.Second))
			n++
			if !pause(ctx, wait) {
				return
			}
			continue
		case more:
			n = 0
			continue
		}
		n = 0
		t := time.NewTimer(wait)
		select {
		case <-u.env.uploads:
		case <-t.C:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// idle is how long to rest when all is brought: shorter while files in the spool
// wait for their leaves, so that fsck, which looks twice, sees them gone.
func (u *uploader) idle() time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.spares) > 0 {
		return time.Second
	}
	return 5 * time.Second
}

// round uploads what the catalogue lists, Config.Uploads at a time. more tells
// that the list was full. A store that does not answer ends the round; a
// segment that can never be brought does not hold up the others.
func (u *uploader) round(ctx context.Context) (more bool, err error) {
	if err := u.sweep(ctx); err != nil {
		return false, err
	}
	limit := u.batch + u.stuck // those that are stuck are the oldest, and must not fill the list
	var list []lieciba.Segment
	if err := u.env.bounded(ctx, "list segments", func(ctx context.Context) (err error) {
		list, err = u.env.cfg.Catalog.UnverifiedSegments(ctx, u.env.cfg.Node, limit)
		return err
	}); err != nil {
		return false, err
	}
	u.note(list)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	stop := false
	slots := make(chan struct{}, u.env.cfg.Uploads)
	for i, s := range list {
		slots <- struct{}{}
		mu.Lock()
		halt := stop || ctx.Err() != nil
		mu.Unlock()
		if halt {
			break
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer func() { <-slots }()
			if err := u.env.guard("upload", func() error { return u.upload(ctx, s) }); err != nil {
				u.errs.Add(1)
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
				stop = stop || retryable(err)
				return
			}
			u.ups.Add(1)
			u.note(list[i+1:])
		}()
	}
	wg.Wait()
	if !stop {
		u.stuck = len(errs)
		u.complete(ctx)
	}
	if len(errs) == 0 {
		u.note(nil)
	}
	return len(list) == limit && len(errs) == 0, errors.Join(errs...)
}

func (u *uploader) note(rest []lieciba.Segment) {
	u.waiting.Store(int64(len(rest)))
	if len(rest) == 0 {
		u.oldest.Store(0)
		return
	}
	u.oldest.Store(rest[0].To.UnixMicro())
}

// upload brings one segment. Each step may be repeated.
func (u *uploader) upload(ctx context.Context, s lieciba.Segment) error {
	e := u.env
	path := e.spool.path(s.CameraID, s.ID)
	f, err := os.Open(path)
	if err != nil {
		return lieciba.Wrap(durable.Error(err), lieciba.CodeCorrupt, "segment %s is on record and not in the spool", s.ID)
	}
	defer f.Close() //nolint:errcheck // read only
	key := storage.SegmentKey(s.RecordingID, s.ID)
	obj, err := e.cfg.Media.Put(ctx, key, f, s.Size, s.SHA256)
	if err != nil {
		return err
	}
	sum, err := e.cfg.Media.Sum(ctx, obj.Ref)
	if err != nil {
		return err
	}
	if sum != s.SHA256 {
		return lieciba.Errorf(lieciba.CodeCorrupt, "segment %s reads back from the store with other bytes", s.ID)
	}
	err = e.bounded(ctx, "verify a segment", func(ctx context.Context) error { return e.cfg.Catalog.VerifySegment(ctx, s.ID, obj.Ref) })
	if err != nil {
		u.keep(s.ID, spareFile{camera: s.CameraID, size: s.Size}) // it may have taken effect
		return err
	}
	_, err = u.clear(ctx, s.ID, spareFile{camera: s.CameraID, size: s.Size, verified: true})
	return err
}

// spare takes over the spool file of a segment that is verified by its row.
func (u *uploader) spare(s lieciba.Segment) {
	u.keep(s.ID, spareFile{camera: s.CameraID, size: s.Size, verified: true})
}

func (u *uploader) keep(id lieciba.SegmentID, f spareFile) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.spares == nil {
		u.spares = map[lieciba.SegmentID]spareFile{}
	}
	u.forget(id)
	if u.spares[id] = f; f.verified {
		u.held += f.size
	}
}

// forget takes a file off the list; u.mu is held.
func (u *uploader) forget(id lieciba.SegmentID) {
	if f := u.spares[id]; f.verified {
		u.held -= f.size
	}
	delete(u.spares, id)
}

// spareBytes are the bytes in the spool that the store holds too, and that wait
// for the evidence log alone.
func (u *uploader) spareBytes() int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.held
}

// clear removes a spare file, if its segment is verified and in the evidence
// log (invariant 3); else the file is kept for the next sweep. A log that does
// not answer is no error: uploads go on without it.
func (u *uploader) clear(ctx context.Context, id lieciba.SegmentID, f spareFile) (gone bool, err error) {
	logged := true
	if u.env.cfg.Logged != nil {
		err := u.env.bounded(ctx, "ask the evidence log", func(ctx context.Context) (err error) {
			logged, err = u.env.cfg.Logged(ctx, id)
			return err
		})
		if err != nil {
			u.env.log.DebugContext(ctx, "the evidence log cannot be asked for a segment", "segment", id, "err", err)
			logged = false
		}
	}
	if !logged {
		u.keep(id, f)
		return false, nil
	}
	if err := u.env.spool.remove(f.camera, id); err != nil {
		u.keep(id, f)
		return false, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.forget(id)
	return true, nil
}

// sweepBatch is how many spare files are looked at in one sweep, and sweepMisses
// after how many that have no leaf yet it ends: a log that does not go on must
// cost neither the catalogue nor the uploads much.
const (
	sweepBatch  = 200
	sweepMisses = 3
)

// sweep removes from the spool what turned out to be verified and logged.
func (u *uploader) sweep(ctx context.Context) error {
	u.mu.Lock()
	list := make(map[lieciba.SegmentID]spareFile, sweepBatch)
	for id, f := range u.spares { // in no order: none waits for ever behind others
		if list[id] = f; len(list) == sweepBatch {
			break
		}
	}
	u.mu.Unlock()
	misses := 0
	for id, f := range list {
		if misses == sweepMisses {
			break
		}
		if !f.verified {
			var row lieciba.Segment
			err := u.env.bounded(ctx, "read a segment", func(ctx context.Context) (err error) {
				row, err = u.env.cfg.Catalog.Segment(ctx, id)
				return err
			})
			if err != nil {
				return err
			}
			if row.State == lieciba.SegmentHashed { // it had not: it is uploaded again
				u.mu.Lock()
				u.forget(id)
				u.mu.Unlock()
				continue
			}
			f.verified, f.size = true, row.Size
		}
		gone, err := u.clear(ctx, id, f)
		if err != nil {
			return err
		}
		if !gone {
			misses++
		}
	}
	return nil
}

// complete moves recordings on whose segments are all verified.
func (u *uploader) complete(ctx context.Context) {
	var list []lieciba.Recording
	if err := u.env.bounded(ctx, "list recordings", func(ctx context.Context) (err error) {
		list, err = u.env.cfg.Catalog.ListRecordings(ctx, lieciba.RecordingFinalising)
		return err
	}); err != nil {
		u.env.log.WarnContext(ctx, "recordings cannot be listed", "err", err)
		return
	}
	for _, r := range list {
		if r.NodeID != u.env.cfg.Node {
			continue
		}
		err := u.env.bounded(ctx, "complete a recording", func(ctx context.Context) error {
			return u.env.cfg.Catalog.MoveRecording(ctx, r.ID, lieciba.RecordingComplete, u.env.cfg.Node)
		})
		if err != nil && lieciba.CodeOf(err) != lieciba.CodeConflict { // not all verified yet
			u.env.log.WarnContext(ctx, "a recording cannot be completed", "recording", r.ID, "err", err)
		}
	}
}

// lag is how old the oldest segment is that is not verified.
func (u *uploader) lag(now time.Time) time.Duration {
	us := u.oldest.Load()
	if us == 0 {
		return 0
	}
	return max(0, now.Sub(time.UnixMicro(us)))
}
