package export

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"

	"lieciba"
	"lieciba/storage/durable"
	"lieciba/storage/evidence"
	"lieciba/storage/evidence/zipfile"
)

// Build makes the package of an export, or goes on with it, and returns the
// export as it is stored then: sealed, or failed with the error. tell may be nil.
// CodeConflict for a session that is not sealed and for an export that another
// process builds; CodeFull when the disk has not enough space; CodeCorrupt names
// the segment whose bytes are not those that were recorded: there is no package
// then. A failed one can be built again; it goes on where it stopped.
func (b *Builder) Build(ctx context.Context, e lieciba.Export, tell Progress) (lieciba.Export, error) {
	switch e.State {
	case lieciba.ExportSealed, lieciba.ExportCollected:
		return e, nil
	case lieciba.ExportPurged:
		return e, lieciba.Errorf(lieciba.CodeConflict, "the package was removed: ask for a new one")
	}
	if err := b.c.Disk.MkdirAll(b.folder(e.ID), 0o700); err != nil {
		return e, err
	}
	lock, err := durable.LockDir(b.folder(e.ID))
	if err != nil {
		return e, err
	}
	err = lieciba.Guard("the package of export "+string(e.ID), func() error { return b.build(ctx, &e, tell) })
	if err != nil {
		err = errors.Join(err, b.failed(ctx, &e, err))
	} else if tell != nil {
		tell(e.TotalBytes, e.TotalBytes)
	}
	return e, errors.Join(err, durable.Error(lock.Close()))
}

// failed stores why; a building that was only stopped goes on at the next start.
func (b *Builder) failed(ctx context.Context, e *lieciba.Export, cause error) error {
	if ctx.Err() != nil || e.State != lieciba.ExportBuilding {
		return nil
	}
	e.State, e.Error = lieciba.ExportFailed, message(cause)
	return b.c.Catalog.PutExport(ctx, *e)
}

func message(err error) string {
	var e *lieciba.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return "the package could not be built: see the server's log"
}

// building is one run of Build.
type building struct {
	*Builder
	e       *lieciba.Export
	m       evidence.Manifest
	natives []native
	views   []view
	zip     *zipfile.File
	meter   *meter
	buf     []byte
}

func (b *Builder) build(ctx context.Context, e *lieciba.Export, tell Progress) (err error) {
	e.State, e.Error, e.DoneBytes = lieciba.ExportBuilding, "", 0
	if done, err := b.finished(ctx, e); done || err != nil {
		return err
	}
	if e.Recipient != "" {
		if _, err := ParseRecipient("recipient", e.Recipient); err != nil {
			return err
		}
	}
	m, err := b.plan(ctx, *e)
	if err != nil {
		return err
	}
	x := &building{Builder: b, e: e, m: m, meter: b.meter(e, tell), buf: make([]byte, chunk)}
	if x.natives, err = b.natives(ctx, m); err != nil {
		return err
	}
	if x.zip, err = zipfile.OpenFile(b.c.Disk, x.path(partName)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.zip.Close()) }()
	return x.run(ctx)
}

func (x *building) path(name string) string { return filepath.Join(x.folder(x.e.ID), name) }

// run takes the steps; those that the journal knows are not taken again.
func (x *building) run(ctx context.Context) error {
	if err := x.prepare(ctx); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{x.segments, x.viewing, x.papers, x.evidence, x.finish} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// prepare plans the work in bytes, asks for the room and tells the catalogue.
func (x *building) prepare(ctx context.Context) error {
	size := x.estimate()
	x.e.TotalBytes = 3 * size // written, proved, hashed as a whole
	need := size
	if x.e.Recipient != "" {
		need = 2 * size
	}
	if err := x.room(x.folder(x.e.ID), need, x.zip.Size()); err != nil {
		return err
	}
	x.e.DoneBytes = min(x.zip.Offset(), x.e.TotalBytes)
	return x.c.Catalog.PutExport(ctx, *x.e)
}

// estimate is at least what the package will have: the native segments, as much
// again for the viewing copies, the clips, and the small files.
func (x *building) estimate() int64 {
	var entries []zipfile.Entry
	var size int64
	clips := x.clips()
	for _, n := range x.natives {
		entries = append(entries, zipfile.Entry{Name: n.name, Size: n.Size})
		size += n.Size
		for _, c := range clips {
			if c.span.From.Before(n.To.Time) && n.From.Before(c.span.To) {
				size += n.Size
			}
		}
	}
	small := int64(len(evidence.Encode(x.m))) + 4<<10*int64(len(x.natives)+len(x.m.Access)+len(x.m.Incidents)+len(x.m.PartEvents)+len(x.m.Readiness)) + 1<<20
	return zipfile.Size(entries) + size + size/100 + small
}

// put writes one entry; check, if not nil, may refuse it before it is whole.
func (x *building) put(name string, fill func(io.Writer) error, check func(zipfile.Entry) error) error {
	w, err := x.zip.Create(name)
	if err != nil {
		return err
	}
	if err := fill(w); err != nil {
		return err
	}
	if check != nil {
		if err := check(x.zip.Pending()); err != nil {
			return err
		}
	}
	_, err = x.zip.Finish()
	return err
}

// segments copies the native segments out of Media.
func (x *building) segments(ctx context.Context) error {
	have := x.zip.Entries()
	done := 0
	for done < min(len(have), len(x.natives)) && have[done].Name == x.natives[done].name &&
		have[done].Size == x.natives[done].Size && evidence.Hash(have[done].SHA256) == x.natives[done].SHA256 {
		done++
	}
	if done < min(len(have), len(x.natives)) { // a journal of something else
		if err := x.zip.Rewind(done); err != nil {
			return err
		}
	}
	for _, n := range x.natives[done:] {
		if err := x.segment(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// segment copies one and compares it with what was sealed.
func (x *building) segment(ctx context.Context, n native) (err error) {
	src, err := x.c.Media.Open(ctx, n.ref)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		return lieciba.Wrap(err, lieciba.CodeCorrupt, "%s is not in the media store any more", where(n.SegmentDetail))
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closing(src)) }()
	return x.put(n.name, func(w io.Writer) error {
		return x.meter.copy(ctx, w, io.LimitReader(src, n.Size+1), x.buf)
	}, func(got zipfile.Entry) error {
		if got.Size == n.Size && evidence.Hash(got.SHA256) == n.SHA256 {
			return nil
		}
		return lieciba.Errorf(lieciba.CodeCorrupt, "%s: the media store holds other bytes than were recorded (%d bytes, SHA-256 %s; sealed were %d bytes, %s)",
			where(n.SegmentDetail), got.Size, evidence.Hash(got.SHA256), n.Size, n.SHA256)
	})
}

func closing(c io.Closer) error {
	return lieciba.Wrap(c.Close(), lieciba.CodeUnavailable, "the media store did not end well")
}

// files lists what was written so far, as the manifest does.
func (x *building) files() []evidence.FileManifest {
	out := []evidence.FileManifest{}
	for i, e := range x.zip.Entries() {
		f := evidence.FileManifest{Name: e.Name, Kind: evidence.FileViewing, Size: e.Size, SHA256: e.SHA256}
		switch {
		case i < len(x.natives):
			f.Kind, f.Segment = evidence.FileSegment, x.natives[i].ID
		case e.Name == evidence.ReportLVName || e.Name == evidence.ReportENName:
			f.Kind = evidence.FileReport
		case e.Name == evidence.KeysName:
			f.Kind = evidence.FileKeys
		case e.Name == evidence.ReadmeName:
			f.Kind = evidence.FileText
		}
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b evidence.FileManifest) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return out
}
