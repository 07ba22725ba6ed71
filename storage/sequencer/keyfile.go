package sequencer

import (
	"context"
	"fmt"
	"path/filepath"

	"lieciba"
	"lieciba/storage/durable"
	"lieciba/storage/evidence"
)

// KeyName is the name of the signing key's file in the data folder, unless the
// configuration names another.
const KeyName = "log.key"

// NextKeyFile is where the new key of a rotation waits beside the key file.
func NextKeyFile(path string) string { return path + ".next" }

func otherKey(key *evidence.Key, current evidence.Signature) string {
	return fmt.Sprintf("the key %s+%08x is not the log's current key %s+%08x: put that key's file in its place; after a rotation copy it from the machine where `lieciba key rotate` ran",
		key.Name(), key.KeyHash(), current.Name, current.Hash)
}

// LoadKey reads the log's signing key. Only for an empty log a missing one is
// made. A rotation that was cut off between the log and the files is finished.
// CodeNotFound for a missing file of a log that has leaves, CodeConflict for a
// key that is not the log's current one, CodeInvalid for a file that is damaged
// or open to others.
func LoadKey(ctx context.Context, cat Catalog, path string) (*evidence.Key, error) {
	head, err := cat.NewestCheckpoint(ctx)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		if err := durable.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
		k, _, err := evidence.OpenKey(path)
		return k, err
	}
	if err != nil {
		return nil, err
	}
	key, err := evidence.ReadKey(path)
	if err != nil && lieciba.CodeOf(err) != lieciba.CodeNotFound {
		return nil, err
	}
	if err == nil {
		current := checkCurrent(head, key)
		if lieciba.CodeOf(current) != lieciba.CodeConflict {
			return key, current
		}
		err = current
	} else {
		err = keyMissing(head, path)
	}
	next, nextErr := evidence.ReadKey(NextKeyFile(path))
	if lieciba.CodeOf(nextErr) == lieciba.CodeNotFound || nextErr == nil && checkCurrent(head, next) != nil {
		return nil, err
	}
	if nextErr != nil {
		return nil, nextErr
	}
	return next, adopt(path, key)
}

// ShowKey is LoadKey that makes and changes nothing. ErrNoLog for a log that has
// not begun, whether its key file is there or not.
func ShowKey(ctx context.Context, cat Catalog, path string) (*evidence.Key, error) {
	head, err := cat.NewestCheckpoint(ctx)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		return nil, ErrNoLog
	}
	if err != nil {
		return nil, err
	}
	key, err := evidence.ReadKey(path)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		err = keyMissing(head, path)
	} else if err == nil {
		err = checkCurrent(head, key)
	}
	if code := lieciba.CodeOf(err); err == nil || code != lieciba.CodeNotFound && code != lieciba.CodeConflict {
		return key, err
	}
	if next, nextErr := evidence.ReadKey(NextKeyFile(path)); nextErr == nil && checkCurrent(head, next) == nil {
		return next, nil // of a rotation that was cut off; the server finishes it
	}
	return nil, err
}

// ErrNoLog says that no checkpoint was signed yet.
var ErrNoLog = lieciba.Errorf(lieciba.CodeNotFound, "the hash log has not begun: the server begins it, and makes its key, at its first start")

func keyMissing(head lieciba.Checkpoint, path string) error {
	return &lieciba.Error{Code: lieciba.CodeNotFound, Field: "evidence.key",
		Message: fmt.Sprintf("the log has %d leaves, and its signing key %s is missing: put the file back from its backup (mode 0600); no other key can continue this log", head.Size, path)}
}

// RotateKeyFile changes the log's key and its file: the new key is made beside
// the old one, announced in the log, and takes the old one's place; the old one
// is kept as PATH.retired-HASH. Each step may be repeated after a crash.
func RotateKeyFile(ctx context.Context, s *Sequencer, reason string) (*evidence.Key, error) {
	if err := lieciba.CheckSentence("reason", reason); err != nil { // before a key is made for nothing
		return nil, err
	}
	path := s.c.KeyFile
	if err := s.Start(ctx); err != nil {
		return nil, err
	}
	old, err := LoadKey(ctx, s.c.Catalog, path) // also finishes an earlier rotation
	if err != nil {
		return nil, err
	}
	if s.Key().VerifierKey() != old.VerifierKey() {
		return nil, lieciba.Errorf(lieciba.CodeConflict, "the key was changed meanwhile: look at it with `lieciba key show` first")
	}
	next, _, err := evidence.CreateKey(NextKeyFile(path), old.Name())
	if err != nil {
		return nil, err
	}
	if err := s.Rotate(ctx, next, reason); err != nil {
		return nil, err
	}
	return next, adopt(path, old)
}

// adopt moves the next key into its place. old may be nil: its file is gone.
func adopt(path string, old *evidence.Key) error {
	if old != nil {
		retired := fmt.Sprintf("%s.retired-%08x", path, old.KeyHash())
		if err := durable.Rename(path, retired); err != nil {
			return err
		}
	}
	return durable.Rename(NextKeyFile(path), path)
}
