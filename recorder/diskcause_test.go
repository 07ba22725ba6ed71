package recorder

import (
	"errors"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/durable"
	"lieciba/storage/segment"
)

// A segment that the full disk did not even let begin is empty, and still lost to
// the full disk.
func TestFullDiskIsNamedAtAnyDepth(t *testing.T) {
	empty := func(cause error) error {
		return lieciba.Wrap(errors.Join(segment.ErrEmpty, durable.Error(cause)), lieciba.CodeNotFound, "the segment has no whole fragment")
	}
	for _, full := range []error{durable.Error(syscall.ENOSPC), empty(syscall.ENOSPC), empty(syscall.EDQUOT)} {
		require.Equal(t, lieciba.CauseDiskFull, diskCause(full), "%v", full)
	}
	require.Equal(t, lieciba.CauseStoreUnavailable, diskCause(empty(syscall.EIO)))
}
