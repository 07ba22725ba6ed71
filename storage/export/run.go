package export

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/durable"
)

// pause is how long a failed export rests before it is tried again.
type pause struct {
	until time.Time
	next  time.Duration
}

const (
	firstPause = time.Minute
	mostPause  = time.Hour
)

// Poke makes Run look at once. It does not wait.
func (b *Builder) Poke() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Run builds this node's open exports until ctx ends, one at a time, and removes
// packages that were collected long enough ago. Failed ones are tried again
// after a minute, then twice as long, up to an hour. It returns nil; errors are
// logged and stand in the export. Call it once.
func (b *Builder) Run(ctx context.Context) error {
	tick := time.NewTicker(b.c.Interval)
	defer tick.Stop()
	failing := false
	for {
		err := b.Once(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !failing {
			b.c.Logs.WarnContext(ctx, "exports cannot be looked at", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-b.wake:
		}
	}
}

// Once is one look of Run. The error is one of looking, not of building.
func (b *Builder) Once(ctx context.Context) error {
	open, err := b.list(ctx, lieciba.ExportRequested, lieciba.ExportBuilding, lieciba.ExportFailed)
	if err != nil {
		return err
	}
	for _, e := range open {
		if b.c.Now().Before(b.rest[e.ID].until) {
			continue
		}
		b.one(ctx, e)
		if ctx.Err() != nil {
			return nil
		}
	}
	return b.purge(ctx)
}

// list returns this node's exports in the states, oldest request first.
func (b *Builder) list(ctx context.Context, states ...lieciba.ExportState) (out []lieciba.Export, err error) {
	f := storage.ExportFilter{NodeID: b.c.Node, States: states, Limit: 1000}
	for {
		page, err := b.c.Catalog.ListExports(ctx, f)
		if err != nil {
			return nil, err
		}
		out = append(out, page...)
		if len(page) < f.Limit {
			slices.Reverse(out)
			return out, nil
		}
		f.Before = page[len(page)-1].ID
	}
}

func (b *Builder) one(ctx context.Context, e lieciba.Export) {
	e, err := b.Build(ctx, e, nil)
	switch {
	case ctx.Err() != nil:
	case err == nil:
		delete(b.rest, e.ID)
		b.c.Logs.InfoContext(ctx, "a package was built", "export", e.ID, "session", e.SessionID, "bytes", e.Size)
	default:
		p := b.rest[e.ID]
		p.next = min(max(2*p.next, firstPause), mostPause)
		p.until = b.c.Now().Add(p.next)
		b.rest[e.ID] = p
		b.c.Logs.WarnContext(ctx, "a package could not be built", "export", e.ID, "session", e.SessionID, "again_in", p.next, "error", err)
	}
}

// purge removes packages that were collected Keep ago.
func (b *Builder) purge(ctx context.Context) error {
	list, err := b.list(ctx, lieciba.ExportCollected)
	if err != nil {
		return err
	}
	for _, e := range list {
		if b.c.Now().Before(e.CollectedAt.Add(b.c.Keep)) {
			continue
		}
		if err := b.Remove(e.ID); err != nil {
			return err
		}
		e.State = lieciba.ExportPurged
		if err := b.c.Catalog.PutExport(ctx, e); err != nil {
			return err
		}
		b.c.Logs.InfoContext(ctx, "a package was removed", "export", e.ID, "session", e.SessionID)
	}
	return nil
}

// Remove deletes the folder of an export. A missing one is no error.
func (b *Builder) Remove(id lieciba.ExportID) error {
	dir := b.folder(id)
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return durable.Error(err)
	}
	for _, x := range entries {
		if err := b.c.Disk.Remove(filepath.Join(dir, x.Name())); err != nil {
			return err
		}
	}
	return b.c.Disk.Remove(dir)
}
