package server

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"lieciba"
	"lieciba/cmd/lieciba/config"
)

// lookEvery bounds how often the files of the certificate are looked at.
const lookEvery = time.Second

// certificates gives TLS the newest pair. Safe for concurrent use.
type certificates struct {
	files []string // whose change means a new pair
	load  func() (tls.Certificate, error)
	now   func() time.Time
	log   *slog.Logger

	mu     sync.Mutex
	pair   tls.Certificate
	stamp  string // of the files that pair, or the last failure, came from
	looked time.Time
}

// openCertificates reads the pair that the configuration names, or makes its own;
// nil when this server speaks no TLS.
func openCertificates(c config.Config, log *slog.Logger, now func() time.Time) (*certificates, error) {
	k := &certificates{now: now, log: log}
	switch {
	case c.HTTP.TLS == config.SelfSigned:
		own := newSelfSigned(c, now)
		k.files, k.load = []string{own.path}, own.load
	case c.HTTP.Certificate != "":
		k.files = []string{c.HTTP.Certificate, c.HTTP.Key}
		k.load = func() (tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(c.HTTP.Certificate, c.HTTP.Key)
			return pair, lieciba.Wrap(err, lieciba.CodeInvalid, "http.certificate: certificate and key cannot be used")
		}
	default:
		return nil, nil
	}
	var err error
	if k.pair, err = k.load(); err != nil {
		return nil, err
	}
	k.stamp, k.looked = k.stampNow(), now()
	return k, nil
}

// ReadCertificate reads what this configuration shows to browsers, and changes
// nothing; CodeNotFound when it has none (yet).
func ReadCertificate(c config.Config) (*x509.Certificate, error) {
	var pair tls.Certificate
	var err error
	switch {
	case c.HTTP.TLS == config.SelfSigned:
		path := filepath.Join(c.Data, SelfSignedName)
		if pair, err = readSelfSigned(path); os.IsNotExist(err) {
			return nil, lieciba.Errorf(lieciba.CodeNotFound, "%s is not there yet: `lieciba serve` makes it at its first start", path)
		}
	case c.HTTP.Certificate != "":
		pair, err = tls.LoadX509KeyPair(c.HTTP.Certificate, c.HTTP.Key)
	default:
		return nil, lieciba.Errorf(lieciba.CodeNotFound, "this server speaks no TLS: give http.certificate and http.key, or set http.tls to %s", config.SelfSigned)
	}
	if err != nil {
		return nil, err
	}
	return pair.Leaf, nil
}

// config is how TLS is spoken: 1.3, or 1.2 with who knows no better. Go's own
// list of ciphers and curves is kept: it prefers hybrid key exchange.
func (k *certificates) config(clients bool) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return k.current(), nil }}
	if clients {
		c.ClientAuth = tls.RequestClientCert // its key is looked up by the API; no authority vouches for it
	}
	return c
}

// current is the newest pair that could be read. Files that cannot be used leave
// the old one in force and are told once.
func (k *certificates) current() *tls.Certificate {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := k.now(); now.Sub(k.looked) >= lookEvery || now.Before(k.looked) {
		k.looked = now
		k.refresh()
	}
	pair := k.pair
	return &pair
}

// refresh reads the pair again when a file changed or its own end comes near. mu is held.
func (k *certificates) refresh() {
	stamp := k.stampNow()
	if stamp == k.stamp && k.now().Before(k.pair.Leaf.NotAfter.Add(-renewBefore)) {
		return
	}
	pair, err := k.load()
	again := stamp == k.stamp
	k.stamp = k.stampNow() // load may have written it
	switch {
	case err != nil && !again:
		k.log.Error("the changed certificate cannot be used, the old one stays in force", "error", err)
	case err == nil && Fingerprint(pair.Certificate[0]) != Fingerprint(k.pair.Certificate[0]):
		k.pair = pair
		k.log.Info("the TLS certificate was changed", "sha256", Fingerprint(pair.Certificate[0]), "ends", pair.Leaf.NotAfter)
	}
}

// stampNow tells files apart by size and time of change.
func (k *certificates) stampNow() string {
	s := ""
	for _, path := range k.files {
		if info, err := os.Stat(path); err == nil {
			s += fmt.Sprintf("%d %d\n", info.Size(), info.ModTime().UnixNano())
		} else {
			s += "none\n"
		}
	}
	return s
}

// fingerprint is that of the certificate in use; empty without TLS.
func (k *certificates) fingerprint() string {
	if k == nil {
		return ""
	}
	return Fingerprint(k.current().Certificate[0])
}
