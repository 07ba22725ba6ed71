package api

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"lieciba"
	"lieciba/storage"
)

// segmentToServe is a segment with the session that it belongs to.
type segmentToServe struct {
	lieciba.Segment
	target target
}

// segmentByID resolves the session of a segment, because its site decides.
func (s *Server) segmentByID(c *call) (segmentToServe, target, error) {
	id, err := lieciba.ParseID[lieciba.SegmentID]("id", c.gin.Param("id"))
	if err != nil {
		return segmentToServe{}, target{}, err
	}
	seg, err := s.cfg.Catalog.Segment(c.ctx(), id)
	if err != nil {
		return segmentToServe{}, target{}, asNotFound(err, "segment")
	}
	rec, err := s.cfg.Catalog.Recording(c.ctx(), seg.RecordingID)
	if err != nil {
		return segmentToServe{}, target{}, err
	}
	x, err := s.cfg.Catalog.Session(c.ctx(), rec.SessionID)
	if err != nil {
		return segmentToServe{}, target{}, err
	}
	t := target{site: x.SiteID, what: "segment", id: string(id), session: x.ID, camera: seg.CameraID, span: seg.Span()}
	return segmentToServe{seg, t}, t, nil
}

// segmentContent sends the bytes as they were recorded, after the audit entry is
// durable and the first byte could be read.
func (s *Server) segmentContent(c *call, seg segmentToServe) error {
	if seg.State == lieciba.SegmentDeleted {
		return lieciba.Errorf(lieciba.CodeNotFound, "the bytes of this segment were deleted by policy; its hash is kept")
	}
	r := &segmentReader{ctx: c.ctx(), source: s.cfg.Source, segment: seg.Segment, timeout: s.cfg.RequestTimeout, w: c.gin.Writer,
		right: c.standing(lieciba.ActWatchArchive, seg.target)}
	var first [1]byte
	if _, err := io.ReadFull(r, first[:]); err != nil {
		if lieciba.CodeOf(err) == lieciba.CodeNotFound { // the row is there: the bytes must be too
			return lieciba.Wrap(err, lieciba.CodeCorrupt, "the bytes of this segment are gone from the store: run `lieciba fsck` and restore them from a backup")
		}
		return err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return err
	}
	e := c.entry(string(lieciba.ActWatchArchive), seg.target)
	e.From, e.To, e.Detail = seg.From, seg.To, "segment content"+c.underGrant()
	rng := c.gin.GetHeader("Range")
	if strings.Contains(rng, ",") {
		// A short list of far apart bytes would make the store read gigabytes. RFC
		// 9110, 14.2: a server may ignore Range, and no player asks for several.
		c.gin.Request.Header.Del("Range")
		rng = ""
	}
	if rng != "" && len(rng) <= 100 {
		e.Detail += ", " + rng
	}
	if err := c.appendAudit(e); err != nil {
		return err
	}
	h := c.gin.Writer.Header()
	h.Set("Content-Type", "video/mp4")
	h.Set("Content-Disposition", `inline; filename="`+string(seg.ID)+`.mp4"`)
	h.Set("ETag", `"`+hex.EncodeToString(seg.SHA256[:])+`"`)
	http.ServeContent(c.gin.Writer, c.gin.Request, "", time.Time{}, r)
	c.cause = r.failed // for the log: net/http cuts an answer that is shorter than its Content-Length
	return nil
}

// readAhead is how much is read from the source at once, in bytes: one request
// to the media store.
const readAhead = 1 << 20

// segmentReader reads a segment through a storage.Source. Not safe for concurrent use.
type segmentReader struct {
	ctx     context.Context
	source  storage.Source
	segment lieciba.Segment
	timeout time.Duration // of one read, and of sending its bytes
	w       http.ResponseWriter
	right   *standing
	off     int64
	buf     []byte // of the segment from bufAt
	bufAt   int64
	failed  error
}

// Read implements io.Reader.
func (r *segmentReader) Read(p []byte) (int, error) {
	if r.off >= r.segment.Size {
		return 0, io.EOF
	}
	if r.off < r.bufAt || r.off >= r.bufAt+int64(len(r.buf)) {
		if err := r.fill(); err != nil {
			r.failed = err
			return 0, err
		}
	}
	n := copy(p, r.buf[r.off-r.bufAt:])
	r.off += int64(n)
	return n, nil
}

func (r *segmentReader) fill() error {
	if err := r.right.check(r.ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.ctx, r.timeout)
	defer cancel()
	if r.buf == nil {
		r.buf = make([]byte, 0, min(readAhead, r.segment.Size))
	}
	buf := r.buf[:min(int64(cap(r.buf)), r.segment.Size-r.off)]
	r.buf = r.buf[:0]
	if err := r.source.ReadSegment(ctx, r.segment, buf, r.off); err != nil {
		return err
	}
	r.buf, r.bufAt = buf, r.off
	setWriteDeadline(r.w, r.timeout)
	return nil
}

// Seek implements io.Seeker.
func (r *segmentReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.off
	case io.SeekEnd:
		offset += r.segment.Size
	}
	if offset < 0 {
		return 0, errors.New("api: seek before the start of a segment")
	}
	r.off = offset
	return offset, nil
}
