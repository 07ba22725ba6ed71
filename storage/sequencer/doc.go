// Package sequencer gives the staged leaves of the hash log their places, one
// batch and one signed checkpoint at a time. Any number of sequencers may run
// beside each other, in one process or on many nodes: the catalogue lets one at
// a time through, and each judges what it finds before it signs.
//
// A sequencer signs only when its key is the log's current one, the newest
// checkpoint is that key's, and the stored tree gives that checkpoint's root.
package sequencer
