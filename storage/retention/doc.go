// Package retention decides how long footage is kept, and deletes what is due.
//
// Decide is pure: everything that rules one recording's retention goes in, one
// Decision comes out. Reaper acts on it: it releases holds whose time is over,
// carries holds and dates to the objects' locks, and deletes in steps that may
// each be repeated. Plan shows what it would do.
package retention
