// Package api serves the product over HTTP: sign-in, sites, cameras, exam
// sessions, live and archive viewing, health and metrics. openapi.yaml is its
// document; a test checks every route and every answer against it.
//
// # Authorisation
//
// Routes stand in one table (routes.go). A route is an endpoint, and an endpoint
// can only be made by public, signedIn, somewhere, at or owned: each names who
// may call it, so that a handler without a rule does not compile into the table.
//
// An act that no role of the caller ever allows is 403, before any object is
// looked at. An object outside of the caller's sites is 404, exactly as one that
// does not exist: IDs of other sites cannot be told from made-up ones. Refusals
// that concern pictures, cameras, sessions, accounts, evidence or retention are
// audited with their true reason; that somebody tried to be both pairs of eyes of
// an approval is recorded too.
//
// # Order of evidence
//
// Nobody sees a picture without a trace: bytes of a segment are sent only after
// their audit entry is durable, and a live view or playback whose entry cannot
// be written is hung up. Whatever changes the catalogue shares a transaction with
// its entry (call.act): both are there or neither is. One route is apart: a
// witness's cosignature is its own signed trace.
package api
