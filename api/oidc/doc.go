// Package oidc is the product's side of OpenID Connect Core 1.0: the code flow
// with PKCE (RFC 7636), state and nonce, the mapping of groups to roles, and both
// logouts. It knows no catalogue and no web framework. The provider is asked for
// its metadata when it is first needed, and again after a failure: a provider
// that is down keeps nobody with a local account out.
package oidc
