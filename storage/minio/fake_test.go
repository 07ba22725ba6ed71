package minio_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/minio"
)

// laxStore is an S3 store that accepts whatever it is told: locks, holds and
// deletions. Stores like it are in use; the proof must see through them.
type laxStore struct {
	refuse  bool // says no to every deletion, also of free versions
	deletes bool // refuses, and destroys nevertheless
	noLock  bool // does not know object lock
	// One kind of lock is enforced, or both.
	enforceRetention, enforceHolds bool

	mu             sync.Mutex
	objects        map[string]bool
	retained, held map[string]bool
}

func (l *laxStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	if l.held == nil {
		l.retained, l.held = map[string]bool{}, map[string]bool{}
	}
	q, isObject := r.URL.Query(), strings.Count(strings.Trim(r.URL.Path, "/"), "/") > 0
	switch {
	case q.Has("versioning"):
		fmt.Fprint(w, `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`)
	case q.Has("object-lock") && l.noLock:
		w.WriteHeader(http.StatusNotImplemented)
		fmt.Fprint(w, `<Error><Code>NotImplemented</Code><Message>not here</Message></Error>`)
	case q.Has("object-lock"):
		fmt.Fprint(w, `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>`)
	case q.Has("versions"):
		fmt.Fprint(w, `<ListVersionsResult><IsTruncated>false</IsTruncated></ListVersionsResult>`)
	case r.Method == http.MethodPut && q.Has("legal-hold"):
		l.held[r.URL.Path] = strings.Contains(string(body), ">ON<")
	case r.Method == http.MethodPut && isObject:
		l.objects[r.URL.Path] = true
		l.retained[r.URL.Path] = r.Header.Get("X-Amz-Object-Lock-Mode") != ""
		w.Header().Set("x-amz-version-id", "v1")
		w.Header().Set("ETag", `"e"`)
	case r.Method == http.MethodDelete:
		l.remove(w, r.URL.Path)
	case r.Method == http.MethodHead && isObject && !l.objects[r.URL.Path]:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodHead && isObject:
		w.Header().Set("x-amz-version-id", "v1")
		w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
		w.Header().Set("ETag", `"e"`)
	}
}

func (l *laxStore) remove(w http.ResponseWriter, path string) {
	if (!l.refuse || l.deletes) && !l.locked(path) {
		delete(l.objects, path)
	}
	if l.refuse || l.deletes || l.locked(path) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<Error><Code>AccessDenied</Code><Message>no</Message></Error>`)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (l *laxStore) locked(path string) bool {
	return l.enforceHolds && l.held[path] || l.enforceRetention && l.retained[path]
}

func TestStoresThatDoNotEnforceLocksAreNotWriteOnce(t *testing.T) {
	for reason, store := range map[string]*laxStore{
		"accepts locks and does not enforce them": {},
		"may not destroy even a free version":     {refuse: true},
		"destroyed it nevertheless":               {deletes: true},
		"made without object lock":                {noLock: true},
	} {
		t.Run(reason, func(t *testing.T) {
			store.objects = map[string]bool{}
			srv := httptest.NewServer(store)
			defer srv.Close()
			s, err := minio.Open(t.Context(), minio.Config{Endpoint: srv.Listener.Addr().String(), Bucket: "bucket", AccessKey: "key", SecretKey: "secret"})
			require.NoError(t, err)
			require.False(t, s.WriteOnce())
			require.Contains(t, s.WriteOnceReason(), reason)
			require.NoError(t, s.Close())
		})
	}
}

// answering starts a store that passes the start-up checks and then answers
// every call on an object with this.
func answering(t *testing.T, status int, code string, header http.Header, body string) *minio.Store {
	lax := &laxStore{noLock: true, objects: map[string]bool{}}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.URL.Path, "/segments/") {
			lax.ServeHTTP(w, r)
			return
		}
		if r.Method == http.MethodHead && (status != http.StatusOK || code == "PUT") && code != "HEAD" {
			w.WriteHeader(http.StatusNotFound) // let Put come to its PUT
			return
		}
		for k, v := range header {
			w.Header()[k] = v
		}
		w.WriteHeader(status)
		if body == "" && status >= 400 {
			body = fmt.Sprintf(`<Error><Code>%s</Code><Message>m</Message></Error>`, code)
		}
		fmt.Fprint(w, body)
	}))
	t.Cleanup(srv.Close)
	s, err := minio.Open(t.Context(), minio.Config{Endpoint: srv.Listener.Addr().String(), Bucket: "bucket", AccessKey: "key", SecretKey: "secret"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestErrorsOfTheStoreGetCodes(t *testing.T) {
	for _, c := range []struct {
		status int
		code   string
		want   lieciba.Code
	}{
		{507, "XMinioStorageFull", lieciba.CodeFull},
		{400, "XMinioAdminBucketQuotaExceeded", lieciba.CodeFull},
		{507, "Whatever", lieciba.CodeFull},
		{503, "SlowDown", lieciba.CodeUnavailable},
		{500, "InternalError", lieciba.CodeUnavailable},
		{429, "TooManyRequests", lieciba.CodeUnavailable},
		{403, "AccessDenied", lieciba.CodeUnavailable},
		{404, "NoSuchBucket", lieciba.CodeUnavailable},
		{400, "XAmzContentSHA256Mismatch", lieciba.CodeInvalid},
		{400, "BadDigest", lieciba.CodeInvalid},
		{400, "EntityTooLarge", lieciba.CodeTooLarge},
		{418, "Teapot", lieciba.CodeInternal},
	} {
		_, err := put(t, answering(t, c.status, c.code, nil, ""), []byte("x"))
		require.Equal(t, c.want, lieciba.CodeOf(err), "%d %s: %v", c.status, c.code, err)
	}
}

// TestAStoreThatIgnoresRangesIsNotBelieved: bytes from elsewhere in the file
// would be shown as the asked ones.
func TestAStoreThatIgnoresRangesIsNotBelieved(t *testing.T) {
	header := http.Header{"Last-Modified": {time.Now().UTC().Format(http.TimeFormat)}, "Etag": {`"e"`}}
	s := answering(t, http.StatusOK, "", header, "0123456789")
	err := s.ReadRange(t.Context(), lieciba.MediaRef{Key: key}, make([]byte, 2), 4)
	require.Equal(t, lieciba.CodeUnsupported, lieciba.CodeOf(err), "%v", err)
}

// TestABrokenTransferIsNotAShortObject: the line breaks in mid-body.
func TestABrokenTransferIsNotAShortObject(t *testing.T) {
	header := http.Header{"Last-Modified": {time.Now().UTC().Format(http.TimeFormat)}, "Etag": {`"e"`},
		"Content-Range": {"bytes 0-9/10"}, "Content-Length": {"10"}}
	s := answering(t, http.StatusPartialContent, "HEAD", header, "01234")
	err := s.ReadRange(t.Context(), lieciba.MediaRef{Key: key}, make([]byte, 10), 0)
	require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(err), "%v", err)
}

// TestAPutWithoutVersionIsRefused: versioning was switched off behind our back.
func TestAPutWithoutVersionIsRefused(t *testing.T) {
	_, err := put(t, answering(t, http.StatusOK, "PUT", http.Header{"Etag": {`"e"`}}, ""), []byte("x"))
	require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(err), "%v", err)
	require.Contains(t, err.Error(), "versioning was switched off")
}
