// Package storagetest holds the contract of package storage as tests that every
// implementation runs, wrappers that fail a named step, and the real servers
// that those tests need. It is imported by test code only.
//
// A server that cannot be started fails the test with the cure; nothing is ever
// skipped.
package storagetest

// cure is what every failure to find a server ends with.
const cure = "run `make setup` (deploy/dev/install.sh), which installs what the tests need"
