package api

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"lieciba"
	"lieciba/storage"
)

// maxWaiting bounds how many requests of one person may wait at once.
const maxWaiting = 100

// requestKind is what the API knows of one kind of request. What is asked is
// checked when it is asked, changed and used: what was true may not be any more.
type requestKind interface {
	// fields lists the names of Asked that a body may hold.
	fields() []string
	// check judges a against the catalogue for who asks, and fills in what the
	// server knows better. The target is what it is about. CodeNotFound looks the
	// same for what is not there and for what lies outside of the caller's sites.
	check(c *call, a *lieciba.Asked) (target, error)
	// approvable says why this person must not approve r, beside the rules of every kind.
	approvable(ctx context.Context, r lieciba.Request, by lieciba.Principal) error
	// use prepares the act that r was approved for.
	use(c *call, r lieciba.Request) (effect, error)
}

// effect is the act that an approved request does, in one transaction with its use.
type effect struct {
	made  string             // kind:ID of what comes of it
	entry lieciba.AuditEntry // of the act itself, beside that of the use
	do    func(ctx context.Context, r lieciba.Request, e *lieciba.AuditEntry) error
	after func()             // when all of it is durable; may be nil
	show  func(*requestView) // adds what the answer alone holds; may be nil
}

func (s *Server) requestKind(k lieciba.RequestKind) (requestKind, error) {
	switch k {
	case lieciba.RequestGrant:
		return grantRequests{s: s}, nil
	case lieciba.RequestExport:
		return exportRequests{s: s}, nil
	case lieciba.RequestHoldRelease:
		return releaseRequests{s: s}, nil
	case lieciba.RequestDeletion:
		return deletionRequests{s: s}, nil
	case lieciba.RequestPolicy:
		return policyRequests{s: s}, nil
	case lieciba.RequestKeyRotation:
		return keyRequests{}, nil
	case lieciba.RequestRoles:
		return roleRequests{s: s}, nil
	case lieciba.RequestClientToken:
		return clientRequests{s: s}, nil
	}
	return nil, lieciba.Invalid("kind", "unknown kind %q: use one of %v", k, lieciba.RequestKinds())
}

// byAnybody is part of the kinds that every approver may approve.
type byAnybody struct{}

func (byAnybody) approvable(context.Context, lieciba.Request, lieciba.Principal) error { return nil }

// requester is who asks, with the sign-in they ask from.
func (c *call) requester() lieciba.Principal {
	who := c.who
	if c.signIn != nil {
		who.SignIn = c.signIn.ID
	}
	return who
}

func requestTarget(r lieciba.Request) target {
	return target{what: "request", id: string(r.ID), session: r.Asked.SessionID}
}

// judge checks what is asked by who asks it now.
func (c *call) judge(kind lieciba.RequestKind, rules requestKind, a *lieciba.Asked) (target, error) {
	if err := lieciba.AllowSomewhere(c.who, kind.AskAct()); err != nil {
		return target{what: "route", id: c.gin.FullPath()}, err
	}
	return rules.check(c, a)
}

// askRequest stores what one person asks; it does nothing until another approves it.
func (s *Server) askRequest(c *call) error {
	var in requestBody
	if err := c.read(&in); err != nil {
		return err
	}
	rules, err := s.requestKind(in.Kind)
	if err != nil {
		return err
	}
	asked, err := in.asked(rules)
	if err != nil {
		return err
	}
	t, err := c.judge(in.Kind, rules, &asked)
	if err != nil {
		return c.refusedStep(lieciba.AuditAsk(in.Kind), t, "", err)
	}
	r, err := lieciba.NewRequest(in.Kind, asked, in.Reason, c.requester(), c.now)
	if err != nil {
		return err
	}
	e := c.stepEntry(lieciba.AuditAsk(r.Kind), r, "asked for: "+r.Reason)
	if err := c.record(&e, func(ctx context.Context) error {
		if err := s.roomForRequest(ctx, c); err != nil {
			return err
		}
		return s.cfg.Catalog.PutRequest(ctx, r)
	}); err != nil {
		return c.refusedStep(lieciba.AuditAsk(r.Kind), requestTarget(r), digestText(r), err)
	}
	c.gin.Header("Location", "/v1/requests/"+string(r.ID))
	v, err := s.viewRequest(c, r, true)
	if err != nil {
		return err
	}
	return c.created(v)
}

func (s *Server) roomForRequest(ctx context.Context, c *call) error {
	list, err := s.cfg.Catalog.ListRequests(ctx, storage.RequestFilter{AskedByID: c.who.ID, States: []lieciba.RequestState{lieciba.RequestRequested},
		ExpiresAfter: c.now, Limit: maxWaiting})
	if err == nil && len(list) >= maxWaiting {
		return lieciba.Errorf(lieciba.CodeRateLimited, "%d of your requests wait already: withdraw some first", maxWaiting)
	}
	return err
}

// amendRequest replaces what is asked while nobody has decided.
func (s *Server) amendRequest(c *call, r lieciba.Request) error {
	in := requestBody{Kind: r.Kind}
	if err := c.read(&in); err != nil {
		return err
	}
	if in.Kind != r.Kind {
		return lieciba.Invalid("kind", "never changes: withdraw this request and ask anew")
	}
	rules, err := s.requestKind(r.Kind)
	if err != nil {
		return err
	}
	asked, err := in.asked(rules)
	if err != nil {
		return err
	}
	if _, err := c.judge(r.Kind, rules, &asked); err != nil {
		return c.refusedStep(lieciba.AuditAmendRequest, requestTarget(r), digestText(r), err)
	}
	return s.step(c, r, lieciba.AuditAmendRequest, "asked for otherwise: "+in.Reason, nil, func(now *call, r lieciba.Request) (lieciba.Request, error) {
		return r.Amend(asked, in.Reason, now.requester(), now.now)
	})
}

// approveRequest lets another person say yes to exactly what they saw.
func (s *Server) approveRequest(c *call, r lieciba.Request) error {
	var in struct {
		Digest string `json:"digest"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	digest, err := parseDigest(in.Digest)
	if err != nil {
		return err
	}
	rules, err := s.requestKind(r.Kind)
	if err != nil {
		return err
	}
	var proof lieciba.SignIn
	judge := func(in *call) (err error) {
		if proof, err = in.proofNow(); err != nil {
			return err
		}
		return rules.approvable(in.ctx(), r, in.who)
	}
	return s.step(c, r, string(lieciba.ActApproveRequest), "approved, asked for by "+r.AskedBy, judge, func(in *call, r lieciba.Request) (lieciba.Request, error) {
		return r.Approve(in.requester(), proof, digest, in.now, s.cfg.ApproveWith...)
	})
}

// proofNow reads the caller's sign-in again, as a proof of presence; none for a machine.
func (c *call) proofNow() (lieciba.SignIn, error) {
	if c.signIn == nil {
		return lieciba.SignIn{}, nil
	}
	in, err := c.server.cfg.Catalog.SignInByID(storage.Shared(c.ctx()), c.signIn.ID)
	return c.asProof(in), err
}

func parseDigest(s string) (d [32]byte, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(d) {
		return d, lieciba.Invalid("digest", "must be the digest of the request as you saw it: 64 hexadecimal digits")
	}
	return [32]byte(b), nil
}

func (s *Server) refuseRequest(c *call, r lieciba.Request) error {
	var in struct {
		Note string `json:"note"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	return s.step(c, r, string(lieciba.ActRefuseRequest), "refused: "+in.Note, nil, func(now *call, r lieciba.Request) (lieciba.Request, error) {
		return r.Refuse(now.requester(), in.Note, now.now)
	})
}

func (s *Server) withdrawRequest(c *call, r lieciba.Request) error {
	return s.step(c, r, lieciba.AuditWithdrawRequest, "withdrawn", nil, func(now *call, r lieciba.Request) (lieciba.Request, error) {
		return r.Withdraw(now.requester(), now.now)
	})
}

// step changes a request with its audit entry in one transaction, and answers it.
// judge, which may be nil, looks at the rest of the world in that transaction
// before decide looks at the request. A refusal is audited too.
func (s *Server) step(c *call, r lieciba.Request, name, detail string, judge func(in *call) error,
	decide func(in *call, r lieciba.Request) (lieciba.Request, error)) error {
	e := c.stepEntry(name, r, detail)
	var stored lieciba.Request
	err := c.record(&e, func(ctx context.Context) (err error) {
		in, leave := c.in(ctx)
		defer leave()
		if judge != nil {
			if err := judge(in); err != nil {
				return err
			}
		}
		stored, err = s.cfg.Catalog.ChangeRequest(ctx, r.ID, func(r lieciba.Request) (*lieciba.Request, error) {
			next, err := decide(in, r)
			e.Detail = detail + "; digest " + digestText(next)
			return &next, err
		})
		return err
	})
	if err != nil {
		return c.refusedStep(name, requestTarget(r), digestText(r), err)
	}
	v, err := s.viewRequest(c, stored, true)
	if err != nil {
		return err
	}
	return c.ok(v)
}

// useRequest does what was approved: the request is spent, the act is done and
// both are audited in one transaction.
func (s *Server) useRequest(c *call, r lieciba.Request) error {
	stored, done, err := s.spend(c, r)
	if err != nil {
		return c.refusedStep(lieciba.AuditUseRequest, requestTarget(r), digestText(r), err)
	}
	if done.after != nil {
		done.after()
	}
	v, err := s.viewRequest(c, stored, true)
	if err != nil {
		return err
	}
	if done.show != nil {
		done.show(&v)
	}
	return c.ok(v)
}

// spend judges, uses and does in one transaction: nothing of what was judged
// changes before it is done.
func (s *Server) spend(c *call, r lieciba.Request) (stored lieciba.Request, done effect, err error) {
	rules, err := s.requestKind(r.Kind)
	if err != nil {
		return r, done, err
	}
	e := c.stepEntry(lieciba.AuditUseRequest, r, "")
	err = c.record(&e, func(ctx context.Context) (err error) {
		in, leave := c.in(ctx)
		defer leave()
		x, err := s.usable(in, r.ID, rules)
		if err != nil {
			return err
		}
		stored, err = s.cfg.Catalog.ChangeRequest(ctx, r.ID, func(r lieciba.Request) (*lieciba.Request, error) {
			next, err := r.Use(in.requester(), x.made, in.now)
			return &next, err
		})
		if err != nil {
			return err
		}
		e.Detail, done = "used for "+x.made+", approved by "+stored.DecidedBy+"; digest "+digestText(stored), x
		if err := x.do(ctx, stored, &x.entry); err != nil {
			return err
		}
		return s.cfg.Catalog.AppendAudit(ctx, x.entry)
	})
	return stored, done, err
}

// usable judges once more what was approved, by whom, and who uses it, and
// prepares its effect.
func (s *Server) usable(in *call, id lieciba.RequestID, rules requestKind) (effect, error) {
	r, err := s.cfg.Catalog.Request(in.ctx(), id)
	if err != nil {
		return effect{}, err
	}
	if _, err := r.Use(in.requester(), "", in.now); err != nil { // before any other reason
		return effect{}, err
	}
	if err := storage.StillApproved(storage.Shared(in.ctx()), s.cfg.Catalog, r); err != nil {
		return effect{}, err
	}
	asked := r.Asked
	if _, err := in.judge(r.Kind, rules, &asked); err != nil {
		return effect{}, outdated(err)
	}
	return rules.use(in, r)
}

// outdated turns what is wrong with a request that was good when it was asked
// into a conflict.
func outdated(err error) error {
	if lieciba.CodeOf(err) != lieciba.CodeInvalid {
		return err
	}
	e := *asError(err, "")
	e.Code, e.Message = lieciba.CodeConflict, "what was approved does not hold any more: "+e.Message
	return &e
}

func digestText(r lieciba.Request) string { return hex.EncodeToString(r.Digest[:]) }

// byWhom names both pairs of eyes in the audit entry of an act.
func byWhom(r lieciba.Request) string {
	return "asked for by " + r.AskedBy + ", approved by " + r.DecidedBy + " (request " + string(r.ID) + ", digest " + digestText(r) + ")"
}

// stepEntry begins the audit entry of one step of a request.
func (c *call) stepEntry(name string, r lieciba.Request, detail string) lieciba.AuditEntry {
	e := c.entry(name, requestTarget(r))
	e.From, e.To = r.Asked.From, r.Asked.To
	e.Detail = detail + "; digest " + digestText(r)
	return e
}

// refusedStep audits that a step was refused, and returns the refusal. What was
// merely written wrongly, or could not be judged, is no refusal.
func (c *call) refusedStep(name string, t target, digest string, err error) error {
	switch lieciba.CodeOf(err) {
	case lieciba.CodeInvalid, lieciba.CodeTooLarge, lieciba.CodeUnsupported, lieciba.CodeUnavailable, lieciba.CodeInternal, lieciba.CodeFull:
		return err
	}
	if errors.Is(err, errRightsLost) { // record has audited it
		return err
	}
	e := c.entry(name, t)
	e.Outcome = string(lieciba.CodeOf(err))
	e.Detail = asError(err, c.requestID).Message
	if digest != "" {
		e.Detail += "; digest " + digest
	}
	c.auditRefused(e)
	return err
}

// requestBody is what is asked, as it is sent.
type requestBody struct {
	Kind          lieciba.RequestKind `json:"kind"`
	Reason        string              `json:"reason"`
	SessionID     lieciba.SessionID   `json:"session_id"` // or the external ID
	CameraIDs     []lieciba.CameraID  `json:"camera_ids"`
	From          *string             `json:"from"`
	To            *string             `json:"to"`
	ClipFrom      *string             `json:"clip_from"`
	ClipTo        *string             `json:"clip_to"`
	Until         *string             `json:"until"`
	Appeal        string              `json:"appeal"`
	IncidentID    lieciba.IncidentID  `json:"incident_id"`
	Purpose       string              `json:"purpose"`
	RecipientName string              `json:"recipient_name"`
	RecipientKind string              `json:"recipient_kind"`
	Recipient     string              `json:"recipient"`
	HoldID        lieciba.HoldID      `json:"hold_id"`
	RecordingID   lieciba.RecordingID `json:"recording_id"`
	PolicyID      lieciba.PolicyID    `json:"policy_id"`
	UserID        lieciba.UserID      `json:"user_id"`
	Roles         []lieciba.Role      `json:"roles"`
	SiteIDs       []lieciba.SiteID    `json:"site_ids"`
	Client        *clientBody         `json:"client"`
}

// asked checks the form of what was sent, and that the kind knows every field of it.
func (in requestBody) asked(rules requestKind) (a lieciba.Asked, err error) {
	if err := checkSentence("reason", in.Reason); err != nil {
		return a, err
	}
	a = lieciba.Asked{SessionID: in.SessionID, CameraIDs: in.CameraIDs, Appeal: in.Appeal, IncidentID: in.IncidentID, Purpose: in.Purpose,
		RecipientName: in.RecipientName, RecipientKind: in.RecipientKind, Recipient: in.Recipient, HoldID: in.HoldID,
		RecordingID: in.RecordingID, PolicyID: in.PolicyID, UserID: in.UserID, Roles: in.Roles, SiteIDs: in.SiteIDs}
	for _, t := range []struct {
		field string
		sent  *string
		to    *time.Time
	}{{"from", in.From, &a.From}, {"to", in.To, &a.To}, {"clip_from", in.ClipFrom, &a.ClipFrom}, {"clip_to", in.ClipTo, &a.ClipTo},
		{"until", in.Until, &a.Until}} {
		if *t.to, err = optionalTime(t.field, t.sent); err != nil {
			return a, err
		}
	}
	if a.Client, err = in.Client.asked(); err != nil {
		return a, err
	}
	if err := checkIDs("camera_ids", a.CameraIDs); err != nil {
		return a, err
	}
	return a, onlyFields(a, rules.fields())
}

// optionalTime reads a time that may be left out: then it is zero.
func optionalTime(field string, sent *string) (time.Time, error) {
	if sent == nil {
		return time.Time{}, nil
	}
	return parseTime(field, *sent)
}

// onlyFields refuses what the kind does not know: what an approver reads as asked
// for must not hold what nobody acts on. It rests on every field of Asked being left
// out of its JSON when it is not set (TestEmptyAskedHasNoFields).
func onlyFields(a lieciba.Asked, known []string) error {
	b, err := json.Marshal(a)
	if err != nil {
		return err
	}
	var set map[string]any
	if err := json.Unmarshal(b, &set); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(set)) { // the same field each time
		if !slices.Contains(known, name) {
			return lieciba.Invalid(name, "is not part of this kind of request: remove it")
		}
	}
	return nil
}

// checkIDs refuses what is no ID, too many, or one twice.
func checkIDs[T ~string](field string, ids []T) error {
	if len(ids) > 100 {
		return lieciba.Invalid(field, "at most 100")
	}
	for i, id := range ids {
		if _, err := lieciba.ParseID[T](field, string(id)); err != nil {
			return err
		}
		if slices.Contains(ids[:i], id) {
			return lieciba.Invalid(field, "%s is named twice", id)
		}
	}
	return nil
}
