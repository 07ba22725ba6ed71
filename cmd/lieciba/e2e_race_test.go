//go:build race

package main

// sideBySide: see the other e2e_*race_test.go. The race detector makes cameras
// and server several times as costly, and real time does not wait.
const sideBySide = "3"
