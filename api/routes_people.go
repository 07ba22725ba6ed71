package api

import "lieciba"

// peopleRoutes are about who signs in, how, and what they are.
func (s *Server) peopleRoutes() []route {
	return []route{
		{get, "/v1/sign-in", public("tells how one can sign in, and nobody's name", s.waysToSignIn)},
		{post, "/v1/sign-in", public("this is how one signs in", s.signIn)},
		{post, "/v1/sign-in/passkey/options", public("this is how one signs in", s.passkeySignInOptions)},
		{post, "/v1/sign-in/passkey", public("this is how one signs in", s.signInByPasskey)},
		{get, "/v1/sign-in/oidc", public("sends to the provider, which asks", s.beginOIDC)},
		{get, "/v1/sign-in/oidc/callback", public("the provider's signed word is judged", s.finishOIDC)},
		{post, "/v1/sign-in/oidc/back-channel-logout", public("the provider's signed word is judged", s.backChannelLogout)},
		{post, "/v1/sign-out", signedIn(s.signOut)},

		{get, "/v1/me", signedIn(s.me)},
		{put, "/v1/me/password", person(s.changeOwnPassword)},
		{get, "/v1/me/sign-ins", person(s.ownSignIns)},
		{del, "/v1/me/sign-ins/:id", person(s.endOwnSignIn)},
		{get, "/v1/me/passkeys", person(s.ownPasskeys)},
		{post, "/v1/me/passkeys/options", person(s.passkeyOptions)},
		{post, "/v1/me/passkeys", person(s.registerPasskey)},
		{del, "/v1/me/passkeys/:id", person(s.removePasskey)},
		{post, "/v1/me/proof/password", person(s.proveByPassword)},
		{post, "/v1/me/proof/passkey/options", person(s.passkeyProofOptions)},
		{post, "/v1/me/proof/passkey", person(s.proveByPasskey)},

		{get, "/v1/users", somewhere(lieciba.ActManageUsers, s.listUsers)},
		{post, "/v1/users", somewhere(lieciba.ActManageUsers, s.createUser)},
		{patch, "/v1/users/:id", somewhere(lieciba.ActManageUsers, s.changeUser)},
		{get, "/v1/users/:id/sign-ins", somewhere(lieciba.ActManageSignIns, s.userSignIns)},
		{del, "/v1/sign-ins/:id", somewhere(lieciba.ActManageSignIns, s.endAnySignIn)},
		{get, "/v1/client-tokens", somewhere(lieciba.ActManageUsers, s.listClientTokens)},
		{post, "/v1/client-tokens", somewhere(lieciba.ActManageUsers, s.createClientToken)},
		{post, "/v1/client-tokens/:id/rotation", somewhere(lieciba.ActManageUsers, s.rotateClientToken)},
		{del, "/v1/client-tokens/:id", somewhere(lieciba.ActManageUsers, s.revokeClientToken)},
	}
}
