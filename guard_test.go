package lieciba_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
)

func TestGuard(t *testing.T) {
	refused := errors.New("refused")
	require.NoError(t, lieciba.Guard("work", func() error { return nil }))
	require.Same(t, refused, lieciba.Guard("work", func() error { return refused }))

	cleaned := false
	err := lieciba.Guard("work", func() error {
		defer func() { cleaned = true }()
		var none []int
		return errors.New("never " + string(rune(none[0])))
	})
	require.Equal(t, lieciba.CodeInternal, lieciba.CodeOf(err))
	require.True(t, cleaned)
	require.ErrorContains(t, err, "index out of range")
	require.ErrorContains(t, err, "guard_test.go", "the log says where")
	var e *lieciba.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "internal error: work", e.Message, "people are not shown the stack")
}
