package recorder

import (
	"context"
	"errors"
	"maps"
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
	unsure map[lieciba.SegmentID]lieciba.CameraID // verified perhaps, and still in the spool
}

// uploadBatch is how many segments are taken on at a time.
const uploadBatch = 200

// run uploads until ctx ends.
func (u *uploader) run(ctx context.Context) {
	for n := 0; ctx.Err() == nil; {
		more, err := u.round(ctx)
		u.failing.Store(err != nil)
		wait := time.Second * 5
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
	if err == nil {
		err = e.spool.remove(s.CameraID, s.ID)
	}
	if err != nil {
		u.doubt(s)
	}
	return err
}

// doubt notes a segment whose last steps failed: they may have taken effect.
func (u *uploader) doubt(s lieciba.Segment) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.unsure == nil {
		u.unsure = map[lieciba.SegmentID]lieciba.CameraID{}
	}
	u.unsure[s.ID] = s.CameraID
}

// sweep removes from the spool what turned out to be verified.
func (u *uploader) sweep(ctx context.Context) error {
	u.mu.Lock()
	list := maps.Clone(u.unsure)
	u.mu.Unlock()
	for id, camera := range list {
		var row lieciba.Segment
		err := u.env.bounded(ctx, "read a segment", func(ctx context.Context) (err error) {
			row, err = u.env.cfg.Catalog.Segment(ctx, id)
			return err
		})
		if err == nil && row.State != lieciba.SegmentHashed {
			err = u.env.spool.remove(camera, id)
		}
		if err != nil {
			return err
		}
		u.mu.Lock()
		delete(u.unsure, id)
		u.mu.Unlock()
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
