package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/onvif/virtualcam"
)

func TestConfigErrorsNameTheCure(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bad.yaml")
	for text, want := range map[string][]string{
		"data: d\nhttp:\n  lisen: x\n":                   {"line 3", "lisen"},
		"record:\n  before: soon\n":                      {"line 2", "soon", "5m"},
		"catalog:\n  url: mysql://u:slepens@h/d\n":       {"line 2", "catalog.url", "mysql"},
		"data: /proc/lieciba\n":                          {"data folder", "/proc/lieciba", "rights"},
		"data: " + t.TempDir() + "\nhttp: {listen: x}\n": {"line 2", "http.listen", "host:port"},
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		code, out, errs := command(t, nil, "", "serve", "--config", path)
		require.Equal(t, 1, code)
		require.Empty(t, out)
		for _, w := range want {
			require.Contains(t, errs, w)
		}
		require.NotContains(t, errs, "slepens")
		require.Equal(t, 1, strings.Count(errs, "\n"), "one line: %s", errs)
	}
	code, _, errs := command(t, nil, "", "serve", "--config", filepath.Join(t.TempDir(), "none.yaml"))
	require.Equal(t, 1, code)
	require.Contains(t, errs, "deploy/lieciba.example.yaml")
	code, _, _ = command(t, nil, "", "sreve")
	require.Equal(t, 2, code)
}

// TestAccountsAreMadeAtTheMachine makes accounts beside a running server and
// signs in with them.
func TestAccountsAreMadeAtTheMachine(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir(), nil)
	lieciba := func(stdin string, args ...string) (int, string, string) {
		return command(t, nil, stdin, append(args, "-c", h.config)...)
	}
	code, out, errs := lieciba("\n", "user", "add", "anna", "--name", "Anna", "--role", "supervisor", "--site", "riga")
	require.Zero(t, code, errs)
	_, made, found := strings.Cut(strings.TrimSpace(out), "password: ")
	require.True(t, found, "a password is made and shown once")
	require.Equal(t, http.StatusOK, h.signIn("anna", made))
	require.Equal(t, http.StatusUnauthorized, h.signIn("anna", made+"x"))

	for want, args := range map[string][]string{
		"exists already": {"user", "add", "anna", "--role", "admin"},
		"unknown role":   {"user", "add", "berta", "--role", "queen"},
		"no site":        {"user", "add", "berta", "--role", "supervisor", "--site", "mars"},
		"a-z 0-9":        {"user", "add", "../berta", "--role", "admin"},
	} {
		code, _, errs := lieciba("garsa parole 12345\n", args...)
		require.Equal(t, 1, code, want)
		require.Contains(t, errs, want)
	}
	code, _, errs = lieciba("īsa\n", "user", "add", "berta", "--role", "admin")
	require.Equal(t, 1, code, "too short")
	require.NotContains(t, errs, "īsa")

	code, out, errs = lieciba("", "user", "list")
	require.Zero(t, code, errs)
	require.Regexp(t, `(?m)^anna\s+Anna\s+\[supervisor\]\s+active$`, out)
	require.NotContains(t, out, "argon2")
	code, _, errs = lieciba("", "user", "disable", "anna")
	require.Zero(t, code, errs)
	require.Equal(t, http.StatusUnauthorized, h.signIn("anna", made))
}

// signIn returns the status of a sign-in.
func (h *house) signIn(login, password string) int {
	h.t.Helper()
	err := h.call(h.admin, http.MethodPost, "/v1/sign-in", map[string]any{"login": login, "password": password}, nil)
	if err == nil {
		return http.StatusOK
	}
	require.Equal(h.t, lieciba.CodeUnauthenticated, lieciba.CodeOf(err), "%v", err)
	return http.StatusUnauthorized
}

// TestDiscoverListsCameras looks on the loopback interface and by address.
func TestDiscoverListsCameras(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(path, []byte("cameras: {networks: [127.0.0.0/8]}\n"), 0o600))
	seen, err := virtualcam.Start(virtualcam.Options{Streams: small("Atklātā", ""), Interface: "lo"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, seen.Close()) })
	hidden, err := virtualcam.Start(virtualcam.Options{Streams: small("Slēptā", "")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, hidden.Close()) })

	code, out, errs := command(t, nil, "", "discover", "-c", path, "-i", "lo", "--for", "2s")
	require.Zero(t, code, errs)
	require.Regexp(t, `(?m)^`+seen.Address()+`\s.*needs user name and password`, out)
	require.NotContains(t, out, hidden.Address())
	code, out, errs = command(t, nil, "", "discover", "-c", path, "-a", hidden.Address(), "--for", "2s")
	require.Zero(t, code, errs)
	require.Contains(t, out, hidden.Address())
	code, _, errs = command(t, nil, "", "discover", "-c", path, "-i", "nav0")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "nav0")
	code, _, errs = command(t, nil, "", "discover", "-c", path)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "cameras.interfaces")
	require.NoError(t, os.WriteFile(path, []byte("cameras: {networks: [127.0.0.0/8], interfaces: [lo]}\n"), 0o600))
	code, out, errs = command(t, nil, "", "discover", "-c", path, "--for", "2s")
	require.Zero(t, code, errs)
	require.Contains(t, out, seen.Address())
	require.Zero(t, seen.Failures()+hidden.Failures(), "looking tries no password")
}

// TestDiscoveryByAddressKeepsTheIdentity asks a camera that WS-Discovery cannot
// see: who it is comes from the camera itself.
func TestDiscoveryByAddressKeepsTheIdentity(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir(), nil)
	config := small("Bez paroles", "")
	config.Username, config.Password = "", ""
	v, err := virtualcam.Start(virtualcam.Options{Streams: config})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, v.Close()) })
	var d struct {
		ID    string `json:"id"`
		State string `json:"state"`
		Found []struct {
			EndpointRef string `json:"endpoint_ref"`
			Address     string `json:"address"`
			Error       string `json:"error"`
		} `json:"found"`
	}
	h.must(h.admin, http.MethodPost, "/v1/discoveries", map[string]any{"addresses": []string{v.Address()}, "seconds": 1}, &d)
	until(t, "the discovery ends", patience, func() bool {
		h.must(h.admin, http.MethodGet, "/v1/discoveries/"+d.ID, nil, &d)
		return d.State != "running"
	})
	refs := map[string]string{} // other cameras of this machine may answer too: they have the same address but for the port
	for _, f := range d.Found {
		if f.Error == "" {
			refs[f.Address] = f.EndpointRef
		}
	}
	require.Equal(t, strings.TrimPrefix(v.EndpointRef(), "urn:uuid:"), refs[v.Address()])
}
