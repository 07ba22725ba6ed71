package api

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/descope/virtualwebauthn"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/alarm"
)

// keyHolder is a person's browser with an authenticator.
type keyHolder struct {
	*world
	user    lieciba.User
	browser *http.Client
	site    virtualwebauthn.RelyingParty
	device  virtualwebauthn.Authenticator
	key     virtualwebauthn.Credential
}

// keyHolder signs a person in by password and registers a passkey.
func (w *world) keyHolder(login string, roles ...lieciba.Role) *keyHolder {
	w.t.Helper()
	w.server.cfg.Alarms = alarm.Raiser{Catalog: w.catalog}
	h := &keyHolder{world: w, browser: w.person(login, roles...), key: virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2),
		site: virtualwebauthn.RelyingParty{ID: "lieciba.test", Name: "Lieciba", Origin: "https://lieciba.test"}}
	var err error
	h.user, err = w.catalog.UserByLogin(w.t.Context(), login)
	require.NoError(w.t, err)
	h.device = virtualwebauthn.NewAuthenticatorWithOptions(virtualwebauthn.AuthenticatorOptions{UserHandle: []byte(h.user.ID)})
	asked, err := virtualwebauthn.ParseAttestationOptions(string(h.post("/v1/me/passkeys/options", nil).want(200).body))
	require.NoError(w.t, err)
	made := virtualwebauthn.CreateAttestationResponse(h.site, h.device, h.key, *asked)
	h.post("/v1/me/passkeys", map[string]any{"name": "The blue one", "credential": json.RawMessage(made)}).want(201)
	h.device.AddCredential(h.key)
	return h
}

func (h *keyHolder) post(path string, body any) answer {
	h.t.Helper()
	return h.do(request{method: "POST", path: path, body: body, client: h.browser})
}

// answered is what the authenticator says to the question of a route, with its counter.
func (h *keyHolder) answered(options string, counter uint32) map[string]any {
	h.t.Helper()
	asked, err := virtualwebauthn.ParseAssertionOptions(string(h.post(options, nil).want(200).body))
	require.NoError(h.t, err)
	h.key.Counter = counter
	return map[string]any{"credential": json.RawMessage(virtualwebauthn.CreateAssertionResponse(h.site, h.device, h.key, *asked))}
}

func (h *keyHolder) signInByKey(counter uint32) answer {
	h.t.Helper()
	return h.post("/v1/sign-in/passkey", h.answered("/v1/sign-in/passkey/options", counter))
}

func (h *keyHolder) proveByKey(counter uint32) answer {
	h.t.Helper()
	return h.post("/v1/me/proof/passkey", h.answered("/v1/me/proof/passkey/options", counter))
}

func (h *keyHolder) keys() int {
	h.t.Helper()
	all, err := h.catalog.UserPasskeys(h.t.Context(), h.user.ID)
	require.NoError(h.t, err)
	return len(all)
}

func TestPasskeySignsInAndProves(t *testing.T) {
	w := newWorld(t)
	h := w.keyHolder("anna", lieciba.RoleApprover)
	h.browser = w.browser()
	require.Equal(t, "anna", h.signInByKey(1).want(200).json()["login"])
	require.Equal(t, true, h.proveByKey(2).want(200).json()["approves"])
	// The same answer again: its question is over, also with the cookie that held it.
	body := h.answered("/v1/sign-in/passkey/options", 3)
	thief := &http.Client{Jar: copiedJar(w, h.browser)}
	h.post("/v1/sign-in/passkey", body).want(200)
	w.do(request{method: "POST", path: "/v1/sign-in/passkey", body: body, client: thief}).refused(409, lieciba.CodeConflict, "")
}

// copiedJar is what somebody has who copied a browser's cookies.
func copiedJar(w *world, from *http.Client) http.CookieJar {
	b := w.browser()
	at := w.address()
	b.Jar.SetCookies(at, from.Jar.Cookies(at))
	return b.Jar
}

// A passkey whose counter went back has a copy: neither works any more, and
// security staff are told.
func TestCopiedPasskeyIsRemoved(t *testing.T) {
	for name, use := range map[string]func(*keyHolder, uint32) answer{
		"signing in": (*keyHolder).signInByKey, "proving": (*keyHolder).proveByKey,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			h := w.keyHolder("anna", lieciba.RoleApprover)
			use(h, 7).want(200)
			h.signIn(h.browser, "anna", goodPassword).want(200)
			use(h, 6).want(422)
			require.Zero(t, h.keys())
			e := h.audited(lieciba.AuditRemovePasskey)[0]
			require.Equal(t, "system", e.Who)
			raised := h.alarms(lieciba.AlarmCopied)
			require.Len(t, raised, 1)
			require.Equal(t, "anna", raised[0].Who)
			h.signInByKey(8).refused(422, lieciba.CodeRefused, "credential")
		})
	}
}

// Of two answers that were judged at once by the same counter one is taken.
func TestPasskeyUsedTwiceAtOnce(t *testing.T) {
	hooks := &hookedCatalog{}
	w := newWorld(t, func(c *Config) { hooks.Catalog, c.Catalog = c.Catalog, hooks })
	h := w.keyHolder("anna", lieciba.RoleApprover)
	first, second := h.answered("/v1/sign-in/passkey/options", 5), w.browser()
	mine := h.browser
	h.browser = second
	other := h.answered("/v1/sign-in/passkey/options", 6)
	h.browser = mine
	overtake := func() {
		w.do(request{method: "POST", path: "/v1/sign-in/passkey", body: other, client: second}).want(200)
	}
	hooks.acting.Store(&overtake)
	h.post("/v1/sign-in/passkey", first).refused(409, lieciba.CodeConflict, "")
	w.me(second).want(200)
	h.browser = second
	h.proveByKey(6).want(422) // the higher counter stands
}

// A refused passkey accuses nobody: the answer names the account that it likes.
func TestRefusedPasskeyNamesNobody(t *testing.T) {
	w := newWorld(t)
	w.ticks = true
	h := w.keyHolder("anna", lieciba.RoleApprover)
	h.key = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2) // not one of anna's
	h.device.Credentials = nil
	h.device.AddCredential(h.key)
	h.browser = w.browser()
	h.signInByKey(1).refused(422, lieciba.CodeRefused, "credential")
	e := w.audited("sign_in")[0]
	require.Equal(t, "unauthenticated", e.Outcome)
	require.Equal(t, "unknown", e.Who)
	require.Empty(t, e.WhoID)
	require.Equal(t, "user:", e.Object)
	require.Equal(t, 1, h.keys())
}
