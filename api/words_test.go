package api

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence"
)

// TestEntriesCanBePacked: whatever bytes a request brings, its audit entry reads
// back from its leaf as it was written; else no package of the session could
// ever be built.
func TestEntriesCanBePacked(t *testing.T) {
	w := newWorld(t)
	x, _ := w.sealed(w.own)
	e := w.export(x, "", []byte("package"))
	for _, path := range []string{"/v1/exports/" + string(e.ID) + "/content", "/v1/segments/" + string(w.own.segment.ID) + "/content"} {
		w.do(request{method: "GET", path: path, token: w.tokens[lieciba.RoleReviewer], header: http.Header{"Range": {"bytes=\xff\xfe-"}}, bad: true})
	}
	entries := append(w.audited("export"), w.audited("watch_archive")...)
	require.Len(t, entries, 2)
	for _, entry := range entries {
		want := evidence.DetailOfAudit(entry)
		var got evidence.AuditDetail
		require.NoError(t, evidence.Decode(evidence.Encode(want), &got))
		require.Equal(t, want, got)
	}
}
