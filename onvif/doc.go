// Package onvif finds cameras, reads what they can do and talks to them while
// they record: discovery, provisioning, clock, snapshot, key frame, events.
//
// It stands on github.com/use-go/onvif for request types, SOAP building and
// sending, and on nothing else of it: that library's answers do not decode, its
// faults look like success, its signatures are refused by cameras whose clock is
// off, and it knows neither HTTP Digest nor Media2 nor contexts. Answers are
// decoded here from raw bodies, without regard to namespace prefixes, and one
// http.RoundTripper (transport.go) signs, retries, bounds and checks every call.
//
// Nothing here ever contacts a host outside Options.Networks: the address is
// checked after name resolution, when the connection is made. Credentials are
// held by Client only; no URL, result, error or log line carries them.
package onvif
