package api

import (
	"context"

	"lieciba"
)

// deletionRequests ask that footage goes before its policy lets it.
type deletionRequests struct {
	byAnybody
	s *Server
}

func (deletionRequests) fields() []string { return []string{"recording_id"} }

func recordingTarget(rec lieciba.Recording, site lieciba.SiteID) target {
	return target{site: site, what: "recording", id: string(rec.ID), session: rec.SessionID, camera: rec.CameraID}
}

func (k deletionRequests) check(c *call, a *lieciba.Asked) (target, error) {
	if _, err := lieciba.ParseID[lieciba.RecordingID]("recording_id", string(a.RecordingID)); err != nil {
		return target{}, err
	}
	if k.s.cfg.Retention == nil {
		return target{}, notHere("retention is not run")
	}
	f, err := k.s.cfg.Catalog.RetentionFacts(c.ctx(), a.RecordingID)
	if err != nil {
		return target{what: "recording", id: string(a.RecordingID)}, asNotFound(err, "recording")
	}
	t := recordingTarget(f.Recording, f.Session.SiteID)
	if err := c.allow(lieciba.ActAskDeletion, f.Session.SiteID, "recording"); err != nil {
		return t, err
	}
	a.SessionID = f.Session.ID
	if f.Deletion != nil {
		return t, lieciba.Errorf(lieciba.CodeConflict, "the deletion of this recording was decided already: see GET /v1/deletions")
	}
	return t, k.s.cfg.Retention.MayDelete(f, c.now)
}

func (k deletionRequests) use(c *call, r lieciba.Request) (effect, error) {
	rec, err := k.s.cfg.Catalog.Recording(c.ctx(), r.Asked.RecordingID)
	if err != nil {
		return effect{}, err
	}
	e := c.entry(string(lieciba.ActDeleteRecording), recordingTarget(rec, ""))
	e.From, e.To = rec.Window.From, rec.Window.To
	id := lieciba.NewID[lieciba.DeletionID](c.now)
	do := func(ctx context.Context, r lieciba.Request, e *lieciba.AuditEntry) error {
		e.Detail = "early deletion begins, " + byWhom(r)
		d, err := k.s.cfg.Catalog.BeginDeletion(ctx, rec.ID, func(f lieciba.RetentionFacts) (*lieciba.Deletion, error) {
			if err := k.s.cfg.Retention.MayDelete(f, c.now); err != nil {
				return nil, err
			}
			return &lieciba.Deletion{ID: id, RecordingID: rec.ID, SessionID: rec.SessionID, DueAt: r.DecidedAt, DecidedAt: lieciba.Micro(c.now),
				State: lieciba.DeletionOpen, Reason: "Early deletion approved by " + r.DecidedBy + " on request " + string(r.ID) + " of " + r.AskedBy + ": " + r.Reason}, nil
		})
		if err == nil && d.ID != id {
			return lieciba.Errorf(lieciba.CodeConflict, "the deletion of this recording was decided already: see GET /v1/deletions")
		}
		return err
	}
	return effect{made: "deletion:" + string(id), entry: e, do: do, after: k.s.pokeRetention}, nil
}
