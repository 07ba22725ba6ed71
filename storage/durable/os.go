package durable

import (
	"io/fs"
)

// WriteFile is OS.WriteFile.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	return OS.WriteFile(path, data, perm)
}

// CreateFile is OS.CreateFile.
func CreateFile(path string, data []byte, perm fs.FileMode) error {
	return OS.CreateFile(path, data, perm)
}

// Rename is OS.Rename.
func Rename(oldPath, newPath string) error { return OS.Rename(oldPath, newPath) }

// Remove is OS.Remove.
func Remove(path string) error { return OS.Remove(path) }

// MkdirAll is OS.MkdirAll.
func MkdirAll(path string, perm fs.FileMode) error { return OS.MkdirAll(path, perm) }

// SyncDir is OS.SyncDir.
func SyncDir(path string) error { return OS.SyncDir(path) }

// Create is OS.Create.
func Create(path string, perm fs.FileMode) (*File, error) { return OS.Create(path, perm) }

// OpenFile is OS.OpenFile.
func OpenFile(path string) (*File, error) { return OS.OpenFile(path) }
