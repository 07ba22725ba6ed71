// Package evidence holds what makes a recording provable, as pure functions and
// data: the leaves of the hash log, its checkpoints and proofs, the manifest of
// a recording and of a package, and the verdict on them. It knows no database,
// no store and no network, so that the offline verifier links it alone.
//
// EVIDENCE.md describes the formats.
package evidence
