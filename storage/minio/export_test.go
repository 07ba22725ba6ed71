package minio

import (
	"context"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Client is minio-go's own client of the account, to ask for what a Store never asks.
func Client(t testing.TB, cfg Config) *minio.Client {
	c, err := minio.New(cfg.Endpoint, &minio.Options{Creds: credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey, cfg.token), Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Temporary makes cfg that of a temporary account.
func Temporary(cfg Config, access, secret, token string) Config {
	cfg.AccessKey, cfg.SecretKey, cfg.token = access, secret, token
	return cfg
}

// OpenAt is Open with another clock.
func OpenAt(ctx context.Context, cfg Config, now func() time.Time) (*Store, error) {
	return openAt(ctx, cfg, now)
}
