package api

import (
	"slices"

	"lieciba"
	"lieciba/storage"
)

type requestView struct {
	ID        lieciba.RequestID    `json:"id"`
	Kind      lieciba.RequestKind  `json:"kind"`
	State     lieciba.RequestState `json:"state"` // with the clock in it
	Asked     askedView            `json:"asked"`
	Summary   requestSummary       `json:"summary"`
	Reason    string               `json:"reason"`
	Digest    string               `json:"digest"`
	AskedBy   string               `json:"asked_by"`
	AskedByID string               `json:"asked_by_id"`
	AskedAt   stamp                `json:"asked_at"`
	ExpiresAt stamp                `json:"expires_at"`
	DecidedBy string               `json:"decided_by"`
	DecidedAt *stamp               `json:"decided_at"`
	Note      string               `json:"note"`
	UsedAt    *stamp               `json:"used_at"`
	UsedFor   string               `json:"used_for"`
	Can       []string             `json:"can"`             // what the caller may do with it now
	Token     string               `json:"token,omitempty"` // of the client that was let in by this use; shown once
}

type askedView struct {
	SessionID     *lieciba.SessionID   `json:"session_id"`
	CameraIDs     []lieciba.CameraID   `json:"camera_ids"`
	From          *stamp               `json:"from"`
	To            *stamp               `json:"to"`
	ClipFrom      *stamp               `json:"clip_from"` // of the copy for watching: a package holds all footage of its cameras
	ClipTo        *stamp               `json:"clip_to"`
	Until         *stamp               `json:"until"`
	Appeal        string               `json:"appeal"`
	IncidentID    *lieciba.IncidentID  `json:"incident_id"`
	Purpose       string               `json:"purpose"`
	RecipientName string               `json:"recipient_name"`
	RecipientKind string               `json:"recipient_kind"`
	Recipient     string               `json:"recipient"`
	HoldID        *lieciba.HoldID      `json:"hold_id"`
	RecordingID   *lieciba.RecordingID `json:"recording_id"`
	PolicyID      *lieciba.PolicyID    `json:"policy_id"`
	UserID        *lieciba.UserID      `json:"user_id"`
	Roles         []lieciba.Role       `json:"roles"`
	SiteIDs       []lieciba.SiteID     `json:"site_ids"`
	Client        *askedClientView     `json:"client"`
}

func viewAsked(a lieciba.Asked) askedView {
	return askedView{SessionID: optional(a.SessionID), CameraIDs: orEmpty(a.CameraIDs), From: optionalStamp(a.From), To: optionalStamp(a.To),
		ClipFrom: optionalStamp(a.ClipFrom), ClipTo: optionalStamp(a.ClipTo), Until: optionalStamp(a.Until), Appeal: a.Appeal, IncidentID: optional(a.IncidentID), Purpose: a.Purpose, RecipientName: a.RecipientName,
		RecipientKind: a.RecipientKind, Recipient: a.Recipient, HoldID: optional(a.HoldID), RecordingID: optional(a.RecordingID),
		PolicyID: optional(a.PolicyID), UserID: optional(a.UserID), Roles: orEmpty(a.Roles), SiteIDs: orEmpty(a.SiteIDs),
		Client: viewAskedClient(a.Client)}
}

// viewRequest shows one request to the caller; whole: with the footage that it
// concerns, which takes some reading. For several, summaries.view reads less.
func (s *Server) viewRequest(c *call, r lieciba.Request, whole bool) (requestView, error) {
	return c.summaries().view(r, whole)
}

func (m *summaries) view(r lieciba.Request, whole bool) (requestView, error) {
	c := m.c
	sum, err := m.of(r, whole)
	return requestView{ID: r.ID, Kind: r.Kind, State: r.StateAt(c.now), Asked: viewAsked(r.Asked), Summary: sum, Reason: r.Reason,
		Digest: digestText(r), AskedBy: r.AskedBy, AskedByID: r.AskedByID, AskedAt: stamp(r.AskedAt), ExpiresAt: stamp(r.ExpiresAt),
		DecidedBy: r.DecidedBy, DecidedAt: optionalStamp(r.DecidedAt), Note: r.DecidedNote, UsedAt: optionalStamp(r.UsedAt),
		UsedFor: r.UsedFor, Can: c.can(r)}, err
}

// can lists what the caller may do with a request now. Whether a proof is fresh
// enough is not in it: that can be mended.
func (c *call) can(r lieciba.Request) []string {
	out := []string{}
	waits, own := r.StateAt(c.now) == lieciba.RequestRequested, r.AskedByID == c.who.ID
	approved := r.StateAt(c.now) == lieciba.RequestApproved
	about := r.Kind == lieciba.RequestRoles && string(r.Asked.UserID) == c.who.ID
	if waits && !own && !about && !c.who.Machine && r.Kind.MayApprove(c.who) == nil {
		out = append(out, "approve")
	}
	if (waits || approved) && !own && !about && lieciba.Allow(c.who, lieciba.ActRefuseRequest, "") == nil {
		out = append(out, "refuse")
	}
	if own && (waits || approved) {
		out = append(out, "withdraw")
	}
	if own && waits {
		out = append(out, "amend")
	}
	if own && approved && r.Kind != lieciba.RequestKeyRotation {
		out = append(out, "use")
	}
	return out
}

// seesAllRequests tells approvers and security staff from those who see their
// own requests and grants alone.
func (c *call) seesAllRequests() bool { return lieciba.Allow(c.who, lieciba.ActRevokeGrant, "") == nil }

// requestByID finds a request that the caller may see.
func (s *Server) requestByID(c *call) (lieciba.Request, target, bool, error) {
	id, err := lieciba.ParseID[lieciba.RequestID]("id", c.gin.Param("id"))
	if err != nil {
		return lieciba.Request{}, target{}, false, err
	}
	r, err := s.cfg.Catalog.Request(c.ctx(), id)
	return r, requestTarget(r), r.AskedByID == c.who.ID || c.seesAllRequests(), asNotFound(err, "request")
}

func (s *Server) getRequest(c *call, r lieciba.Request) error {
	v, err := s.viewRequest(c, r, true)
	if err != nil {
		return err
	}
	return c.ok(v)
}

var requestStates = []lieciba.RequestState{lieciba.RequestRequested, lieciba.RequestApproved, lieciba.RequestRefused,
	lieciba.RequestWithdrawn, lieciba.RequestUsed, lieciba.RequestExpired}

// requestFilter reads the query. The states are filtered once more by the clock.
func (s *Server) requestFilter(c *call) (f storage.RequestFilter, states []lieciba.RequestState, err error) {
	if err = c.onlyQuery("state", "mine", "session", "kind", "limit", "before"); err != nil {
		return f, nil, err
	}
	if states, err = queryStates(c, requestStates); err != nil {
		return f, nil, err
	}
	for _, st := range states {
		if st == lieciba.RequestExpired {
			f.States = append(f.States, lieciba.RequestRequested, lieciba.RequestApproved)
			continue
		}
		f.States = append(f.States, st)
	}
	slices.Sort(f.States)
	f.States = slices.Compact(f.States)
	if f.SessionID, err = s.querySession(c, lieciba.ActViewSessions, "session"); err != nil {
		return f, nil, err
	}
	if f.Kinds, err = queryList(c, "kind", lieciba.RequestKinds()); err != nil {
		return f, nil, err
	}
	mine, given, err := c.queryBool("mine")
	switch {
	case err != nil:
		return f, nil, err
	case mine || !c.seesAllRequests():
		f.AskedByID = c.who.ID
	case given:
		f.NotByID = c.who.ID
	}
	f.Limit, f.Before, err = page[lieciba.RequestID](c)
	return f, states, err
}

func (s *Server) listRequests(c *call) error {
	f, states, err := s.requestFilter(c)
	if err != nil {
		return err
	}
	list, err := s.cfg.Catalog.ListRequests(c.ctx(), f)
	if err != nil {
		return err
	}
	sums, out := c.summaries(), pageOf[requestView](list, f.Limit, func(r lieciba.Request) lieciba.RequestID { return r.ID })
	for _, r := range list {
		if len(states) > 0 && !slices.Contains(states, r.StateAt(c.now)) {
			continue
		}
		v, err := sums.view(r, slices.Contains(c.can(r), "approve"))
		if err != nil {
			return err
		}
		out.Items = append(out.Items, v)
	}
	return c.ok(out)
}
