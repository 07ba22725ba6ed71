package api

import (
	"context"
	"strconv"
	"strings"

	"lieciba"
)

type periodView struct {
	Months int `json:"months"`
	Days   int `json:"days"`
}

type policyView struct {
	ID          lieciba.PolicyID    `json:"id"`
	Name        string              `json:"name"`
	Version     int                 `json:"version"`
	Purpose     string              `json:"purpose"`
	LegalBasis  string              `json:"legal_basis"`
	Keep        periodView          `json:"keep"`
	Unanchored  periodView          `json:"unanchored"`
	WarnBefore  periodView          `json:"warn_before"`
	AfterAppeal periodView          `json:"after_appeal"`
	Retroactive bool                `json:"retroactive"`
	State       lieciba.PolicyState `json:"state"`
	DraftedBy   string              `json:"drafted_by"`
	DraftedByID string              `json:"drafted_by_id"`
	DraftedAt   stamp               `json:"drafted_at"`
	ApprovedBy  string              `json:"approved_by"`
	ApprovedAt  *stamp              `json:"approved_at"`
	Shortens    bool                `json:"shortens"`
	Notice      string              `json:"notice"`
}

// viewPolicy shows a version and what it does to the one before it; old is nil
// when there is none.
func viewPolicy(p lieciba.RetentionPolicy, old *lieciba.RetentionPolicy) policyView {
	v := policyView{ID: p.ID, Name: p.Name, Version: p.Version, Purpose: p.Purpose, LegalBasis: p.LegalBasis, Keep: periodView(p.Keep),
		Unanchored: periodView(p.Unanchored), WarnBefore: periodView(p.WarnBefore), AfterAppeal: periodView(p.AfterAppeal),
		Retroactive: p.Retroactive, State: p.State, DraftedBy: p.DraftedBy, DraftedByID: p.DraftedByID, DraftedAt: stamp(p.DraftedAt),
		ApprovedBy: p.ApprovedBy, ApprovedAt: optionalStamp(p.ApprovedAt)}
	if old == nil || !p.Shortens(*old) {
		return v
	}
	v.Shortens, v.Notice = true, shortening(p, *old)
	return v
}

// shortening says in words what gets shorter and for which recordings.
func shortening(p, old lieciba.RetentionPolicy) string {
	var what []string
	for _, f := range []struct {
		name     string
		now, was lieciba.Period
	}{{"keep", p.Keep, old.Keep}, {"unanchored", p.Unanchored, old.Unanchored}, {"after_appeal", p.AfterAppeal, old.AfterAppeal}} {
		if !f.now.NeverEarlier(f.was) {
			what = append(what, f.name)
		}
	}
	whose := "it holds for recordings that are sealed after its approval; what was sealed before keeps its longer term"
	if p.Retroactive {
		whose = "it is retroactive: footage that was sealed before its approval goes earlier too"
	}
	return "shortens " + strings.Join(what, ", ") + " of version " + strconv.Itoa(old.Version) + ": " + whose
}

// before finds the version of p's name that was in force before p: for a draft
// the one that is now.
func before(p lieciba.RetentionPolicy, all []lieciba.RetentionPolicy) *lieciba.RetentionPolicy {
	var old *lieciba.RetentionPolicy
	for _, o := range all {
		inForce := o.State == lieciba.PolicyApproved || o.State == lieciba.PolicySuperseded
		if o.Name == p.Name && o.ID != p.ID && o.Version < p.Version && inForce && (old == nil || o.Version > old.Version) {
			old = &o
		}
	}
	return old
}

func (s *Server) listPolicies(c *call) error {
	all, err := s.cfg.Catalog.Policies(c.ctx())
	if err != nil {
		return err
	}
	out := items[policyView]{Items: []policyView{}}
	for _, p := range all {
		out.Items = append(out.Items, viewPolicy(p, before(p, all)))
	}
	return c.ok(out)
}

type newPolicy struct {
	Name        *string     `json:"name"`
	Purpose     string      `json:"purpose"`
	LegalBasis  string      `json:"legal_basis"`
	Keep        *periodView `json:"keep"`
	Unanchored  *periodView `json:"unanchored"`
	WarnBefore  *periodView `json:"warn_before"`
	AfterAppeal *periodView `json:"after_appeal"`
	Retroactive bool        `json:"retroactive"`
}

// draft checks what was sent.
func (in newPolicy) draft() (p lieciba.RetentionPolicy, err error) {
	p = lieciba.RetentionPolicy{Name: lieciba.DefaultPolicy, Purpose: in.Purpose, LegalBasis: in.LegalBasis, Retroactive: in.Retroactive,
		State: lieciba.PolicyDraft}
	if in.Name != nil {
		p.Name = *in.Name
	}
	if err := lieciba.CheckCode("name", p.Name); err != nil {
		return p, err
	}
	if err := checkSentence("purpose", p.Purpose); err != nil {
		return p, err
	}
	if err := checkSentence("legal_basis", p.LegalBasis); err != nil {
		return p, err
	}
	for _, f := range []struct {
		field string
		from  *periodView
		to    *lieciba.Period
	}{{"keep", in.Keep, &p.Keep}, {"unanchored", in.Unanchored, &p.Unanchored}, {"warn_before", in.WarnBefore, &p.WarnBefore},
		{"after_appeal", in.AfterAppeal, &p.AfterAppeal}} {
		if f.from == nil {
			return p, lieciba.Invalid(f.field, "is missing: send months and days")
		}
		if f.from.Months < 0 || f.from.Months > 1200 || f.from.Days < 0 || f.from.Days > 36500 {
			return p, lieciba.Invalid(f.field, "must have 0 to 1200 months and 0 to 36500 days")
		}
		*f.to = lieciba.Period(*f.from)
	}
	switch {
	case p.Keep.Zero():
		return p, lieciba.Invalid("keep", "must not be zero: footage would go on the day of the result")
	case p.Unanchored.Zero():
		return p, lieciba.Invalid("unanchored", "must not be zero: footage would go before any result can be notified")
	case !p.Unanchored.NeverEarlier(p.WarnBefore):
		return p, lieciba.Invalid("warn_before", "must not be longer than unanchored: the alarm would come before the session")
	}
	return p, nil
}

func policyTarget(id lieciba.PolicyID) target {
	return target{what: "retention_policy", id: string(id)}
}

// draftPolicy stores a new version; it rules nothing until another person approves it.
func (s *Server) draftPolicy(c *call) error {
	var in newPolicy
	if err := c.read(&in); err != nil {
		return err
	}
	p, err := in.draft()
	if err != nil {
		return err
	}
	p.ID = lieciba.NewID[lieciba.PolicyID](c.now)
	p.DraftedBy, p.DraftedByID, p.DraftedAt = c.who.Name, c.who.ID, lieciba.Micro(c.now)
	var all []lieciba.RetentionPolicy
	e := c.entry(string(lieciba.ActDraftPolicy), policyTarget(p.ID))
	if err := c.recordNew(&e, func(ctx context.Context) (err error) {
		if all, err = s.cfg.Catalog.Policies(ctx); err != nil {
			return err
		}
		p.Version = 1
		for _, o := range all {
			if o.Name == p.Name {
				p.Version = max(p.Version, o.Version+1)
			}
		}
		e.Detail = "policy " + p.Name + " version " + strconv.Itoa(p.Version) + " drafted"
		return s.cfg.Catalog.PutPolicy(ctx, p)
	}); err != nil {
		return err
	}
	return c.created(viewPolicy(p, before(p, all)))
}

type planView struct {
	RecordingID lieciba.RecordingID `json:"recording_id"`
	SessionID   lieciba.SessionID   `json:"session_id"`
	ExternalID  string              `json:"external_id"`
	CameraID    lieciba.CameraID    `json:"camera_id"`
	CameraName  string              `json:"camera_name"`
	Bytes       int64               `json:"bytes"`
	Due         bool                `json:"due"`
	DueAt       *stamp              `json:"due_at"`
	Started     bool                `json:"started"`
	PolicyID    *lieciba.PolicyID   `json:"policy_id"`
	Reason      string              `json:"reason"`
	BlockedBy   string              `json:"blocked_by"`
	Alarms      []string            `json:"alarms"`
}

// plan is the dry run of retention: what would go when, and why. It changes nothing.
func (s *Server) plan(c *call) error {
	if s.cfg.Retention == nil {
		return notHere("retention is not run")
	}
	if err := c.onlyQuery("before"); err != nil {
		return err
	}
	until, err := c.queryTime("before")
	if err != nil {
		return err
	}
	rows, err := s.cfg.Retention.Plan(c.ctx(), until)
	if err != nil {
		return err
	}
	cameras, err := s.cfg.Catalog.ListCameras(c.ctx(), "")
	if err != nil {
		return err
	}
	names := map[lieciba.CameraID]string{}
	for _, cam := range cameras {
		names[cam.ID] = cam.Name
	}
	visible := s.visibleSessions(c, lieciba.ActReadRetention)
	out := items[planView]{Items: []planView{}}
	for _, r := range rows {
		ok, err := visible(r.SessionID)
		if err != nil {
			return err
		}
		if ok {
			out.Items = append(out.Items, viewPlanned(r, names[r.CameraID]))
		}
	}
	return c.ok(out)
}

func viewPlanned(r PlannedDeletion, camera string) planView {
	return planView{RecordingID: r.RecordingID, SessionID: r.SessionID, ExternalID: r.ExternalID, CameraID: r.CameraID, CameraName: camera,
		Bytes: r.Bytes, Due: r.Due, DueAt: optionalStamp(r.DueAt), Started: r.Started, PolicyID: optional(r.PolicyID), Reason: r.Reason,
		BlockedBy: strings.Join(r.BlockedBy, "; "), Alarms: orEmpty(r.Alarms)}
}

// pokeRetention tells retention that what it decides by has changed.
func (s *Server) pokeRetention() {
	if s.cfg.Retention != nil {
		s.cfg.Retention.Poke()
	}
}
