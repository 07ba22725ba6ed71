package main

import (
	"fmt"
	"sync"
	"text/tabwriter"
	"time"

	"lieciba/api"
	"lieciba/cmd/lieciba/server"
)

type discoverCmd struct {
	configFlag
	Interface []string      `short:"i" help:"Network interface; may be repeated. Default: those of the configuration."`
	Address   []string      `short:"a" help:"Host or host:port to ask directly; may be repeated."`
	For       time.Duration `default:"4s" help:"How long to wait for answers."`
}

// Run prints each camera that answers; it changes nothing.
func (c discoverCmd) Run(env environment) error {
	cfg, err := c.load(env)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	w := tabwriter.NewWriter(env.stdout, 0, 8, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "ADDRESS\tMAKER\tMODEL\tNAME\tSTATE")
	seen := map[string]bool{}
	found := func(f api.Found) {
		mu.Lock()
		defer mu.Unlock()
		if seen[f.Camera.Address] {
			return
		}
		seen[f.Camera.Address] = true
		state := "ready to adopt"
		switch {
		case f.Err != nil:
			state = plain(f.Err)
		case f.NeedsCredentials:
			state = "needs user name and password"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", f.Camera.Address, f.Camera.Maker, f.Camera.Model, f.Camera.Name, state)
	}
	err = server.Discover(env.ctx, cfg, api.DiscoverRequest{Interfaces: c.Interface, Addresses: c.Address, Duration: c.For}, found)
	if err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(seen) == 0 {
		_, err = fmt.Fprintln(env.stdout, "nothing answered: check that the interface is the one of the cameras, and that cameras.networks in the configuration holds their network")
	}
	return err
}
