package verify

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"filippo.io/age"

	"lieciba"
	"lieciba/storage/evidence"
	"lieciba/storage/evidence/zipfile"
)

// source is a package that was opened, whatever holds it.
type source struct {
	files     []*file
	ordered   bool // the order of the files is part of the form
	encrypted bool
	findings  []Finding
	blocks    *decrypted // of an encrypted package
	closers   []io.Closer
}

// file is one file of a package.
type file struct {
	name   string
	size   int64
	entry  *zipfile.Entry // its CRC-32 is to be right too
	packed bool           // deflated: read from front to back
	open   func() (io.ReaderAt, io.Closer, error)

	sum     [32]byte // after it was hashed
	head    []byte   // ftyp and moov of a segment
	headErr error    // why they do not parse
	tried   bool
}

func (s *source) close() error {
	var err error
	for _, c := range s.closers {
		err = errors.Join(err, c.Close())
	}
	return err
}

// late adds what turned up while the files were read.
func (s *source) late(r *Report) {
	if s.blocks == nil {
		return
	}
	for _, at := range s.blocks.damaged() {
		f := find(CodeEncryption, fmt.Sprintf("@%d", at))
		f.Offset = at
		r.add(f)
	}
}

// open finds out what path is. A nil source comes with the reason.
func open(path string, identities []age.Identity) (*source, *Finding) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, reason(CodeUnreadable, err.Error())
	}
	if info.IsDir() {
		return openFolder(path)
	}
	if !info.Mode().IsRegular() {
		return nil, reason(CodeNoPackage, info.Mode().String())
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, reason(CodeUnreadable, err.Error())
	}
	s, bad := openArchive(f, info.Size(), identities)
	if s == nil {
		_ = f.Close() // it was only read
		return nil, bad
	}
	s.closers = append(s.closers, f)
	return s, nil
}

func openBytes(b []byte, identities []age.Identity) (*source, *Finding) {
	return openArchive(bytes.NewReader(b), int64(len(b)), identities)
}

func reason(code Code, args ...any) *Finding {
	f := find(code, args...)
	return &f
}

const ageMagic = "age-encryption.org/v1\n"

// openArchive opens a ZIP file, encrypted or not.
func openArchive(r io.ReaderAt, size int64, identities []age.Identity) (*source, *Finding) {
	if size == 0 {
		return nil, reason(CodeNoPackage, isEmpty)
	}
	start := make([]byte, min(size, int64(len(ageMagic))))
	if _, err := r.ReadAt(start, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, reason(CodeUnreadable, err.Error())
	}
	if string(start) != ageMagic {
		return openZIP(r, size)
	}
	plain, n, bad := decrypt(r, size, identities)
	if bad != nil {
		return nil, bad
	}
	s, bad := openZIP(plain, n)
	if s != nil {
		s.encrypted, s.blocks = true, plain
	}
	return s, bad
}

// openZIP opens the container strictly. One that is not in canonical form is
// altered; its files are taken from its directory where that can be read, else
// searched for, so that the findings can name them.
func openZIP(r io.ReaderAt, size int64) (*source, *Finding) {
	z, err := zipfile.Open(r, size)
	if lieciba.CodeOf(err) == lieciba.CodeUnavailable {
		return nil, reason(CodeUnreadable, err.Error())
	}
	if err != nil {
		if s, bad := repacked(r, size); s != nil || bad != nil {
			return s, bad
		}
		return salvage(r, size, err)
	}
	if len(z.Entries()) == 0 {
		return nil, reason(CodeNoPackage, isEmpty)
	}
	s := &source{ordered: true}
	for _, e := range z.Entries() {
		s.files = append(s.files, &file{name: e.Name, size: e.Size, entry: &e, open: section(r, e.Content(), e.Size)})
	}
	return s, nil
}

func section(r io.ReaderAt, at, size int64) func() (io.ReaderAt, io.Closer, error) {
	return func() (io.ReaderAt, io.Closer, error) {
		return io.NewSectionReader(r, at, size), io.NopCloser(nil), nil
	}
}

// openFolder lists an unpacked package.
func openFolder(root string) (*source, *Finding) {
	if bad := noPackage(root); bad != nil {
		return nil, bad
	}
	s := &source{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		info, err := d.Info()
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			s.findings = append(s.findings, find(CodeNoFile).in(name))
			return nil
		}
		s.files = append(s.files, &file{name: name, size: info.Size(), open: func() (io.ReaderAt, io.Closer, error) {
			f, err := os.Open(path)
			return f, f, err
		}})
		return nil
	})
	if err != nil {
		return nil, reason(CodeUnreadable, err.Error())
	}
	s.dropLeftovers()
	slices.SortFunc(s.files, func(a, b *file) int { return cmp.Compare(a.name, b.name) })
	return s, nil
}

// noPackage tells a folder that is none, before it is walked.
func noPackage(root string) *Finding {
	for _, name := range []string{evidence.ManifestName, strings.TrimSuffix(evidenceFolder, "/")} {
		if _, err := os.Lstat(filepath.Join(root, name)); err == nil {
			return nil
		}
	}
	list, err := os.ReadDir(root)
	if err != nil {
		return reason(CodeUnreadable, err.Error())
	}
	for _, d := range list {
		if _, err := os.Lstat(filepath.Join(root, d.Name(), evidence.ManifestName)); err == nil {
			return reason(CodeNoPackage, subfolder(d.Name()))
		}
	}
	return reason(CodeNoPackage, notInside)
}

// decrypted reads an age file. A block that does not decrypt reads as zeros and
// is remembered, so that the files that it hit can be named.
type decrypted struct {
	io.ReaderAt
	cipher *sourceErrors
	size   int64

	mu  sync.Mutex
	bad []int64 // offsets of blocks in the plain text
}

const ageBlock = 64 << 10 // of plain text

func decrypt(r io.ReaderAt, size int64, identities []age.Identity) (*decrypted, int64, *Finding) {
	if len(identities) == 0 {
		return nil, 0, reason(CodeNoIdentity, noneGiven)
	}
	cipher := &sourceErrors{ReaderAt: r}
	plain, n, err := age.DecryptReaderAt(cipher, size, identities...)
	var none *age.NoIdentityMatchError
	switch {
	case errors.As(err, &none):
		return nil, 0, reason(CodeNoIdentity, noneOpens)
	case cipher.failed() != nil:
		return nil, 0, reason(CodeUnreadable, cipher.failed().Error())
	case err != nil:
		return nil, 0, reason(CodeEncryption, err.Error())
	}
	return &decrypted{ReaderAt: plain, cipher: cipher, size: n}, n, nil
}

// ReadAt implements io.ReaderAt.
func (d *decrypted) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) && off < d.size {
		part := p[n:min(len(p), n+int(ageBlock-off%ageBlock))]
		part = part[:min(int64(len(part)), d.size-off)]
		got, err := d.ReaderAt.ReadAt(part, off)
		if got < len(part) {
			if d.cipher.failed() != nil {
				return n + got, err
			}
			clear(part)
			d.remember(off - off%ageBlock)
		}
		n, off = n+len(part), off+int64(len(part))
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (d *decrypted) remember(at int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Contains(d.bad, at) && len(d.bad) < 1000 {
		d.bad = append(d.bad, at)
	}
}

func (d *decrypted) damaged() []int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(slices.Values(d.bad))
}

// sourceErrors tells a disk that fails from bytes that do not decrypt.
type sourceErrors struct {
	io.ReaderAt
	mu  sync.Mutex
	err error
}

// ReadAt implements io.ReaderAt.
func (s *sourceErrors) ReadAt(p []byte, off int64) (int, error) {
	n, err := s.ReaderAt.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
	}
	return n, err
}

func (s *sourceErrors) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
