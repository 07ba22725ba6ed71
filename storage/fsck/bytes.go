package fsck

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/durable"
	"lieciba/storage/segment"
)

// spoolFile is one segment file of the spool, as it was at the last walk.
type spoolFile struct {
	path      string
	id        lieciba.SegmentID
	recording lieciba.RecordingID // by the file's own head; empty if it has none yet
	growing   bool
	modified  time.Time
	size      int64
}

// walkSpool reads the spool's folders. Files that are no segments (the lock,
// temporary files) are none of ours; what recovery put aside is for a person.
func (c *checker) walkSpool(ctx context.Context) error {
	c.spool = map[lieciba.SegmentID]spoolFile{}
	if c.opt.SpoolDir == "" {
		return nil
	}
	return durable.Error(filepath.WalkDir(c.opt.SpoolDir, func(path string, e fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && e.IsDir() && e.Name() == asideDir {
			err = c.aside(path)
		}
		if err == nil && e.Type().IsRegular() {
			err = c.spoolEntry(path, e)
		}
		if errors.Is(err, fs.ErrNotExist) && path != c.opt.SpoolDir { // cleared away since it was listed
			return nil
		}
		return err
	}))
}

// asideDir is the spool's folder of files that could not be used.
const asideDir = "aside"

// aside counts the files that were put aside and keeps the walk out of them.
func (c *checker) aside(path string) error {
	list, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	c.count(func(n *Checked) { n.Aside += len(list) })
	return filepath.SkipDir
}

func (c *checker) spoolEntry(path string, e fs.DirEntry) error {
	name, growing := strings.CutSuffix(e.Name(), segment.PartSuffix)
	name, ok := strings.CutSuffix(name, ".mp4")
	if !ok {
		return nil
	}
	info, err := e.Info()
	if err != nil {
		return err
	}
	f := spoolFile{path: path, growing: growing, modified: info.ModTime(), size: info.Size()}
	ids, err := fileIDs(path)
	if err != nil {
		return err
	}
	f.id, f.recording = ids.Segment, ids.Recording
	if id, err := lieciba.ParseID[lieciba.SegmentID]("name", name); err == nil {
		f.id = id
	} else if f.id == "" {
		f.id = lieciba.SegmentID(e.Name()) // no row can have it: an orphan
	}
	c.spool[f.id] = f
	return nil
}

// fileIDs reads what the file says of itself; nothing if its head is not
// written yet, or damaged, which the check of its bytes will say.
func fileIDs(path string) (ids segment.IDs, err error) {
	err = withFile(path, func(r readerAtSize) error {
		buf := make([]byte, min(r.size, 64<<10))
		if _, err := r.ReadAt(buf, 0); err != nil {
			return err
		}
		if init, err := segment.ParseInit(buf); err == nil {
			ids = init.IDs
		}
		return nil
	})
	return ids, err
}

// checkSpool looks for files without a row, and for those that should be gone.
func (c *checker) checkSpool(ctx context.Context) error {
	done := 0
	for id, f := range c.spool {
		c.checked.SpoolFiles++
		if f.growing {
			c.checked.Growing++
		}
		if err := c.first(ctx, func(ctx context.Context) ([]Violation, error) { return c.spooled(ctx, id) }); err != nil {
			return err
		}
		done++
		c.progress("spool", done)
	}
	return nil
}

func (c *checker) spooled(ctx context.Context, id lieciba.SegmentID) ([]Violation, error) {
	f, ok := c.spool[id]
	if !ok { // gone at the second look
		return nil, nil
	}
	b := &broken{object: "spool file " + f.path}
	s, err := c.catalog.Segment(ctx, id)
	if err != nil && lieciba.CodeOf(err) != lieciba.CodeNotFound && lieciba.CodeOf(err) != lieciba.CodeInvalid {
		return nil, err
	}
	switch {
	case err != nil && f.growing && c.stale(f):
		b.add(RuleSpool, "has not grown since %s: its writer is dead and nothing recovered it", f.modified.UTC().Format(time.RFC3339))
	case err != nil && !f.growing:
		b.add(RuleOrphan, "has no segment row")
	case err == nil && f.growing:
		b.add(RuleSpool, "is still growing, and the segment has a row already")
	case err == nil && s.State != lieciba.SegmentHashed:
		err := c.spare(ctx, b, s)
		return b.list, err
	}
	return b.list, nil
}

// spare judges a spool file that is in Media too: it waits for its leaf, or
// should be gone.
func (c *checker) spare(ctx context.Context, b *broken, s lieciba.Segment) error {
	logged, err := c.catalog.Logged(ctx, lieciba.LeafSegment, []string{string(s.ID)})
	if err != nil {
		return err
	}
	if logged[string(s.ID)] {
		b.add(RuleSpool, "should be gone: the segment is %s and in the evidence log", s.State)
	}
	return nil
}

// checkMedia looks for objects without a row.
func (c *checker) checkMedia(ctx context.Context) error {
	// Listed whole, so that no listing stands open while the catalogue is asked.
	var keys []string
	err := c.media.List(ctx, "segments/", func(o storage.Object) error {
		keys = append(keys, o.Ref.Key)
		return nil
	})
	if err != nil {
		return err
	}
	for i, key := range keys {
		c.checked.Objects++
		if err := c.first(ctx, func(ctx context.Context) ([]Violation, error) { return c.object(ctx, key) }); err != nil {
			return err
		}
		c.progress("media", i+1)
	}
	return nil
}

func (c *checker) object(ctx context.Context, key string) ([]Violation, error) {
	b := &broken{object: "object " + key}
	rec, id, ok := parseKey(key)
	if !ok {
		b.add(RuleOrphan, "is not the key of a segment")
		return c.ifStillThere(ctx, key, b)
	}
	s, err := c.catalog.Segment(ctx, id)
	switch {
	case lieciba.CodeOf(err) == lieciba.CodeNotFound:
		b.add(RuleOrphan, "has no segment row")
	case err != nil:
		return nil, err
	case s.RecordingID != rec:
		b.add(RuleOrphan, "is of recording %s by its key, of %s by its row", rec, s.RecordingID)
	case s.State == lieciba.SegmentDeleted:
		b.add(RuleOrphan, "should be gone: the segment is deleted")
	}
	return c.ifStillThere(ctx, key, b)
}

// ifStillThere drops what was found about an object that is gone by now.
func (c *checker) ifStillThere(ctx context.Context, key string, b *broken) ([]Violation, error) {
	if len(b.list) == 0 {
		return nil, nil
	}
	_, err := c.media.Stat(ctx, lieciba.MediaRef{Key: key})
	switch lieciba.CodeOf(err) {
	case "", lieciba.CodeInvalid: // a key that we could not have written
		return b.list, nil
	case lieciba.CodeNotFound:
		return nil, nil
	}
	return nil, err
}
