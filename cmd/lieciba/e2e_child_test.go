package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience bounds every wait for something that must come; it is no measure.
const patience = 60 * time.Second

// until asks again and again until done says so.
func until(t testing.TB, what string, within time.Duration, done func() bool) {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline.C:
			require.FailNow(t, "it did not come about in "+within.String(), what)
		}
	}
}

// child is a serving process.
type child struct {
	cmd   *exec.Cmd
	url   string
	ended chan struct{} // closed when the process is gone and its log is read
	err   error         // of the process; valid once ended is closed

	mu  sync.Mutex
	log bytes.Buffer
}

// startChild starts `lieciba args…` with extra environment. It does not wait.
func startChild(t testing.TB, env []string, args ...string) (*child, <-chan string) {
	t.Helper()
	c := &child{ended: make(chan struct{})}
	c.cmd = exec.Command(os.Args[0], args...)
	c.cmd.Env = append(append(os.Environ(), commandEnv+"=1"), env...)
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // never outlives the tests
	stderr, err := c.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, c.cmd.Start())
	serves := make(chan string, 1)
	go func() {
		defer close(c.ended)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "level=INFO msg=request ") {
				continue // of the polling
			}
			c.note(lines.Text())
			if url, ok := strings.CutPrefix(lines.Text(), "lieciba serves "); ok {
				serves <- url
			}
		}
		c.err = c.cmd.Wait()
	}()
	t.Cleanup(func() {
		select {
		case <-c.ended:
		default:
			_ = c.cmd.Process.Kill() // it may end by itself in between
			<-c.ended
		}
		require.NotContains(t, c.said(), "DATA RACE")
		require.NotContains(t, c.said(), "panic")
		if t.Failed() {
			t.Logf("the server said:\n%s", c.said())
		}
	})
	return c, serves
}

// serve starts a server and waits until it serves.
func serve(t testing.TB, config string, env ...string) *child {
	t.Helper()
	c, serves := startChild(t, env, "serve", "--config", config)
	select {
	case c.url = <-serves:
	case <-c.ended:
		require.FailNow(t, "the server ended instead of serving", "%v: %s", c.err, c.said())
	case <-time.After(patience):
		require.FailNow(t, "the server does not serve", c.said())
	}
	return c
}

func (c *child) note(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log.WriteString(line + "\n")
}

// said is all that the process wrote to standard error so far.
func (c *child) said() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.log.String()
}

// alive reports whether the process still runs.
func (c *child) alive() bool {
	select {
	case <-c.ended:
		return false
	default:
		return true
	}
}

// kill ends the process as a power cut does and returns when it was done.
func (c *child) kill(t testing.TB) time.Time {
	t.Helper()
	require.NoError(t, c.cmd.Process.Kill())
	at := time.Now()
	<-c.ended
	return at
}

// stop asks the process to end and expects that it does so in order.
func (c *child) stop(t testing.TB) {
	t.Helper()
	require.NoError(t, c.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-c.ended:
	case <-time.After(patience):
		require.FailNow(t, "the server does not stop")
	}
	require.NoError(t, c.err, c.said())
}

// command runs a command in this process and returns its exit code and output.
func command(t testing.TB, env map[string]string, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	code = run(environment{ctx: ctx, stdin: strings.NewReader(stdin), stdout: &out, stderr: &errs,
		getenv: func(k string) string { return env[k] }}, args)
	return code, out.String(), errs.String()
}

// decode reads JSON that a command wrote.
func decode[T any](t testing.TB, raw []byte) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal(raw, &v), "%s", raw)
	return v
}
