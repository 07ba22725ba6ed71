package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"lieciba/cmd/lieciba/server"
	"lieciba/storage/fsck"
)

type fsckCmd struct {
	configFlag
	JSON  bool `help:"Print the report as JSON."`
	Quick bool `help:"Compare sizes only; do not read every byte back."`
}

// errViolations is what a script sees as exit status 1.
var errViolations = errors.New("invariants are violated: see the list above")

// Run proves the invariants, also beside a running server.
func (c fsckCmd) Run(env environment) error {
	cfg, err := c.load(env)
	if err != nil {
		return err
	}
	stage := ""
	r, err := server.Fsck(env.ctx, cfg, c.Quick, func(p fsck.Progress) {
		if p.Stage != stage && !c.JSON {
			_, _ = fmt.Fprintf(env.stderr, "checking %s\n", p.Stage)
		}
		stage = p.Stage
	})
	if err != nil {
		return err
	}
	if c.JSON {
		enc := json.NewEncoder(env.stdout)
		enc.SetIndent("", "  ")
		if err := enc.Encode(r); err != nil {
			return err
		}
	} else {
		for _, v := range r.Violations {
			_, _ = fmt.Fprintf(env.stdout, "invariant %v, %s: %s\n", v.Invariant, v.Object, v.Message)
		}
		_, _ = fmt.Fprintf(env.stdout, "%d violations\n", len(r.Violations))
	}
	if len(r.Violations) > 0 {
		return errViolations
	}
	return nil
}
