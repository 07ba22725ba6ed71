package fsck

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/durable"
	"lieciba/storage/segment"
)

// page is how many segments are read from the catalogue at once, so that no
// cursor stays open while bytes are read.
const page = 256

// maxHead bounds what stands before the first fragment, in bytes.
const maxHead = 1 << 20

// maxFragment bounds one fragment (storage/segment/FORMAT.md), in bytes.
const maxFragment = 64 << 20

var errPage = errors.New("page is full")

func (c *checker) checkSegments(ctx context.Context) error {
	var after lieciba.SegmentID
	for done := 0; ; {
		var ids []lieciba.SegmentID
		err := c.catalog.ScanSegments(ctx, after, func(s lieciba.Segment) error {
			ids = append(ids, s.ID)
			if len(ids) == page {
				return errPage
			}
			return nil
		})
		if err != nil && !errors.Is(err, errPage) {
			return err
		}
		for _, id := range ids {
			if err := c.first(ctx, func(ctx context.Context) ([]Violation, error) { return c.segment(ctx, id) }); err != nil {
				return err
			}
			done++
			c.progress("segments", done)
		}
		if err == nil {
			return nil
		}
		after = ids[len(ids)-1]
	}
}

// segment checks one segment with its row as it is now: invariant 2.
func (c *checker) segment(ctx context.Context, id lieciba.SegmentID) ([]Violation, error) {
	s, err := c.catalog.Segment(ctx, id)
	if err != nil {
		return nil, err
	}
	b := &broken{object: "segment " + string(id)}
	c.count(func(n *Checked) { n.Segments++; n.Fragments += len(s.Fragments) })
	indexRow(b, s)
	switch s.State {
	case lieciba.SegmentVerified:
		if err = c.inMedia(ctx, b, s, s.Media); err == nil {
			err = c.clearedEarly(ctx, b, s)
		}
	case lieciba.SegmentHashed:
		err = c.inSpool(ctx, b, s)
	case lieciba.SegmentDeleting, lieciba.SegmentDeleted: // the hash outlives the bytes
	default:
		b.add(RuleIndex, "has the state %q, which is none", s.State)
	}
	return b.list, err
}

// indexRow checks the row against itself.
func indexRow(b *broken, s lieciba.Segment) {
	if s.Span().Empty() {
		b.add(RuleIndex, "covers no time: %s", spell(s.Span()))
	}
	if len(s.Fragments) == 0 || s.InitSize <= 0 || s.InitSize > s.Size {
		b.add(RuleIndex, "has %d fragments and %d bytes of head in a file of %d", len(s.Fragments), s.InitSize, s.Size)
		return
	}
	end, frames := s.InitSize, 0
	for i, f := range s.Fragments {
		if f.Offset < end || f.Size <= 0 || f.Offset+f.Size > s.Size || i > 0 && f.Offset != end {
			b.add(RuleIndex, "fragment %d (%d bytes at %d) does not follow the one before, or leaves the file of %d", i, f.Size, f.Offset, s.Size)
			return
		}
		if !s.Span().Contains(f.From) || i > 0 && !f.From.After(s.Fragments[i-1].From) {
			b.add(RuleIndex, "fragment %d starts at %s, out of order or outside of %s", i, f.From, spell(s.Span()))
		}
		end, frames = f.Offset+f.Size, frames+f.Frames
	}
	switch {
	case end != s.Size:
		b.add(RuleIndex, "the fragments end at byte %d of %d", end, s.Size)
	case frames != s.Frames:
		b.add(RuleIndex, "the fragments hold %d frames, the row says %d", frames, s.Frames)
	case !s.Fragments[0].Key:
		b.add(RuleIndex, "does not start with a key frame")
	}
}

// inMedia checks a segment that Media must hold.
func (c *checker) inMedia(ctx context.Context, b *broken, s lieciba.Segment, ref lieciba.MediaRef) error {
	if want := storage.SegmentKey(s.RecordingID, s.ID); ref.Key != want {
		b.add(RuleReference, "is stored as %q, not as %q", ref.Key, want)
	}
	obj, err := c.media.Stat(ctx, ref)
	switch lieciba.CodeOf(err) {
	case "":
	case lieciba.CodeNotFound, lieciba.CodeInvalid, lieciba.CodeCorrupt:
		b.add(RuleBytes, "is verified, and Media does not hold version %q of %q", ref.Version, ref.Key)
		return nil
	default:
		return err
	}
	if err := c.newest(ctx, b, ref); err != nil {
		return err
	}
	if obj.Size != s.Size {
		b.add(RuleBytes, "has %d bytes in Media, not %d", obj.Size, s.Size)
		return nil
	}
	if c.opt.Quick {
		return nil
	}
	r, err := c.media.Open(ctx, ref)
	if err != nil {
		return err
	}
	return errors.Join(c.read(b, s, r, "Media"), r.Close())
}

// newest looks whether something was put over the version that the row names:
// who reads the key alone would get that.
func (c *checker) newest(ctx context.Context, b *broken, ref lieciba.MediaRef) error {
	if ref.Version == "" {
		return nil
	}
	obj, err := c.media.Stat(ctx, lieciba.MediaRef{Key: ref.Key})
	switch {
	case lieciba.CodeOf(err) == lieciba.CodeNotFound:
		b.add(RuleBytes, "its version %q in Media is hidden by a delete marker", ref.Version)
	case err != nil:
		return err
	case obj.Ref.Version != ref.Version:
		b.add(RuleBytes, "its version %q in Media is covered by another one, %q", ref.Version, obj.Ref.Version)
	}
	return nil
}

// clearedEarly looks for a segment whose spool file was removed before its leaf
// was in the evidence log (invariant 3). What was recorded before there was a
// log is none.
func (c *checker) clearedEarly(ctx context.Context, b *broken, s lieciba.Segment) error {
	if _, there := c.spool[s.ID]; there || c.opt.SpoolDir == "" || s.NodeID != c.opt.Node || c.logSince.IsZero() || s.To.Before(c.logSince) {
		return nil
	}
	logged, err := c.catalog.Logged(ctx, lieciba.LeafSegment, []string{string(s.ID)})
	if err != nil {
		return err
	}
	if !logged[string(s.ID)] {
		b.add(RuleSpool, "its spool file is gone, and its leaf is not in the evidence log")
	}
	return nil
}

// beginLog notes since when there is an evidence log.
func (c *checker) beginLog(ctx context.Context) error {
	list, err := c.catalog.Checkpoints(ctx, 0)
	if len(list) > 0 {
		c.logSince = list[0].At
	}
	return err
}

// inSpool checks a segment that is not verified: in the spool, or in Media when
// it was uploaded and the row does not say so yet.
func (c *checker) inSpool(ctx context.Context, b *broken, s lieciba.Segment) error {
	file, ok := c.spool[s.ID]
	if !ok || file.growing {
		return c.notInSpool(ctx, b, s)
	}
	if file.recording != "" && file.recording != s.RecordingID {
		b.add(RuleReference, "lies in the spool as of recording %s, its row says %s", file.recording, s.RecordingID)
	}
	err := withFile(file.path, func(r readerAtSize) error {
		if r.size != s.Size {
			b.add(RuleBytes, "has %d bytes in the spool, not %d", r.size, s.Size)
			return nil
		}
		if c.opt.Quick {
			return nil
		}
		return c.read(b, s, io.NewSectionReader(r, 0, r.size), "the spool")
	})
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		return c.notInSpool(ctx, b, s)
	}
	return err
}

func (c *checker) notInSpool(ctx context.Context, b *broken, s lieciba.Segment) error {
	ref := lieciba.MediaRef{Key: storage.SegmentKey(s.RecordingID, s.ID)}
	_, err := c.media.Stat(ctx, ref)
	if err == nil {
		return c.inMedia(ctx, b, s, ref)
	}
	if lieciba.CodeOf(err) != lieciba.CodeNotFound {
		return err
	}
	if c.opt.SpoolDir == "" || c.opt.Node != "" && s.NodeID != c.opt.Node {
		c.count(func(n *Checked) { n.Elsewhere++ })
		return nil
	}
	b.add(RuleBytes, "is neither in the spool nor in Media: its bytes are lost")
	return nil
}

// read goes once through the bytes: SHA-256 of all, and each fragment against
// the row's index and its own checksum.
func (c *checker) read(b *broken, s lieciba.Segment, src io.Reader, where string) error {
	hash := sha256.New()
	in := bufio.NewReaderSize(io.TeeReader(src, hash), 1<<20)
	message, err := index(s, in)
	if err != nil {
		return durable.Error(err)
	}
	if _, err := io.Copy(io.Discard, in); err != nil { // a segment that is longer, or whose index was no use
		return durable.Error(err)
	}
	c.count(func(n *Checked) { n.Bytes += s.Size })
	if [32]byte(hash.Sum(nil)) != s.SHA256 {
		b.add(RuleBytes, "its bytes in %s do not have the SHA-256 of the row", where)
	}
	if message != "" {
		b.add(RuleIndex, "%s", message)
	}
	return nil
}

// index compares the head and each fragment with the row. message names the
// first difference; err is the source's.
func index(s lieciba.Segment, in io.Reader) (message string, err error) {
	if len(s.Fragments) == 0 || s.Fragments[0].Offset <= 0 || s.Fragments[0].Offset > maxHead {
		return "", nil // indexRow said so
	}
	buf := make([]byte, s.Fragments[0].Offset)
	if _, err := io.ReadFull(in, buf); err != nil {
		return ended(err)
	}
	init, err := segment.ParseInit(buf)
	if err != nil {
		return "the head of the file cannot be read: " + err.Error(), nil
	}
	if m := compareHead(s, init); m != "" {
		return m, nil
	}
	var fragment []byte
	for i, f := range s.Fragments {
		if f.Size <= 0 || f.Size > maxFragment || f.Offset+f.Size > s.Size {
			return "", nil // indexRow said so
		}
		if int64(cap(fragment)) < f.Size {
			fragment = make([]byte, f.Size)
		}
		fragment = fragment[:f.Size]
		if _, err := io.ReadFull(in, fragment); err != nil {
			return ended(err)
		}
		if m := compareFragment(f, fragment, init); m != "" {
			return fmt.Sprintf("fragment %d: %s", i, m), nil
		}
	}
	return "", nil
}

func ended(err error) (string, error) {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the file ends inside of what the index says", nil
	}
	return "", err
}

func compareHead(s lieciba.Segment, init segment.Init) string {
	audio := lieciba.AudioCodec("")
	if init.Format.Audio != nil {
		audio = init.Format.Audio.Codec
	}
	switch {
	case init.Size != s.InitSize:
		return fmt.Sprintf("the head has %d bytes, the row says %d", init.Size, s.InitSize)
	case init.Body != s.Fragments[0].Offset:
		return fmt.Sprintf("the first fragment is at %d, the row says %d", init.Body, s.Fragments[0].Offset)
	case differs(init.Recording, s.RecordingID), differs(init.Camera, s.CameraID), differs(init.Run, s.RunID),
		differs(init.IDs.Segment, s.ID), differs(init.Node, s.NodeID):
		return "the file says that it is another segment, or of another recording, camera, run or node"
	case !init.From.Equal(s.From) || !init.To.Equal(s.To):
		return fmt.Sprintf("the file covers %s, the row %s", spell(lieciba.Interval{From: init.From, To: init.To}), spell(s.Span()))
	case init.Format.Video.Codec != s.Video || audio != s.Audio:
		return fmt.Sprintf("the file holds %s %s, the row says %s %s", init.Format.Video.Codec, audio, s.Video, s.Audio)
	}
	return ""
}

// differs compares an ID that a file may leave out.
func differs[T ~string](file, row T) bool { return file != "" && file != row }

func compareFragment(f lieciba.Fragment, b []byte, init segment.Init) string {
	frames, err := segment.ParseFragment(b, init)
	if err != nil {
		return err.Error()
	}
	var first lieciba.Frame
	n := 0
	for _, frame := range frames {
		if frame.Track == lieciba.TrackVideo {
			if n++; n == 1 {
				first = frame
			}
		}
	}
	if n != f.Frames || first.Key != f.Key || first.PTS != f.PTS || !lieciba.Micro(first.Time).Equal(f.From) {
		return fmt.Sprintf("holds %d frames from %s (PTS %d, key %v), the row says %d from %s (PTS %d, key %v)",
			n, first.Time, first.PTS, first.Key, f.Frames, f.From, f.PTS, f.Key)
	}
	return ""
}

// readerAtSize is an open file with its length.
type readerAtSize struct {
	io.ReaderAt
	size int64
}

func withFile(path string, fn func(readerAtSize) error) error {
	f, err := os.Open(path)
	if err != nil {
		return durable.Error(err)
	}
	info, err := f.Stat()
	if err == nil {
		err = fn(readerAtSize{f, info.Size()})
	}
	return durable.Error(errors.Join(err, f.Close()))
}
