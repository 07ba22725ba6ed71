package api

import (
	"lieciba"
	"lieciba/storage"
)

type auditView struct {
	ID        lieciba.AuditID    `json:"id"`
	At        stamp              `json:"at"`
	Who       string             `json:"who"`
	WhoID     string             `json:"who_id"`
	Act       string             `json:"act"`
	Object    string             `json:"object"`
	SessionID *lieciba.SessionID `json:"session_id"`
	CameraID  *lieciba.CameraID  `json:"camera_id"`
	From      *stamp             `json:"from"`
	To        *stamp             `json:"to"`
	Outcome   string             `json:"outcome"`
	Detail    string             `json:"detail"`
	Address   string             `json:"address"`
}

func viewAudit(e lieciba.AuditEntry) auditView {
	return auditView{ID: e.ID, At: stamp(e.At), Who: e.Who, WhoID: e.WhoID, Act: e.Act, Object: e.Object,
		SessionID: optional(e.SessionID), CameraID: optional(e.CameraID), From: optionalStamp(e.From), To: optionalStamp(e.To),
		Outcome: e.Outcome, Detail: e.Detail, Address: e.Address}
}

func (s *Server) readAudit(c *call) error {
	f, err := auditFilter(c)
	if err != nil {
		return err
	}
	limit := f.Limit
	f.Limit = min(limit+1, 1000)
	found, err := s.cfg.Catalog.ListAudit(c.ctx(), f)
	if err != nil {
		return err
	}
	out := paged[auditView]{Items: []auditView{}}
	if len(found) > limit || len(found) == 1000 {
		found = found[:min(len(found), limit)]
		out.NextBefore = optional(string(found[len(found)-1].ID))
	}
	for _, e := range found {
		out.Items = append(out.Items, viewAudit(e))
	}
	return c.ok(out)
}

func auditFilter(c *call) (storage.AuditFilter, error) {
	f := storage.AuditFilter{Act: c.gin.Query("act")}
	var err error
	if f.WhoID, err = queryID[string](c, "who_id"); err != nil {
		return f, err
	}
	if f.SessionID, err = queryID[lieciba.SessionID](c, "session_id"); err != nil {
		return f, err
	}
	if f.CameraID, err = queryID[lieciba.CameraID](c, "camera_id"); err != nil {
		return f, err
	}
	if f.Span, err = c.querySpan(); err != nil {
		return f, err
	}
	f.Limit, f.Before, err = page[lieciba.AuditID](c)
	return f, err
}
