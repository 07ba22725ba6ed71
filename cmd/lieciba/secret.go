package main

import (
	"fmt"
	"text/tabwriter"

	"lieciba/cmd/lieciba/server"
	"lieciba/storage"
)

type secretCmd struct {
	Status secretStatusCmd `cmd:"" help:"Tell which master keys there are, and how many secrets need each."`
	Rotate secretRotateCmd `cmd:"" help:"Change the master key that seals the cameras' passwords and the secrets of webhooks."`
}

type secretStatusCmd struct{ configFlag }

// Run prints IDs and counts, never a key or a secret. Status 1 when a key is missing.
func (c secretStatusCmd) Run(env environment) error {
	cfg, err := c.load(env)
	if err != nil {
		return err
	}
	return withCatalog(env, c.configFlag, func(cat storage.Catalog) error {
		box, err := server.LoadSecrets(cfg)
		if err != nil {
			return err
		}
		uses, err := server.SecretStatus(env.ctx, cat, box)
		if err != nil {
			return err
		}
		missing := false
		w := tabwriter.NewWriter(env.stdout, 0, 8, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "KEY\tSTATE\tSECRETS\tOLD FORMAT")
		for _, u := range uses {
			state := "opens"
			switch {
			case u.Seals:
				state = "seals"
			case !u.Here:
				state, missing = "MISSING", true
			}
			_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%d\n", u.Key, state, u.Values, u.Older)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if missing {
			return exitStatus(1)
		}
		return nil
	})
}

type secretRotateCmd struct {
	configFlag
	Prepare bool `xor:"step" help:"Only add a key that opens and does not seal yet: copy the file to every node then."`
	KeepOld bool `xor:"step" help:"Leave the old keys in the file, until every node has the new file; rotate once more then."`
}

// Help is shown below the flags.
func (secretRotateCmd) Help() string {
	return "It runs beside a server, and goes on where it was broken off. On one machine: `lieciba secret rotate`. " +
		"With several nodes: --prepare, copy the file to all; --keep-old, copy it again; then without a flag, and copy it once more. " +
		"Old keys are kept beside the file as FILE.retired-ID once nothing needs them: move them to where your old backups are. " +
		"Keys in LIECIBA_SECRET_KEY are yours to change: put the new one first, rotate, then remove the others."
}

// Run changes the key and tells what was done.
func (c secretRotateCmd) Run(env environment) error {
	cfg, err := c.load(env)
	if err != nil {
		return err
	}
	return withCatalog(env, c.configFlag, func(cat storage.Catalog) error {
		if c.Prepare {
			id, err := server.PrepareSecretKey(env.ctx, cat, cfg, "shell")
			if err != nil {
				return err
			}
			return tell(env, "prepared "+id.String(), "")
		}
		r, err := server.RotateSecretKey(env.ctx, cat, cfg, "shell", c.KeepOld)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(env.stdout, "key:     %s\nsecrets: %d brought under it\n", r.Key, r.Changed)
		for _, path := range r.Retired {
			_, _ = fmt.Fprintf(env.stdout, "retired: %s\n", path)
		}
		for _, id := range r.Unused {
			_, _ = fmt.Fprintf(env.stdout, "unused:  %s: remove it from LIECIBA_SECRET_KEY\n", id)
		}
		return nil
	})
}
