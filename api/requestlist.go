package api

import (
	"context"
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
		Until: optionalStamp(a.Until), Appeal: a.Appeal, IncidentID: optional(a.IncidentID), Purpose: a.Purpose, RecipientName: a.RecipientName,
		RecipientKind: a.RecipientKind, Recipient: a.Recipient, HoldID: optional(a.HoldID), RecordingID: optional(a.RecordingID),
		PolicyID: optional(a.PolicyID), UserID: optional(a.UserID), Roles: orEmpty(a.Roles), SiteIDs: orEmpty(a.SiteIDs),
		Client: viewAskedClient(a.Client)}
}

// requestSummary names what the IDs of a request stand for, so that an approver
// reads what they say yes to.
type requestSummary struct {
	ExternalID string         `json:"external_id"` // of the session
	RoomCode   string         `json:"room_code"`
	Cameras    []string       `json:"cameras"` // names; empty: all of the session
	Footage    *footageView   `json:"footage"` // that it concerns; null in lists and where it concerns none
	Hold       *holdView      `json:"hold"`
	Policy     *policyView    `json:"policy"`
	User       *userSummary   `json:"user"`
	Recording  *recordingFact `json:"recording"`
	Client     *clientSummary `json:"client"`
}

type footageView struct {
	Bytes    int64   `json:"bytes"`
	Seconds  float64 `json:"seconds"` // of all cameras together
	Segments int     `json:"segments"`
}

type userSummary struct {
	Login   string           `json:"login"`
	Name    string           `json:"name"`
	Roles   []lieciba.Role   `json:"roles"` // as they are now
	SiteIDs []lieciba.SiteID `json:"site_ids"`
}

type recordingFact struct {
	CameraName string                 `json:"camera_name"`
	State      lieciba.RecordingState `json:"state"`
	Window     intervalView           `json:"window"`
}

// viewRequest shows a request to the caller; whole: with the facts that take
// some reading.
func (s *Server) viewRequest(c *call, r lieciba.Request, whole bool) (requestView, error) {
	sum, err := s.summary(c.ctx(), r, whole)
	return requestView{ID: r.ID, Kind: r.Kind, State: r.StateAt(c.now), Asked: viewAsked(r.Asked), Summary: sum, Reason: r.Reason,
		Digest: digestText(r), AskedBy: r.AskedBy, AskedByID: r.AskedByID, AskedAt: stamp(r.AskedAt), ExpiresAt: stamp(r.ExpiresAt),
		DecidedBy: r.DecidedBy, DecidedAt: optionalStamp(r.DecidedAt), Note: r.DecidedNote, UsedAt: optionalStamp(r.UsedAt),
		UsedFor: r.UsedFor, Can: c.can(r)}, err
}

// can lists what the caller may do with a request now. Whether a proof is fresh
// enough is not in it: that can be mended.
func (c *call) can(r lieciba.Request) []string {
	out := []string{}
	waits, own := r.StateAt(c.now) == lieciba.RequestWaiting, r.AskedByID == c.who.ID
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

// summary reads what the IDs stand for. What is gone since stays empty.
func (s *Server) summary(ctx context.Context, r lieciba.Request, whole bool) (sum requestSummary, err error) {
	sum.Cameras = []string{}
	if r.Asked.SessionID != "" {
		if err := s.summarySession(ctx, r, whole, &sum); err != nil {
			return sum, err
		}
	}
	switch r.Kind {
	case lieciba.RequestHoldRelease:
		h, err := s.cfg.Catalog.Hold(ctx, r.Asked.HoldID)
		v := viewHold(h)
		sum.Hold = &v
		return sum, err
	case lieciba.RequestPolicy:
		return sum, s.summaryPolicy(ctx, r, &sum)
	case lieciba.RequestClientToken:
		sum.Client, err = s.summaryClient(ctx, r.Asked.Client, s.cfg.Now())
		return sum, err
	case lieciba.RequestRoles:
		u, err := s.cfg.Catalog.User(ctx, r.Asked.UserID)
		sum.User = &userSummary{u.Login, u.Name, orEmpty(u.Roles), orEmpty(u.SiteIDs)}
		return sum, err
	}
	return sum, nil
}

func (s *Server) summaryPolicy(ctx context.Context, r lieciba.Request, sum *requestSummary) error {
	all, err := s.cfg.Catalog.Policies(ctx)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(all, func(p lieciba.RetentionPolicy) bool { return p.ID == r.Asked.PolicyID }); i >= 0 {
		v := viewPolicy(all[i], before(all[i], all))
		sum.Policy = &v
	}
	return nil
}

func (s *Server) summarySession(ctx context.Context, r lieciba.Request, whole bool, sum *requestSummary) error {
	x, err := s.cfg.Catalog.Session(ctx, r.Asked.SessionID)
	if err != nil {
		return err
	}
	room, err := s.cfg.Catalog.Room(ctx, x.RoomID)
	if err != nil {
		return err
	}
	sum.ExternalID, sum.RoomCode = x.ExternalID, room.Code
	for _, id := range r.Asked.CameraIDs {
		cam, err := s.cfg.Catalog.Camera(ctx, id)
		if err != nil {
			return err
		}
		sum.Cameras = append(sum.Cameras, cam.Name)
	}
	if r.Kind == lieciba.RequestHoldRelease || !whole && r.Kind != lieciba.RequestDeletion {
		return nil
	}
	return s.summaryFootage(ctx, r, sum)
}

// summaryFootage adds up what the request concerns.
func (s *Server) summaryFootage(ctx context.Context, r lieciba.Request, sum *requestSummary) error {
	recs, err := s.cfg.Catalog.SessionRecordings(ctx, r.Asked.SessionID)
	if err != nil {
		return err
	}
	sum.Footage = &footageView{}
	span := lieciba.Interval{From: r.Asked.From, To: r.Asked.To}
	if r.Kind == lieciba.RequestExport {
		span = lieciba.Interval{} // the whole session is packed anyway
	}
	for _, rec := range recs {
		if r.Asked.RecordingID != "" && rec.ID != r.Asked.RecordingID ||
			len(r.Asked.CameraIDs) > 0 && !slices.Contains(r.Asked.CameraIDs, rec.CameraID) {
			continue
		}
		if r.Asked.RecordingID != "" {
			cam, err := s.cfg.Catalog.Camera(ctx, rec.CameraID)
			if err != nil {
				return err
			}
			sum.Recording = &recordingFact{cam.Name, rec.State, viewInterval(rec.Window)}
		}
		segments, err := s.cfg.Catalog.RecordingSegments(ctx, rec.ID, span)
		if err != nil {
			return err
		}
		for _, seg := range segments {
			part := seg.Span()
			if span != (lieciba.Interval{}) {
				part = part.Clip(span)
			}
			sum.Footage.Segments++
			sum.Footage.Bytes += seg.Size
			sum.Footage.Seconds += part.Duration().Seconds()
		}
	}
	return nil
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

var requestStates = []lieciba.RequestState{lieciba.RequestWaiting, lieciba.RequestApproved, lieciba.RequestRefused,
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
			f.States = append(f.States, lieciba.RequestWaiting, lieciba.RequestApproved)
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
	out := pageOf[requestView](list, f.Limit, func(r lieciba.Request) lieciba.RequestID { return r.ID })
	for _, r := range list {
		if len(states) > 0 && !slices.Contains(states, r.StateAt(c.now)) {
			continue
		}
		v, err := s.viewRequest(c, r, false)
		if err != nil {
			return err
		}
		out.Items = append(out.Items, v)
	}
	return c.ok(out)
}
