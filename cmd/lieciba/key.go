package main

import (
	"fmt"

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
