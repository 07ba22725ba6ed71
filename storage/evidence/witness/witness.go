package witness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"lieciba"
	"lieciba/storage/durable"
	"lieciba/storage/evidence"
)

// Config is what a Witness is made of.
type Config struct {
	Server    string // address of the log's server; https, or this machine
	TokenFile string // holds a token with the role witness; 0600; read for each request
	CAFile    string // PEM roots for the server's certificate; "": the system's
	Key       *evidence.Key
	Dir       string // state folder; one witness at a time
	LogKey    string // verifier key of the log, got by another way than from the server
	Origin    string // of the log

	Interval  time.Duration // between two looks; 10 s
	Silence   time.Duration // without anything that holds: alarm; 5 min
	Transport *http.Transport
	Now       func() time.Time
	Log       *slog.Logger
}

// Witness watches one log. Safe for concurrent use.
type Witness struct {
	c      Config
	client *client
	lock   io.Closer

	turn sync.Mutex // one look at a time; guards state
	st   state
	sent bool // st.Line reached the server since this start

	mu       sync.Mutex // guards health
	health   Health
	notified bool // the alarm was logged
	trouble  bool // the last look failed, and that was logged
}

// Health is what GET /healthz answers.
type Health struct {
	State    string        `json:"state"` // starting, watching, or alarm
	Origin   string        `json:"origin"`
	Size     int64         `json:"size"`     // newest that holds
	Cosigned bool          `json:"cosigned"` // and the server has our cosignature of it
	HeardAt  evidence.Time `json:"heard_at"`
	Trouble  string        `json:"trouble"` // of the last look; "" if it went well
	Alarm    *Alarm        `json:"alarm"`
}

// Open reads the state and takes its folder for this process: CodeConflict if
// another has it. An alarm that stands from before still stands.
func Open(c Config) (w *Witness, err error) {
	c, err = complete(c)
	if err != nil {
		return nil, err
	}
	w = &Witness{c: c}
	if w.client, err = newClient(c.Server, c.TokenFile, c.CAFile, c.Transport); err != nil {
		return nil, err
	}
	if err := durable.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	if w.lock, err = durable.LockDir(c.Dir); err != nil {
		return nil, err
	}
	if err := w.restore(); err != nil {
		return nil, errors.Join(err, w.lock.Close())
	}
	return w, nil
}

func complete(c Config) (Config, error) {
	v, err := evidence.NewVerifier(c.LogKey)
	if err != nil {
		return c, err
	}
	switch {
	case evidence.IsWitness(v):
		return c, lieciba.Invalid("log-key", "is a witness's key: `lieciba key show` prints the log's")
	case c.Key == nil || !evidence.IsWitness(c.Key.Verifier()):
		return c, lieciba.Invalid("key", "a witness signs with a key of its own")
	case c.Origin == "":
		return c, lieciba.Invalid("origin", "name the log: the first line of its checkpoints")
	}
	if c.Interval <= 0 {
		c.Interval = 10 * time.Second
	}
	if c.Silence <= 0 {
		c.Silence = 5 * time.Minute
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// restore reads state and alarm. A person who pins another log key is obeyed.
func (w *Witness) restore() error {
	alarm, err := loadAlarm(w.c.Dir)
	if err != nil {
		return err
	}
	if _, err := takeAcceptance(w.c.Dir, alarm); err != nil {
		return err
	}
	if alarm, err = loadAlarm(w.c.Dir); err != nil {
		return err
	}
	err = load(w.c.Dir, stateName, &w.st)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		if alarm.latched() {
			return lieciba.Errorf(lieciba.CodeCorrupt, "the witness's state is gone from %s and an alarm stands there: put the state back from its backup", w.c.Dir)
		}
		w.st, err = state{Origin: w.c.Origin, Pinned: w.c.LogKey, Key: w.c.LogKey, HeardAt: at(w.c.Now())}, nil
	}
	if err != nil {
		return err
	}
	if w.st.Origin != w.c.Origin {
		return lieciba.Invalid("origin", "the state in %s is of the log %s: give each log a folder of its own", w.c.Dir, w.st.Origin)
	}
	if w.st.Pinned != w.c.LogKey {
		w.c.Log.Warn("another log key is pinned from now on", "fingerprint", evidence.Fingerprint(w.c.LogKey))
		w.st.Pinned, w.st.Key = w.c.LogKey, w.c.LogKey
	}
	w.health = Health{State: "starting", Origin: w.st.Origin, Size: w.st.Size, HeardAt: w.st.HeardAt, Alarm: alarm}
	if alarm != nil {
		w.health.State = "alarm"
	}
	return save(w.c.Dir, stateName, w.st)
}

// Close gives the folder free. Idempotent; call it after Run has ended.
func (w *Witness) Close() error {
	w.turn.Lock()
	defer w.turn.Unlock()
	w.client.http.CloseIdleConnections()
	if w.lock == nil {
		return nil
	}
	err := w.lock.Close()
	w.lock = nil
	return err
}

// Run looks once in an Interval until ctx ends, and returns nil.
func (w *Witness) Run(ctx context.Context) error {
	tick := time.NewTicker(w.c.Interval)
	defer tick.Stop()
	for {
		_ = w.Once(ctx) // it is logged, and stands in Health
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Health tells how the watch stands.
func (w *Witness) Health() Health {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.health
}

// Handler serves GET /healthz: 200 while the log is watched, 503 else.
func (w *Witness) Handler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /healthz", func(rw http.ResponseWriter, _ *http.Request) {
		h := w.Health()
		b, err := json.Marshal(h)
		if err != nil {
			rw.WriteHeader(http.StatusInternalServerError)
			return
		}
		rw.Header().Set("Content-Type", "application/json")
		if h.State != "watching" {
			rw.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = rw.Write(append(b, '\n')) // who asked may have gone
	})
	return m
}

// Once looks once: an *Alarm if one stands or is raised, another error if the
// server told nothing that can be judged or did not take the cosignature.
func (w *Witness) Once(ctx context.Context) error {
	w.turn.Lock()
	defer w.turn.Unlock()
	if err := w.accepted(); err != nil {
		return w.failed(ctx, err)
	}
	if a := w.Health().Alarm; a.latched() {
		w.announce(ctx, a)
		return a
	}
	err := w.look(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var a *Alarm
	var post *postError
	switch {
	case errors.As(err, &a):
		return w.raise(ctx, a)
	case err == nil, errors.As(err, &post):
		return w.heard(ctx, err)
	}
	if quiet := w.c.Now().Sub(w.st.HeardAt.Time); quiet >= w.c.Silence && w.Health().Alarm == nil {
		return errors.Join(w.raise(ctx, &Alarm{Kind: AlarmSilence, Last: w.st.Note,
			Text: fmt.Sprintf("nothing that holds was heard of the log since %s", w.st.HeardAt.UTC().Format(time.RFC3339))}), err)
	}
	return w.failed(ctx, err)
}

// accepted goes on after a person accepted the alarm.
func (w *Witness) accepted() error {
	done, err := takeAcceptance(w.c.Dir, w.Health().Alarm)
	if err != nil || !done {
		return err
	}
	var st state
	if err := load(w.c.Dir, stateName, &st); err != nil {
		return err
	}
	w.st, w.sent = st, false
	w.mu.Lock()
	defer w.mu.Unlock()
	w.health.Alarm, w.health.State, w.notified = nil, "starting", false
	return nil
}

// raise makes the alarm durable, then known.
func (w *Witness) raise(ctx context.Context, a *Alarm) error {
	a.At = at(w.c.Now())
	a.Digest = a.digest()
	err := save(w.c.Dir, alarmName, a)
	w.mu.Lock()
	w.health.Alarm, w.health.State, w.health.Trouble, w.notified = a, "alarm", a.Text, false
	w.mu.Unlock()
	w.announce(ctx, a)
	if err != nil {
		return errors.Join(a, err)
	}
	return a
}

func (w *Witness) announce(ctx context.Context, a *Alarm) {
	w.mu.Lock()
	known := w.notified
	w.notified = true
	w.mu.Unlock()
	if !known {
		w.c.Log.ErrorContext(ctx, "ALARM: "+a.Text, "kind", string(a.Kind), "at", a.At.Time, "digest", a.Digest,
			"file", filepath.Join(w.c.Dir, alarmName))
	}
}

// heard ends trouble and silence; err is that of the cosignature's way, if any.
func (w *Witness) heard(ctx context.Context, err error) error {
	now := w.c.Now()
	if now.Sub(w.st.HeardAt.Time).Abs() >= time.Minute { // for the silence across restarts
		w.st.HeardAt = at(now)
		if serr := save(w.c.Dir, stateName, w.st); serr != nil {
			return w.failed(ctx, serr)
		}
	}
	if a := w.Health().Alarm; a != nil {
		kept := "alarm-" + a.At.UTC().Format("20060102T150405Z") + "-" + a.Digest[:8] + ".json"
		if rerr := durable.Rename(filepath.Join(w.c.Dir, alarmName), filepath.Join(w.c.Dir, kept)); rerr != nil {
			return w.failed(ctx, rerr)
		}
		w.c.Log.WarnContext(ctx, "the log is heard again, and continues what was seen before the silence", "file", filepath.Join(w.c.Dir, kept))
	}
	w.mu.Lock()
	w.health = Health{State: "watching", Origin: w.st.Origin, Size: w.st.Size, Cosigned: w.sent, HeardAt: at(now)}
	w.mu.Unlock()
	w.st.HeardAt = at(now)
	return w.failed(ctx, err)
}

// failed logs trouble when it begins and when it ends.
func (w *Witness) failed(ctx context.Context, err error) error {
	w.mu.Lock()
	was := w.trouble
	w.trouble = err != nil
	w.health.Trouble = ""
	if err != nil {
		w.health.Trouble = err.Error()
	}
	w.mu.Unlock()
	switch {
	case err != nil && !was:
		w.c.Log.WarnContext(ctx, "the look at the log failed", "error", err)
	case err == nil && was:
		w.c.Log.InfoContext(ctx, "the log is watched again")
	}
	return err
}

// postError is trouble with the cosignature alone: the log itself was heard.
type postError struct{ error }

func (e *postError) Unwrap() error { return e.error }

// look pulls, judges and cosigns. An *Alarm for what must not be, another error
// for what cannot be judged.
func (w *Witness) look(ctx context.Context) error {
	signed, err := w.client.checkpoint(ctx)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound && w.st.Size == 0 {
		return nil // the log has not begun
	}
	if err != nil {
		return err
	}
	if !strings.HasPrefix(string(signed), w.c.Origin+"\n") {
		return lieciba.Errorf(lieciba.CodeUnavailable, "the server answers with something else than a checkpoint of %s", w.c.Origin)
	}
	c, n, err := evidence.UnverifiedCheckpoint(signed)
	if err != nil {
		return w.alarm(AlarmSignature, signed, "the checkpoint is damaged or written in another way than it must be: %v", err)
	}
	key, err := w.signer(ctx, n, signed)
	if err != nil {
		return err
	}
	if err := w.continues(ctx, c, signed); err != nil {
		return err
	}
	if c.Size == w.st.Size && key == w.st.Key && w.st.Line != "" {
		return w.post(ctx)
	}
	return w.adopt(ctx, c, n, key)
}

func (w *Witness) alarm(kind AlarmKind, seen []byte, format string, args ...any) error {
	return &Alarm{Kind: kind, Last: w.st.Note, Seen: string(seen), Text: fmt.Sprintf(format, args...)}
}

// signer finds the key that signs the log now: the trusted one, or one that it
// was handed over to.
func (w *Witness) signer(ctx context.Context, n evidence.Note, signed []byte) (string, error) {
	v, err := evidence.NewVerifier(w.st.Key)
	if err != nil {
		return "", err
	}
	by, unknown, err := n.Check(v)
	if err != nil {
		return "", w.alarm(AlarmSignature, signed, "the signature of the log's key is wrong")
	}
	rotated := len(by) == 0
	for _, s := range unknown {
		rotated = rotated || s.Name == v.Name()
	}
	if !rotated {
		return w.st.Key, nil
	}
	chain, err := w.client.keys(ctx)
	if err != nil && len(by) > 0 {
		return w.st.Key, nil // signed by the trusted key as well: the new one can wait
	}
	if err != nil {
		return "", err
	}
	keys, err := evidence.FollowKeys(w.st.Key, chain, n)
	if err != nil {
		return "", w.alarm(AlarmSignature, signed, "the checkpoint is signed by a key that the log's key was not handed over to: %v", err)
	}
	if len(keys) == 0 {
		return w.st.Key, nil
	}
	w.c.Log.WarnContext(ctx, "the log's key was handed over", "fingerprint", evidence.Fingerprint(keys[len(keys)-1]))
	return keys[len(keys)-1], nil
}

// continues proves that the checkpoint continues the one that was seen before.
func (w *Witness) continues(ctx context.Context, c lieciba.Checkpoint, signed []byte) error {
	if w.st.Size == 0 {
		return nil
	}
	last, _, err := w.st.last()
	if err != nil {
		return err
	}
	switch {
	case c.Size < last.Size:
		return w.alarm(AlarmCut, signed, "the log has %d leaves where it had %d: its tail was cut off, and it was signed again", c.Size, last.Size)
	case c.Size == last.Size && c.Root != last.Root:
		return w.alarm(AlarmCut, signed, "the log of %d leaves has another root than before: what was in it was changed", c.Size)
	case c.Size == last.Size:
		return nil
	}
	proof, err := w.client.consistency(ctx, last.Size, c.Size)
	if err != nil {
		return err
	}
	if err := evidence.CheckTree(proof, c.Size, c.Root, last.Size, last.Root); err != nil {
		return w.alarm(AlarmInconsistent, signed, "the log of %d leaves does not continue the one of %d that was seen before", c.Size, last.Size)
	}
	return nil
}

// adopt cosigns: the state is durable before the cosignature leaves.
func (w *Witness) adopt(ctx context.Context, c lieciba.Checkpoint, n evidence.Note, key string) error {
	next := w.st
	next.Key, next.Size, next.Note, next.HeardAt = key, c.Size, string(n.Encode()), at(w.c.Now())
	line, err := w.c.Key.Cosign(n.Text, w.c.Now())
	if err != nil {
		return err
	}
	next.Line = line
	if err := save(w.c.Dir, stateName, next); err != nil {
		return err
	}
	w.st, w.sent = next, false
	return w.post(ctx)
}

// post gives the cosignature to the server, again after each start: the first
// one that arrives stays.
func (w *Witness) post(ctx context.Context) error {
	if w.sent {
		return nil
	}
	if err := w.client.cosign(ctx, w.st.Size, w.st.Line); err != nil {
		return &postError{lieciba.Wrap(err, lieciba.CodeUnavailable, "the server did not take the cosignature of %d leaves", w.st.Size)}
	}
	w.sent = true
	return nil
}
