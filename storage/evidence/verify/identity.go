package verify

import (
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
