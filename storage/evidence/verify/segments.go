package verify

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"

	"lieciba"
	"lieciba/storage/evidence"
	"lieciba/storage/segment"
)

// checkIdentity holds what a segment's own head says against the manifest.
func (c *check) checkIdentity(f *file, s evidence.SegmentDetail) {
	if f.headErr != nil {
		c.add(c.ofSegment(find(CodeIdentity, why(f.headErr)), s))
		return
	}
	in, err := segment.ParseInit(f.head)
	if err != nil {
		c.add(c.ofSegment(find(CodeIdentity, why(err)), s))
		return
	}
	if what := differs(in, s); what != "" {
		c.add(c.ofSegment(find(CodeIdentity, what), s))
	}
}

// differs names the first thing in which a segment's head is not its detail.
func differs(in segment.Init, s evidence.SegmentDetail) string {
	audio := lieciba.AudioCodec("")
	if in.Format.Audio != nil {
		audio = in.Format.Audio.Codec
	}
	for _, x := range []struct {
		what      string
		got, want any
	}{
		{"segment", in.Segment, s.ID}, {"recording", in.Recording, s.RecordingID}, {"camera", in.Camera, s.CameraID},
		{"run", in.Run, s.RunID}, {"node", in.Node, s.NodeID},
		{"from", evidence.At(in.From), s.From}, {"to", evidence.At(in.To), s.To},
		{"video", in.Format.Video.Codec, s.Video}, {"audio", audio, s.Audio},
	} {
		if x.got != x.want {
			return fmt.Sprintf("%s %v ≠ %v", x.what, x.got, x.want)
		}
	}
	return ""
}

// locate says what is wrong with a segment whose bytes are not as they should
// be: which of them, and the time that they held. Without known s is nothing but
// an ID: the manifest is gone, and only damage that shows by itself is named.
func (c *check) locate(f *file, s evidence.SegmentDetail, known bool) error {
	if f.packed { // the folder tells more
		if known && f.sum != s.SHA256 {
			c.add(c.ofSegment(find(CodeChanged, evidence.Hash(f.sum), s.SHA256), s))
		}
		return nil
	}
	about := func(x Finding) Finding {
		if known {
			return c.ofSegment(x, s)
		}
		return c.named(x, f.name)
	}
	in, err := segment.ParseInit(f.head)
	if known && err == nil && in.Segment != s.ID {
		c.add(about(find(CodeReplaced, fmt.Sprintf("%s / %s", in.Segment, in.Recording))))
		return nil
	}
	span := lieciba.Interval{From: s.From.Time, To: s.To.Time}
	if !known && err == nil {
		span = lieciba.Interval{From: in.From, To: in.To}
	}
	r, closer, err := f.open()
	if err != nil {
		c.add(about(find(CodeUnreadable, err.Error())))
		return nil
	}
	defer closer.Close() //nolint:errcheck // it was only read
	if known && f.size > s.Size && prefixIs(r, s.Size, s.SHA256) {
		x := about(find(CodeLonger, fmt.Sprint(f.size-s.Size)))
		x.Offset, x.Size, x.From = s.Size, f.size-s.Size, s.To
		c.add(x)
		return nil
	}
	d, err := segment.FindDamage(r, f.size, span)
	if err != nil {
		c.add(about(find(CodeUnreadable, err.Error())))
		return nil
	}
	c.damages(d, f, s, known, about)
	return c.ctx.Err()
}

// damages turns what a walk through the file found into findings.
func (c *check) damages(d segment.Damages, f *file, s evidence.SegmentDetail, known bool, about func(Finding) Finding) {
	if d.Head {
		c.add(about(find(CodeHead)))
	}
	for _, x := range d.List {
		out := find(CodeSegment, fmt.Sprint(x.Size), fmt.Sprint(x.Offset))
		switch {
		case x.Offset+x.Size == f.size && known && f.size < s.Size:
			out = find(CodeCut, fmt.Sprint(s.Size-f.size))
		case x.Size == 0 && x.Offset < f.size:
			out = find(CodeRemoved, fmt.Sprint(x.Offset))
		}
		out = about(out)
		out.Offset, out.Size = x.Offset, x.Size
		out.From, out.To = evidence.At(x.From), evidence.At(x.To)
		c.add(out)
	}
	if known && f.sum != s.SHA256 && !d.Head && len(d.List) == 0 { // every checksum inside is right: not an accident
		c.add(about(find(CodeChanged, evidence.Hash(f.sum), s.SHA256)))
	}
}

// prefixIs tells whether the first n bytes have a hash.
func prefixIs(r io.ReaderAt, n int64, sum evidence.Hash) bool {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(r, 0, n)); err != nil {
		return false
	}
	return bytes.Equal(h.Sum(nil), sum[:])
}
