// Package server puts the parts together: catalogue, media store, recorder,
// viewer, camera client, API and pages, from one configuration.
package server

import (
	"context"
	"net/url"
	"os"
	"path/filepath"

	"lieciba"
	"lieciba/cmd/lieciba/config"
	"lieciba/storage"
	"lieciba/storage/localfs"
	"lieciba/storage/minio"
	"lieciba/storage/postgres"
	"lieciba/storage/sqlite"
)

// OpenCatalog opens the database that the configuration names; the caller closes it.
func OpenCatalog(ctx context.Context, c config.Config) (storage.Catalog, error) {
	if c.Catalog.URL == "" {
		if err := makeData(c.Data); err != nil {
			return nil, err
		}
		return sqlite.Open(ctx, filepath.Join(c.Data, "catalog.db"))
	}
	u, err := url.Parse(c.Catalog.URL)
	if err != nil {
		return nil, lieciba.Invalid("catalog.url", "is not a URL")
	}
	if u.Scheme == "sqlite" {
		return sqlite.Open(ctx, filePath(u))
	}
	return postgres.Open(ctx, c.Catalog.URL)
}

// mediaUse tells how a store is opened.
type mediaUse int

const (
	toRecord mediaUse = iota // the server: the store may be away at the start
	toRead                   // beside a server that has the store
)

// openMedia opens the store that the configuration names; the caller closes it.
func openMedia(ctx context.Context, c config.Config, use mediaUse) (storage.Media, error) {
	if c.Media.URL == "" {
		if err := makeData(c.Data); err != nil {
			return nil, err
		}
		return openFolder(filepath.Join(c.Data, "media"), use)
	}
	u, err := url.Parse(c.Media.URL)
	if err != nil {
		return nil, lieciba.Invalid("media.url", "is not a URL")
	}
	if u.Scheme == "file" {
		return openFolder(filePath(u), use)
	}
	mc, err := minio.ParseURL(c.Media.URL)
	if err != nil {
		return nil, err
	}
	if c.Media.LockDays > 0 {
		mc.LockDays = c.Media.LockDays
	}
	mc.AllowOffline, mc.ReadOnly = use == toRecord, use == toRead
	return minio.Open(ctx, mc)
}

func openFolder(dir string, use mediaUse) (storage.Media, error) {
	if use == toRead {
		return localfs.OpenReader(dir)
	}
	return localfs.Open(dir)
}

// filePath reads sqlite:relative.db, sqlite:/abs.db and sqlite:///abs.db alike.
func filePath(u *url.URL) string {
	if u.Opaque != "" {
		return filepath.FromSlash(u.Opaque)
	}
	return filepath.FromSlash(u.Path)
}

func makeData(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return lieciba.Wrap(err, lieciba.CodeInvalid, "the data folder %s cannot be made: check its path and rights", dir)
	}
	return nil
}
