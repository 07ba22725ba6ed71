package readiness

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/durable"
	"lieciba/storage/segment"
)

// trial is a test recording: frames of now, through the writer of all segments,
// in a folder of its own beside the spool, and without sound. Its file names no
// recording, its object lies below a prefix where no footage is, and both are
// gone when the check ends: nothing can take it for evidence. Not safe for
// concurrent use. A nil trial takes frames and keeps none.
type trial struct {
	id     string
	path   string
	disk   *durable.Disk
	writer *segment.Writer
	err    error // of the disk
}

// newTrial begins a file; what fails is told by prove.
func (c *Checker) newTrial(camera lieciba.CameraID, video lieciba.VideoFormat) *trial {
	id := lieciba.NewID[string](c.cfg.Now())
	t := &trial{id: id, path: filepath.Join(c.cfg.TrialDir, id+".mp4"), disk: c.cfg.Disk}
	if t.err = t.disk.MkdirAll(c.cfg.TrialDir, 0o750); t.err != nil {
		return t
	}
	t.writer, t.err = segment.Create(t.path, segment.Params{Format: lieciba.StreamFormat{Video: video}, Disk: t.disk,
		IDs: segment.IDs{Camera: camera, Segment: lieciba.SegmentID(id), Node: c.cfg.Node}})
	return t
}

func (t *trial) write(f lieciba.Frame) {
	if t == nil || t.err != nil {
		return
	}
	_, t.err = t.writer.WriteFrame(f)
}

// abandon removes what was written. A file that stays is swept at the next start.
func (t *trial) abandon() {
	if t == nil || t.writer == nil {
		return
	}
	_, _ = t.writer.Close(time.Time{}) // it is thrown away
	_ = t.remove()
}

// remove deletes the files; one that is gone is no error.
func (t *trial) remove() error {
	return errors.Join(t.disk.Remove(t.path+segment.PartSuffix), t.disk.Remove(t.path))
}

// prove closes the file, brings it to the store, reads it back, compares and
// removes it. The facts name the step that failed.
func (c *Checker) prove(ctx context.Context, t *trial) TrialFacts {
	f := TrialFacts{Store: c.cfg.Media.Name()}
	if t == nil {
		return failedStep(f, "write", errors.New("there was no picture to write"))
	}
	if t.err != nil {
		t.abandon()
		return failedStep(f, "write", t.err)
	}
	res, err := t.writer.Close(time.Time{})
	if err != nil {
		return failedStep(f, "write", errors.Join(err, t.remove()))
	}
	f.Bytes, f.Span = res.Size, res.To.Sub(res.From)
	step, err := c.roundTrip(ctx, t, res)
	if gone := t.remove(); step == "" && gone != nil {
		step, err = "remove", gone
	}
	if step != "" {
		return failedStep(f, step, err)
	}
	return f
}

func failedStep(f TrialFacts, step string, err error) TrialFacts {
	f.Step, f.Why = step, words(err)
	return f
}

// roundTrip is what becomes of every segment, and its end.
func (c *Checker) roundTrip(ctx context.Context, t *trial, res segment.Result) (step string, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.StoreTimeout)
	defer cancel()
	file, err := os.Open(t.path)
	if err != nil {
		return "read_back", durable.Error(err)
	}
	defer file.Close() //nolint:errcheck // read only
	if sum, err := sumOf(file); err != nil || sum != res.SHA256 {
		return "compare", errors.Join(err, lieciba.Errorf(lieciba.CodeCorrupt, "the disk gives back other bytes than were written"))
	}
	key := storage.TrialKey(t.id)
	defer func() { // the caller's time may be over
		left := c.cfg.Media.RemoveAll(context.WithoutCancel(ctx), key)
		if step == "" && left != nil {
			step, err = "remove", left
		}
	}()
	obj, err := c.cfg.Media.Put(ctx, key, file, res.Size, res.SHA256)
	if err != nil {
		return "store", err
	}
	sum, err := c.cfg.Media.Sum(ctx, obj.Ref)
	if err != nil {
		return "read_back", err
	}
	if sum != res.SHA256 {
		return "compare", lieciba.Errorf(lieciba.CodeCorrupt, "the store gives back other bytes than were written")
	}
	return "", nil
}

func sumOf(r io.Reader) (sum [32]byte, err error) {
	hash := sha256.New()
	if _, err := io.Copy(hash, r); err != nil {
		return sum, durable.Error(err)
	}
	return [32]byte(hash.Sum(nil)), nil
}

// sweep removes what a crash left of test recordings: in the folder, and in the
// store what this node's folder names. Objects alone are swept by the store's
// own start (package minio) or cost nothing but room.
func (c *Checker) sweep(ctx context.Context) error {
	left, err := os.ReadDir(c.cfg.TrialDir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return durable.Error(err)
	}
	var errs []error
	for _, e := range left {
		name := filepath.Join(c.cfg.TrialDir, e.Name())
		id, _, _ := strings.Cut(e.Name(), ".")
		if _, err := lieciba.ParseID[string]("name", id); err == nil {
			if err := c.cfg.Media.RemoveAll(ctx, storage.TrialKey(id)); err != nil {
				errs = append(errs, err)
				continue // its file keeps its name for the next start
			}
		}
		errs = append(errs, c.cfg.Disk.Remove(name))
	}
	return errors.Join(errs...)
}
