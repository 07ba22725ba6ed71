package localfs

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/durable"
)

// List implements storage.Media. It skips what Put did not make: names that
// start with a dot, and anything but regular files.
func (s *Store) List(ctx context.Context, prefix string, fn func(storage.Object) error) error {
	return s.list(ctx, ".", "", prefix, fn)
}

// list walks dir, whose keys start with base, in the order of keys: a folder
// sorts as its name with a slash.
func (s *Store) list(ctx context.Context, dir, base, prefix string, fn func(storage.Object) error) error {
	if err := ctxError(ctx); err != nil {
		return err
	}
	entries, err := fs.ReadDir(s.root.FS(), dir)
	if errors.Is(err, fs.ErrNotExist) && base != "" { // removed since it was listed
		return nil
	}
	if err != nil {
		return durable.Error(err)
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(keyName(a), keyName(b)) })
	for _, e := range entries {
		key := base + keyName(e)
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case e.IsDir():
			if !strings.HasPrefix(key, prefix) && !strings.HasPrefix(prefix, key) {
				continue
			}
			if err := s.list(ctx, base+e.Name(), key, prefix, fn); err != nil {
				return err
			}
		case e.Type().IsRegular() && strings.HasPrefix(key, prefix):
			if err := s.found(ctx, key, fn); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) found(ctx context.Context, key string, fn func(storage.Object) error) error {
	obj, err := s.Stat(ctx, lieciba.MediaRef{Key: key})
	switch lieciba.CodeOf(err) {
	case "":
		return fn(obj)
	case lieciba.CodeNotFound: // removed since it was listed
		return nil
	}
	return err
}

func keyName(e fs.DirEntry) string {
	if e.IsDir() {
		return e.Name() + "/"
	}
	return e.Name()
}

// check refuses an unsafe key and an ended context.
func check(ctx context.Context, key string) error {
	if err := storage.CheckKey(key); err != nil {
		return err
	}
	return ctxError(ctx)
}

// checkRef is check for a stored object: a folder keeps no versions.
func checkRef(ctx context.Context, ref lieciba.MediaRef) error {
	if err := check(ctx, ref.Key); err != nil {
		return err
	}
	if ref.Version != "" {
		return lieciba.Errorf(lieciba.CodeNotFound, "%s has no version %s: a folder keeps none", ref.Key, ref.Version)
	}
	return nil
}

func ctxError(ctx context.Context) error {
	return lieciba.Wrap(ctx.Err(), lieciba.CodeUnavailable, "the call was given up")
}

func notFound(err error, key string) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) { // ENOTDIR: below a key that is an object
		return lieciba.Wrap(err, lieciba.CodeNotFound, "there is no object %s", key)
	}
	return durable.Error(err)
}

// reader ends with its context.
type reader struct {
	ctx context.Context
	r   io.Reader
	c   io.Closer
}

func (r *reader) Read(p []byte) (int, error) {
	if err := ctxError(r.ctx); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

func (r *reader) Close() error { return durable.Error(r.c.Close()) }
