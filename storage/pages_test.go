package storage_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

func TestPages(t *testing.T) {
	for _, n := range []int{0, 1, storage.MaxPage - 1, storage.MaxPage, storage.MaxPage + 1, 3 * storage.MaxPage} {
		var asked []string
		rows := storage.Pages(func(before string) ([]int, error) {
			asked = append(asked, before)
			from := 0
			if before != "" {
				_, err := fmt.Sscan(before, &from)
				require.NoError(t, err)
				from++
			}
			var page []int
			for i := from; i < min(n, from+storage.MaxPage); i++ {
				page = append(page, i)
			}
			return page, nil
		}, func(i int) string { return fmt.Sprint(i) })
		next := 0
		for i, err := range rows {
			require.NoError(t, err)
			require.Equal(t, next, i)
			next++
		}
		require.Equal(t, n, next)
		require.Len(t, asked, n/storage.MaxPage+1)
	}
}

func TestPagesEndEarly(t *testing.T) {
	calls := 0
	rows := storage.Pages(func(string) ([]int, error) {
		if calls++; calls == 2 {
			return nil, lieciba.Errorf(lieciba.CodeUnavailable, "gone")
		}
		return make([]int, storage.MaxPage), nil
	}, func(int) string { return "x" })
	for range rows {
		break
	}
	require.Equal(t, 1, calls, "who stops reads no further page")
	calls = 0
	n, last := 0, error(nil)
	for _, err := range rows {
		n++
		last = err
	}
	require.Equal(t, storage.MaxPage+1, n)
	require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(last))
}
