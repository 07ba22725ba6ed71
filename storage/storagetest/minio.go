package storagetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// EnvMinIO names the variable with the path of the minio binary to use.
const EnvMinIO = "LIECIBA_TEST_MINIO_BIN"

// MinIOServer is a real MinIO that only one test uses.
type MinIOServer struct {
	Endpoint  string // host:port on loopback, plain HTTP
	AccessKey string
	SecretKey string
	Bucket    string // a name that does not exist yet

	bin, dir string
	guard    *guard // nil while stopped
}

// MinIO starts a MinIO of the test's own on loopback, with random keys and an
// empty data folder under os.TempDir; both end with the test or its process.
func MinIO(t testing.TB) *MinIOServer {
	t.Helper()
	bin, err := minioBin()
	if err != nil {
		t.Fatalf("no MinIO for the tests: %v: %s, or set %s", err, cure, EnvMinIO)
	}
	s := &MinIOServer{bin: bin, AccessKey: strings.ToLower(rand.Text()), SecretKey: rand.Text(),
		Bucket: "lieciba-test-" + strings.ToLower(rand.Text()[:10])}
	if s.dir, err = serverDir("lieciba-minio-", nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.guard != nil {
			err = s.guard.end("")
		}
		if err := errors.Join(err, os.RemoveAll(s.dir)); err != nil {
			t.Errorf("end MinIO: %v", err)
		}
	})
	// Another process may take the port between our look and the server's bind.
	for range 3 {
		var port int
		if port, err = freePort(); err != nil {
			t.Fatal(err)
		}
		s.Endpoint = "127.0.0.1:" + strconv.Itoa(port)
		if err = s.start(); err == nil {
			return s
		}
	}
	t.Fatalf("start MinIO: %v", err)
	return nil
}

// Stop kills the server, as a crash would; its data stay.
func (s *MinIOServer) Stop(t testing.TB) {
	t.Helper()
	if s.guard == nil {
		return
	}
	err := s.guard.end("keep")
	s.guard = nil
	if err != nil {
		t.Fatalf("stop MinIO: %v", err)
	}
}

// Start starts it again on the same port and data; it answers on return.
func (s *MinIOServer) Start(t testing.TB) {
	t.Helper()
	if s.guard != nil {
		return
	}
	if err := s.start(); err != nil {
		t.Fatalf("start MinIO: %v", err)
	}
}

func (s *MinIOServer) start() error {
	// The keys travel in the environment, never in argv.
	env := []string{"MINIO_ROOT_USER=" + s.AccessKey, "MINIO_ROOT_PASSWORD=" + s.SecretKey,
		"MINIO_BROWSER=off", "MINIO_UPDATE=off", "HOME=" + s.dir}
	const script = `"$1" server --quiet --address "$3" "$2/data" >"$2/log" 2>&1 & p=$!
read -r how; kill -KILL $p 2>/dev/null; wait $p 2>/dev/null
[ "$how" = keep ] || rm -rf "$2"; exit 0`
	g, err := startGuard(nil, env, s.dir, script, s.bin, s.dir, s.Endpoint)
	if err != nil {
		return err
	}
	if err := s.awaitReady(); err != nil {
		said, rerr := os.ReadFile(filepath.Join(s.dir, "log"))
		return errors.Join(fmt.Errorf("%w: %s", err, strings.TrimSpace(string(said))), rerr, g.end("keep"))
	}
	s.guard = g
	return nil
}

// awaitReady asks MinIO's own readiness probe until it says yes, and then for
// the list of buckets until it refuses that for want of keys: before its accounts
// are loaded it answers 503, ready or not.
func (s *MinIOServer) awaitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), serverTimeout/4)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		err := probe(ctx, client, "http://"+s.Endpoint+"/minio/health/ready", http.StatusOK)
		if err == nil {
			err = probe(ctx, client, "http://"+s.Endpoint+"/", http.StatusForbidden)
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("MinIO is not ready: %w", err)
		case <-tick.C:
		}
	}
}

// probe expects a status of url.
func probe(ctx context.Context, client *http.Client, url string, want int) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	if err := res.Body.Close(); err != nil {
		return err
	}
	if res.StatusCode != want {
		return errors.New(res.Status)
	}
	return nil
}

// minioBin finds the binary: the variable, PATH, then where set-up puts it.
func minioBin() (string, error) {
	if p := os.Getenv(EnvMinIO); p != "" {
		return p, runnable(p)
	}
	if p, err := exec.LookPath("minio"); err == nil {
		return p, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	p := filepath.Join(home, ".cache", "lieciba-dev", "bin", "minio")
	return p, runnable(p)
}

func runnable(p string) error {
	_, err := exec.LookPath(p)
	return err
}
