package server

import (
	"context"
	"errors"
	"time"

	"lieciba"
	"lieciba/cmd/lieciba/config"
	"lieciba/storage"
	"lieciba/storage/evidence"
	"lieciba/storage/fsck"
	"lieciba/storage/retention"
)

// WithStores opens the stores that a configuration names for a check, also
// beside the server that uses them, and closes them when use returns. opt says
// whose spool, log and witnesses they are.
func WithStores(ctx context.Context, c config.Config, use func(storage.Catalog, storage.Media, fsck.Options) error) (err error) {
	opt, err := checkOptions(c)
	if err != nil {
		return err
	}
	cat, err := OpenCatalog(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cat.Close()) }()
	media, err := openMedia(ctx, c, toRead)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, media.Close()) }()
	return use(cat, media, opt)
}

// checkOptions says what this node knows from outside of the database.
func checkOptions(c config.Config) (fsck.Options, error) {
	node, err := nodeID(c.Data)
	if err != nil {
		return fsck.Options{}, err
	}
	opt := fsck.Options{SpoolDir: spoolDir(c), Node: node, WitnessKeys: c.Evidence.Witnesses, DueAt: dueAt}
	key, err := evidence.ReadKey(KeyFile(c))
	switch {
	case err == nil:
		opt.LogKeys = []string{key.VerifierKey()}
	case lieciba.CodeOf(err) != lieciba.CodeNotFound: // another machine's: the log is judged by its own keys
		return fsck.Options{}, err
	}
	return opt, nil
}

// dueAt is when the rules allowed a deletion that was decided at that instant.
func dueAt(f lieciba.RetentionFacts, at time.Time) time.Time {
	return retention.Decide(retention.AsOf(f, at), at).DueAt
}
