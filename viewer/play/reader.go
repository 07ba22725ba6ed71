package play

import (
	"context"
	"sync"
	"time"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/segment"
)

// Catalog is what a Reader asks of the database.
type Catalog interface {
	SessionRecordings(ctx context.Context, s lieciba.SessionID) ([]lieciba.Recording, error)
	SegmentAt(ctx context.Context, rec lieciba.RecordingID, t time.Time) (lieciba.Segment, error)
	SegmentBefore(ctx context.Context, rec lieciba.RecordingID, t time.Time) (lieciba.Segment, error)
	RecordingGaps(ctx context.Context, rec lieciba.RecordingID) ([]lieciba.Gap, error)
}

// Chunk is one loaded fragment. Immutable, shared.
type Chunk struct {
	From, To time.Time // To: start of the next fragment, or end of the segment
	Key      bool
	Run      lieciba.RunID
	Format   lieciba.StreamFormat
	Video    []lieciba.Frame
	Audio    []lieciba.Frame
	Bytes    int
}

// Reader finds and loads the fragments of one recording. Safe for concurrent
// use with others on one Cache, but not itself.
type Reader struct {
	Catalog Catalog
	Source  storage.Source
	Cache   *Cache

	rec   lieciba.Recording
	scope scope
	inits map[lieciba.SegmentID]segment.Init // of the segments read last
}

// NewReader makes a reader of one recording that never goes beyond span, of which
// a zero end is open. Readers that share a cache share the span.
func NewReader(c Catalog, s storage.Source, cache *Cache, rec lieciba.Recording, span lieciba.Interval) *Reader {
	r := &Reader{Catalog: c, Source: s, Cache: cache, rec: rec, scope: scope{span}, inits: map[lieciba.SegmentID]segment.Init{}}
	if !r.scope.all() {
		r.Catalog, r.Source = scopedCatalog{c, r.scope}, scopedSource{s, r.scope}
		r.rec.Window = r.scope.window(rec.Window)
	}
	return r
}

// place is one fragment of a segment.
type place struct {
	seg     lieciba.Segment
	i       int
	growing bool // seg was still being written when it was looked up
}

func (p place) from() time.Time { return p.seg.Fragments[p.i].From }
func (p place) key() bool       { return p.seg.Fragments[p.i].Key }

// to is where the fragment ends: at the next one or at the segment's end.
func (p place) to() time.Time {
	if p.i+1 < len(p.seg.Fragments) {
		return p.seg.Fragments[p.i+1].From
	}
	return p.seg.To
}

// at returns the fragment that covers t, or the first one after it. CodeNotFound:
// there is none (yet).
func (r *Reader) at(ctx context.Context, t time.Time) (place, error) {
	seg, err := r.Catalog.SegmentAt(ctx, r.rec.ID, t)
	if err != nil && lieciba.CodeOf(err) != lieciba.CodeNotFound {
		return place{}, err
	}
	found := err == nil && len(seg.Fragments) > 0
	growing := false
	if !found || seg.From.After(t) {
		// What is being written may lie before what was found, never behind it and
		// in front of t at once.
		if g, ok := r.Source.Growing(r.rec.ID); ok && len(g.Fragments) > 0 && g.To.After(t) && (!found || g.From.Before(seg.From)) {
			seg, found, growing = g, true, true
		}
	}
	if !found {
		return place{}, lieciba.Errorf(lieciba.CodeNotFound, "nothing is on record after %s", t)
	}
	p := place{seg: seg, growing: growing}
	for p.i+1 < len(seg.Fragments) && !seg.Fragments[p.i+1].From.After(t) {
		p.i++
	}
	return p, nil
}

// next returns the fragment after p; CodeNotFound: there is none yet.
func (r *Reader) next(ctx context.Context, p place) (place, error) {
	if p.i+1 < len(p.seg.Fragments) {
		p.i++
		return p, nil
	}
	if !p.growing {
		return r.at(ctx, p.seg.To)
	}
	// The segment may have grown, or been closed, since it was looked up.
	again, err := r.at(ctx, p.from())
	if err != nil {
		return place{}, err
	}
	if again.seg.ID != p.seg.ID {
		if again.from().After(p.from()) {
			return again, nil
		}
		return place{}, lieciba.Errorf(lieciba.CodeNotFound, "nothing new is on record")
	}
	if p.i+1 < len(again.seg.Fragments) {
		again.i = p.i + 1
		return again, nil
	}
	if again.growing {
		return place{}, lieciba.Errorf(lieciba.CodeNotFound, "nothing new is on record")
	}
	return r.at(ctx, again.seg.To)
}

// prev returns the fragment before p; CodeNotFound: p is the first.
func (r *Reader) prev(ctx context.Context, p place) (place, error) {
	if p.i > 0 {
		p.i--
		return p, nil
	}
	seg, err := r.Catalog.SegmentBefore(ctx, r.rec.ID, p.seg.From)
	if err != nil {
		return place{}, err
	}
	if len(seg.Fragments) == 0 {
		return place{}, lieciba.Errorf(lieciba.CodeCorrupt, "a segment has no fragments")
	}
	return place{seg: seg, i: len(seg.Fragments) - 1}, nil
}

// before returns the last fragment that starts before t; CodeNotFound: none.
func (r *Reader) before(ctx context.Context, t time.Time) (place, error) {
	if g, ok := r.Source.Growing(r.rec.ID); ok && len(g.Fragments) > 0 && g.From.Before(t) {
		p := place{seg: g, growing: true}
		for p.i+1 < len(g.Fragments) && g.Fragments[p.i+1].From.Before(t) {
			p.i++
		}
		return p, nil
	}
	seg, err := r.Catalog.SegmentBefore(ctx, r.rec.ID, t)
	if err != nil {
		return place{}, err
	}
	if len(seg.Fragments) == 0 {
		return place{}, lieciba.Errorf(lieciba.CodeCorrupt, "a segment has no fragments")
	}
	p := place{seg: seg}
	for p.i+1 < len(seg.Fragments) && seg.Fragments[p.i+1].From.Before(t) {
		p.i++
	}
	return p, nil
}

// keyOf walks back to the fragment with the key frame that p's frames need.
func (r *Reader) keyOf(ctx context.Context, p place) (place, error) {
	for !p.key() && p.i > 0 {
		p.i--
	}
	return p, nil // a segment starts with a key frame (FORMAT.md)
}

// maxFragment bounds one read; the format allows 64 MiB.
const maxFragment = 64 << 20

// load reads and parses one fragment, or takes it from the cache.
func (r *Reader) load(ctx context.Context, p place) (*Chunk, error) {
	f := p.seg.Fragments[p.i]
	key := cacheKey{p.seg.ID, f.Offset}
	if c, ok := r.Cache.get(key); ok && c.To.Equal(p.to()) {
		return c, nil
	}
	in, err := r.init(ctx, p.seg)
	if err != nil {
		return nil, err
	}
	if f.Size <= 0 || f.Size > maxFragment {
		return nil, lieciba.Errorf(lieciba.CodeCorrupt, "a fragment of %d bytes", f.Size)
	}
	buf := make([]byte, f.Size)
	if err := r.Source.ReadSegment(ctx, p.seg, buf, f.Offset); err != nil {
		return nil, err
	}
	frames, err := segment.ParseFragment(buf, in)
	if err != nil {
		return nil, err
	}
	c := &Chunk{From: f.From, To: p.to(), Key: f.Key, Run: p.seg.RunID, Format: in.Format, Bytes: len(buf)}
	for _, frame := range frames {
		if frame.Track == lieciba.TrackAudio {
			c.Audio = append(c.Audio, frame)
		} else {
			c.Video = append(c.Video, frame)
		}
	}
	if !r.scope.all() {
		c.Video, c.Audio = r.scope.frames(c.Video), r.scope.frames(c.Audio)
	}
	r.Cache.put(key, c)
	return c, nil
}

func (r *Reader) init(ctx context.Context, s lieciba.Segment) (segment.Init, error) {
	if in, ok := r.inits[s.ID]; ok {
		return in, nil
	}
	if s.InitSize <= 0 || s.InitSize > 1<<20 {
		return segment.Init{}, lieciba.Errorf(lieciba.CodeCorrupt, "a segment head of %d bytes", s.InitSize)
	}
	buf := make([]byte, s.InitSize)
	if err := r.Source.ReadSegment(ctx, s, buf, 0); err != nil {
		return segment.Init{}, err
	}
	in, err := segment.ParseInit(buf)
	if err != nil {
		return segment.Init{}, err
	}
	if len(r.inits) > 16 {
		clear(r.inits)
	}
	r.inits[s.ID] = in
	return in, nil
}

// Format returns the format of the first segment at or after t; CodeNotFound:
// nothing is on record.
func (r *Reader) Format(ctx context.Context, t time.Time) (lieciba.StreamFormat, error) {
	p, err := r.at(ctx, t)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		p, err = r.before(ctx, t)
	}
	if err != nil {
		return lieciba.StreamFormat{}, err
	}
	in, err := r.init(ctx, p.seg)
	return in.Format, err
}

// Nth returns the time of the n-th frame after (n > 0) or before (n < 0) the
// frame that is shown at t. It stops at the first or last frame there is.
// CodeNotFound: there is none in that direction.
func (r *Reader) Nth(ctx context.Context, t time.Time, n int) (time.Time, error) {
	if n < 0 {
		return r.nthBefore(ctx, t, -n)
	}
	return r.nthAfter(ctx, t, n)
}

func (r *Reader) nthAfter(ctx context.Context, t time.Time, n int) (time.Time, error) {
	var last time.Time
	p, err := r.at(ctx, t)
	for n > 0 && err == nil {
		var c *Chunk
		if c, err = r.load(ctx, p); err != nil {
			return last, err
		}
		for _, f := range c.Video {
			if f.Time.After(t) && n > 0 {
				last, n = f.Time, n-1
			}
		}
		p, err = r.next(ctx, p)
	}
	return stepped(last, err)
}

func (r *Reader) nthBefore(ctx context.Context, t time.Time, n int) (time.Time, error) {
	shown, err := r.shownAt(ctx, t)
	if err != nil {
		return time.Time{}, err
	}
	var last time.Time
	p, err := r.before(ctx, shown)
	for n > 0 && err == nil {
		var c *Chunk
		if c, err = r.load(ctx, p); err != nil {
			return last, err
		}
		for i := len(c.Video) - 1; i >= 0 && n > 0; i-- {
			if f := c.Video[i]; f.Time.Before(shown) {
				last, n = f.Time, n-1
			}
		}
		p, err = r.prev(ctx, p)
	}
	return stepped(last, err)
}

// shownAt is the time of the last frame at or before t; t itself if that is in
// a gap or nothing is before it.
func (r *Reader) shownAt(ctx context.Context, t time.Time) (time.Time, error) {
	p, err := r.at(ctx, t)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	c, err := r.load(ctx, p)
	if err != nil {
		return t, err
	}
	shown := t
	for _, f := range c.Video {
		if !f.Time.After(t) {
			shown = f.Time
		}
	}
	return shown, nil
}

func stepped(t time.Time, err error) (time.Time, error) {
	if !t.IsZero() && (err == nil || lieciba.CodeOf(err) == lieciba.CodeNotFound) {
		return t, nil
	}
	if err == nil || lieciba.CodeOf(err) == lieciba.CodeNotFound {
		return t, lieciba.Errorf(lieciba.CodeNotFound, "there is no frame in that direction")
	}
	return t, err
}

// Cache keeps loaded chunks, the least recently used go first. Safe for
// concurrent use; shared by all readers of a playback.
type Cache struct {
	mu    sync.Mutex
	limit int
	bytes int
	clock uint64
	items map[cacheKey]*cached
}

type cacheKey struct {
	segment lieciba.SegmentID
	offset  int64
}

type cached struct {
	chunk *Chunk
	used  uint64
}

// NewCache makes a cache of up to limit bytes of media.
func NewCache(limit int) *Cache { return &Cache{limit: limit, items: map[cacheKey]*cached{}} }

func (c *Cache) get(k cacheKey) (*Chunk, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	it, ok := c.items[k]
	if !ok {
		return nil, false
	}
	c.clock++
	it.used = c.clock
	return it.chunk, true
}

func (c *Cache) put(k cacheKey, ch *Chunk) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.items[k]; ok {
		c.bytes -= old.chunk.Bytes
	}
	c.clock++
	c.items[k] = &cached{ch, c.clock}
	c.bytes += ch.Bytes
	for c.bytes > c.limit && len(c.items) > 1 {
		var oldest cacheKey
		least := c.clock + 1
		for key, it := range c.items {
			if it.used < least {
				oldest, least = key, it.used
			}
		}
		c.bytes -= c.items[oldest].chunk.Bytes
		delete(c.items, oldest)
	}
}
