package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"lieciba"
	"lieciba/api"
	"lieciba/api/password"
	"lieciba/cmd/lieciba/config"
	"lieciba/cmd/lieciba/demo"
	"lieciba/cmd/lieciba/server"
	"lieciba/viewer/probe"
)

type demoCmd struct {
	Exit      bool          `help:"Run the whole job, print a table and end with 0 or 1."`
	Duration  time.Duration `help:"Length of the exam session; default 10m, with --exit 40s."`
	Cameras   int           `default:"4" help:"Virtual cameras, 1 to 64."`
	Report    string        `type:"path" help:"Write the result as JSON (with --exit)."`
	ReadyFile string        `type:"path" help:"Write addresses and tokens as JSON once everything records."`
	Packages  string        `type:"path" help:"Keep the evidence packages here (with --exit); default: a folder that is removed at the end."`
	Data      string        `type:"path" help:"Keep data here; default: a folder that is removed at the end."`
	Verbose   bool          `help:"Show the server's log."`
}

// Run brings up a server of its own and runs the demo on it.
func (c demoCmd) Run(env environment) (err error) {
	if c.Cameras < 1 || c.Cameras > 64 {
		return lieciba.Invalid("cameras", "%d is out of range: use 1 to 64", c.Cameras)
	}
	if c.Duration != 0 && c.Duration < 20*time.Second {
		return lieciba.Invalid("duration", "%s is too short for the job: use at least 20s", c.Duration)
	}
	cfg, remove, err := c.config(env)
	if err != nil {
		return err
	}
	packages, removePackages, err := c.packages()
	if err != nil {
		return errors.Join(err, remove())
	}
	defer func() { err = errors.Join(err, removePackages()) }()
	log := slog.New(slog.DiscardHandler)
	if c.Verbose {
		log = newLog(cfg.Log, env.stderr)
	}
	outcome, err := c.serve(env, cfg, packages, log)
	err = errors.Join(err, remove())
	if err != nil || outcome == nil {
		return err
	}
	return outcome.Judge(env.ctx) // the server is stopped and its data are gone
}

// serve runs the server and the demo beside each other until one ends.
func (c demoCmd) serve(env environment, cfg config.Config, packages string, log *slog.Logger) (*demo.Outcome, error) {
	s, err := open(env.ctx, server.Options{Config: cfg, Log: log, Version: version})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(env.ctx)
	served := make(chan error, 1)
	go func() {
		defer cancel()
		served <- s.Run(ctx)
	}()
	outcome, err := demo.Run(ctx, demoServer{s}, demo.Options{Cameras: c.Cameras, Duration: c.Duration, Exit: c.Exit,
		Report: c.Report, ReadyFile: c.ReadyFile, Packages: packages, Out: env.stdout,
		Margins: lieciba.Margins{Before: time.Duration(cfg.Record.Before), After: time.Duration(cfg.Record.After)}})
	cancel()
	return outcome, errors.Join(err, <-served, s.Close())
}

// packages is the folder for what leaves the house, outside of the server's data.
func (c demoCmd) packages() (dir string, remove func() error, err error) {
	if c.Packages != "" {
		return c.Packages, func() error { return nil }, os.MkdirAll(c.Packages, 0o700)
	}
	dir, err = os.MkdirTemp("", "lieciba-packages-")
	if err != nil {
		return "", nil, fmt.Errorf("make a folder for the packages: %w", err)
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}

// config is a small site on this machine: short margins and segments, cameras
// on loopback only, stores as the environment says.
func (c demoCmd) config(env environment) (config.Config, func() error, error) {
	cfg, err := config.FromEnvironment(env.getenv)
	if err != nil {
		return cfg, nil, err
	}
	cfg.Data = c.Data
	remove := func() error { return nil }
	if cfg.Data == "" {
		if cfg.Data, err = os.MkdirTemp("", "lieciba-demo-"); err != nil {
			return cfg, nil, fmt.Errorf("make a folder for the demo: %w", err)
		}
		remove = func() error { return os.RemoveAll(cfg.Data) }
	}
	cfg.Data = filepath.Clean(cfg.Data)
	cfg.WebRTC.Port = 0
	cfg.SignIn.ApproveWith = config.ApproveWithPassword
	cfg.Record.Before, cfg.Record.After = config.Duration(2*time.Second), config.Duration(2*time.Second)
	cfg.Record.Segment = config.Duration(10 * time.Second)
	cfg.Cameras.Networks = []string{"127.0.0.0/8"}
	cfg.Cameras.Interfaces = []string{"lo"}
	cfg.Disk.Low, cfg.Disk.Critical = 256<<20, 128<<20
	cfg.Webhooks.Allow = []string{"127.0.0.0/8"} // the simulated citizenship system
	return cfg, remove, nil
}

// open opens the server on any free port when the usual one is taken.
func open(ctx context.Context, o server.Options) (*server.Server, error) {
	s, err := server.Open(ctx, o)
	var e *lieciba.Error
	if errors.As(err, &e) && e.Field == "http.listen" {
		o.Config.HTTP.Listen = "127.0.0.1:0"
		return server.Open(ctx, o)
	}
	return s, err
}

// demoServer lets the demo make accounts as `lieciba user` and `lieciba token` do.
type demoServer struct{ *server.Server }

func (d demoServer) Client(ctx context.Context, name string, roles []lieciba.Role, sites []lieciba.SiteID) (*probe.Client, error) {
	token, t := api.NewClientToken(name, roles, nonEmpty(sites), time.Now(), 24*time.Hour)
	if err := actShell(ctx, d.Catalog(), "client_token:"+string(t.ID), "token "+name+" added for the demonstration",
		func(ctx context.Context, _ *lieciba.AuditEntry) error { return d.Catalog().PutClientToken(ctx, t) }); err != nil {
		return nil, err
	}
	return &probe.Client{Base: d.URL(), Token: token, HTTP: d.HTTPClient()}, nil
}

func (d demoServer) SignIn(ctx context.Context, login, password string) (*probe.Client, error) {
	return probe.SignIn(ctx, d.URL(), d.HTTPClient(), login, password)
}

func nonEmpty(sites []lieciba.SiteID) []lieciba.SiteID {
	if len(sites) == 1 && sites[0] == "" { // before the site exists
		return nil
	}
	return sites
}

func (d demoServer) Account(ctx context.Context, login, name string, roles []lieciba.Role, sites []lieciba.SiteID) (string, error) {
	plain := password.Generate()
	hash, err := password.Hash(plain)
	if err != nil {
		return "", err
	}
	now := lieciba.Micro(time.Now())
	u, err := d.Catalog().UserByLogin(ctx, login)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		u, err = lieciba.User{ID: lieciba.NewID[lieciba.UserID](now), Login: login, CreatedAt: now}, nil
	}
	if err != nil {
		return "", err
	}
	u.Name, u.PasswordHash, u.Roles, u.SiteIDs = name, hash, roles, sites
	return plain, d.Catalog().PutUser(ctx, u)
}
