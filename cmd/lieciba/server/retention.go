package server

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"lieciba/cmd/lieciba/config"
	"lieciba/storage/retention"
)

// RetentionPlan shows what would be deleted when and why, also beside the server
// that uses the catalogue. It changes nothing. before as for retention.Plan.
func RetentionPlan(ctx context.Context, c config.Config, now, before time.Time) (rows []retention.Row, err error) {
	cat, err := OpenCatalog(ctx, c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, cat.Close()) }()
	return retention.Plan(ctx, cat, now, before)
}

// RetentionRun makes one pass of the reaper with the account that may delete.
// A folder as media store is the server's alone while it runs: CodeConflict.
func RetentionRun(ctx context.Context, c config.Config, log *slog.Logger) (r retention.Report, err error) {
	cat, err := OpenCatalog(ctx, c)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, cat.Close()) }()
	if c.Media.Reaper != "" {
		c.Media.URL = c.Media.Reaper
	}
	media, err := openMedia(ctx, c, toRecord)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, media.Close()) }()
	if err := media.Ping(ctx); err != nil { // it may be away when it is opened
		return r, err
	}
	node, err := nodeID(c.Data)
	if err != nil {
		return r, err
	}
	return retention.New(retention.Config{Catalog: cat, Media: media, Node: node, KeepDue: !c.Retention.Delete,
		NoDates: c.Media.LockDays == 0, Log: log}).Once(ctx)
}
