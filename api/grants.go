package api

import (
	"context"
	"slices"
	"time"

	"lieciba"
	"lieciba/storage"
)

type grantView struct {
	ID         lieciba.GrantID     `json:"id"`
	RequestID  lieciba.RequestID   `json:"request_id"`
	SessionID  lieciba.SessionID   `json:"session_id"`
	ExternalID string              `json:"external_id"` // of the session
	HolderID   string              `json:"holder_id"`
	Holder     string              `json:"holder"`
	CameraIDs  []lieciba.CameraID  `json:"camera_ids"` // empty: all of the session
	From       *stamp              `json:"from"`
	To         *stamp              `json:"to"`
	Reason     string              `json:"reason"`
	Appeal     string              `json:"appeal"`
	IncidentID *lieciba.IncidentID `json:"incident_id"`
	ApprovedBy string              `json:"approved_by"`
	BeganAt    stamp               `json:"began_at"`
	ExpiresAt  stamp               `json:"expires_at"`
	RevokedAt  *stamp              `json:"revoked_at"`
	RevokedBy  string              `json:"revoked_by"`
	State      string              `json:"state"` // active, expired, revoked
	Mine       bool                `json:"mine"`
}

func viewGrant(c *call, g lieciba.Grant, externalID string) grantView {
	return grantView{ID: g.ID, RequestID: g.RequestID, SessionID: g.SessionID, ExternalID: externalID, HolderID: g.HolderID, Holder: g.Holder,
		CameraIDs: orEmpty(g.CameraIDs), From: optionalStamp(g.From), To: optionalStamp(g.To), Reason: g.Reason, Appeal: g.Appeal,
		IncidentID: optional(g.IncidentID), ApprovedBy: g.ApprovedBy, BeganAt: stamp(g.BeganAt), ExpiresAt: stamp(g.ExpiresAt),
		RevokedAt: optionalStamp(g.RevokedAt), RevokedBy: g.RevokedBy, State: grantState(g, c.now), Mine: g.HolderID == c.who.ID}
}

func grantState(g lieciba.Grant, now time.Time) string {
	switch {
	case !g.RevokedAt.IsZero():
		return "revoked"
	case g.InForce(now):
		return "active"
	}
	return "expired"
}

func grantTarget(g lieciba.Grant) target {
	return target{what: "grant", id: string(g.ID), session: g.SessionID}
}

func (s *Server) listGrants(c *call) error {
	var f storage.GrantFilter
	err := c.onlyQuery("session", "mine", "appeal", "active", "limit", "before")
	if err != nil {
		return err
	}
	if f.SessionID, err = s.querySession(c, lieciba.ActViewSessions, "session"); err != nil {
		return err
	}
	if f.Appeal = c.gin.Query("appeal"); f.Appeal != "" && (f.SessionID == "" || !lieciba.ValidCode(f.Appeal)) {
		return lieciba.Invalid("appeal", "must be the reference of an appeal, together with its session")
	}
	mine, _, err := c.queryBool("mine")
	if err != nil {
		return err
	}
	if mine || !c.seesAllRequests() {
		f.HolderID = c.who.ID
	}
	active, _, err := c.queryBool("active")
	if err != nil {
		return err
	}
	if active {
		f.InForceAt = lieciba.Micro(c.now)
	}
	if f.Limit, f.Before, err = page[lieciba.GrantID](c); err != nil {
		return err
	}
	return s.answerGrants(c, f)
}

func (s *Server) answerGrants(c *call, f storage.GrantFilter) error {
	list, err := s.cfg.Catalog.ListGrants(c.ctx(), f)
	if err != nil {
		return err
	}
	names := map[lieciba.SessionID]string{}
	out := pageOf[grantView](list, f.Limit, func(g lieciba.Grant) lieciba.GrantID { return g.ID })
	for _, g := range list {
		if _, known := names[g.SessionID]; !known {
			x, err := s.cfg.Catalog.Session(c.ctx(), g.SessionID)
			if err != nil {
				return err
			}
			names[g.SessionID] = x.ExternalID
		}
		out.Items = append(out.Items, viewGrant(c, g, names[g.SessionID]))
	}
	return c.ok(out)
}

// needGrant decides on an act that no role alone allows, and keeps the grant that
// allows it: CodeNeedsGrant with what is missing. The query grant picks one.
func (c *call) needGrant(act lieciba.Act, t target) error {
	if !lieciba.NeedsGrant(act) {
		return nil
	}
	only, err := queryID[lieciba.GrantID](c, "grant")
	if err != nil {
		return err
	}
	grants, err := c.server.cfg.Catalog.ListGrants(c.ctx(), storage.GrantFilter{HolderID: c.who.ID, SessionID: t.session, Limit: 1000})
	if err != nil {
		return err
	}
	if only != "" {
		grants = slices.DeleteFunc(grants, func(g lieciba.Grant) bool { return g.ID != only })
	}
	object := lieciba.Object{Site: t.site, Session: t.session, Camera: t.camera, Span: t.span}
	d := lieciba.Decide(c.who, act, object, grants, c.now)
	c.grant = d.Grant
	return d.Err
}

// underGrant names the grant that a look rests on, and what it is for.
func (c *call) underGrant() string {
	if c.grant == nil {
		return ""
	}
	return " under grant " + string(c.grant.ID) + forAppeal(c.grant.Appeal)
}

// scope is what of a session the grant opens.
func (c *call) scope() Scope {
	if c.grant == nil {
		return Scope{}
	}
	return Scope{CameraIDs: c.grant.CameraIDs, Span: c.grant.Span(), Until: c.grant.ExpiresAt}
}

// grantByID finds a grant that the caller may end: their own, which they give
// back, or any for who may revoke.
func (s *Server) grantByID(c *call) (lieciba.Grant, target, bool, error) {
	id, err := lieciba.ParseID[lieciba.GrantID]("id", c.gin.Param("id"))
	if err != nil {
		return lieciba.Grant{}, target{}, false, err
	}
	g, err := s.cfg.Catalog.Grant(c.ctx(), id)
	return g, grantTarget(g), g.HolderID == c.who.ID || c.seesAllRequests(), asNotFound(err, "grant")
}

// revokeGrant ends a grant, and every view that rests on it, at once.
func (s *Server) revokeGrant(c *call, g lieciba.Grant) error {
	e := c.entry(string(lieciba.ActRevokeGrant), grantTarget(g))
	e.From, e.To = g.From, g.To
	e.Detail = "grant of " + g.Holder + forAppeal(g.Appeal) + " revoked"
	if g.HolderID == c.who.ID {
		e.Detail = "grant" + forAppeal(g.Appeal) + " given back"
	}
	if err := c.record(&e, func(ctx context.Context) error {
		_, err := s.cfg.Catalog.RevokeGrant(ctx, g.ID, c.who.Name, lieciba.Micro(c.now))
		return err
	}); err != nil {
		return err
	}
	s.reviewViews(c.ctx())
	return c.noContent()
}
