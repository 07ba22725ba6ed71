package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/sqlite"
)

// shellHouse is a data folder with its catalogue, and commands on it.
type shellHouse struct {
	t    *testing.T
	conf string
	cat  storage.Catalog
}

func newShellHouse(t *testing.T) *shellHouse {
	dir, conf := t.TempDir(), filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(conf, []byte("data: "+dir+"\n"), 0o600))
	cat, err := sqlite.Open(t.Context(), filepath.Join(dir, "catalog.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cat.Close()) })
	return &shellHouse{t, conf, cat}
}

func (h *shellHouse) run(args ...string) string {
	h.t.Helper()
	code, out, errs := command(h.t, nil, "garsa parole 12345\n", append(args, "-c", h.conf)...)
	require.Zero(h.t, code, "%v: %s", args, errs)
	return out
}

// raised returns the alarms of a kind, newest first.
func (h *shellHouse) raised(kind lieciba.AlarmKind) (details []string) {
	h.t.Helper()
	list, err := h.cat.ListAlarms(h.t.Context(), storage.AlarmFilter{Kinds: []lieciba.AlarmKind{kind}, Limit: 100})
	require.NoError(h.t, err)
	for _, a := range list {
		details = append(details, a.Detail)
	}
	return details
}

// What takes two people over HTTP raises an alarm at the shell, but for the
// set-up of a house that has no account yet.
func TestShellRaisesAlarms(t *testing.T) {
	t.Parallel()
	h := newShellHouse(t)
	alone := ", at the machine's shell without a second person"
	var want []string
	expect := func(detail string) {
		t.Helper()
		if detail != "" {
			want = append([]string{detail + alone}, want...)
		}
		require.ElementsMatch(t, want, h.raised(lieciba.AlarmBreakGlass))
	}
	h.run("token", "add", "pizis", "--role", "citizenship")
	h.run("user", "add", "anna", "--role", "admin")
	expect("")
	h.run("user", "add", "berta", "--role", "approver")
	expect("user berta added with [approver]")
	h.run("token", "add", "prometheus", "--role", "monitoring")
	expect("")
	h.run("token", "add", "robot", "--role", "reviewer")
	expect("token robot added with [reviewer]")
	h.run("token", "add", "pizis", "--role", "citizenship")
	expect("token pizis added with [citizenship]")

	all, err := h.cat.ListClientTokens(t.Context())
	require.NoError(t, err)
	for _, x := range all {
		h.run("token", "rotate", string(x.ID))
		if x.Name != "prometheus" {
			expect("token " + x.Name + " rotated")
		}
	}
	expect("")
	h.run("token", "revoke", string(all[0].ID))
	h.run("user", "disable", "berta")
	expect("")
	code, _, errs := command(t, nil, "", "token", "rotate", "x", "-c", h.conf)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "id: no token has this ID")
}

// A password that is set at the shell raises its alarm and ends what the account's
// holder had in hand; its roles stay.
func TestShellResetsAnAccount(t *testing.T) {
	t.Parallel()
	h := newShellHouse(t)
	h.run("user", "add", "anna", "--role", "approver")
	anna, err := h.cat.UserByLogin(t.Context(), "anna")
	require.NoError(t, err)
	require.NoError(t, h.cat.PutPasskey(t.Context(), lieciba.Passkey{ID: lieciba.NewID[lieciba.PasskeyID](time.Now()), UserID: anna.ID, Name: "key",
		KeyID: []byte{1}, Credential: []byte("{}"), CreatedAt: anna.CreatedAt}))
	h.run("user", "password", "anna")
	require.Equal(t, []string{"shell opened the account of anna: password set; taken: 1 passkey, at the machine's shell without a second person"},
		h.raised(lieciba.AlarmAccountReset))
	keys, err := h.cat.UserPasskeys(t.Context(), anna.ID)
	require.NoError(t, err)
	require.Empty(t, keys)
	now, err := h.cat.User(t.Context(), anna.ID)
	require.NoError(t, err)
	require.Equal(t, []lieciba.Role{lieciba.RoleApprover}, now.Roles)
	list, err := h.cat.ListAudit(t.Context(), storage.AuditFilter{WhoID: "shell", Limit: 1})
	require.NoError(t, err)
	require.Equal(t, "password set; taken: 1 passkey", list[0].Detail)
}

// pemOfClient is a client's own certificate, valid until then.
func pemOfClient(t *testing.T, until time.Time) []byte {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	x := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: until.Add(-2 * time.Hour), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, x, x, key.Public(), key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// A client that needs both is made at the shell as over HTTP.
func TestTokenWithACertificateAtTheShell(t *testing.T) {
	t.Parallel()
	h := newShellHouse(t)
	file := filepath.Join(t.TempDir(), "client.pem")
	require.NoError(t, os.WriteFile(file, pemOfClient(t, time.Now().Add(time.Hour)), 0o600))
	h.run("token", "add", "alone", "--role", "witness", "--certificate", file)
	all, err := h.cat.ListClientTokens(t.Context())
	require.NoError(t, err)
	require.Equal(t, [32]byte{}, all[0].TokenHash)
	h.run("token", "revoke", string(all[0].ID))
	require.Regexp(t, `^lct_`, h.run("token", "add", "both", "--role", "witness", "--certificate", file, "--token"))
	all, err = h.cat.ListClientTokens(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, [32]byte{}, all[1].TokenHash)
	require.NotEqual(t, [32]byte{}, all[1].Certificate)
	require.WithinDuration(t, time.Now().Add(time.Hour), all[1].ExpiresAt, time.Minute, "not longer than the certificate")
}
