package main

import (
	"fmt"

	"lieciba"
	"lieciba/cmd/lieciba/server"
	"lieciba/storage"
	"lieciba/storage/evidence"
	"lieciba/storage/sequencer"
)

type keyCmd struct {
	Show   keyShowCmd   `cmd:"" help:"Print the log's verifier key and its fingerprint, for the recipients of packages."`
	Rotate keyRotateCmd `cmd:"" help:"Change the log's signing key; the log itself announces it, signed by both keys."`
}

type keyShowCmd struct{ configFlag }

// Run prints the public half of the key that signs the log of the catalogue;
// any other key would make its recipients refuse good packages.
func (c keyShowCmd) Run(env environment) error {
	cfg, err := c.load(env)
	if err != nil {
		return err
	}
	return withCatalog(env, c.configFlag, func(cat storage.Catalog) error {
		k, err := sequencer.ShowKey(env.ctx, cat, server.KeyFile(cfg))
		if err != nil {
			return err
		}
		return printKey(env, k)
	})
}

func printKey(env environment, k *evidence.Key) error {
	_, err := fmt.Fprintf(env.stdout, "key:         %s\nfingerprint: %s\n", k.VerifierKey(), evidence.FingerprintGroups(k.Fingerprint()))
	return err
}

type keyRotateCmd struct {
	configFlag
	Reason string `required:"" help:"Why the key is changed; it stands in the log."`
}

// Help is shown below the flags.
func (keyRotateCmd) Help() string {
	return "Run it on the machine that holds the key file; a running server there goes on with the new key by itself, " +
		"other machines need the new file. The old key is kept beside it as KEY.retired-HASH: move it to where nobody signs with it. " +
		"One person at the shell is enough for now: the approval by a second person comes with grants and approvals."
}

// Run changes the key beside a running server.
func (c keyRotateCmd) Run(env environment) error {
	cfg, err := c.load(env)
	if err != nil {
		return err
	}
	path := server.KeyFile(cfg)
	return withCatalog(env, c.configFlag, func(cat storage.Catalog) error {
		log, ok := cat.(sequencer.Catalog)
		if !ok {
			return lieciba.Errorf(lieciba.CodeInternal, "the catalogue keeps no hash log")
		}
		s := sequencer.New(sequencer.Config{Catalog: log, KeyFile: path, Who: "shell", WhoID: "shell"})
		k, err := sequencer.RotateKeyFile(env.ctx, s, c.Reason)
		if err != nil {
			return err
		}
		return printKey(env, k)
	})
}
