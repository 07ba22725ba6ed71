package minio

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/minio/minio-go/v7"

	"lieciba"
	"lieciba/storage"
)

// Put implements storage.Media in one PUT. The server checks the bytes against
// the signed x-amz-content-sha256 and the stored x-amz-checksum-sha256, so
// others never become an object. If-None-Match keeps a second writer of the
// same key out.
func (s *Store) Put(ctx context.Context, key string, src io.ReaderAt, size int64, sum [32]byte) (storage.Object, error) {
	if size < 0 || size > maxObject {
		return storage.Object{}, lieciba.Errorf(lieciba.CodeTooLarge, "an object may have 0 to %d bytes", int64(maxObject))
	}
	if err := s.writable(); err != nil {
		return storage.Object{}, err
	}
	obj, err := s.same(ctx, key, size, sum)
	if lieciba.CodeOf(err) != lieciba.CodeNotFound {
		return obj, err
	}
	hexSum, base64Sum := sums(sum)
	opts := minio.PutObjectOptions{
		ContentType:          contentType(key),
		UserMetadata:         map[string]string{metaSum: hexSum, "x-amz-checksum-sha256": base64Sum},
		DisableContentSha256: true, // no streaming signature: the whole-body sum below is signed instead
	}
	opts.SetMatchETagExcept("*")
	if s.cfg.LockDays > 0 && !storage.IsTrialKey(key) {
		opts.Mode = minio.Governance
		opts.RetainUntilDate = s.now().AddDate(0, 0, s.cfg.LockDays)
	}
	from := &source{r: io.NewSectionReader(src, 0, size)}
	info, err := s.core.PutObject(ctx, s.cfg.Bucket, key, from, size, "", hexSum, opts)
	sourceErr := from.close(size)
	if err == nil {
		return s.stored(key, size, info)
	}
	if sourceErr != nil {
		return storage.Object{}, sourceErr
	}
	err = mapError(err)
	if lieciba.CodeOf(err) == lieciba.CodeConflict { // another Put of this key was first
		return s.same(ctx, key, size, sum)
	}
	return storage.Object{}, err
}

func (s *Store) stored(key string, size int64, info minio.UploadInfo) (storage.Object, error) {
	if info.VersionID == "" {
		return storage.Object{}, lieciba.Errorf(lieciba.CodeUnavailable, "the media store gave %s no version ID: versioning was switched off; switch it on", key)
	}
	return storage.Object{Ref: lieciba.MediaRef{Key: key, Version: info.VersionID}, Size: size}, nil
}

// same returns the newest version of key if it holds exactly these bytes,
// CodeConflict if others, CodeNotFound if there is none.
func (s *Store) same(ctx context.Context, key string, size int64, sum [32]byte) (storage.Object, error) {
	info, err := s.stat(ctx, lieciba.MediaRef{Key: key})
	if err != nil {
		return storage.Object{}, err
	}
	obj := object(key, info)
	equal := false
	if info.Size == size {
		hexSum, _ := sums(sum)
		if have := info.UserMetadata[metaSum]; have != "" {
			equal = have == hexSum
		} else { // not written by Put
			stored, err := s.Sum(ctx, obj.Ref)
			if err != nil {
				return storage.Object{}, err
			}
			equal = stored == sum
		}
	}
	if !equal {
		return storage.Object{}, lieciba.Errorf(lieciba.CodeConflict, "%s holds other bytes already", key)
	}
	return obj, nil
}

// ReadRange implements storage.Media with one ranged GET.
func (s *Store) ReadRange(ctx context.Context, ref lieciba.MediaRef, p []byte, off int64) error {
	if off < 0 {
		return lieciba.Invalid("offset", "must not be negative")
	}
	if len(p) == 0 {
		return s.inside(ctx, ref, off)
	}
	opts := minio.GetObjectOptions{VersionID: ref.Version}
	if err := opts.SetRange(off, off+int64(len(p))-1); err != nil {
		return lieciba.Wrap(err, lieciba.CodeInvalid, "not a range")
	}
	body, header, err := s.get(ctx, ref, opts)
	if err != nil {
		return err
	}
	if got := header.Get("Content-Range"); !strings.HasPrefix(got, fmt.Sprintf("bytes %d-", off)) {
		return errors.Join(lieciba.Errorf(lieciba.CodeUnsupported, "the media store answered a range from %d with %q", off, got), body.Close())
	}
	_, err = io.ReadFull(body, p)
	// Close also leaves the connection fit for reuse: nothing is unread.
	if err = errors.Join(err, body.Close()); err != nil {
		return shortRead(err, ref.Key, off+int64(len(p)))
	}
	return nil
}

// shortRead tells an object that ends early from a transfer that broke.
func shortRead(err error, key string, end int64) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return lieciba.Wrap(err, lieciba.CodeCorrupt, "%s ends before byte %d", key, end)
	}
	return mapError(err)
}

func (s *Store) inside(ctx context.Context, ref lieciba.MediaRef, off int64) error {
	obj, err := s.Stat(ctx, ref)
	if err == nil && off > obj.Size {
		return lieciba.Errorf(lieciba.CodeCorrupt, "%s ends before byte %d", ref.Key, off)
	}
	return err
}

// Open implements storage.Media. A read fails when nothing arrives for
// three times Config.Timeout.
func (s *Store) Open(ctx context.Context, ref lieciba.MediaRef) (io.ReadCloser, error) {
	body, _, err := s.get(ctx, ref, minio.GetObjectOptions{VersionID: ref.Version})
	return body, err
}

func (s *Store) get(ctx context.Context, ref lieciba.MediaRef, opts minio.GetObjectOptions) (io.ReadCloser, http.Header, error) {
	if err := storage.CheckKey(ref.Key); err != nil {
		return nil, nil, err
	}
	if err := s.ready(ctx); err != nil {
		return nil, nil, err
	}
	body, _, header, err := s.core.GetObject(ctx, s.cfg.Bucket, ref.Key, opts)
	if err != nil {
		return nil, nil, mapRef(err, ref)
	}
	return &answer{body}, header, nil
}

// Sum implements storage.Media: it reads the stored bytes back.
func (s *Store) Sum(ctx context.Context, ref lieciba.MediaRef) ([32]byte, error) {
	body, err := s.Open(ctx, ref)
	if err != nil {
		return [32]byte{}, err
	}
	hash := sha256.New()
	_, err = io.Copy(hash, body)
	if err = errors.Join(err, body.Close()); err != nil {
		return [32]byte{}, mapError(err)
	}
	return [32]byte(hash.Sum(nil)), nil
}

// answer gives the errors of a body their codes. net/http reports a body that
// is cut short of its Content-Length as io.ErrUnexpectedEOF.
type answer struct{ io.ReadCloser }

func (a *answer) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = lieciba.Wrap(brokenTransfer{err}, lieciba.CodeUnavailable, "the media store broke off in mid-transfer")
	}
	return n, err
}

// brokenTransfer hides that net/http's error is io.ErrUnexpectedEOF, which
// io.ReadFull uses for an object that ends early.
type brokenTransfer struct{ cause error }

func (b brokenTransfer) Error() string { return b.cause.Error() }

// source remembers how reading went: minio-go's error for a short or failing
// source looks like an outage. net/http may go on reading after an early answer,
// so close cuts it off: after Put the caller's reader is not touched.
type source struct {
	mu     sync.Mutex
	r      io.Reader
	read   int64
	ended  bool
	failed error
	closed bool
}

func (s *source) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, io.ErrClosedPipe
	}
	n, err := s.r.Read(p)
	s.read += int64(n)
	if err == io.EOF {
		s.ended = true
	} else if err != nil {
		s.failed = err
	}
	return n, err
}

// close ends the reading and says what was wrong with the source of size bytes.
func (s *source) close(size int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.failed != nil {
		return lieciba.Wrap(s.failed, lieciba.CodeInternal, "the source cannot be read")
	}
	if s.ended && s.read < size {
		return lieciba.Invalid("size", "the source ends after %d of %d bytes", s.read, size)
	}
	return nil
}

func contentType(key string) string {
	if strings.HasSuffix(key, ".mp4") {
		return "video/mp4"
	}
	return "application/octet-stream"
}
