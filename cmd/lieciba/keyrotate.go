package main

import (
	"context"

	"lieciba"
	"lieciba/cmd/lieciba/server"
	"lieciba/storage"
	"lieciba/storage/evidence"
	"lieciba/storage/sequencer"
)

type keyRotateCmd struct {
	configFlag
	Request    string `help:"An approved request of kind key_rotation, which is spent; its reason stands in the log." placeholder:"ID"`
	BreakGlass bool   `help:"Change the key without a second person, in need; it is audited as such and raises an alarm."`
	Reason     string `help:"With --break-glass: why the key is changed; it stands in the log."`
}

// Help is shown below the flags.
func (keyRotateCmd) Help() string {
	return "Run it on the machine that holds the key file; a running server there goes on with the new key by itself, " +
		"other machines need the new file. The old key is kept beside it as KEY.retired-HASH: move it to where nobody signs with it. " +
		"One person asks for it (POST /v1/requests, kind key_rotation), another approves, and --request spends that."
}

// check refuses flags that do not belong together.
func (c keyRotateCmd) check() error {
	switch {
	case c.BreakGlass && c.Request != "":
		return lieciba.Invalid("break-glass", "an approved request needs none: remove one of --request and --break-glass")
	case c.BreakGlass:
		return lieciba.CheckSentence("reason", c.Reason)
	case c.Request == "":
		return lieciba.Invalid("request", "two people change the log's key: name an approved request of kind key_rotation, or use --break-glass with a --reason, which raises an alarm")
	case c.Reason != "":
		return lieciba.Invalid("reason", "is the request's, as it was approved: remove it")
	}
	_, err := lieciba.ParseID[lieciba.RequestID]("request", c.Request)
	return err
}

// Run changes the key beside a running server.
func (c keyRotateCmd) Run(env environment) error {
	if err := c.check(); err != nil {
		return err
	}
	cfg, err := c.load(env)
	if err != nil {
		return err
	}
	return withCatalog(env, c.configFlag, func(cat storage.Catalog) error {
		log, ok := cat.(sequencer.Catalog)
		if !ok {
			return lieciba.Errorf(lieciba.CodeInternal, "the catalogue keeps no hash log")
		}
		reason, allow := c.Reason, brokenGlass(cat, c.Reason)
		if !c.BreakGlass {
			r, err := server.ApprovedRequest(env.ctx, cat, lieciba.RequestKeyRotation, lieciba.RequestID(c.Request))
			if err != nil {
				return err
			}
			reason, allow = r.Reason, spendRotation(cat, r)
		}
		s := sequencer.New(sequencer.Config{Catalog: log, KeyFile: server.KeyFile(cfg), Who: "shell", WhoID: "shell", Allow: allow})
		k, err := sequencer.RotateKeyFile(env.ctx, s, reason)
		if err != nil {
			return err
		}
		return printKey(env, k)
	})
}

// spendRotation uses the request in the transaction of the rotation.
func spendRotation(cat storage.Catalog, r lieciba.Request) func(context.Context, *evidence.Key) error {
	return func(ctx context.Context, next *evidence.Key) error {
		_, err := server.SpendRequest(ctx, cat, lieciba.RequestKeyRotation, r.ID, "key:"+next.Fingerprint())
		return err
	}
}

// brokenGlass audits a rotation that nobody approved as what it is.
func brokenGlass(cat storage.Catalog, reason string) func(context.Context, *evidence.Key) error {
	return func(ctx context.Context, next *evidence.Key) error {
		return server.BreakGlass(ctx, cat, "key:"+next.Fingerprint(), "the log's key was changed", reason)
	}
}
