package minio

import (
	"context"
	"time"
)

// OpenAt is Open with another clock.
func OpenAt(ctx context.Context, cfg Config, now func() time.Time) (*Store, error) {
	return openAt(ctx, cfg, now)
}
