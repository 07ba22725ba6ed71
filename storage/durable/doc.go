// Package durable is the one way in which this product writes to a disk that
// must still hold the bytes after a power cut: whole files (WriteFile), files
// that grow (Create, File), renames, removals and folders. Every call checks
// every byte count, Close, Sync, Rename and Remove, and makes the folder entry
// durable too (fsync(2): "Calling fsync() does not necessarily ensure that the
// entry in the directory containing the file has also reached disk").
//
// A nil error means durable. With an error the change may or may not have taken
// effect; each call but File.Append may be repeated unchanged.
//
// Errors are *lieciba.Error: CodeFull (ENOSPC, EDQUOT), CodeNotFound,
// CodeConflict (it exists already), CodeUnavailable (read-only file system,
// no permission, input/output error, too many open files), else CodeInternal.
package durable
