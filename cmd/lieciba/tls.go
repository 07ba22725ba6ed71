package main

import (
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"lieciba/cmd/lieciba/server"
)

type tlsCmd struct {
	Show tlsShowCmd `cmd:"" help:"Print the certificate's fingerprint, names and end, to compare with what a browser shows."`
}

type tlsShowCmd struct {
	configFlag
	PEM bool `name:"pem" help:"Print the certificate itself, for machines that shall trust it."`
}

// Run prints the certificate of the configuration; its key is never shown.
func (c tlsShowCmd) Run(env environment) error {
	cfg, err := c.load(env)
	if err != nil {
		return err
	}
	leaf, err := server.ReadCertificate(cfg)
	if err != nil {
		return err
	}
	if c.PEM {
		return pem.Encode(env.stdout, &pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw})
	}
	names := append([]string{}, leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	_, err = fmt.Fprintf(env.stdout, "SHA-256: %s\nnames:   %s\nends:    %s\n",
		server.Fingerprint(leaf.Raw), strings.Join(names, ", "), leaf.NotAfter.UTC().Format(time.RFC3339))
	return err
}
