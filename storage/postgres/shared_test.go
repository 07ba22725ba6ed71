package postgres

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/storagetest"
)

// Two acts look at one row at a time, and nobody changes it until both have ended.
func TestActsShareWhatTheyOnlyRead(t *testing.T) {
	url := storagetest.PostgresFor(t, Open)
	one, two := openAt(t, url), openAt(t, url)
	u := lieciba.User{ID: newID[lieciba.UserID](), Login: "anna", Name: "before", CreatedAt: base}
	require.NoError(t, one.PutUser(t.Context(), u))
	look := func(ctx context.Context, c *Catalog) error {
		now, err := c.User(storage.Shared(ctx), u.ID)
		if err == nil {
			require.Equal(t, "before", now.Name)
		}
		return err
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	changed := make(chan error, 1)
	first, second := newAudit("act"), newAudit("act")
	require.NoError(t, one.Act(ctx, &first, func(inner context.Context) error {
		require.NoError(t, look(inner, one))
		require.NoError(t, two.Act(ctx, &second, func(inner context.Context) error { return look(inner, two) }), "it does not wait for the first")
		after := u
		after.Name = "after"
		go func() { changed <- two.PutUser(ctx, after) }()
		require.Eventually(t, func() bool {
			var n int
			err := two.pool.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity
				WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n)
			return err == nil && n > 0
		}, time.Minute, 10*time.Millisecond, "the change waits")
		return look(inner, one)
	}))
	require.NoError(t, <-changed)
	now, err := one.User(t.Context(), u.ID)
	require.NoError(t, err)
	require.Equal(t, "after", now.Name)
}
