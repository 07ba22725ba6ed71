// Package lieciba is the domain of an exam-integrity video recorder: what an
// exam site, a camera, an exam session, a recording, a segment and a gap are,
// and the rules that hold between them.
//
// It imports the standard library only (floor F0). Every rule is a pure
// function of its arguments: nothing here reads a clock, a disk or a network.
// Terms are those of GLOSSARY.md. All times are UTC with microsecond precision
// (see Micro); Europe/Riga appears only at the edges.
package lieciba
