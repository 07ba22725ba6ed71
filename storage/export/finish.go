package export

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"

	"filippo.io/age"

	"lieciba"
	"lieciba/storage/durable"
	"lieciba/storage/evidence"
	"lieciba/storage/evidence/zipfile"
)

// result is what is known of a package that is whole.
type result struct {
	Size     int64         `json:"size"`
	SHA256   evidence.Hash `json:"sha256"`
	Manifest evidence.Hash `json:"manifest"`
}

// finish closes the container, reads it back, encrypts it if asked to, gives it
// its name and tells the catalogue.
func (x *building) finish(ctx context.Context) error {
	if err := x.zip.Complete(); err != nil {
		return err
	}
	if err := x.readBack(ctx); err != nil {
		return err
	}
	r, part, err := x.seal(ctx)
	if err != nil {
		return err
	}
	r.Manifest = x.e.Manifest
	if err := x.c.Disk.WriteFile(x.path(resultName), evidence.Encode(r), 0o600); err != nil {
		return err
	}
	if err := x.zip.Close(); err != nil {
		return err
	}
	if err := x.c.Disk.Rename(part, x.Path(*x.e)); err != nil {
		return err
	}
	_, err = x.finished(ctx, x.e)
	return err
}

// readBack proves the container as it stands on the disk, and that each entry
// is what went into it.
func (x *building) readBack(ctx context.Context) error {
	z, err := zipfile.Open(x.zip, x.zip.Size())
	if err != nil {
		return err
	}
	wrote := x.zip.Entries()
	if len(wrote) != len(z.Entries()) {
		return lieciba.Errorf(lieciba.CodeCorrupt, "the package has %d files on the disk and %d were written", len(z.Entries()), len(wrote))
	}
	for i, e := range z.Entries() {
		c := z.Content(e)
		if err := x.meter.copy(ctx, io.Discard, c, x.buf); err != nil {
			return err
		}
		if e.Name != wrote[i].Name || c.SHA256() != wrote[i].SHA256 {
			return lieciba.Errorf(lieciba.CodeCorrupt, "%s cannot be read back from the disk as it was written", wrote[i].Name)
		}
	}
	return nil
}

// seal hashes the whole package as it will leave, and encrypts it for a named
// recipient on the way. It returns the path of the partial file that becomes it.
func (x *building) seal(ctx context.Context) (r result, part string, err error) {
	sum := sha256.New()
	if x.e.Recipient == "" {
		err := x.sumAll(ctx, sum, x.zip, x.zip.Size())
		return result{Size: x.zip.Size(), SHA256: evidence.Hash(sum.Sum(nil))}, x.path(partName), durable.Error(err)
	}
	to, err := ParseRecipient("recipient", x.e.Recipient)
	if err != nil {
		return r, "", err
	}
	part = x.path(cipherName)
	if err := x.c.Disk.Remove(part); err != nil { // of a pass that was cut off
		return r, "", err
	}
	out, err := x.c.Disk.Create(part, 0o600)
	if err != nil {
		return r, "", err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	sealed, err := age.Encrypt(io.MultiWriter(appender{out}, sum), to)
	if err != nil {
		return r, "", lieciba.Wrap(err, lieciba.CodeInternal, "the package cannot be encrypted")
	}
	if err := x.sumAll(ctx, sealed, x.zip, x.zip.Size()); err != nil {
		return r, "", durable.Error(err)
	}
	if err := sealed.Close(); err != nil {
		return r, "", durable.Error(err)
	}
	return result{Size: out.Size(), SHA256: evidence.Hash(sum.Sum(nil))}, part, out.Sync()
}

type appender struct{ f *durable.File }

// Write implements io.Writer.
func (a appender) Write(p []byte) (int, error) { return a.f.Append(p) }

// finished completes an export whose package has its name already: after a
// crash, only the catalogue did not know. False: the package is not there.
func (b *Builder) finished(ctx context.Context, e *lieciba.Export) (bool, error) {
	path := b.folder(e.ID) + string(os.PathSeparator)
	known, err := os.ReadFile(path + resultName)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, durable.Error(err)
	}
	var r result
	info, err := os.Stat(b.Path(*e))
	if evidence.Decode(known, &r) != nil || err != nil || info.Size() != r.Size {
		return false, nil // it is made again
	}
	for _, name := range []string{cipherName, partName + zipfile.JournalSuffix, partName, planName} {
		if err := b.c.Disk.Remove(path + name); err != nil {
			return false, err
		}
	}
	e.State, e.Error = lieciba.ExportSealed, ""
	e.Size, e.SHA256, e.Manifest = r.Size, r.SHA256, r.Manifest
	e.DoneBytes = max(e.TotalBytes, r.Size)
	e.TotalBytes = e.DoneBytes
	e.SealedAt = lieciba.Micro(b.c.Now())
	return true, b.c.Catalog.PutExport(ctx, *e)
}

// Open opens the package of an export of this node; the caller closes it.
// CodeConflict while it is not built, CodeNotFound once it was removed.
func (b *Builder) Open(ctx context.Context, id lieciba.ExportID) (io.ReadSeekCloser, int64, error) {
	e, err := b.c.Catalog.Export(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	switch {
	case e.State == lieciba.ExportPurged:
		return nil, 0, lieciba.Errorf(lieciba.CodeNotFound, "the package was removed after it was collected: ask for a new one")
	case e.State != lieciba.ExportSealed && e.State != lieciba.ExportCollected:
		return nil, 0, lieciba.Errorf(lieciba.CodeConflict, "the package is %s", e.State)
	case e.NodeID != b.c.Node:
		return nil, 0, lieciba.Errorf(lieciba.CodeUnavailable, "the package lies on node %s: ask there", e.NodeID)
	}
	f, err := os.Open(b.Path(e))
	if err != nil {
		return nil, 0, durable.Error(err)
	}
	info, err := f.Stat()
	if err == nil && info.Size() != e.Size {
		err = lieciba.Errorf(lieciba.CodeCorrupt, "the package has %d bytes and was built with %d", info.Size(), e.Size)
	}
	if err != nil {
		return nil, 0, errors.Join(durable.Error(err), f.Close())
	}
	return f, e.Size, nil
}
