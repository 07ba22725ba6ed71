package storagetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// EnvPostgres names the variable with the URL of a PostgreSQL to use instead of
// one of our own; its user must be allowed to create databases.
const EnvPostgres = "LIECIBA_TEST_POSTGRES"

// serverTimeout bounds every act on a server: making, starting, stopping.
const serverTimeout = 2 * time.Minute

// shared is the server of this test process: started at first use, ended by its
// guard when the process ends.
var shared = sync.OnceValues(startPostgres)

// Postgres returns the URL of a fresh, empty database on a real PostgreSQL; it
// is dropped when the test ends. The server is one per test process, listens on
// loopback with a random password, and runs with fsync off: these tests kill
// processes, never the machine. With LIECIBA_TEST_POSTGRES set, that server is
// used as it is.
func Postgres(t testing.TB) string {
	t.Helper()
	return freshDatabase(t, adminURL(t), emptyTemplate)
}

// PostgresFor is Postgres for tests that begin with an opened catalogue: on the
// test process's own server the database is a copy of one that open has migrated
// already, which saves most of the time. All of a process open alike: the first
// caller's open makes what is copied. The test itself opens the copy.
func PostgresFor[C io.Closer](t testing.TB, open func(ctx context.Context, url string) (C, error)) string {
	t.Helper()
	admin := adminURL(t)
	if os.Getenv(EnvPostgres) != "" { // a server that outlives us keeps nothing of ours
		return freshDatabase(t, admin, emptyTemplate)
	}
	migrated.once.Do(func() {
		migrated.name, migrated.err = migrate(admin, func(ctx context.Context, url string) error {
			c, err := open(ctx, url)
			if err != nil {
				return err
			}
			return c.Close()
		})
	})
	if migrated.err != nil {
		t.Fatalf("migrate the database that tests copy: %v", migrated.err)
	}
	return freshDatabase(t, admin, migrated.name)
}

// migrated is the database of the shared server that PostgresFor copies.
var migrated struct {
	once sync.Once
	name string
	err  error
}

// emptyTemplate has no sessions that could block the copy.
const emptyTemplate = "template0"

func migrate(admin string, prepare func(ctx context.Context, url string) error) (name string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), serverTimeout)
	defer cancel()
	u, err := createDatabase(ctx, admin, emptyTemplate)
	if err != nil {
		return "", err
	}
	return databaseName(u), prepare(ctx, u)
}

// adminURL is the URL of a server on which databases may be made.
func adminURL(t testing.TB) string {
	t.Helper()
	if admin := os.Getenv(EnvPostgres); admin != "" {
		return admin
	}
	s, err := shared()
	if err != nil {
		t.Fatalf("no PostgreSQL for the tests: %v: %s, or set %s to the URL of one", err, cure, EnvPostgres)
	}
	return s.admin()
}

// PostgresServer is a server of the test's own, for tests of an outage.
type PostgresServer struct {
	// URL of a fresh database on it.
	URL string

	bin, dir, password string
	port               int
	cred               *syscall.Credential
	guard              *guard
}

// OwnPostgres starts a server that only this test uses. It ends with the test.
// LIECIBA_TEST_POSTGRES is not looked at.
func OwnPostgres(t testing.TB) *PostgresServer {
	t.Helper()
	s, err := startPostgres()
	if err != nil {
		t.Fatalf("no PostgreSQL for the test: %v: %s", err, cure)
	}
	t.Cleanup(func() {
		if err := s.guard.end(""); err != nil {
			t.Errorf("end PostgreSQL: %v", err)
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), serverTimeout)
	defer cancel()
	if s.URL, err = createDatabase(ctx, s.admin(), emptyTemplate); err != nil {
		t.Fatal(err)
	}
	return s
}

// Stop ends the server at once, as a crash would; its data stay.
func (s *PostgresServer) Stop(t testing.TB) {
	t.Helper()
	if err := s.run("pg_ctl", "stop", "-w", "-s", "-m", "immediate", "-D", s.data()); err != nil {
		t.Fatalf("stop PostgreSQL: %v", err)
	}
}

// Start starts it again on the same port and data; it answers on return.
func (s *PostgresServer) Start(t testing.TB) {
	t.Helper()
	if err := s.start(); err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
}

func (s *PostgresServer) data() string { return filepath.Join(s.dir, "data") }

func (s *PostgresServer) admin() string {
	return (&url.URL{Scheme: "postgres", User: url.UserPassword("postgres", s.password),
		Host: "127.0.0.1:" + strconv.Itoa(s.port), Path: "/postgres", RawQuery: "sslmode=disable"}).String()
}

// startPostgres makes and starts a server in a folder of its own.
func startPostgres() (*PostgresServer, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	s := &PostgresServer{bin: bin, password: rand.Text()}
	if s.cred, err = unprivileged("postgres"); err != nil {
		return nil, err
	}
	if s.dir, err = serverDir("lieciba-postgres-", s.cred); err != nil {
		return nil, err
	}
	// Ended first by a word, by the end of the test, or by the end of the process.
	const script = `read -r _; "$1/pg_ctl" stop -w -s -m immediate -D "$2/data" >/dev/null 2>&1; rm -rf "$2"`
	if s.guard, err = startGuard(s.cred, nil, "/", script, bin, s.dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	if err = s.create(); err != nil {
		return nil, errors.Join(err, s.guard.end(""))
	}
	return s, nil
}

// create runs initdb and the first start.
func (s *PostgresServer) create() error {
	pw := filepath.Join(s.dir, "password")
	if err := os.WriteFile(pw, []byte(s.password), 0o600); err != nil {
		return err
	}
	if s.cred != nil {
		if err := os.Chown(pw, int(s.cred.Uid), int(s.cred.Gid)); err != nil {
			return err
		}
	}
	err := s.run("initdb", "-D", s.data(), "-U", "postgres", "-E", "UTF8", "--locale=C", "-A", "scram-sha-256", "--pwfile", pw, "--no-sync")
	if err != nil {
		return err
	}
	// Another process may take the port between our look and the server's bind.
	for range 3 {
		if s.port, err = freePort(); err != nil {
			return err
		}
		if err = s.start(); err == nil {
			return nil
		}
	}
	return err
}

func (s *PostgresServer) start() error {
	log := filepath.Join(s.dir, "log")
	// No autovacuum: it would change what the planner knows while a test looks at plans.
	opts := fmt.Sprintf("-c listen_addresses=127.0.0.1 -c port=%d -c unix_socket_directories=%s "+
		"-c max_connections=200 -c fsync=off -c full_page_writes=off -c autovacuum=off -c shared_buffers=64MB -c log_min_messages=fatal", s.port, s.dir)
	err := s.run("pg_ctl", "start", "-w", "-s", "-t", "60", "-D", s.data(), "-l", log, "-o", opts)
	if err != nil {
		said, rerr := os.ReadFile(log)
		if rerr != nil {
			return err
		}
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(said)))
	}
	return nil
}

// run runs one of PostgreSQL's own commands as the server's account.
func (s *PostgresServer) run(name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), serverTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: s.cred}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// postgresBin finds the folder of initdb: Debian's newest, else the one in PATH.
func postgresBin() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	version := func(p string) int {
		n, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(p))))
		if err != nil {
			return 0 // a folder that is no version comes last
		}
		return n
	}
	if len(found) > 0 {
		return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
	}
	p, err := exec.LookPath("initdb")
	if err != nil {
		return "", errors.New("initdb is neither in /usr/lib/postgresql/*/bin nor in PATH")
	}
	return filepath.Dir(p), nil
}

func freshDatabase(t testing.TB, admin, template string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), serverTimeout)
	defer cancel()
	u, err := createDatabase(ctx, admin, template)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), serverTimeout)
		defer cancel()
		if err := adminExec(ctx, admin, "DROP DATABASE IF EXISTS "+databaseName(u)+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the test database: %v", err)
		}
	})
	return u
}

// createDatabase makes a copy of template with a random name and returns its URL.
func createDatabase(ctx context.Context, admin, template string) (string, error) {
	u, err := url.Parse(admin)
	if err != nil {
		return "", errors.New(EnvPostgres + " is not a URL such as postgres://user:password@host:5432/postgres")
	}
	u.Path = "/lieciba_test_" + strings.ToLower(rand.Text())
	return u.String(), adminExec(ctx, admin, "CREATE DATABASE "+databaseName(u.String())+" TEMPLATE "+template+" ENCODING 'UTF8'")
}

func databaseName(u string) string {
	p, err := url.Parse(u)
	if err != nil {
		panic(err) // built by createDatabase
	}
	return pgx.Identifier{strings.TrimPrefix(p.Path, "/")}.Sanitize()
}

func adminExec(ctx context.Context, admin, sql string) (err error) {
	conn, err := pgx.Connect(ctx, admin)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	_, err = conn.Exec(ctx, sql)
	return err
}
