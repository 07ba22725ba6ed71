package durable

import (
	"errors"
	"io/fs"
	"syscall"

	"lieciba"
)

// Error maps an error of the operating system to the product's codes, as the
// package comment lists. nil stays nil; an error that has a code keeps it.
func Error(err error) error {
	if err == nil {
		return nil
	}
	if known := (*lieciba.Error)(nil); errors.As(err, &known) {
		return err
	}
	for _, m := range errnos {
		if errors.Is(err, m.is) {
			return lieciba.Wrap(err, m.code, "%s", m.message)
		}
	}
	return lieciba.Wrap(err, lieciba.CodeInternal, "the disk answered with an error")
}

var errnos = []struct {
	is      error
	code    lieciba.Code
	message string
}{
	{syscall.ENOSPC, lieciba.CodeFull, "the disk is full: free space on it or give the folder a larger one"},
	{syscall.EDQUOT, lieciba.CodeFull, "the disk quota is used up: raise it or free space"},
	{syscall.EROFS, lieciba.CodeUnavailable, "the file system is read-only: mount it writable; after a disk fault the kernel does this by itself, so look at its log first"},
	{syscall.EIO, lieciba.CodeUnavailable, "the disk failed to read or write: look at the kernel's log"},
	{syscall.EMFILE, lieciba.CodeUnavailable, "too many open files: raise the limit of this process (LimitNOFILE)"},
	{syscall.ENFILE, lieciba.CodeUnavailable, "too many open files on this machine"},
	{fs.ErrClosed, lieciba.CodeUnavailable, "it is closed: the server is stopping"},
	{fs.ErrNotExist, lieciba.CodeNotFound, "there is no such file or folder"},
	{fs.ErrExist, lieciba.CodeConflict, "the file exists already"},
	{fs.ErrPermission, lieciba.CodeUnavailable, "no permission: give the folder to the user that the server runs as"},
}
