//go:build !linux

package durable

import "os"

// datasync is a full fsync where fdatasync is not at hand.
func datasync(f *os.File) error { return f.Sync() }
