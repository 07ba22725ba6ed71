package minio_test

import (
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/minio"
)

// TestHalfLocksAreNotWriteOnce: a store must enforce both kinds of lock. One that
// enforces retention and forgets legal holds would lose what a court asked to
// keep; the other way round the dates would mean nothing.
func TestHalfLocksAreNotWriteOnce(t *testing.T) {
	for name, c := range map[string]struct {
		store  *laxStore
		proven bool
		reason string
	}{
		"neither":        {&laxStore{}, false, "a version under legal hold"},
		"retention only": {&laxStore{enforceRetention: true}, false, "a version under legal hold"},
		"holds only":     {&laxStore{enforceHolds: true}, false, "a version under retention"},
		"both":           {&laxStore{enforceRetention: true, enforceHolds: true}, true, "refused to destroy"},
	} {
		t.Run(name, func(t *testing.T) {
			store := c.store
			store.objects = map[string]bool{}
			srv := httptest.NewServer(store)
			defer srv.Close()
			s, err := minio.Open(t.Context(), minio.Config{Endpoint: srv.Listener.Addr().String(), Bucket: "bucket", AccessKey: "key", SecretKey: "secret"})
			require.NoError(t, err)
			defer func() { require.NoError(t, s.Close()) }()
			require.Equal(t, c.proven, s.WriteOnce(), s.WriteOnceReason())
			require.Contains(t, s.WriteOnceReason(), c.reason)
			err = s.SetHold(t.Context(), lieciba.MediaRef{Key: key, Version: "v1"}, true)
			require.Equal(t, c.proven, lieciba.CodeOf(err) != lieciba.CodeUnsupported, "a lock is set only where it was proven: %v", err)
		})
	}
}
