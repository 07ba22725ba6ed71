// Package localfs keeps media in a folder: the store of the embedded default.
// Each object is one file under its key. A file system cannot refuse its owner,
// so WriteOnce is false.
package localfs

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"sync"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/durable"
)

const (
	tmpDir  = ".tmp" // no key starts with a dot
	dirPerm = 0o750
	objPerm = 0o640
)

// Store is a storage.Media in a folder. It holds the folder's lock.
type Store struct {
	root *os.Root
	disk *durable.Disk
	lock io.Closer // nil for reading only
	dir  string

	mu     sync.Mutex
	busy   map[string]*keyLock // keys that a Put or Remove works on
	closed bool
}

type keyLock struct {
	sync.Mutex
	waiting int
}

var (
	_ storage.Media       = (*Store)(nil)
	_ storage.SpaceTeller = (*Store)(nil)
)

// Option changes how a Store is opened.
type Option func(*Store)

// WithFault puts a fault before each step on the disk, for tests.
func WithFault(f durable.Fault) Option {
	return func(s *Store) { s.disk = s.disk.With(f) }
}

// OpenReader opens an existing folder beside the Store that has it, for reading
// only: Put and Remove are CodeForbidden.
func OpenReader(dir string) (*Store, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, durable.Error(err)
	}
	return &Store{root: root, disk: durable.In(root), dir: dir, busy: map[string]*keyLock{}}, nil
}

// Open makes the folder if it is missing and takes it for this process:
// CodeConflict while another Store has it. Temporary files of a crash go.
func Open(dir string, opts ...Option) (*Store, error) {
	if err := durable.MkdirAll(dir, dirPerm); err != nil {
		return nil, err
	}
	lock, err := durable.LockDir(dir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, durable.Error(errors.Join(err, lock.Close()))
	}
	s := &Store{root: root, disk: durable.In(root), lock: lock, dir: dir, busy: map[string]*keyLock{}}
	if err := s.sweep(); err != nil {
		return nil, durable.Error(errors.Join(err, s.Close()))
	}
	for _, o := range opts {
		o(s)
	}
	return s, nil
}

// sweep empties the folder of temporary files: the lock says that nobody writes.
func (s *Store) sweep() error {
	if err := s.disk.MkdirAll(tmpDir, dirPerm); err != nil {
		return err
	}
	left, err := fs.ReadDir(s.root.FS(), tmpDir)
	if err != nil {
		return err
	}
	for _, e := range left {
		if err := s.root.RemoveAll(path.Join(tmpDir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// Name implements storage.Media.
func (s *Store) Name() string { return "localfs" }

// WriteOnce implements storage.Media: a folder's owner can always delete.
func (s *Store) WriteOnce() bool { return false }

// WriteOnceReason says why WriteOnce is what it is.
func (s *Store) WriteOnceReason() string { return "a folder cannot refuse its owner" }

// Free implements storage.SpaceTeller.
func (s *Store) Free(context.Context) (int64, error) {
	free, _, err := durable.Space(s.dir)
	return free, err
}

// Put implements storage.Media.
func (s *Store) Put(ctx context.Context, key string, src io.ReaderAt, size int64, sum [32]byte) (storage.Object, error) {
	if err := errors.Join(check(ctx, key), s.writable()); err != nil {
		return storage.Object{}, err
	}
	defer s.lockKey(key)()
	obj := storage.Object{Ref: lieciba.MediaRef{Key: key}, Size: size}
	found, err := s.same(ctx, key, size, sum)
	if err != nil {
		return storage.Object{}, err
	}
	if found { // its entry may not be durable yet: an earlier Put failed at the last step
		if err := s.disk.SyncDir(path.Dir(key)); err != nil {
			return storage.Object{}, err
		}
		return obj, nil
	}
	if err := s.disk.MkdirAll(path.Dir(key), dirPerm); err != nil {
		return storage.Object{}, err
	}
	hash := sha256.New()
	from := io.TeeReader(&reader{ctx: ctx, r: io.NewSectionReader(src, 0, size)}, hash)
	check := func() error {
		if [32]byte(hash.Sum(nil)) != sum {
			return lieciba.Invalid("sha256", "the bytes of %s do not have the SHA-256 that was given", key)
		}
		return nil
	}
	tmp := path.Join(tmpDir, rand.Text()+durable.TempSuffix)
	if err := s.disk.CopyFile(key, tmp, from, size, objPerm, check); err != nil {
		return storage.Object{}, err
	}
	return obj, nil
}

// same reports whether key holds exactly these bytes; CodeConflict if others.
func (s *Store) same(ctx context.Context, key string, size int64, sum [32]byte) (bool, error) {
	ref := lieciba.MediaRef{Key: key}
	obj, err := s.Stat(ctx, ref)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if obj.Size == size {
		have, err := s.Sum(ctx, ref)
		if err != nil {
			return false, err
		}
		if have == sum {
			return true, nil
		}
	}
	return false, lieciba.Errorf(lieciba.CodeConflict, "%s holds other bytes already", key)
}

// Stat implements storage.Media.
func (s *Store) Stat(ctx context.Context, ref lieciba.MediaRef) (storage.Object, error) {
	if err := checkRef(ctx, ref); err != nil {
		return storage.Object{}, err
	}
	info, err := s.root.Lstat(ref.Key)
	if err != nil {
		return storage.Object{}, notFound(err, ref.Key)
	}
	if !info.Mode().IsRegular() {
		return storage.Object{}, lieciba.Errorf(lieciba.CodeCorrupt, "%s is not a regular file", ref.Key)
	}
	return storage.Object{Ref: ref, Size: info.Size()}, nil
}

// open opens the object's file. Lstat first: opening a pipe would block, and a
// symbolic link is never ours.
func (s *Store) open(ctx context.Context, ref lieciba.MediaRef) (*os.File, error) {
	if _, err := s.Stat(ctx, ref); err != nil {
		return nil, err
	}
	f, err := s.root.Open(ref.Key)
	if err != nil {
		return nil, notFound(err, ref.Key)
	}
	return f, nil
}

// ReadRange implements storage.Media.
func (s *Store) ReadRange(ctx context.Context, ref lieciba.MediaRef, p []byte, off int64) error {
	if off < 0 {
		return lieciba.Invalid("offset", "must not be negative")
	}
	f, err := s.open(ctx, ref)
	if err != nil {
		return err
	}
	var n int
	if len(p) > 0 {
		n, err = f.ReadAt(p, off)
	} else {
		err = inside(f, off)
	}
	if n == len(p) && err == io.EOF && n > 0 { // the last bytes of the file
		err = nil
	}
	if err == io.EOF {
		err = lieciba.Errorf(lieciba.CodeCorrupt, "%s ends before byte %d", ref.Key, off+int64(len(p)))
	}
	return durable.Error(errors.Join(err, f.Close()))
}

// inside says io.EOF when off lies behind the end.
func inside(f *os.File, off int64) error {
	info, err := f.Stat()
	if err == nil && off > info.Size() {
		return io.EOF
	}
	return err
}

// Open implements storage.Media.
func (s *Store) Open(ctx context.Context, ref lieciba.MediaRef) (io.ReadCloser, error) {
	f, err := s.open(ctx, ref)
	if err != nil {
		return nil, err
	}
	return &reader{ctx: ctx, r: f, c: f}, nil
}

// Sum implements storage.Media.
func (s *Store) Sum(ctx context.Context, ref lieciba.MediaRef) ([32]byte, error) {
	r, err := s.Open(ctx, ref)
	if err != nil {
		return [32]byte{}, err
	}
	hash := sha256.New()
	_, err = io.Copy(hash, r)
	if err = errors.Join(err, r.Close()); err != nil {
		return [32]byte{}, durable.Error(err)
	}
	return [32]byte(hash.Sum(nil)), nil
}

// Remove implements storage.Media.
func (s *Store) Remove(ctx context.Context, ref lieciba.MediaRef) error {
	err := checkRef(ctx, ref)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound { // a version that cannot be here
		return nil
	}
	if err = errors.Join(err, s.writable()); err != nil {
		return err
	}
	defer s.lockKey(ref.Key)()
	if _, err := s.Stat(ctx, ref); err != nil {
		if lieciba.CodeOf(err) != lieciba.CodeNotFound {
			return err
		}
		// The removal may not be durable yet: an earlier one failed at its last step.
		if err := s.disk.SyncDir(path.Dir(ref.Key)); lieciba.CodeOf(err) != lieciba.CodeNotFound {
			return err
		}
		return nil
	}
	return s.disk.Remove(ref.Key)
}

// RemoveAll implements storage.Media: a folder keeps one version.
func (s *Store) RemoveAll(ctx context.Context, key string) error {
	return s.Remove(ctx, lieciba.MediaRef{Key: key})
}

// Ping implements storage.Media: the folder is there and its lock file is ours.
func (s *Store) Ping(ctx context.Context) error {
	if err := ctxError(ctx); err != nil {
		return err
	}
	if _, err := s.root.Lstat(durable.LockName); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return lieciba.Wrap(err, lieciba.CodeUnavailable, "the media folder %s is gone: mount it again and restart", s.dir)
		}
		return durable.Error(err)
	}
	return nil
}

// Close implements storage.Media and gives the folder up.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	err := s.root.Close()
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return durable.Error(err)
}

func (s *Store) writable() error {
	if s.lock == nil {
		return lieciba.Errorf(lieciba.CodeForbidden, "the media folder is open for reading only")
	}
	return nil
}

// lockKey excludes other changes of one key until the returned func is called.
func (s *Store) lockKey(key string) (unlock func()) {
	s.mu.Lock()
	l := s.busy[key]
	if l == nil {
		l = &keyLock{}
		s.busy[key] = l
	}
	l.waiting++
	s.mu.Unlock()
	l.Lock()
	return func() {
		l.Unlock()
		s.mu.Lock()
		defer s.mu.Unlock()
		if l.waiting--; l.waiting == 0 {
			delete(s.busy, key)
		}
	}
}
