package verify

import (
	"crypto/x509"
	"encoding/pem"
	"os"

	"filippo.io/age"

	"lieciba"
)

// ReadIdentities reads files of age identities. The error is CodeInvalid and
// tells nothing of what the file holds.
func ReadIdentities(paths ...string) (list []age.Identity, err error) {
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return nil, lieciba.Invalid("identity", "%v", err)
		}
		ids, err := age.ParseIdentities(f)
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return nil, lieciba.Invalid("identity", "%s holds no age identity", path)
		}
		list = append(list, ids...)
	}
	return list, nil
}

// ReadRoots reads files of certificates in PEM: the roots of time-stamp
// authorities. The error is CodeInvalid.
func ReadRoots(paths ...string) (list []*x509.Certificate, err error) {
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, lieciba.Invalid("stamp-root", "%v", err)
		}
		before := len(list)
		for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, lieciba.Invalid("stamp-root", "%s: %v", path, err)
			}
			list = append(list, c)
		}
		if len(list) == before {
			return nil, lieciba.Invalid("stamp-root", "%s holds no certificate in PEM", path)
		}
	}
	return list, nil
}
