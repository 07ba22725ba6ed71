package passkey

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"github.com/stretchr/testify/require"

	"lieciba"
)

var now = time.Date(2026, 11, 18, 6, 30, 0, 0, time.UTC)

func TestPasskeyIsRegisteredProvenOnceAndItsCopyRefused(t *testing.T) {
	c, err := New(Config{Name: "Lieciba", Origin: "https://lieciba.test"})
	require.NoError(t, err)
	rp := virtualwebauthn.RelyingParty{ID: "lieciba.test", Name: "Lieciba", Origin: "https://lieciba.test"}
	u := lieciba.User{ID: lieciba.NewID[lieciba.UserID](now), Login: "anna"}
	device := virtualwebauthn.NewAuthenticatorWithOptions(virtualwebauthn.AuthenticatorOptions{UserHandle: []byte(u.ID)})
	key := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)

	options, kept, err := c.BeginRegistration(u, nil, now)
	require.NoError(t, err)
	asked, err := virtualwebauthn.ParseAttestationOptions(string(options))
	require.NoError(t, err)
	made := []byte(virtualwebauthn.CreateAttestationResponse(rp, device, key, *asked))
	_, err = c.FinishRegistration(u, kept, made, now.Add(Life))
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err), "too late")
	stored, err := c.FinishRegistration(u, kept, made, now)
	require.NoError(t, err)
	require.Equal(t, key.ID, stored.KeyID)
	device.AddCredential(key)

	prove := func(counter uint32, origin string) (lieciba.Passkey, []byte, error) {
		options, kept, err := c.BeginProof(u, []lieciba.Passkey{stored}, now)
		require.NoError(t, err)
		asked, err := virtualwebauthn.ParseAssertionOptions(string(options))
		require.NoError(t, err)
		key.Counter = counter
		from := rp
		from.Origin = origin
		answer := []byte(virtualwebauthn.CreateAssertionResponse(from, device, key, *asked))
		k, err := c.FinishProof(u, []lieciba.Passkey{stored}, kept, answer, now)
		return k, answer, err
	}
	used, answer, err := prove(7, rp.Origin)
	require.NoError(t, err)
	require.Equal(t, now, used.UsedAt)
	stored = used
	_, _, err = prove(8, "https://evil.test")
	require.Equal(t, lieciba.CodeRefused, lieciba.CodeOf(err), "another origin")
	_, _, err = prove(7, rp.Origin)
	require.ErrorIs(t, err, ErrCloned)
	_, next, err := c.BeginProof(u, []lieciba.Passkey{stored}, now)
	require.NoError(t, err)
	_, err = c.FinishProof(u, []lieciba.Passkey{stored}, next, answer, now)
	require.Equal(t, lieciba.CodeRefused, lieciba.CodeOf(err), "an old answer to a new question")
	_, err = c.FinishProof(u, []lieciba.Passkey{stored}, kept, answer, now)
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err), "the question of a registration")
	_, err = c.FinishProof(u, []lieciba.Passkey{stored}, nil, answer, now)
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err), "no question")
	require.True(t, json.Valid(stored.Credential))
}

func TestRelyingPartyNeedsANameAndTLS(t *testing.T) {
	for _, origin := range []string{"", "https://10.0.0.5", "http://127.0.0.1:8420", "http://exam.lan", "https://exam.lan/path"} {
		_, err := RelyingParty(origin)
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err), origin)
	}
	for origin, id := range map[string]string{"https://exam.lan": "exam.lan", "http://localhost:8420": "localhost"} {
		got, err := RelyingParty(origin)
		require.NoError(t, err)
		require.Equal(t, id, got)
	}
}
