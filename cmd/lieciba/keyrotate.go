package main

import (
	"context"
	"errors"
	"time"

	"lieciba"
	"lieciba/cmd/lieciba/server"
	"lieciba/storage"
	"lieciba/storage/alarm"
	"lieciba/storage/evidence"
	"lieciba/storage/sequencer"
)

type keyRotateCmd struct {
	configFlag
	Request    string `help:"An approved request of kind key_rotation, which is spent; its reason stands in the log." placeholder:"ID"`
	BreakGlass bool   `help:"Change the key without a second person, in need; it is audited as such and raises an alarm."`
	Reason     string `help:"With --break-glass: why the key is changed; it stands in the log."`
}

// Help is shown below the flags.
func (keyRotateCmd) Help() string {
	return "Run it on the machine that holds the key file; a running server there goes on with the new key by itself, " +
		"other machines need the new file. The old key is kept beside it as KEY.retired-HASH: move it to where nobody signs with it. " +
		"One person asks for it (POST /v1/requests, kind key_rotation), another approves, and --request spends that."
}

// check refuses flags that do not belong together.
func (c keyRotateCmd) check() error {
	switch {
	case c.BreakGlass && c.Request != "":
		return lieciba.Invalid("break-glass", "an approved request needs none: remove one of --request and --break-glass")
	case c.BreakGlass:
		return lieciba.CheckSentence("reason", c.Reason)
	case c.Request == "":
		return lieciba.Invalid("request", "two people change the log's key: name an approved request of kind key_rotation, or use --break-glass with a --reason, which raises an alarm")
	case c.Reason != "":
		return lieciba.Invalid("reason", "is the request's, as it was approved: remove it")
	}
	_, err := lieciba.ParseID[lieciba.RequestID]("request", c.Request)
	return err
}

// Run changes the key beside a running server.
func (c keyRotateCmd) Run(env environment) error {
	if err := c.check(); err != nil {
		return err
	}
	cfg, err := c.load(env)
	if err != nil {
		return err
	}
	return withCatalog(env, c.configFlag, func(cat storage.Catalog) error {
		log, ok := cat.(sequencer.Catalog)
		if !ok {
			return lieciba.Errorf(lieciba.CodeInternal, "the catalogue keeps no hash log")
		}
		reason, allow := c.Reason, brokenGlass(cat, c.Reason)
		if !c.BreakGlass {
			r, err := approvedRotation(env.ctx, cat, lieciba.RequestID(c.Request))
			if err != nil {
				return errors.Join(err, refusedRotation(env.ctx, cat, lieciba.RequestID(c.Request), err))
			}
			reason, allow = r.Reason, spendRotation(cat, r)
		}
		s := sequencer.New(sequencer.Config{Catalog: log, KeyFile: server.KeyFile(cfg), Who: "shell", WhoID: "shell", Allow: allow})
		k, err := sequencer.RotateKeyFile(env.ctx, s, reason)
		if err != nil {
			return err
		}
		return printKey(env, k)
	})
}

// approvedRotation finds a request that this command may spend now. It is asked
// before a key is made; spendRotation asks again where it counts.
func approvedRotation(ctx context.Context, cat storage.Catalog, id lieciba.RequestID) (lieciba.Request, error) {
	r, err := cat.Request(ctx, id)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		return r, lieciba.Errorf(lieciba.CodeNotFound, "there is no request %s", id)
	}
	if err != nil {
		return r, err
	}
	if _, err = useRotation(r, "", time.Now()); err != nil {
		return r, err
	}
	return r, storage.StillApproved(ctx, cat, r)
}

// useRotation spends r in the name of who asked: the shell is their hand, and
// what it can do was approved.
func useRotation(r lieciba.Request, made string, now time.Time) (lieciba.Request, error) {
	if r.Kind != lieciba.RequestKeyRotation {
		return r, lieciba.Errorf(lieciba.CodeConflict, "request %s asks for something else, %s", r.ID, r.Kind)
	}
	return r.Use(lieciba.Principal{ID: r.AskedByID, Name: r.AskedBy}, made, now)
}

// spendRotation uses the request in the transaction of the rotation.
func spendRotation(cat storage.Catalog, r lieciba.Request) func(context.Context, *evidence.Key) error {
	return func(ctx context.Context, next *evidence.Key) error {
		now, made := time.Now(), "key:"+next.Fingerprint()
		stored, err := cat.ChangeRequest(ctx, r.ID, func(r lieciba.Request) (*lieciba.Request, error) {
			used, err := useRotation(r, made, now)
			return &used, err
		})
		if err != nil {
			return err
		}
		if err := storage.StillApproved(ctx, cat, stored); err != nil {
			return err
		}
		e := shellEntry(lieciba.AuditUseRequest, now)
		e.Who, e.WhoID, e.Object = stored.AskedBy, stored.AskedByID, "request:"+string(stored.ID)
		e.Detail = "used at the machine's shell for " + made + ", approved by " + stored.DecidedBy
		return cat.AppendAudit(ctx, e)
	}
}

// refusedRotation audits that somebody at the shell tried a request that is not good.
func refusedRotation(ctx context.Context, cat storage.Catalog, id lieciba.RequestID, why error) error {
	switch lieciba.CodeOf(why) {
	case lieciba.CodeConflict, lieciba.CodeNotFound, lieciba.CodeCorrupt:
	default:
		return nil
	}
	e := shellEntry(lieciba.AuditUseRequest, time.Now())
	e.Object, e.Outcome, e.Detail = "request:"+string(id), string(lieciba.CodeOf(why)), why.Error()
	return cat.AppendAudit(ctx, e)
}

// brokenGlass audits a rotation that nobody approved as what it is, and raises
// an alarm, in the transaction of the rotation.
func brokenGlass(cat storage.Catalog, reason string) func(context.Context, *evidence.Key) error {
	return func(ctx context.Context, next *evidence.Key) error {
		e := shellEntry(lieciba.AuditBreakGlass, time.Now())
		e.Object, e.Detail = "key:"+next.Fingerprint(), "the log's key was changed at the machine's shell without a second person: "+reason
		if err := cat.AppendAudit(ctx, e); err != nil {
			return err
		}
		_, err := alarm.Raiser{Catalog: cat}.RaiseAlarm(ctx, lieciba.Alarm{ID: lieciba.NewID[lieciba.AlarmID](e.At), Kind: lieciba.AlarmBreakGlass,
			Key: e.Object, Who: e.Who, WhoID: e.WhoID, At: e.At, Count: 1, Detail: e.Detail})
		return err
	}
}

func shellEntry(act string, now time.Time) lieciba.AuditEntry {
	return lieciba.AuditEntry{ID: lieciba.NewID[lieciba.AuditID](now), At: lieciba.Micro(now), Who: "shell", WhoID: "shell", Act: act, Outcome: "ok"}
}
