package witness_test

import (
	"context"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence"
	"lieciba/storage/evidence/witness"
	"lieciba/storage/sequencer"
)

func TestWatchAndCosign(t *testing.T) {
	h := newHouse(t)
	w := h.open()
	status, health := healthz(t, w)
	require.Equal(t, http.StatusServiceUnavailable, status, "nothing is known yet")
	require.Equal(t, "starting", health.State)

	first := h.log.size()
	require.NoError(t, w.Once(t.Context()))
	h.log.grow(9)
	require.NoError(t, w.Once(t.Context()))
	require.NoError(t, w.Once(t.Context()))
	h.log.grow(12)
	h.log.grow(20)
	require.NoError(t, w.Once(t.Context()))
	require.Equal(t, []int64{first, 9, 20}, h.log.cosigned())
	require.Equal(t, 3, h.server.count("POST /v1/log/cosignatures"), "nothing new, nothing sent")
	require.Equal(t, 2, h.server.count("GET /v1/log/consistency"))
	status, health = healthz(t, w)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "watching", health.State)
	require.EqualValues(t, 20, health.Size)
	require.True(t, health.Cosigned)

	signed, err := evidence.ParseNote(h.server.checkpoint(t.Context()))
	require.NoError(t, err)
	by, unknown, err := signed.Check(h.log.seq.Key().Verifier(), h.cfg.Key.Verifier())
	require.NoError(t, err)
	require.Len(t, by, 2)
	require.Empty(t, unknown)
}

// TestTailCutAndSignedAgain is the attack that no signature shows: the log is put
// back to an earlier state and goes on with the right key.
func TestTailCutAndSignedAgain(t *testing.T) {
	for name, tc := range map[string]struct {
		grown int64
		kind  witness.AlarmKind
	}{
		"shorter":                    {7, witness.AlarmCut},
		"as long, with other leaves": {12, witness.AlarmCut},
		"longer, with other leaves":  {30, witness.AlarmInconsistent},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.log.grow(5)
			backup, keyFile := filepath.Join(h.dir, "backup.db"), filepath.Join(h.dir, "log.key")
			h.log.copyTo(backup)
			h.log = openLedger(t, h.log.path, keyFile).grow(12)
			h.server.show(h.log)
			w := h.open()
			require.NoError(t, w.Once(t.Context()))
			require.Equal(t, []int64{12}, h.log.cosigned())

			forged := openLedger(t, backup, keyFile).grow(tc.grown)
			h.server.show(forged)
			a := h.requireAlarm(w, w.Once(t.Context()), tc.kind)
			require.NotEmpty(t, a.Last)
			require.NotEmpty(t, a.Seen)
			require.Empty(t, forged.cosigned())

			asked := h.server.count("GET /v1/log/checkpoint")
			h.server.show(h.log.grow(40)) // the true one again: only a person ends the alarm
			h.requireAlarm(w, w.Once(t.Context()), tc.kind)
			require.Equal(t, asked, h.server.count("GET /v1/log/checkpoint"))
			require.Equal(t, 1, strings.Count(h.out.String(), "level=ERROR"), "said once")
			require.NoError(t, w.Close())
			w = h.open()
			h.requireAlarm(w, w.Once(t.Context()), tc.kind)
			require.Equal(t, []int64{12}, h.log.cosigned(), "nor does a restart")
		})
	}
}

func TestAlarmAccepted(t *testing.T) {
	for _, running := range []bool{true, false} {
		h := newHouse(t)
		h.log.grow(5)
		backup, keyFile := filepath.Join(h.dir, "backup.db"), filepath.Join(h.dir, "log.key")
		h.log.copyTo(backup)
		h.log = openLedger(t, h.log.path, keyFile).grow(12)
		h.server.show(h.log)
		w := h.open()
		require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(witness.Accept(h.cfg.Dir, "x")))
		require.NoError(t, w.Once(t.Context()))
		restored := openLedger(t, backup, keyFile).grow(7)
		h.server.show(restored)
		a := h.requireAlarm(w, w.Once(t.Context()), witness.AlarmCut)
		if !running {
			require.NoError(t, w.Close())
		}
		require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(witness.Accept(h.cfg.Dir, "another")))
		require.NoError(t, witness.Accept(h.cfg.Dir, a.Digest))
		if !running {
			w = h.open()
		}
		require.NoError(t, w.Once(t.Context()))
		require.Equal(t, []int64{7}, restored.cosigned(), "it goes on from what was shown")
		status, _ := healthz(t, w)
		require.Equal(t, http.StatusOK, status)
		kept, err := filepath.Glob(filepath.Join(h.cfg.Dir, "alarm-*.json"))
		require.NoError(t, err)
		require.Len(t, kept, 1, "the alarm is kept")
		require.NoFileExists(t, filepath.Join(h.cfg.Dir, "accepted"))
		h.server.show(h.log)
		h.log.grow(50)
		h.requireAlarm(w, w.Once(t.Context()), witness.AlarmInconsistent)
	}
}

func TestBadSignatures(t *testing.T) {
	for name, change := range map[string]func(h *house, good []byte) []byte{
		"one bit": func(_ *house, good []byte) []byte {
			n, err := evidence.ParseNote(good)
			require.NoError(t, err)
			n.Signatures[0].Bytes[9] ^= 1
			return n.Encode()
		},
		"another text under it": func(_ *house, good []byte) []byte {
			return []byte(strings.Replace(string(good), "log.example/1\n9\n", "log.example/1\n8\n", 1))
		},
		"another key": func(h *house, good []byte) []byte {
			c, err := evidence.ParseCheckpoint(good, h.log.seq.Key().Verifier())
			require.NoError(t, err)
			stolen, _, err := evidence.CreateKey(filepath.Join(h.dir, "stolen"), "log.example/1")
			require.NoError(t, err)
			c, err = evidence.SignCheckpoint(c.Origin, c.Size, c.Root, stolen)
			require.NoError(t, err)
			return c.Note
		},
		"another spelling": func(_ *house, good []byte) []byte { return append(good, '\n') },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			w := h.open()
			require.NoError(t, w.Once(t.Context()))
			h.log.grow(9)
			bad := change(h, h.server.checkpoint(t.Context()))
			h.server.intercept(func(rw http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/v1/log/checkpoint" {
					_, _ = rw.Write(bad)
				}
				return r.URL.Path == "/v1/log/checkpoint"
			})
			a := h.requireAlarm(w, w.Once(t.Context()), witness.AlarmSignature)
			require.Equal(t, string(bad), a.Seen)
			h.server.intercept(nil)
			require.NoError(t, witness.Accept(h.cfg.Dir, a.Digest))
			require.NoError(t, w.Once(t.Context()), "what was shown is not believed, and the log goes on from the last one that was")
			require.Contains(t, h.log.cosigned(), int64(9))
		})
	}
}

func TestServerDownThenBack(t *testing.T) {
	h := newHouse(t)
	w := h.open()
	require.NoError(t, w.Once(t.Context()))
	h.log.grow(9)
	for name, answer := range map[string]func(http.ResponseWriter){
		"an error":          func(rw http.ResponseWriter) { rw.WriteHeader(http.StatusBadGateway) },
		"a proxy's page":    func(rw http.ResponseWriter) { _, _ = rw.Write([]byte("<html>We will be back</html>")) },
		"not found":         func(rw http.ResponseWriter) { rw.WriteHeader(http.StatusNotFound) },
		"a redirect":        func(rw http.ResponseWriter) { rw.Header().Set("Location", "/"); rw.WriteHeader(http.StatusFound) },
		"refused":           func(rw http.ResponseWriter) { rw.WriteHeader(http.StatusForbidden) },
		"too much":          func(rw http.ResponseWriter) { _, _ = rw.Write(make([]byte, 2<<20)) },
		"a broken off line": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		h.server.intercept(func(rw http.ResponseWriter, _ *http.Request) bool { answer(rw); return true })
		err := w.Once(t.Context())
		require.Error(t, err, name)
		_, health := healthz(t, w)
		require.Nil(t, health.Alarm, name)
		require.NotEmpty(t, health.Trouble)
	}
	h.now = noon.Add(4 * time.Minute)
	require.Error(t, w.Once(t.Context()))
	require.NoFileExists(t, filepath.Join(h.cfg.Dir, "alarm.json"))
	h.now = noon.Add(5 * time.Minute)
	h.requireAlarm(w, w.Once(t.Context()), witness.AlarmSilence)
	require.Error(t, w.Once(t.Context()))
	require.Equal(t, 1, strings.Count(h.out.String(), "level=ERROR"))

	h.server.intercept(nil)
	h.now = noon.Add(6 * time.Minute)
	require.NoError(t, w.Once(t.Context()), "silence ends by itself: the log is proven to go on")
	require.Contains(t, h.log.cosigned(), int64(9))
	status, health := healthz(t, w)
	require.Equal(t, http.StatusOK, status)
	require.Nil(t, health.Alarm)
	require.NoFileExists(t, filepath.Join(h.cfg.Dir, "alarm.json"))
	kept, err := filepath.Glob(filepath.Join(h.cfg.Dir, "alarm-*.json"))
	require.NoError(t, err)
	require.Len(t, kept, 1)
}

func TestSilenceSpansRestarts(t *testing.T) {
	h := newHouse(t)
	w := h.open()
	require.NoError(t, w.Once(t.Context()))
	require.NoError(t, w.Close())
	h.server.Close()
	h.now = noon.Add(10 * time.Minute)
	w = h.open()
	h.requireAlarm(w, w.Once(t.Context()), witness.AlarmSilence)
}

func TestConsistencyThatIsRefused(t *testing.T) {
	h := newHouse(t)
	w := h.open()
	require.NoError(t, w.Once(t.Context()))
	h.log.grow(9)
	for _, answer := range []string{`{"hashes":["00"]}`, `[]`, `{"hashes":[` + strings.Repeat(`"`+strings.Repeat("0", 64)+`",`, 200) + `"` + strings.Repeat("0", 64) + `"]}`} {
		h.server.intercept(func(rw http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/v1/log/consistency" {
				_, _ = rw.Write([]byte(answer))
			}
			return r.URL.Path == "/v1/log/consistency"
		})
		require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(w.Once(t.Context())))
		require.NotContains(t, h.log.cosigned(), int64(9), "no proof, no cosignature")
	}
	h.server.intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/v1/log/consistency" {
			_, _ = rw.Write([]byte(`{"hashes":[]}`))
		}
		return r.URL.Path == "/v1/log/consistency"
	})
	h.requireAlarm(w, w.Once(t.Context()), witness.AlarmInconsistent)
}

func TestKeyRotation(t *testing.T) {
	for name, missed := range map[string]bool{"seen": false, "missed": true} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			w := h.open()
			require.NoError(t, w.Once(t.Context()))
			for range 2 { // two in a row, if they are missed
				_, err := sequencer.RotateKeyFile(t.Context(), h.log.seq, "planned")
				require.NoError(t, err)
				if !missed {
					require.NoError(t, w.Once(t.Context()))
					require.Contains(t, h.log.cosigned(), h.log.size())
				}
			}
			h.log.grow(20)
			require.NoError(t, w.Once(t.Context()))
			require.Contains(t, h.log.cosigned(), int64(20))
			require.NoError(t, w.Close())
			w = h.open() // with the first key pinned, as the unit file says
			h.log.grow(21)
			require.NoError(t, w.Once(t.Context()))
			require.Contains(t, h.log.cosigned(), int64(21))
		})
	}
}

func TestRestart(t *testing.T) {
	h := newHouse(t)
	w := h.open()
	h.log.grow(9)
	h.server.intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			rw.WriteHeader(http.StatusServiceUnavailable)
		}
		return r.Method == http.MethodPost
	})
	err := w.Once(t.Context())
	require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(err))
	status, health := healthz(t, w)
	require.Equal(t, http.StatusOK, status, "the log holds; only the cosignature is late")
	require.False(t, health.Cosigned)
	before, err := os.ReadFile(filepath.Join(h.cfg.Dir, "state.json"))
	require.NoError(t, err)
	require.Contains(t, string(before), "witness.example/1", "the state is durable before the cosignature leaves")

	_, err = witness.Open(h.cfg)
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err), "one witness in a folder")
	require.NoError(t, w.Close())
	h.server.intercept(nil)
	h.now = noon.Add(time.Second)
	w = h.open()
	require.NoError(t, w.Once(t.Context()))
	list, err := h.log.cat.Cosignatures(t.Context(), 9)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, noon, list[0].At, "the same one, not a second one")
}

func TestStateThatWasTouched(t *testing.T) {
	h := newHouse(t)
	w := h.open()
	require.NoError(t, w.Once(t.Context()))
	require.NoError(t, w.Close())
	path := filepath.Join(h.cfg.Dir, "state.json")
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(good, ' '), 0o600))
	_, err = witness.Open(h.cfg)
	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err))
	require.NoError(t, os.WriteFile(path, good, 0o600))
	other := h.cfg
	other.Origin = "another.example"
	_, err = witness.Open(other)
	require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err))

	w = h.open()
	h.server.intercept(func(rw http.ResponseWriter, _ *http.Request) bool {
		_, _ = rw.Write([]byte("log.example/1\nx\n"))
		return true
	})
	a := h.requireAlarm(w, w.Once(t.Context()), witness.AlarmSignature)
	require.NoError(t, w.Close())
	alarm := filepath.Join(h.cfg.Dir, "alarm.json")
	b, err := os.ReadFile(alarm)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(alarm, []byte(strings.Replace(string(b), "bad_signature", "silence", 1)), 0o600))
	_, err = witness.Open(h.cfg)
	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err), "an alarm cannot be talked down")
	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(witness.Accept(h.cfg.Dir, a.Digest)))
}

func TestTokenIsASecret(t *testing.T) {
	h := newHouse(t)
	w := h.open()
	require.NoError(t, w.Once(t.Context()))
	require.NoError(t, os.WriteFile(h.cfg.TokenFile, []byte("tok_wrong_wrong_wrong"), 0o600))
	err := w.Once(t.Context())
	require.ErrorContains(t, err, "role witness")
	require.NoError(t, os.WriteFile(h.cfg.TokenFile, []byte(secret), 0o600))
	require.NoError(t, w.Once(t.Context()), "a new token needs no restart")
	for _, content := range []string{"", "two words", "a\nb"} {
		require.NoError(t, os.WriteFile(h.cfg.TokenFile, []byte(content), 0o600))
		require.Error(t, w.Once(t.Context()))
	}
	require.NoError(t, os.WriteFile(h.cfg.TokenFile, []byte(secret), 0o600))
	require.NoError(t, os.Chmod(h.cfg.TokenFile, 0o644))
	require.ErrorContains(t, w.Once(t.Context()), "chmod 600")
	require.NotContains(t, h.out.String(), "tok_")
	files, err := filepath.Glob(filepath.Join(h.cfg.Dir, "*"))
	require.NoError(t, err)
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		require.NotContains(t, string(b), "tok_")
	}
}

func TestAddressesThatAreRefused(t *testing.T) {
	h := newHouse(t)
	for _, address := range []string{"http://lieciba.example", "http://192.0.2.1:80", "lieciba.example", "ftp://127.0.0.1", "https://u:p@lieciba.example", "https://lieciba.example/?token=x"} {
		c := h.cfg
		c.Server = address
		_, err := witness.Open(c)
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err), address)
	}
	for name, change := range map[string]func(*witness.Config){
		"a log's key as its own":   func(c *witness.Config) { c.Key = h.log.seq.Key() },
		"a witness's for the logs": func(c *witness.Config) { c.LogKey = h.cfg.Key.VerifierKey() },
		"no log key":               func(c *witness.Config) { c.LogKey = "" },
		"no origin":                func(c *witness.Config) { c.Origin = "" },
		"no token":                 func(c *witness.Config) { c.TokenFile += "x" },
	} {
		c := h.cfg
		change(&c)
		_, err := witness.Open(c)
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err), name)
	}
}

func TestTLSWithAnOwnRoot(t *testing.T) {
	h := newHouse(t)
	tls := httptest.NewUnstartedServer(http.HandlerFunc(h.server.serve))
	tls.Config.ErrorLog = log.New(io.Discard, "", 0)
	tls.StartTLS()
	defer tls.Close()
	h.cfg.Server, h.cfg.Transport = tls.URL, nil
	w := h.open()
	require.Error(t, w.Once(t.Context()), "a root that nobody knows")
	require.NoError(t, w.Close())
	h.cfg.CAFile = filepath.Join(h.dir, "ca.pem")
	require.NoError(t, os.WriteFile(h.cfg.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: tls.Certificate().Raw}), 0o600))
	w = h.open()
	require.NoError(t, w.Once(t.Context()))
}

func TestRun(t *testing.T) {
	h := newHouse(t)
	asked := make(chan string, 1000)
	h.server.intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		asked <- r.Method
		return false
	})
	// looked waits for a cosignature and the look after it.
	looked := func() {
		for <-asked != http.MethodPost {
		}
		for <-asked != http.MethodGet {
		}
	}
	h.cfg.Interval = 5 * time.Millisecond
	w := h.open()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	looked()
	h.log.grow(9)
	for !slices.Contains(h.log.cosigned(), int64(9)) { // a smaller one may have been under way
		looked()
	}
	cancel()
	require.NoError(t, <-done)
}
