package server

import (
	"context"
	"fmt"
	"os"

	"lieciba"
	"lieciba/cmd/lieciba/config"
	"lieciba/storage"
	"lieciba/storage/secret"
)

// Rotation is what a change of the master key did.
type Rotation struct {
	Key     secret.KeyID // that seals now
	Added   bool         // it is new, or waited until now; false: a rotation that was broken off went on
	Changed int          // values that were brought under it
	Retired []string     // files that hold the keys that nothing needs any more
	Unused  []string     // IDs of keys of the environment that nothing needs any more
}

// RotateSecretKey puts a new master key first, brings every secret of the
// catalogue under it, proves that nothing needs the old ones and only then takes
// them out of the file. It may run beside a server on this file, may be broken
// off anywhere and called again. keepOld leaves the old keys in the file, while
// other nodes have not got the new one. Keys of the environment are the
// operator's to change: the first of them is the new one.
func RotateSecretKey(ctx context.Context, cat storage.Catalog, c config.Config, who string, keepOld bool) (Rotation, error) {
	var r Rotation
	path := SecretKeyFile(c)
	if path != "" {
		var err error
		if r.Key, r.Added, err = secret.Promote(path); err != nil {
			return r, err
		}
	}
	box, err := LoadSecrets(c)
	if err != nil {
		return r, err
	}
	r.Key = box.Keys()[0]
	if err := noteAlone(ctx, cat, who, r.Key); err != nil {
		return r, err
	}
	if r.Changed, err = RewrapSecrets(ctx, cat, box, who); err != nil || keepOld {
		return r, err
	}
	if err := onlyNeeds(ctx, cat, box); err != nil {
		return r, err
	}
	if path == "" {
		for _, id := range box.Keys()[1:] {
			r.Unused = append(r.Unused, id.String())
		}
		return r, nil
	}
	if r.Retired, err = secret.Retire(path, r.Key); err != nil || len(r.Retired) == 0 {
		return r, err
	}
	return r, note(ctx, cat, who, fmt.Sprintf("%d old master keys were taken out of use: no secret needs them", len(r.Retired)))
}

// onlyNeeds proves that every sealed value is under the key that seals now.
func onlyNeeds(ctx context.Context, cat storage.Catalog, box *secret.Box) error {
	uses, err := SecretStatus(ctx, cat, box)
	if err != nil {
		return err
	}
	for _, u := range uses {
		if u.Values > 0 && (!u.Seals || u.Older > 0) {
			return lieciba.Errorf(lieciba.CodeConflict, "%d secrets need the master key %s still: run it again; the old keys stay", u.Values, u.Key)
		}
	}
	return nil
}

func note(ctx context.Context, cat storage.Catalog, who, detail string) error {
	e := rotationEntry(who)
	e.Detail = detail
	return cat.AppendAudit(ctx, e)
}

// noteAlone records that another master key seals, and raises an alarm once for
// each key: one person changes it, at the shell.
func noteAlone(ctx context.Context, cat storage.Catalog, who string, key secret.KeyID) error {
	e := rotationEntry(who)
	e.Detail = fmt.Sprintf("the master key %s seals from now on", key)
	return cat.Act(ctx, &e, func(ctx context.Context) error {
		a := e
		a.Object, a.Detail = "secret_key:"+key.String(), e.Detail+"; it was changed at the machine's shell without a second person"
		return RaiseBreakGlass(ctx, cat, a)
	})
}

// PrepareSecretKey adds a key that opens and does not seal yet, so that the file
// can be copied to every node before it does.
func PrepareSecretKey(ctx context.Context, cat storage.Catalog, c config.Config, who string) (secret.KeyID, error) {
	path := SecretKeyFile(c)
	if path == "" {
		return secret.KeyID{}, lieciba.Invalid(config.EnvSecretKey, "holds the keys: put the new one behind the others on every node, then first on each, then rotate")
	}
	if _, err := os.Stat(path); err != nil {
		return secret.KeyID{}, lieciba.Wrap(err, lieciba.CodeNotFound, "there is no %s: `lieciba serve` makes it at its first start", path)
	}
	id, added, err := secret.Prepare(path)
	if err != nil || !added {
		return id, err
	}
	return id, note(ctx, cat, who, fmt.Sprintf("the master key %s was prepared", id))
}
