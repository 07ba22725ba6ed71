package durable

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"lieciba"
)

// LockName is the file inside a folder that LockDir locks.
const LockName = ".lock"

// LockDir takes a folder for this process until the Closer is closed or the
// process ends (flock). CodeConflict when another holder has it, in this
// process or another.
func LockDir(dir string) (io.Closer, error) {
	f, err := os.OpenFile(filepath.Join(dir, LockName), os.O_RDONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, Error(err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = lieciba.Wrap(err, lieciba.CodeConflict,
			"the folder %s is in use by another lieciba process: stop that one or name another folder", dir)
	}
	if err != nil {
		return nil, Error(errors.Join(err, f.Close()))
	}
	return f, nil
}
