package api

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"lieciba"
)

// exportContent sends a package, whole or one range of it. The audit entry is
// durable before the first byte leaves.
func (s *Server) exportContent(c *call, e lieciba.Export) error {
	if s.cfg.Exporter == nil {
		return notHere("evidence packages are not kept")
	}
	x, err := s.cfg.Catalog.Session(c.ctx(), e.SessionID)
	if err != nil {
		return err
	}
	if e.RequestedByID != c.who.ID {
		c.auditRefusal(lieciba.ActExport, exportTarget(e, x.SiteID), lieciba.CodeForbidden)
		return lieciba.Errorf(lieciba.CodeForbidden, "%s asked for this package: nobody else fetches it", e.RequestedBy)
	}
	if err := fetchable(e); err != nil {
		return err
	}
	file, size, err := s.cfg.Exporter.Open(c.ctx(), e.ID)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		return lieciba.Wrap(err, lieciba.CodeUnavailable, "the file of this package is not on this server: ask node %s", e.NodeID)
	}
	if err != nil {
		return err
	}
	defer func() {
		if err := file.Close(); err != nil { // the answer is out
			s.cfg.Log.WarnContext(c.ctx(), "a package's file could not be closed", "export", e.ID, "error", err)
		}
	}()
	return s.sendPackage(c, e, x, file, size)
}

func (s *Server) sendPackage(c *call, e lieciba.Export, x lieciba.ExamSession, file io.ReadSeeker, size int64) error {
	t := exportTarget(e, x.SiteID)
	entry := c.entry(string(lieciba.ActExport), t)
	entry.Detail = "package fetched"
	rng := c.gin.GetHeader("Range")
	if strings.Contains(rng, ",") { // RFC 9110, 14.2: a server may ignore Range; a resumed download asks for one
		c.gin.Request.Header.Del("Range")
		rng = ""
	}
	if rng != "" && len(rng) <= 100 {
		entry.Detail += ", " + rng
	}
	if err := c.appendAudit(entry); err != nil {
		return err
	}
	h := c.gin.Writer.Header()
	h.Set("Content-Type", "application/zip")
	if e.Recipient != "" {
		h.Set("Content-Type", "application/octet-stream")
	}
	h.Set("Content-Disposition", `attachment; filename="`+packageName(x, e)+`"`)
	if e.SHA256 != [32]byte{} {
		h.Set("ETag", `"`+hex.EncodeToString(e.SHA256[:])+`"`)
	}
	paced := &pacedReader{ReadSeeker: file, w: c.gin.Writer, timeout: s.cfg.RequestTimeout,
		ctx: c.ctx(), right: c.standing(lieciba.ActExport, t)}
	http.ServeContent(c.gin.Writer, c.gin.Request, "", time.Time{}, paced)
	c.cause = paced.failed // for the log: net/http cuts an answer that is shorter than its Content-Length
	if !s.downloads.add(e.ID, c.who.ID, c.sent(), size) || e.State != lieciba.ExportSealed {
		return nil
	}
	if err := s.collected(c, e.ID, t); err != nil { // the bytes are out: the caller is told nothing more
		s.cfg.Log.ErrorContext(c.ctx(), "a collected package could not be noted", "export", e.ID, "error", err, "request_id", c.requestID)
	}
	return nil
}

// sent is the range of a file that this answer sent.
func (c *call) sent() byteRange {
	var from int64
	switch c.gin.Writer.Status() {
	case http.StatusOK:
	case http.StatusPartialContent:
		if _, err := fmt.Sscanf(c.gin.Writer.Header().Get("Content-Range"), "bytes %d-", &from); err != nil {
			return byteRange{}
		}
	default:
		return byteRange{}
	}
	return byteRange{from, from + int64(max(0, c.gin.Writer.Size()))}
}

// pacedReader gives each piece of a long download its own deadline.
type pacedReader struct {
	io.ReadSeeker
	w       http.ResponseWriter
	timeout time.Duration
	ctx     context.Context
	right   *standing
	failed  error
}

// Read implements io.Reader.
func (r *pacedReader) Read(p []byte) (int, error) {
	if err := r.right.check(r.ctx); err != nil {
		r.failed = err
		return 0, err
	}
	setWriteDeadline(r.w, r.timeout)
	n, err := r.ReadSeeker.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) {
		r.failed = err
	}
	return n, err
}

// byteRange is [from, to) of a file.
type byteRange struct{ from, to int64 }

type downloadKey struct {
	export lieciba.ExportID
	who    string
}

// downloads knows which parts of a package somebody has fetched, so that one
// that was broken off and resumed counts as a whole. It forgets with the process:
// a package is then collected by the next whole download. Safe for concurrent use.
type downloads struct {
	mu   sync.Mutex
	seen map[downloadKey][]byteRange // sorted, apart
	ages []downloadKey               // oldest first
}

// Bounds of what downloads remembers.
const (
	maxDownloads = 256
	maxPieces    = 256
)

// add notes a range and reports whether all of the file was sent by now.
func (d *downloads) add(id lieciba.ExportID, who string, r byteRange, size int64) bool {
	if r.to <= r.from {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	key := downloadKey{id, who}
	known, again := d.seen[key]
	pieces := join(known, r)
	if len(pieces) == 1 && pieces[0].from <= 0 && pieces[0].to >= size {
		d.forget(key)
		return true
	}
	if len(pieces) > maxPieces {
		return false
	}
	if d.seen == nil {
		d.seen = map[downloadKey][]byteRange{}
	}
	d.seen[key] = pieces
	if !again {
		if d.ages = append(d.ages, key); len(d.ages) > maxDownloads {
			d.forget(d.ages[0])
		}
	}
	return false
}

func (d *downloads) forget(key downloadKey) {
	delete(d.seen, key)
	for i, k := range d.ages {
		if k == key {
			d.ages = append(d.ages[:i:i], d.ages[i+1:]...)
			return
		}
	}
}

// join adds r to sorted ranges that do not touch each other.
func join(list []byteRange, r byteRange) []byteRange {
	var out []byteRange
	for i, o := range list {
		switch {
		case o.to < r.from:
			out = append(out, o)
		case r.to < o.from:
			return append(append(out, r), list[i:]...)
		default:
			r = byteRange{min(r.from, o.from), max(r.to, o.to)}
		}
	}
	return append(out, r)
}
