package storagetest

import (
	"context"
	"net/http"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPostgresDatabasesAreSeparate(t *testing.T) {
	ctx := context.Background()
	for range 2 { // the second would fail if the first database were shared
		conn, err := pgx.Connect(ctx, Postgres(t))
		require.NoError(t, err)
		_, err = conn.Exec(ctx, "CREATE TABLE fresh (n int)")
		require.NoError(t, err)
		require.NoError(t, conn.Close(ctx))
	}
}

func TestOwnPostgresKeepsDataOverStop(t *testing.T) {
	ctx := context.Background()
	s := OwnPostgres(t)
	conn, err := pgx.Connect(ctx, s.URL)
	require.NoError(t, err)
	_, err = conn.Exec(ctx, "CREATE TABLE kept (n int)")
	require.NoError(t, err)
	s.Stop(t)
	require.Error(t, conn.Ping(ctx))
	_, err = pgx.Connect(ctx, s.URL)
	require.Error(t, err, "a stopped server must refuse")
	s.Start(t)
	conn, err = pgx.Connect(ctx, s.URL)
	require.NoError(t, err)
	_, err = conn.Exec(ctx, "INSERT INTO kept VALUES (1)")
	require.NoError(t, err)
	require.NoError(t, conn.Close(ctx))
}

func TestMinIOKeepsDataOverStop(t *testing.T) {
	s := MinIO(t)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	require.NoError(t, probe(t.Context(), client, "http://"+s.Endpoint+"/minio/health/live", http.StatusOK))
	s.Stop(t)
	require.Error(t, probe(t.Context(), client, "http://"+s.Endpoint+"/minio/health/live", http.StatusOK))
	_, err := os.Stat(s.dir + "/data/.minio.sys")
	require.NoError(t, err, "the data must outlive a stop")
	s.Start(t)
	require.NoError(t, probe(t.Context(), client, "http://"+s.Endpoint+"/minio/health/live", http.StatusOK))
}

func TestGuardCleansUpWhenItsPipeCloses(t *testing.T) {
	dir := t.TempDir() + "/gone"
	require.NoError(t, os.Mkdir(dir, 0o700))
	g, err := startGuard(nil, nil, "/", `read -r _; rm -rf "$1"`, dir)
	require.NoError(t, err)
	require.DirExists(t, dir)
	require.NoError(t, g.end(""))
	require.NoDirExists(t, dir)
}
