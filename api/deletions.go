package api

import (
	"net/http"

	"lieciba"
	"lieciba/storage"
)

type deletionView struct {
	ID          lieciba.DeletionID    `json:"id"`
	RecordingID lieciba.RecordingID   `json:"recording_id"`
	SessionID   lieciba.SessionID     `json:"session_id"`
	PolicyID    *lieciba.PolicyID     `json:"policy_id"`
	Reason      string                `json:"reason"`
	DueAt       stamp                 `json:"due_at"`
	DecidedAt   stamp                 `json:"decided_at"`
	State       lieciba.DeletionState `json:"state"`
	DoneAt      *stamp                `json:"done_at"`
}

func viewDeletion(d lieciba.Deletion) deletionView {
	return deletionView{ID: d.ID, RecordingID: d.RecordingID, SessionID: d.SessionID, PolicyID: optional(d.PolicyID), Reason: d.Reason,
		DueAt: stamp(d.DueAt), DecidedAt: stamp(d.DecidedAt), State: d.State, DoneAt: optionalStamp(d.DoneAt)}
}

func (s *Server) listDeletions(c *call) error {
	if err := c.onlyQuery("state", "limit", "before"); err != nil {
		return err
	}
	states, err := queryStates(c, []lieciba.DeletionState{lieciba.DeletionOpen, lieciba.DeletionHeld, lieciba.DeletionDone})
	if err != nil {
		return err
	}
	limit, from, err := page[lieciba.DeletionID](c)
	if err != nil {
		return err
	}
	list, err := s.cfg.Catalog.ListDeletions(c.ctx(), storage.PageLimit(limit), from, states...)
	if err != nil {
		return err
	}
	visible := s.visibleSessions(c, lieciba.ActReadRetention)
	out := pageOf[deletionView](list, limit, func(d lieciba.Deletion) lieciba.DeletionID { return d.ID })
	for _, d := range list {
		ok, err := visible(d.SessionID)
		if err != nil {
			return err
		}
		if ok {
			out.Items = append(out.Items, viewDeletion(d))
		}
	}
	return c.ok(out)
}

// deletionByID resolves the session of a deletion, because its site decides.
func (s *Server) deletionByID(c *call) (lieciba.Deletion, target, error) {
	id, err := lieciba.ParseID[lieciba.DeletionID]("id", c.gin.Param("id"))
	if err != nil {
		return lieciba.Deletion{}, target{}, err
	}
	d, err := s.cfg.Catalog.Deletion(c.ctx(), id)
	if err != nil {
		return d, target{}, asNotFound(err, "deletion")
	}
	x, err := s.cfg.Catalog.Session(c.ctx(), d.SessionID)
	return d, target{site: x.SiteID, what: "deletion", id: string(id), session: d.SessionID}, err
}

// certificate answers the certificate byte for byte: its hash is in the log.
func (s *Server) certificate(c *call, d lieciba.Deletion) error {
	if d.Certificate == nil {
		return lieciba.Errorf(lieciba.CodeConflict, "this deletion is %s: its certificate is written when all of its objects are gone", d.State)
	}
	c.gin.Header("Content-Disposition", `attachment; filename="deletion-`+string(d.ID)+`.json"`)
	c.gin.Data(http.StatusOK, "application/json", d.Certificate)
	return nil
}
