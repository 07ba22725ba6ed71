package server

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/api"
	"lieciba/cmd/lieciba/config"
	"lieciba/storage"
	"lieciba/storage/postgres"
	"lieciba/storage/secret"
	"lieciba/storage/sqlite"
	"lieciba/storage/storagetest"
	"lieciba/storage/webhook"
)

// vault is a catalogue with sealed secrets, and what is inside of them.
type vault struct {
	t       *testing.T
	cat     storage.Catalog
	c       config.Config
	cameras []lieciba.CameraID
	hook    lieciba.WebhookID
}

func newVault(t *testing.T, cat storage.Catalog, cameras int) *vault {
	t.Cleanup(func() { require.NoError(t, cat.Close()) })
	v := &vault{t: t, cat: cat, c: config.Default()}
	v.c.Data = filepath.Join(t.TempDir(), "data")
	require.NoError(t, makeData(v.c.Data))
	box, err := openSecrets(t.Context(), cat, v.c, false)
	require.NoError(t, err)
	ctx, now := t.Context(), time.Date(2026, 11, 18, 9, 0, 0, 0, time.UTC)
	site := lieciba.Site{ID: lieciba.NewID[lieciba.SiteID](now), Code: "riga", Name: "Rīga", State: lieciba.PlaceActive, CreatedAt: now}
	require.NoError(t, cat.PutSite(ctx, site))
	for i := range cameras {
		cam := lieciba.Camera{ID: lieciba.NewID[lieciba.CameraID](now), SiteID: site.ID, Name: fmt.Sprint("camera ", i), Address: fmt.Sprintf("10.0.%d.%d:80", i/200, i%200),
			State: lieciba.CameraReady, CreatedAt: now}
		require.NoError(t, cat.PutCamera(ctx, cam))
		require.NoError(t, cat.SetCameraSecret(ctx, cam.ID, api.SealCredentials(box, cam.ID, api.Credentials{Username: "u", Password: v.password(i)})))
		v.cameras = append(v.cameras, cam.ID)
	}
	v.hook = lieciba.NewID[lieciba.WebhookID](now)
	require.NoError(t, cat.PutWebhook(ctx, lieciba.Webhook{ID: v.hook, Name: "pizis", URL: "https://pizis.example/hook", CreatedAt: now,
		Secret: webhook.SealSecret(box, v.hook, "old secret"), NewSecret: webhook.SealSecret(box, v.hook, "new secret")}))
	return v
}

func (v *vault) password(i int) string { return fmt.Sprint("parole ", i) }

// opens proves that each secret says with the box what it said at first.
func (v *vault) opens(box *secret.Box) {
	v.t.Helper()
	for i, id := range v.cameras {
		sealed, err := v.cat.CameraSecret(v.t.Context(), id)
		require.NoError(v.t, err)
		c, err := api.OpenCredentials(box, id, sealed)
		require.NoError(v.t, err)
		require.Equal(v.t, v.password(i), c.Password)
	}
	h, err := v.cat.Webhook(v.t.Context(), v.hook)
	require.NoError(v.t, err)
	for want, sealed := range map[string][]byte{"old secret": h.Secret, "new secret": h.NewSecret} {
		plain, err := box.Unseal(sealed, webhook.SecretOwner(v.hook))
		require.NoError(v.t, err)
		require.Equal(v.t, want, string(plain))
	}
}

func (v *vault) details() (out []string) {
	list, err := v.cat.ListAudit(v.t.Context(), storage.AuditFilter{Act: "rotate_secret_key"})
	require.NoError(v.t, err)
	for _, e := range list {
		require.NotContains(v.t, e.Detail, "parole")
		out = append(out, e.Detail)
	}
	return out
}

func TestRotateSecretKey(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		cat, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "c.db"))
		require.NoError(t, err)
		rotates(t, cat)
	})
	t.Run("postgres", func(t *testing.T) {
		cat, err := postgres.Open(t.Context(), storagetest.Postgres(t))
		require.NoError(t, err)
		rotates(t, cat)
	})
}

func rotates(t *testing.T, cat storage.Catalog) {
	v := newVault(t, cat, rewrapBatch+3)
	path := SecretKeyFile(v.c)
	running, err := LoadSecrets(v.c) // of a server that goes on
	require.NoError(t, err)
	old := running.Keys()[0]
	r, err := RotateSecretKey(t.Context(), cat, v.c, "shell", false)
	require.NoError(t, err)
	require.True(t, r.Added)
	require.Equal(t, rewrapBatch+3+2, r.Changed)
	alarms, err := cat.ListAlarms(t.Context(), storage.AlarmFilter{Limit: 10})
	require.NoError(t, err)
	require.Len(t, alarms, 1, "one person changed it")
	require.Equal(t, []any{lieciba.AlarmBreakGlass, "secret_key:" + r.Key.String()}, []any{alarms[0].Kind, alarms[0].Key})
	require.NotEqual(t, old, r.Key)
	require.Equal(t, []string{path + ".retired-" + old.String()}, r.Retired)
	v.opens(running)
	alone, err := LoadSecrets(v.c)
	require.NoError(t, err)
	require.Equal(t, []secret.KeyID{r.Key}, alone.Keys())
	v.opens(alone)
	uses, err := SecretStatus(t.Context(), cat, alone)
	require.NoError(t, err)
	require.Equal(t, []SecretUse{{Key: r.Key, Here: true, Seals: true, Values: rewrapBatch + 5}}, uses)
	require.Len(t, v.details(), 4, "begun, two batches, ended: %v", v.details())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, d := range v.details() {
		require.NotContains(t, d, strings.TrimSpace(string(text)))
	}
	leaf, err := cat.LeafOf(t.Context(), lieciba.LeafAudit, string(func() lieciba.AuditID {
		list, err := cat.ListAudit(t.Context(), storage.AuditFilter{Act: "rotate_secret_key"})
		require.NoError(t, err)
		return list[0].ID
	}()))
	require.NoError(t, err)
	require.NotEmpty(t, leaf.Detail, "the rotation stands in the hash log")
}

// failingCatalog fails its nth act, before or after it took effect.
type failingCatalog struct {
	storage.Catalog
	acts, at int
	after    bool
}

func (c *failingCatalog) Act(ctx context.Context, e *lieciba.AuditEntry, do func(context.Context) error) error {
	c.acts++
	if c.acts == c.at && !c.after {
		return lieciba.Errorf(lieciba.CodeUnavailable, "the database went away")
	}
	err := c.Catalog.Act(ctx, e, do)
	if c.acts == c.at && err == nil {
		return lieciba.Errorf(lieciba.CodeUnavailable, "the answer was lost")
	}
	return err
}

// A rotation that is broken off in mid-way leaves every secret readable, and the
// next call ends it with the same new key.
func TestRotationGoesOnWhereItWasBrokenOff(t *testing.T) {
	for _, after := range []bool{false, true} {
		cat, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "c.db"))
		require.NoError(t, err)
		v := newVault(t, cat, 2*rewrapBatch)
		broken := &failingCatalog{Catalog: cat, at: 3, after: after} // the first act names the new key
		first, err := RotateSecretKey(t.Context(), broken, v.c, "shell", false)
		require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(err))
		half, err := LoadSecrets(v.c)
		require.NoError(t, err)
		require.Len(t, half.Keys(), 2, "the old key stays")
		v.opens(half)
		uses, err := SecretStatus(t.Context(), cat, half)
		require.NoError(t, err)
		require.Positive(t, uses[0].Values)
		require.Positive(t, uses[1].Values)

		r, err := RotateSecretKey(t.Context(), cat, v.c, "shell", false)
		require.NoError(t, err)
		require.False(t, r.Added)
		require.Equal(t, first.Key, r.Key)
		require.Equal(t, uses[1].Values, r.Changed, "only what was left")
		alone, err := LoadSecrets(v.c)
		require.NoError(t, err)
		require.Len(t, alone.Keys(), 1)
		v.opens(alone)
	}
}

// A secret that nothing opens keeps every key where it is.
func TestNoKeyIsRetiredWhileASecretNeedsIt(t *testing.T) {
	cat, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "c.db"))
	require.NoError(t, err)
	v := newVault(t, cat, 3)
	stranger, err := secret.FromHex(strings.Repeat("c3", 32))
	require.NoError(t, err)
	require.NoError(t, cat.SetCameraSecret(t.Context(), v.cameras[1], api.SealCredentials(stranger, v.cameras[1], api.Credentials{Password: "lost"})))
	_, err = RotateSecretKey(t.Context(), cat, v.c, "shell", false)
	require.ErrorContains(t, err, "1 secrets cannot be opened")
	box, err := LoadSecrets(v.c)
	require.NoError(t, err)
	require.Len(t, box.Keys(), 2)
	uses, err := SecretStatus(t.Context(), cat, box)
	require.NoError(t, err)
	require.Equal(t, []int{4, 0, 1}, []int{uses[0].Values, uses[1].Values, uses[2].Values}, "all others were brought over")
	require.False(t, uses[2].Here)
	require.NoError(t, cat.SetCameraSecret(t.Context(), v.cameras[1], nil))
	r, err := RotateSecretKey(t.Context(), cat, v.c, "shell", false)
	require.NoError(t, err)
	require.Len(t, r.Retired, 1)
}

// Several nodes: each has the new key before anything is sealed with it.
func TestRotationOfSeveralNodes(t *testing.T) {
	cat, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "c.db"))
	require.NoError(t, err)
	v := newVault(t, cat, 2)
	copied := filepath.Join(t.TempDir(), "secret.key") // of the other node
	share := func() *secret.Box {
		raw, err := os.ReadFile(SecretKeyFile(v.c))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(copied, raw, 0o600))
		box, err := secret.Load(copied)
		require.NoError(t, err)
		return box
	}
	id, err := PrepareSecretKey(t.Context(), cat, v.c, "shell")
	require.NoError(t, err)
	other := share()
	r, err := RotateSecretKey(t.Context(), cat, v.c, "shell", true)
	require.NoError(t, err)
	require.Equal(t, id, r.Key)
	require.Empty(t, r.Retired)
	v.opens(other)
	share()
	r, err = RotateSecretKey(t.Context(), cat, v.c, "shell", false)
	require.NoError(t, err)
	require.Len(t, r.Retired, 1)
	v.opens(other)
	v.opens(share())
}

func TestWhereTheMasterKeysComeFrom(t *testing.T) {
	c := config.Default()
	c.Data = t.TempDir()
	require.Equal(t, filepath.Join(c.Data, "secret.key"), SecretKeyFile(c))
	c.Secrets.Credentials = t.TempDir()
	require.Equal(t, filepath.Join(c.Data, "secret.key"), SecretKeyFile(c), "the service manager hands over none")
	handed := filepath.Join(c.Secrets.Credentials, "secret.key")
	require.NoError(t, os.WriteFile(handed, []byte(strings.Repeat("a1", 32)), 0o400))
	require.Equal(t, handed, SecretKeyFile(c))
	c.Secrets.KeyFile = "/elsewhere"
	require.Equal(t, "/elsewhere", SecretKeyFile(c))
	c.Secrets.Keys = strings.Repeat("b2", 32) + " " + strings.Repeat("a1", 32)
	require.Empty(t, SecretKeyFile(c))
	box, err := LoadSecrets(c)
	require.NoError(t, err)
	require.Len(t, box.Keys(), 2)
	c.Secrets.Keys = strings.Repeat("b2", 31) + "zz"
	_, err = LoadSecrets(c)
	require.ErrorContains(t, err, config.EnvSecretKey)
	require.NotContains(t, err.Error(), "b2b2")
}

// Keys of the environment are changed by who sets it.
func TestRotationOfKeysInTheEnvironment(t *testing.T) {
	cat, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "c.db"))
	require.NoError(t, err)
	v := newVault(t, cat, 2)
	raw, err := os.ReadFile(SecretKeyFile(v.c))
	require.NoError(t, err)
	v.c.Secrets.Keys = strings.Repeat("b2", 32) + " " + string(raw)
	r, err := RotateSecretKey(t.Context(), cat, v.c, "shell", false)
	require.NoError(t, err)
	require.Equal(t, 4, r.Changed)
	require.Len(t, r.Unused, 1)
	v.c.Secrets.Keys = strings.Repeat("b2", 32)
	box, err := LoadSecrets(v.c)
	require.NoError(t, err)
	v.opens(box)
	_, err = PrepareSecretKey(t.Context(), cat, v.c, "shell")
	require.ErrorContains(t, err, config.EnvSecretKey)
}
