// Package witness watches a hash log from another machine, under another
// administrator: it pulls the newest checkpoint, proves that it continues the
// one that it saw before, and cosigns it. It keeps the last one on its own disk,
// so that a log whose tail was cut and signed again with the right key is found
// out. After such an alarm it cosigns nothing more until a person accepted it.
//
// EVIDENCE.md, "Witness protocol", describes what is asked and answered.
package witness
