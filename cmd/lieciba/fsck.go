package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"lieciba/cmd/lieciba/server"
	"lieciba/storage"
	"lieciba/storage/fsck"
)

type fsckCmd struct {
	configFlag
	JSON   bool     `help:"Print the report as JSON."`
	Quick  bool     `help:"Compare sizes only; do not read every byte back, nor verify every cosignature."`
	Log    bool     `help:"Check the evidence log and the audit trail alone, without footage."`
	Key    []string `help:"Verifier key of the log, as its recipients know it; without it the key file of this node is used." placeholder:"NAME+HASH+BASE64"`
	Repair bool     `help:"List what can be put right without a doubt; with --yes do it, before the check."`
	Yes    bool     `help:"With --repair: do it. Each repair is entered in the audit log."`
}

// errViolations is what a script sees as exit status 1.
var errViolations = errors.New("invariants are violated: see the list above")

// repaired is the report with what was, or would be, repaired.
type repaired struct {
	fsck.Report
	Repairs []fsck.Fix `json:"repairs"`
}

// Run proves the invariants, also beside a running server.
func (c fsckCmd) Run(env environment) error {
	cfg, err := c.load(env)
	if err != nil {
		return err
	}
	return server.WithStores(env.ctx, cfg, func(cat storage.Catalog, media storage.Media, opt fsck.Options) error {
		opt.Quick, opt.Progress = c.Quick, c.progress(env)
		if len(c.Key) > 0 {
			opt.LogKeys = c.Key
		}
		if c.Log {
			r, err := fsck.CheckLog(env.ctx, cat, opt)
			if err != nil {
				return err
			}
			return c.print(env, r, r.Violations, nil, r.LogReport)
		}
		var fixes []fsck.Fix
		if c.Repair {
			if fixes, err = fsck.Repair(env.ctx, cat, media, opt, "shell", c.Yes); err != nil {
				return err
			}
		}
		r, err := fsck.Check(env.ctx, cat, media, opt)
		if err != nil {
			return err
		}
		var report any = r
		if c.Repair {
			report = repaired{r, append([]fsck.Fix{}, fixes...)}
		}
		return c.print(env, report, r.Violations, fixes, r.Log)
	})
}

// progress names each stage as it begins.
func (c fsckCmd) progress(env environment) func(fsck.Progress) {
	stage := ""
	return func(p fsck.Progress) {
		if p.Stage != stage && !c.JSON {
			_, _ = fmt.Fprintf(env.stderr, "checking %s\n", p.Stage)
		}
		stage = p.Stage
	}
}

// print writes the report and tells by its error whether all is well.
func (c fsckCmd) print(env environment, report any, violations []fsck.Violation, fixes []fsck.Fix, log fsck.LogReport) error {
	if c.JSON {
		enc := json.NewEncoder(env.stdout)
		enc.SetIndent("", "  ")
		if err := enc.Encode(report); err != nil {
			return err
		}
	} else {
		c.spell(env, violations, fixes, log)
	}
	if len(violations) > 0 {
		return errViolations
	}
	return nil
}

func (c fsckCmd) spell(env environment, violations []fsck.Violation, fixes []fsck.Fix, log fsck.LogReport) {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(env.stdout, format, args...) }
	for _, f := range fixes {
		switch {
		case f.Done:
			say("repaired: %s: %s, was %s (%s)\n", f.Object, f.After, f.Before, f.Reason)
		case f.Error != "":
			say("not repaired: %s: %s\n", f.Object, f.Error)
		default:
			say("can be repaired with --yes: %s: %s, is %s (%s)\n", f.Object, f.After, f.Before, f.Reason)
		}
	}
	for _, v := range violations {
		say("invariant %v, %s: %s\n", v.Invariant, v.Object, v.Message)
	}
	if b := log.FirstBroken; b != nil {
		say("first broken leaf of the evidence log: %d, %s %s: %s\n", b.Index, b.Kind, b.Subject, b.Message)
	}
	if log.Warning != "" {
		say("warning: %s\n", log.Warning)
	}
	say("%d violations; evidence log of %d leaves, %d checkpoints\n", len(violations), log.Size, log.Checkpoints)
}
