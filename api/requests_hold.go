package api

import (
	"context"

	"lieciba"
)

// releaseRequests ask that a hold ends.
type releaseRequests struct {
	byAnybody
	s *Server
}

func (releaseRequests) fields() []string { return []string{"hold_id"} }

func (k releaseRequests) check(c *call, a *lieciba.Asked) (target, error) {
	h, t, err := k.s.holdOf(c.ctx(), "hold_id", string(a.HoldID))
	if err != nil {
		return t, err
	}
	if err := c.allow(lieciba.ActAskRelease, t.site, "hold"); err != nil {
		return t, err
	}
	a.SessionID = h.SessionID
	return t, stillActive(h)
}

func stillActive(h lieciba.Hold) error {
	if !h.Active() {
		return lieciba.Errorf(lieciba.CodeConflict, "this hold was released by %s already", h.ReleasedBy)
	}
	return nil
}

func (k releaseRequests) use(c *call, r lieciba.Request) (effect, error) {
	_, t, err := k.s.holdOf(c.ctx(), "hold_id", string(r.Asked.HoldID))
	if err != nil {
		return effect{}, err
	}
	do := func(ctx context.Context, r lieciba.Request, e *lieciba.AuditEntry) error {
		e.Detail = "hold released, " + byWhom(r)
		_, err := k.s.cfg.Catalog.ChangeHold(ctx, r.Asked.HoldID, func(h lieciba.Hold) (*lieciba.Hold, error) {
			h.ReleaseAskedBy, h.ReleaseAskedByID, h.ReleaseAskedAt = r.AskedBy, r.AskedByID, r.AskedAt
			if err := stillActive(h); err != nil {
				return nil, err
			}
			h.ReleasedBy, h.ReleasedAt = r.DecidedBy, lieciba.Micro(c.now)
			return &h, nil
		})
		return err
	}
	return effect{made: t.String(), entry: c.entry(string(lieciba.ActReleaseHold), t), do: do, after: k.s.pokeRetention}, nil
}
