package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"lieciba"
	"lieciba/storage/durable"
	"lieciba/storage/evidence"
	"lieciba/storage/evidence/witness"
)

type witnessCmd struct {
	Server    string        `help:"Address of the server, such as https://lieciba.example."`
	TokenFile string        `type:"path" help:"File with a token of role witness, mode 0600."`
	Key       string        `type:"path" help:"File of the witness's own key; made if it is not there."`
	Name      string        `help:"Name for a key that is made."`
	State     string        `type:"path" required:"" help:"Folder for what was seen, on this machine."`
	LogKey    string        `help:"The log's verifier key, as 'lieciba key show' prints it; get it by another way than from the server."`
	Origin    string        `help:"Name of the log: the first line of its checkpoints; the name of the log's key if not given."`
	CA        string        `type:"path" help:"PEM file with the root of the server's certificate."`
	Listen    string        `default:"127.0.0.1:0" help:"Where GET /healthz answers: 200 while the log is watched, 503 else."`
	Interval  time.Duration `default:"10s" help:"Time between two looks."`
	Silence   time.Duration `default:"5m" help:"Alarm after so long without anything that holds."`
	Once      bool          `help:"Look once; exit status 1 for an alarm or when nothing could be judged."`
	Accept    string        `name:"accept-alarm" placeholder:"DIGEST" help:"Say that a person looked into the alarm with this digest; the witness goes on from what the server showed then."`
	LogFormat string        `default:"text" enum:"text,json" help:"text or json."`
}

// Help is shown below the flags.
func (witnessCmd) Help() string {
	return "Runs on another machine, under another administrator than the server. It proves that each checkpoint of the hash log continues the one before, " +
		"cosigns it, and raises an alarm when history was cut or changed, a signature is wrong or nothing is heard. After an alarm other than silence it cosigns " +
		"nothing until a person accepts it."
}

// Run watches until the process is told to stop.
func (c witnessCmd) Run(env environment) error {
	if c.Accept != "" {
		if err := witness.Accept(c.State, c.Accept); lieciba.CodeOf(err) == lieciba.CodeConflict { // of another digest
			return err
		} else if err != nil {
			return stateError(c.State, err)
		}
		_, err := fmt.Fprintln(env.stdout, "the alarm is accepted; the witness goes on from what it showed")
		return err
	}
	log := newLogger(env, c.LogFormat)
	w, err := c.open(env, log)
	if err != nil {
		return err
	}
	if c.Once {
		return errors.Join(w.Once(env.ctx), w.Close())
	}
	return errors.Join(c.watch(env, w, log), w.Close())
}

func newLogger(env environment, format string) *slog.Logger {
	if format == "json" {
		return slog.New(slog.NewJSONHandler(env.stderr, nil))
	}
	return slog.New(slog.NewTextHandler(env.stderr, nil))
}

func (c witnessCmd) open(env environment, log *slog.Logger) (*witness.Witness, error) {
	for _, f := range []struct{ name, value string }{{"server", c.Server}, {"token-file", c.TokenFile}, {"key", c.Key}, {"log-key", c.LogKey}} {
		if f.value == "" {
			return nil, lieciba.Invalid("--"+f.name, "is missing")
		}
	}
	v, err := c.logKey()
	if err != nil {
		return nil, err
	}
	if err := makeState(c.State); err != nil {
		return nil, err
	}
	if c.Origin == "" {
		c.Origin = v.Name()
	}
	k, created, err := evidence.OpenWitnessKey(c.Key, c.Name)
	if err != nil {
		return nil, err
	}
	log.Info("witness", "key", k.VerifierKey(), "made", created, "origin", c.Origin)
	w, err := witness.Open(witness.Config{Server: c.Server, TokenFile: c.TokenFile, CAFile: c.CA, Key: k, Dir: c.State,
		LogKey: c.LogKey, Origin: c.Origin, Interval: c.Interval, Silence: c.Silence, Log: log})
	if code := lieciba.CodeOf(err); code == lieciba.CodeConflict || code == lieciba.CodeCorrupt { // taken, or damaged
		err = stateError(c.State, err)
	}
	return w, err
}

func (c witnessCmd) logKey() (evidence.Verifier, error) {
	v, err := evidence.NewVerifier(c.LogKey)
	if err != nil {
		return nil, lieciba.Invalid("--log-key", "is no verifier key: it has the form NAME+HASH+BASE64, as `lieciba key show` prints it beside the server")
	}
	if evidence.IsWitness(v) {
		return nil, lieciba.Invalid("--log-key", "is a witness's key: `lieciba key show` prints the log's, beside the server")
	}
	return v, nil
}

// makeState makes the folder of the state, so that what is wrong with it is
// told before a key is made.
func makeState(dir string) error { return stateError(dir, durable.MkdirAll(dir, 0o700)) }

// stateError names the flag and the folder; nil stays nil.
func stateError(dir string, err error) error {
	if err == nil {
		return nil
	}
	e := lieciba.Error{Code: lieciba.CodeOf(err), Message: "it cannot be used", Cause: err}
	if known := (*lieciba.Error)(nil); errors.As(err, &known) {
		e = *known
	}
	if e.Field = "--state"; !strings.Contains(e.Message, dir) {
		e.Message = dir + ": " + e.Message
	}
	return &e
}

// watch serves /healthz beside the watch and joins both.
func (c witnessCmd) watch(env environment, w *witness.Witness, log *slog.Logger) error {
	l, err := (&net.ListenConfig{}).Listen(env.ctx, "tcp", c.Listen)
	if err != nil {
		return lieciba.Wrap(err, lieciba.CodeInvalid, "--listen %s is no address of this machine, or taken", c.Listen)
	}
	ctx, cancel := context.WithCancel(env.ctx)
	defer cancel()
	srv := &http.Server{Handler: w.Handler(), ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10}
	served := make(chan error, 1)
	go func() {
		served <- srv.Serve(l)
		cancel()
	}()
	log.Info("the witness watches", "healthz", "http://"+l.Addr().String()+"/healthz")
	err = w.Run(ctx)
	stop, end := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer end()
	err = errors.Join(err, srv.Shutdown(stop))
	if serr := <-served; !errors.Is(serr, http.ErrServerClosed) {
		err = errors.Join(err, serr)
	}
	return err
}
