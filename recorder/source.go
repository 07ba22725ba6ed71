package recorder

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/durable"
	"lieciba/storage/segment"
)

var _ storage.Source = (*Recorder)(nil)

// ReadSegment implements storage.Source: from the spool while the bytes are
// there, growing or closed, else from Media.
func (r *Recorder) ReadSegment(ctx context.Context, s lieciba.Segment, p []byte, off int64) error {
	path := r.env.spool.path(s.CameraID, s.ID)
	// A file may be renamed or removed between two looks: its final name is
	// looked for last, and Media after that, so that each move is seen.
	for _, name := range []string{path + segment.PartSuffix, path} {
		if found, err := readFile(name, p, off); found {
			return err
		}
	}
	if s.Media.Key == "" { // the caller's row is older than the upload
		row, err := r.env.cfg.Catalog.Segment(ctx, s.ID)
		if err != nil {
			return err
		}
		if row.Media.Key == "" {
			return lieciba.Errorf(lieciba.CodeNotFound, "segment %s is neither in this node's spool nor in the store", s.ID)
		}
		s = row
	}
	return r.env.cfg.Media.ReadRange(ctx, s.Media, p, off)
}

// readFile reads from a file of the spool; found is false if it is not there.
func readFile(name string, p []byte, off int64) (found bool, err error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return true, durable.Error(err)
	}
	defer f.Close() //nolint:errcheck // read only
	_, err = f.ReadAt(p, off)
	if errors.Is(err, io.EOF) {
		return true, lieciba.Errorf(lieciba.CodeCorrupt, "the segment is shorter than %d bytes", off+int64(len(p)))
	}
	if err != nil {
		return true, durable.Error(err)
	}
	return true, nil
}

// Growing implements storage.Source.
func (r *Recorder) Growing(rec lieciba.RecordingID) (lieciba.Segment, bool) {
	r.mu.Lock()
	var s *sink
	for _, have := range r.sinks {
		if have.rec.ID == rec {
			s = have
		}
	}
	r.mu.Unlock()
	if s == nil {
		return lieciba.Segment{}, false
	}
	v := s.look()
	if v.growing == nil || v.writer == nil {
		return lieciba.Segment{}, false
	}
	span := v.writer.Durable()
	if span.Empty() {
		return lieciba.Segment{}, false
	}
	out := *v.growing
	out.From, out.To = span.From, span.To
	out.Fragments = v.writer.Fragments()
	for _, f := range out.Fragments {
		out.Frames += f.Frames
		out.Size = f.Offset + f.Size
	}
	return out, true
}
