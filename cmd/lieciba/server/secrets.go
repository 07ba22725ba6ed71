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

// SecretKeyName is the file of the data folder, and the credential of the service
// manager, whose keys seal the cameras' passwords.
const SecretKeyName = "secret.key"

// SecretKeyFile is the file with the master keys; empty when they come from the environment.
func SecretKeyFile(c config.Config) string {
	switch {
	case c.Secrets.Keys != "":
		return ""
	case c.Secrets.KeyFile != "":
		return c.Secrets.KeyFile
	case c.Secrets.Credentials != "":
		path := filepath.Join(c.Secrets.Credentials, SecretKeyName)
		if _, err := os.Lstat(path); err == nil {
			return path
		}
	}
	return filepath.Join(c.Data, SecretKeyName)
}

// LoadSecrets reads the master keys and makes none: CodeNotFound when there are none.
func LoadSecrets(c config.Config) (*secret.Box, error) {
	path := SecretKeyFile(c)
	if path != "" {
		return secret.Load(path)
	}
	box, err := secret.FromHex(c.Secrets.Keys)
	return box, named(err, config.EnvSecretKey)
}

// named puts the name of an environment variable into an error of its content.
func named(err error, name string) error {
	var e *lieciba.Error
	if errors.As(err, &e) {
		return &lieciba.Error{Code: e.Code, Field: name, Message: e.Message}
	}
	return err
}

// openSecrets reads the keys that open the cameras' passwords. A missing file is
// made when nothing was sealed yet, or when anew says that this is wanted: else
// CodeNotFound with the cure, because no new key opens what is there.
func openSecrets(ctx context.Context, cat storage.Catalog, c config.Config, anew bool) (*secret.Box, error) {
	path := SecretKeyFile(c)
	if path == "" {
		return LoadSecrets(c)
	}
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
