// Package webhook sends notices to other systems: in order per session, at least
// once, signed, and only to addresses that a server may be made to call.
//
// A message is one POST of JSON (Message). Lieciba-Event-Id is the notice's ID,
// the receiver's key against duplicates. Lieciba-Signature is
//
//	t=<unix seconds>,v1=<hex>[,v1=<hex>]
//
// with v1 the HMAC-SHA-256 of t, a dot and the body under the webhook's secret;
// during a change of the secret there is one v1 for each. A receiver takes the
// message when one v1 is right and t is not older than it cares for. Any status
// of 2xx is a receipt; everything else, redirects too, is tried again.
package webhook
