package verify

import (
	"bytes"
	"crypto/sha256"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"lieciba"
	"lieciba/storage/evidence"
	"lieciba/storage/segment"
)

const (
	maxDocument = 64 << 20 // of a JSON or text file that is read whole, in bytes
	maxHead     = 64 << 10 // of a segment's head
	chunk       = 1 << 20
)

// list indexes the files by name.
func (c *check) list() {
	for _, f := range c.src.files {
		if c.files[f.name] != nil {
			c.add(find(CodeExtra).in(f.name))
			continue
		}
		c.files[f.name] = f
		c.Totals.Files++
		c.Totals.Bytes += f.size
	}
}

// read returns a small file as a whole; what is wrong with it is a finding.
func (c *check) read(name string) ([]byte, bool) {
	f := c.files[name]
	if f == nil {
		c.add(find(CodeMissing).in(name))
		return nil, false
	}
	if f.size > maxDocument {
		c.add(find(CodeTooLarge, strconv.FormatInt(f.size, 10)).in(name))
		return nil, false
	}
	r, closer, err := f.open()
	if err == nil {
		b := make([]byte, f.size)
		err = readFull(r, b, 0)
		if closeErr := closer.Close(); err == nil {
			err = closeErr
		}
		if err == nil {
			return b, true
		}
	}
	c.add(find(CodeUnreadable, why(err)).in(name))
	return nil, false
}

// checkFiles hashes every file once and compares.
func (c *check) checkFiles() error {
	if err := c.hashAll(); err != nil {
		return err
	}
	want := map[string]evidence.FileManifest{}
	for _, w := range c.manifest.Files {
		if s, ok := c.segments[w.Segment]; ok && w.Kind == evidence.FileSegment {
			w.Size, w.SHA256 = s.Size, s.SHA256 // what the log has
		}
		want[w.Name] = w
	}
	contents := map[content]string{}
	for _, w := range want {
		contents[content{w.Size, w.SHA256}] = w.Name
	}
	for _, w := range c.manifest.Files {
		if err := c.compare(want[w.Name], contents); err != nil {
			return err
		}
	}
	for _, f := range c.src.files {
		if _, ok := want[f.name]; !ok && !c.fixed(f.name) {
			if err := c.unlisted(f); err != nil {
				return err
			}
		}
	}
	c.checkOrder()
	return c.ctx.Err()
}

// fixed tells the files that no manifest lists.
func (c *check) fixed(name string) bool {
	switch name {
	case evidence.ManifestName, evidence.CheckpointName, evidence.ProofsName, evidence.StampsName, evidence.ClosingName:
		return true
	}
	return false
}

// unlisted is about a file that the manifest does not list. Without a manifest
// its segments are still looked at, so that damage is named.
func (c *check) unlisted(f *file) error {
	if c.known {
		c.add(c.named(find(CodeExtra), f.name))
		return nil
	}
	if !strings.HasPrefix(f.name, segmentFolder) {
		return nil
	}
	return c.locate(f, evidence.SegmentDetail{ID: segmentOf(f.name)}, false)
}

// segmentOf is the segment that a file's name claims.
func segmentOf(name string) lieciba.SegmentID {
	base := name[strings.LastIndexByte(name, '/')+1:]
	id, _ := lieciba.ParseID[lieciba.SegmentID]("segment", strings.TrimSuffix(base, ".mp4"))
	return id
}

// named fills in what a segment's name tells.
func (c *check) named(f Finding, name string) Finding {
	f.File = name
	if !strings.HasPrefix(name, segmentFolder) {
		return f
	}
	f.SegmentID = segmentOf(name)
	if s, ok := c.segments[f.SegmentID]; ok {
		return c.ofSegment(f, s).in(name)
	}
	return f
}

// hashAll reads every byte of every file once.
func (c *check) hashAll() error {
	var done atomic.Int64
	report := func(n int64) {
		if c.opts.Progress != nil {
			c.opts.Progress(done.Add(n), c.Totals.Bytes)
		}
	}
	g, ctx := errgroup.WithContext(c.ctx)
	g.SetLimit(max(1, c.opts.Jobs))
	errs := make([]error, len(c.src.files))
	for i, f := range c.src.files {
		g.Go(func() error {
			errs[i] = f.hash(ctx.Err, report)
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, f := range c.src.files {
		switch {
		case errs[i] == nil:
		case lieciba.CodeOf(errs[i]) == lieciba.CodeCorrupt:
			c.add(c.named(find(CodeContainer, why(errs[i])), f.name))
		default:
			c.add(c.named(find(CodeUnreadable, errs[i].Error()), f.name))
		}
	}
	return nil
}

// hash fills in sum and head; it ends early when stop says so.
func (f *file) hash(stop func() error, report func(int64)) error {
	r, closer, err := f.open()
	if err != nil {
		return err
	}
	defer closer.Close() //nolint:errcheck // it was only read
	h := sha256.New()
	var crc uint32
	buf := make([]byte, min(chunk, max(1, f.size)))
	segment := strings.HasPrefix(f.name, segmentFolder)
	for at := int64(0); at < f.size; {
		if err := stop(); err != nil {
			return err
		}
		b := buf[:min(int64(len(buf)), f.size-at)]
		if err := readFull(r, b, at); err != nil {
			return err
		}
		h.Write(b)
		if f.entry != nil {
			crc = crc32.Update(crc, crc32.IEEETable, b)
		}
		if at == 0 && segment {
			f.keepHead(b[:min(len(b), maxHead)])
		}
		at += int64(len(b))
		report(int64(len(b)))
	}
	h.Sum(f.sum[:0])
	f.tried = true
	if f.entry != nil && crc != f.entry.CRC32 {
		return lieciba.Errorf(lieciba.CodeCorrupt, "the content of %s does not have the CRC-32 that stands behind it", f.name)
	}
	return nil
}

// keepHead keeps the head alone of a segment's first bytes.
func (f *file) keepHead(b []byte) {
	in, err := segment.ParseInit(b)
	if err == nil {
		f.head = bytes.Clone(b[:in.Size])
	}
	f.headErr = err
}

// content tells files apart by what is in them.
type content struct {
	size int64
	sum  evidence.Hash
}

// compare judges one file of the manifest; all names a file by its content.
func (c *check) compare(w evidence.FileManifest, all map[content]string) error {
	f := c.files[w.Name]
	if f == nil {
		c.missing(w)
		return nil
	}
	if !f.tried {
		return nil // hashAll said why
	}
	same := f.size == w.Size && f.sum == w.SHA256
	s, isSegment := c.segments[w.Segment]
	isSegment = isSegment && w.Kind == evidence.FileSegment
	if same {
		if !isSegment {
			return nil
		}
		c.checkIdentity(f, s)
		if c.leaves[leafKey{lieciba.LeafSegment, string(s.ID)}].Kind == "" { // the manifest's word alone
			return c.locate(f, s, true)
		}
		return nil
	}
	if name, ok := all[content{f.size, f.sum}]; ok {
		c.add(c.named(find(CodeSwapped, name), w.Name))
		return nil
	}
	if !isSegment {
		c.add(find(CodeChanged, evidence.Hash(f.sum), w.SHA256).in(w.Name))
		return nil
	}
	return c.locate(f, s, true)
}

// missing tells a file that is gone from one that has another name now.
func (c *check) missing(w evidence.FileManifest) {
	for _, f := range c.src.files {
		if f.tried && f.sum == w.SHA256 && f.size == w.Size && f.name != w.Name {
			c.add(c.named(find(CodeRenamed, f.name), w.Name))
			return
		}
	}
	c.add(c.named(find(CodeMissing), w.Name))
}

// checkOrder holds the order of a container's files against the one that the
// manifest gives.
func (c *check) checkOrder() {
	if !c.src.ordered || !c.known {
		return
	}
	var want []string
	for _, r := range c.manifest.Recordings {
		for _, s := range r.Segments {
			want = append(want, segmentFile(s))
		}
	}
	want = append(want, c.viewingOrder()...)
	want = append(want, evidence.ReportLVName, evidence.ReportENName, evidence.KeysName, evidence.ReadmeName, evidence.ManifestName,
		evidence.ProofsName, evidence.CheckpointName, evidence.StampsName, evidence.ClosingName)
	for i, f := range c.src.files {
		if i >= len(want) {
			return // an extra file is a finding of its own
		}
		if f.name != want[i] {
			c.add(find(CodeOrder, want[i]).in(f.name))
			return
		}
	}
}

// viewingOrder lists the viewing copies by recording, then the clips.
func (c *check) viewingOrder() []string {
	var clips, copies []string
	isClip := map[string]bool{}
	for _, x := range c.manifest.Clips {
		clips = append(clips, x.File)
		isClip[x.File] = true
	}
	place := func(name string) (int, int) {
		base := strings.TrimSuffix(strings.TrimPrefix(name, viewingFolder), ".mp4")
		for i, r := range c.manifest.Recordings {
			if rest, ok := strings.CutPrefix(base, string(r.Camera.ID)); ok {
				n, err := strconv.Atoi(strings.TrimPrefix(rest, "-"))
				if err != nil {
					n = 1
				}
				return i, n
			}
		}
		return len(c.manifest.Recordings), 0
	}
	for _, f := range c.manifest.Files {
		if f.Kind == evidence.FileViewing && !isClip[f.Name] {
			copies = append(copies, f.Name)
		}
	}
	slices.SortStableFunc(copies, func(a, b string) int {
		ra, na := place(a)
		rb, nb := place(b)
		if ra != rb {
			return ra - rb
		}
		return na - nb
	})
	return append(copies, clips...)
}
