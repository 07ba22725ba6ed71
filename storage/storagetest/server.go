package storagetest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// A guard is a shell that waits for its standard input to end and then runs a
// script. Its input is a pipe from this process, so the script runs when the
// test ends, and also when the test process is killed: nothing is left behind.
// It needs no goroutine, so goleak stays quiet.
type guard struct {
	cmd *exec.Cmd
	in  io.Closer
	say io.Writer
}

// startGuard runs script with sh. The script must read a line from its input to
// wait; args are its $1, $2, …
func startGuard(cred *syscall.Credential, env []string, dir, script string, args ...string) (*guard, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("pipe of the guard: %w", err)
	}
	cmd := exec.Command("/bin/sh", append([]string{"-c", script, "guard"}, args...)...)
	cmd.Stdin, cmd.Dir = r, dir
	cmd.Env = append(os.Environ(), env...)
	// A session of its own: an interrupt from the keyboard ends the test process,
	// and its end is what the guard waits for.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: cred}
	err = cmd.Start()
	if cerr := r.Close(); err == nil && cerr != nil {
		err = cerr
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the guard: %w", err), w.Close())
	}
	return &guard{cmd: cmd, in: w, say: w}, nil
}

// end sends word as a line (nothing if empty), closes the pipe and waits for the
// script to end.
func (g *guard) end(word string) error {
	var err error
	if word != "" {
		_, err = io.WriteString(g.say, word+"\n")
	}
	return errors.Join(err, g.in.Close(), g.cmd.Wait())
}

// unprivileged returns the account of that name when this process is root, nil
// otherwise: the server then runs as we do.
func unprivileged(name string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// serverDir makes a fresh folder for a server under os.TempDir, owned by cred.
func serverDir(pattern string, cred *syscall.Credential) (string, error) {
	dir, err := os.MkdirTemp("", pattern)
	if err != nil {
		return "", err
	}
	if cred != nil {
		if err := os.Chown(dir, int(cred.Uid), int(cred.Gid)); err != nil {
			return "", errors.Join(err, os.Remove(dir))
		}
	}
	return dir, nil
}

// freePort returns a TCP port of 127.0.0.1 that was free a moment ago.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}
