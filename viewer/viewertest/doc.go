// Package viewertest gives tests and the benchmark of package viewer something
// to show, and a browser to show it in: cameras whose pictures carry their own
// time, live and on record in a real catalogue and store, and Chromium driven
// by a page that fetches its orders.
package viewertest

import "context"

// TB is what of testing.TB is used, so that the benchmark program can give it too.
type TB interface {
	Helper()
	Error(args ...any)
	Errorf(format string, args ...any)
	FailNow()
	Cleanup(f func())
	TempDir() string
	Context() context.Context
}
