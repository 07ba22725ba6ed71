package api

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba/storage/evidence/witness"
	"lieciba/storage/sequencer"
)

// The real witness works against these routes: it follows the log as it grows
// and over a change of key, and its cosignatures are taken.
func TestRealWitness(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	token := filepath.Join(dir, "token")
	require.NoError(t, os.WriteFile(token, []byte(w.tokens["witness"]+"\n"), 0o600))
	first := w.sequence()
	real, err := witness.Open(witness.Config{Server: w.http.URL, TokenFile: token, Key: w.witness, Dir: filepath.Join(dir, "state"),
		LogKey: w.cfg.LogKey(), Origin: first.Origin, Now: w.clock.Now, Log: w.cfg.Log})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, real.Close()) })
	cosigned := func() float64 {
		state := w.as("security", "GET", "/v1/log/state", nil).want(200).json()
		return state["witnesses"].([]any)[0].(map[string]any)["size"].(float64)
	}
	require.NoError(t, real.Once(t.Context()))
	require.EqualValues(t, first.Size, cosigned())

	w.as("admin", "PUT", "/v1/sites/grown", map[string]any{"name": "Grown"}).want(201)
	second := w.sequence()
	require.NoError(t, real.Once(t.Context()))
	require.EqualValues(t, second.Size, cosigned())

	seq := sequencer.New(sequencer.Config{Catalog: w.catalog, KeyFile: w.keyFile, Now: w.clock.Now, Log: w.cfg.Log})
	key, err := sequencer.RotateKeyFile(t.Context(), seq, "yearly change")
	require.NoError(t, err)
	w.server.cfg.LogKey = key.VerifierKey
	w.as("admin", "PUT", "/v1/sites/grown", map[string]any{"name": "Grown again"}).want(200)
	third := w.sequence()
	require.NoError(t, real.Once(t.Context()))
	require.EqualValues(t, third.Size, cosigned())
	require.Len(t, w.as("witness", "GET", "/v1/log/keys", nil).want(200).items(), 2)
}
