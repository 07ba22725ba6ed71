//go:build !race

package main

// sideBySide is how many tests run at once: they wait for real time most of the
// time, so more than there are cores.
const sideBySide = "6"
