package server

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/cmd/lieciba/config"
)

// TestMissingSecretKey: no new key takes the place of one that passwords were
// sealed with, unless somebody says so.
func TestMissingSecretKey(t *testing.T) {
	ctx, now := t.Context(), time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	c := config.Default()
	c.Data = filepath.Join(t.TempDir(), "data")
	cat, err := OpenCatalog(ctx, c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cat.Close()) })
	site := lieciba.Site{ID: lieciba.NewID[lieciba.SiteID](now), Code: "riga", Name: "Rīga", State: lieciba.PlaceActive, CreatedAt: now}
	cam := lieciba.Camera{ID: lieciba.NewID[lieciba.CameraID](now), SiteID: site.ID, Name: "front", Address: "127.0.0.1:80", State: lieciba.CameraReady, CreatedAt: now}
	require.NoError(t, cat.PutSite(ctx, site))
	require.NoError(t, cat.PutCamera(ctx, cam))
	path := filepath.Join(c.Data, SecretKeyName)

	_, err = openSecrets(ctx, cat, c, false)
	require.NoError(t, err, "the first start")
	require.NoError(t, os.Remove(path))
	box, err := openSecrets(ctx, cat, c, false)
	require.NoError(t, err, "nothing was sealed yet")
	sealed := box.Seal([]byte("parole"), []byte(cam.ID))
	require.NoError(t, cat.SetCameraSecret(ctx, cam.ID, sealed))

	require.NoError(t, os.Rename(path, path+".away"))
	_, err = openSecrets(ctx, cat, c, false)
	require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(err))
	for _, words := range []string{path, "1 cameras", "put the file back from its backup", "--new-secret-key"} {
		require.ErrorContains(t, err, words)
	}
	require.NoFileExists(t, path)

	require.NoError(t, os.Rename(path+".away", path))
	box, err = openSecrets(ctx, cat, c, false)
	require.NoError(t, err)
	plain, err := box.Unseal(sealed, []byte(cam.ID))
	require.NoError(t, err)
	require.Equal(t, "parole", string(plain))

	require.NoError(t, os.Remove(path))
	box, err = openSecrets(ctx, cat, c, true)
	require.NoError(t, err)
	_, err = box.Unseal(sealed, []byte(cam.ID))
	require.ErrorContains(t, err, "enter the secret again")
}
