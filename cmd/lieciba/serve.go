package main

import (
	"errors"
	"fmt"

	"lieciba/cmd/lieciba/server"
)

type serveCmd struct {
	configFlag
	NewSecretKey bool `help:"Make a new secret.key though the one that opens the cameras' passwords is missing; enter them again then."`
}

// Run serves until the process is told to stop, then closes segments in order.
func (c serveCmd) Run(env environment) error {
	cfg, err := c.load(env)
	if err != nil {
		return err
	}
	log := newLog(cfg.Log, env.stderr)
	s, err := server.Open(env.ctx, server.Options{Config: cfg, Log: log, Version: version, NewSecretKey: c.NewSecretKey})
	if err != nil {
		return err
	}
	if !s.UIBuilt() {
		log.Warn("the pages are not built into this binary: run `make web` and build again")
	}
	_, _ = fmt.Fprintf(env.stderr, "lieciba serves %s\n", s.URL())
	if f := s.Fingerprint(); f != "" {
		_, _ = fmt.Fprintf(env.stderr, "certificate, SHA-256 %s\n", f)
	}
	return errors.Join(s.Run(env.ctx), s.Close())
}
