package server

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"lieciba"
	"lieciba/cmd/lieciba/config"
	"lieciba/storage"
	"lieciba/storage/durable"
	"lieciba/storage/secret"
)

// SecretKeyName is the file of the data folder whose key seals the cameras' passwords.
const SecretKeyName = "secret.key"

// openSecrets reads the key that opens the cameras' passwords. A missing one is
// made when nothing was sealed yet, or when anew says that this is wanted: else
// CodeNotFound with the cure, because no new key opens what is there.
func openSecrets(ctx context.Context, cat storage.Catalog, c config.Config, anew bool) (*secret.Box, error) {
	path := filepath.Join(c.Data, SecretKeyName)
	_, err := os.Lstat(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, durable.Error(err)
	}
	if err != nil && !anew {
		n, err := sealedPasswords(ctx, cat)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			return nil, lieciba.Errorf(lieciba.CodeNotFound, "%s is missing, and the passwords of %d cameras can be opened with no other key: put the file back from its backup, "+
				"or copy it from another node of this catalogue (mode 0600); if it is lost, start once with `lieciba serve --new-secret-key` and enter the cameras' passwords again", path, n)
		}
	}
	return secret.Open(path)
}

// sealedPasswords counts the cameras whose credentials the catalogue holds.
func sealedPasswords(ctx context.Context, cat storage.Catalog) (n int, err error) {
	cameras, err := cat.ListCameras(ctx, "")
	if err != nil {
		return 0, err
	}
	for _, c := range cameras {
		sealed, err := cat.CameraSecret(ctx, c.ID)
		if err != nil {
			return 0, err
		}
		if len(sealed) > 0 {
			n++
		}
	}
	return n, nil
}
