package verify_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// TestLinksNoNetworkAndNoDatabase: the verifier runs where neither is, so it must
// not even hold them.
func TestLinksNoNetworkAndNoDatabase(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "lieciba/storage/evidence/verify").Output()
	require.NoError(t, err)
	deps := strings.Fields(string(out))
	require.Contains(t, deps, "lieciba/storage/evidence")
	for _, d := range deps {
		for _, no := range []string{"net/http", "database/sql", "github.com/jackc/", "modernc.org/", "github.com/minio/", "lieciba/storage/sqlite", "lieciba/storage/postgres", "lieciba/api"} {
			require.False(t, d == no || strings.HasPrefix(d, no), "it links %s", d)
		}
	}
}
