package api

import (
	"strings"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// The rows are tried with the tokens of machines: what is about a person's own
// account is refused to every one of them.
func init() {
	topics = append(topics, accessTable{rows: map[string]string{
		"GET /v1/sign-in":                           "open open open open open open open open",
		"POST /v1/sign-in/passkey/options":          "open open open open open open open open",
		"POST /v1/sign-in/passkey":                  "open open open open open open open open",
		"GET /v1/sign-in/oidc":                      "open open open open open open open open",
		"GET /v1/sign-in/oidc/callback":             "open open open open open open open open",
		"POST /v1/sign-in/oidc/back-channel-logout": "open open open open open open open open",

		"PUT /v1/me/password":               "- - - - - - - -",
		"GET /v1/me/sign-ins":               "- - - - - - - -",
		"DELETE /v1/me/sign-ins/:id":        "- - - - - - - -",
		"GET /v1/me/passkeys":               "- - - - - - - -",
		"POST /v1/me/passkeys/options":      "- - - - - - - -",
		"POST /v1/me/passkeys":              "- - - - - - - -",
		"DELETE /v1/me/passkeys/:id":        "- - - - - - - -",
		"POST /v1/me/proof/password":        "- - - - - - - -",
		"POST /v1/me/proof/passkey/options": "- - - - - - - -",
		"POST /v1/me/proof/passkey":         "- - - - - - - -",

		"GET /v1/users/:id/sign-ins":          "- - - yes yes - - -",
		"DELETE /v1/sign-ins/:id":             "- - - yes yes - - -",
		"POST /v1/client-tokens/:id/rotation": "- - - - yes - - -",
	}, id: peopleID, body: peopleBody, changing: peopleChanging, unrecorded: map[string]string{
		"POST /v1/sign-in/passkey/options":          "changes nothing: the browser keeps the question",
		"POST /v1/sign-in/passkey":                  "needs an authenticator (viewer/web/e2e/signin.spec.ts)",
		"POST /v1/sign-in/oidc/back-channel-logout": "needs a provider (viewer/web/e2e/signin.spec.ts)",
		"POST /v1/me/passkeys/options":              "keeps a question for five minutes, and nothing else",
		"POST /v1/me/passkeys":                      "the question is taken back first, so that it is good once (package passkey)",
		"POST /v1/me/proof/passkey/options":         "keeps a question for five minutes, and nothing else",
		"POST /v1/me/proof/passkey":                 "the question is taken back first, so that it is good once (package passkey)",
		"DELETE /v1/me/passkeys/:id":                "needs an authenticator (viewer/web/e2e/signin.spec.ts)",
	}, refused: map[string][]int{
		"POST /v1/sign-in/passkey":                  {409}, // nothing was asked
		"POST /v1/sign-in/oidc/back-channel-logout": {400}, // this world has no provider
	}})
}

// peopleChanging signs a person in for what is about their own account.
func peopleChanging(k *walk, name string, r route) (request, bool) {
	if name != "POST /v1/sign-in" && name != "POST /v1/sign-out" && !strings.Contains(name, " /v1/me/") {
		return request{}, false
	}
	login := "u" + lieciba.NewID[string](start)[24:]
	k.w.user(login, goodPassword, nil, lieciba.RoleReviewer)
	b := k.w.browser()
	in := k.w.signIn(b, login, goodPassword).want(200).json()["sign_in"].(map[string]any)
	body, _ := k.body(name, k.w.own)
	if name == "POST /v1/sign-in" { // the sign-in that comes with the request ends in the same act
		body = map[string]any{"login": login, "password": goodPassword}
	}
	return request{method: r.method, path: strings.Replace(r.path, ":id", in["id"].(string), 1), client: b, body: body}, true
}

func peopleID(k *walk, name string, _ place, _ lieciba.Role) (string, bool) {
	switch {
	case strings.Contains(name, "/passkeys/:id"):
		return lieciba.NewID[string](start), true
	case strings.Contains(name, "/sign-ins/:id"):
		u := k.w.user("v"+lieciba.NewID[string](start)[24:], goodPassword, nil, lieciba.RoleSecurity)
		in := lieciba.SignIn{ID: lieciba.NewID[lieciba.SignInID](start), UserID: u.ID, Method: lieciba.SignInPassword,
			CreatedAt: start, SeenAt: start, ExpiresAt: start.Add(1e12), FreshAt: start, FreshBy: lieciba.SignInPassword}
		_, in.TokenHash = newSecret("")
		require.NoError(k.w.t, k.w.catalog.PutSignIn(k.w.t.Context(), in))
		return string(in.ID), true
	}
	return "", false
}

func peopleBody(_ *walk, name string, _ place) (any, bool) {
	credential := map[string]any{"id": "AAAA", "type": "public-key"}
	switch name {
	case "PUT /v1/me/password":
		return map[string]any{"current": goodPassword, "password": "another good one"}, true
	case "POST /v1/me/proof/password":
		return map[string]any{"password": goodPassword}, true
	case "POST /v1/me/passkeys":
		return map[string]any{"name": "key", "credential": credential}, true
	case "POST /v1/me/proof/passkey", "POST /v1/sign-in/passkey":
		return map[string]any{"credential": credential}, true
	case "POST /v1/client-tokens/:id/rotation":
		return map[string]any{"overlap_minutes": 5}, true
	case "POST /v1/sign-in/oidc/back-channel-logout":
		return form("logout_token=none"), true
	case "POST /v1/users":
		return map[string]any{"login": "u" + lieciba.NewID[string](start), "name": "N", "password": goodPassword}, true
	}
	return nil, false
}

// form is a body that is no JSON.
type form string
