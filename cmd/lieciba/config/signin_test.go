package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSignInFaultsNameFieldAndCure(t *testing.T) {
	const provider = "sign_in:\n  oidc:\n    issuer: https://login.example.lv\n    client_id: lieciba\n"
	for name, c := range map[string]struct{ yaml, field, says string }{
		"passkeys without a name":     {"http:\n  listen: 0.0.0.0:443\n  tls: self-signed\n", "http.public_url", "https://lieciba.example.lv"},
		"passkeys at digits":          {"http:\n  public_url: https://10.0.0.5\n", "http.public_url", "digits"},
		"passkeys in clear":           {"http:\n  public_url: http://exam.lan\n", "http.public_url", "https only"},
		"a path":                      {"http:\n  public_url: https://exam.lan/lieciba\n", "http.public_url", "path"},
		"approve with nothing":        {"sign_in:\n  approve_with: nothing\n", "sign_in.approve_with", "passkey"},
		"no issuer":                   {"sign_in:\n  oidc:\n    client_id: lieciba\n", "sign_in.oidc", "issuer"},
		"issuer in clear":             {"sign_in:\n  oidc:\n    issuer: http://login.example.lv\n    client_id: x\n    groups: {a: {roles: [admin]}}\n", "sign_in.oidc.issuer", "https"},
		"no groups":                   {provider, "sign_in.oidc.groups", "nobody could sign in"},
		"a group without roles":       {provider + "    groups: {a: {}}\n", "sign_in.oidc.groups", "no roles"},
		"a machine's role":            {provider + "    groups: {a: {roles: [citizenship]}}\n", "sign_in.oidc.groups", "supervisor"},
		"sites of a reviewer":         {provider + "    groups: {a: {roles: [reviewer], sites: [riga]}}\n", "sign_in.oidc.groups", "remove sites"},
		"a provider without an owner": {"http:\n  listen: 0.0.0.0:443\n  tls: self-signed\n" + provider + "    groups: {a: {roles: [admin]}}\n", "http.public_url", "sends people back"},
	} {
		t.Run(name, func(t *testing.T) {
			parsed, err := Parse("test.yaml", []byte(c.yaml))
			require.NoError(t, err)
			require.ErrorContains(t, parsed.check("test.yaml", []byte(c.yaml)), c.field)
			require.ErrorContains(t, parsed.check("test.yaml", []byte(c.yaml)), c.says)
		})
	}
	for _, good := range []string{
		"", provider + "    groups: {a: {roles: [supervisor], sites: [riga]}}\n",
		"http:\n  listen: 0.0.0.0:443\n  tls: self-signed\n  public_url: https://10.0.0.5\nsign_in:\n  approve_with: password\n",
		"http:\n  listen: 0.0.0.0:443\n  tls: self-signed\n  public_url: https://exam.lan\n",
	} {
		parsed, err := Parse("test.yaml", []byte(good))
		require.NoError(t, err)
		require.NoError(t, parsed.check("test.yaml", []byte(good)), good)
	}
	c := Default()
	require.Equal(t, "http://localhost:8420", c.PublicOrigin(8420), "browsers take localhost for passkeys, and no digits")
	c.HTTP.PublicURL = "https://exam.lan/"
	require.Equal(t, "https://exam.lan", c.PublicOrigin(8420))
}
