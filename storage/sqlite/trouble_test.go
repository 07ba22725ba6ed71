package sqlite

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

func newSite(code string) lieciba.Site {
	now := time.Now()
	return lieciba.Site{ID: lieciba.NewID[lieciba.SiteID](now), Code: code, Name: strings.Repeat("x", 2000), State: lieciba.PlaceActive, CreatedAt: now}
}

// fill writes until the catalogue says no, and returns what was acknowledged.
func fill(t *testing.T, c *Catalog) (kept []lieciba.SiteID, err error) {
	t.Helper()
	for i := range 10_000 {
		s := newSite(fmt.Sprint("s", i))
		if err = c.PutSite(context.Background(), s); err != nil {
			return kept, err
		}
		kept = append(kept, s.ID)
	}
	t.Fatal("the catalogue never filled up")
	return nil, nil
}

func requireKept(t *testing.T, c *Catalog, kept []lieciba.SiteID) {
	t.Helper()
	require.NotEmpty(t, kept)
	for _, id := range kept {
		_, err := c.Site(context.Background(), id)
		require.NoError(t, err)
	}
}

func TestFullFile(t *testing.T) {
	c := openTest(t)
	_, err := c.writer.Exec(`PRAGMA max_page_count = 400`)
	require.NoError(t, err)
	kept, err := fill(t, c)
	require.Equal(t, lieciba.CodeFull, lieciba.CodeOf(err), "%v", err)
	requireKept(t, c, kept)
	_, err = c.writer.Exec(`PRAGMA max_page_count = 1000000`)
	require.NoError(t, err)
	require.NoError(t, c.PutSite(t.Context(), newSite("again")), "it goes on once there is space")
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"), "tests run as root: a full disk is a small tmpfs")
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	c, err := Open(t.Context(), filepath.Join(dir, "c.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	kept, err := fill(t, c)
	require.Equal(t, lieciba.CodeFull, lieciba.CodeOf(err), "%v", err)
	requireKept(t, c, kept)
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=16m"))
	require.NoError(t, c.PutSite(t.Context(), newSite("again")), "it goes on once there is space")
	requireKept(t, c, kept)
}

func TestAnotherWriterHoldsTheFile(t *testing.T) {
	c := openTest(t)
	var path string
	require.NoError(t, c.readers.QueryRow(`SELECT file FROM pragma_database_list`).Scan(&path))
	other, err := Open(t.Context(), path)
	require.NoError(t, err)
	tx, err := other.writer.Begin()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(c.PutSite(ctx, newSite("a"))))
	_, err = c.ListSites(t.Context())
	require.NoError(t, err, "a writer does not hinder readers")
	require.NoError(t, tx.Rollback())
	require.NoError(t, c.PutSite(t.Context(), newSite("a")))
	require.NoError(t, other.Close())
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk.db")
	require.NoError(t, os.WriteFile(junk, []byte(strings.Repeat("this is no catalogue\n", 999)), 0o600))
	_, err := Open(t.Context(), junk)
	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err), "%v", err)
	_, err = Open(t.Context(), filepath.Join(dir, "missing", "c.db"))
	require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(err), "%v", err)
}

func TestFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	c, err := Open(t.Context(), path)
	require.NoError(t, err)
	for _, p := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(p)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), p)
	}
	require.NoError(t, c.Close())
}

func TestAuditLogOnlyGrows(t *testing.T) {
	c := openTest(t)
	e := lieciba.AuditEntry{ID: lieciba.NewID[lieciba.AuditID](time.Now()), At: time.Now(), Act: "sign_in"}
	require.NoError(t, c.AppendAudit(t.Context(), e))
	for _, q := range []string{`DELETE FROM audit`, `UPDATE audit SET who = 'x'`, `INSERT OR REPLACE INTO audit SELECT * FROM audit`} {
		_, err := c.writer.Exec(q)
		require.ErrorContains(t, err, "only grows", q)
	}
}

func TestLeaseFollowsTheClock(t *testing.T) {
	now := time.Date(2026, 11, 18, 7, 0, 0, 0, time.UTC)
	c := openTest(t, WithClock(func() time.Time { return now }))
	cam := lieciba.NewID[lieciba.CameraID](now)
	l, ok, err := c.AcquireLease(t.Context(), cam, "a", time.Minute)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, now.Add(time.Minute), l.ExpiresAt)
	now = now.Add(time.Minute - time.Microsecond)
	_, ok, err = c.AcquireLease(t.Context(), cam, "b", time.Minute)
	require.NoError(t, err)
	require.False(t, ok)
	now = now.Add(time.Microsecond)
	_, ok, err = c.AcquireLease(t.Context(), cam, "b", time.Minute)
	require.NoError(t, err)
	require.True(t, ok)
}

// childPath makes this test binary a writer that is killed: see TestKilledWriter.
const childPath = "LIECIBA_TEST_SQLITE_CHILD"

// TestKilledWriter kills a process in mid-write, many times: each row that it
// acknowledged is there, and the file opens without repair.
func TestKilledWriter(t *testing.T) {
	if path := os.Getenv(childPath); path != "" {
		writeForever(t, path)
	}
	path := filepath.Join(t.TempDir(), "c.db")
	for range 5 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWriter$", "-test.count=1")
		cmd.Env = append(os.Environ(), childPath+"="+path)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		var kept []lieciba.SiteID
		lines := bufio.NewScanner(out)
		for len(kept) < 20 && lines.Scan() {
			kept = append(kept, lieciba.SiteID(lines.Text()))
		}
		require.NoError(t, cmd.Process.Kill())
		for lines.Scan() { // acknowledged before the kill reached it
			kept = append(kept, lieciba.SiteID(lines.Text()))
		}
		require.Error(t, cmd.Wait(), "it was killed")
		c, err := Open(t.Context(), path)
		require.NoError(t, err)
		requireKept(t, c, kept)
		require.NoError(t, c.Close())
	}
}

func writeForever(t *testing.T, path string) {
	c, err := Open(context.Background(), path)
	require.NoError(t, err)
	for {
		s := newSite(string(lieciba.NewID[lieciba.SiteID](time.Now())))
		require.NoError(t, c.PutSite(context.Background(), s))
		fmt.Println(s.ID)
	}
}
