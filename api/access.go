package api

import (
	"context"
	"errors"
	"slices"

	"lieciba"
)

// endpoint is a handler together with the rule that guards it. It can only be
// made by the functions of this file.
type endpoint struct {
	rule  string      // for people and for the test of the table
	act   lieciba.Act // empty for public, signed-in and owned endpoints
	open  bool        // callable without a sign-in
	serve func(*call) error

	patient bool // bounded by Config.ProbeTimeout: it talks to a camera
	endless bool // bounds itself, step by step
	looks   bool // changes nothing that must be carried to its end
}

// talksToCamera gives the endpoint the time that a camera may need.
func (e endpoint) talksToCamera() endpoint {
	e.patient = true
	return e
}

// untilHangUp ends the endpoint's work when the caller hangs up, as for a GET.
// All others change something, which is carried to its end and audited then too.
func (e endpoint) untilHangUp() endpoint {
	e.looks = true
	return e
}

// boundsItself leaves the endpoint without a deadline of its own.
func (e endpoint) boundsItself() endpoint {
	e.endless = true
	return e
}

// target is an object that a rule decides on.
type target struct {
	site    lieciba.SiteID
	what    string // its kind, such as "camera"
	id      string
	session lieciba.SessionID
	camera  lieciba.CameraID
	span    lieciba.Interval // of footage; zero: none in particular
}

func (t target) String() string { return t.what + ":" + t.id }

// public lets everybody in. why says what makes that right.
func public(why string, serve func(*call) error) endpoint {
	return endpoint{rule: "public: " + why, open: true, serve: serve}
}

// signedIn lets in whoever is signed in, with no further right.
func signedIn(serve func(*call) error) endpoint {
	return endpoint{rule: "signed in", serve: serve}
}

// person lets in whoever has signed in themselves, with no further right: what
// follows is about their own account only. A machine has none.
func person(serve func(*call) error) endpoint {
	return endpoint{rule: "a person, for themselves", serve: func(c *call) error {
		var err error = lieciba.Errorf(lieciba.CodeForbidden, "only a person who has signed in may do this")
		if c.signIn != nil {
			err = serve(c)
		}
		if code := lieciba.CodeOf(err); c.signIn == nil || code == lieciba.CodeNotFresh {
			e := c.entry(lieciba.AuditProve, target{what: "user", id: c.who.ID})
			e.Outcome, e.Detail = string(code), c.gin.Request.Method+" "+c.gin.FullPath()
			c.auditRefused(e)
		}
		return err
	}}
}

// somewhere lets in who may do the act at one site at least. The handler shows
// only what AllowedSites names, or concerns no site.
func somewhere(act lieciba.Act, serve func(*call) error) endpoint {
	return endpoint{rule: "somewhere", act: act, serve: func(c *call) error {
		if err := c.admit(act); err != nil {
			return err
		}
		return serve(c)
	}}
}

// at lets in who may do the act on the object that find returns. The handler
// gets the object that was decided on, so that it cannot act on another.
func at[T any](act lieciba.Act, find func(*call) (T, target, error), serve func(*call, T) error) endpoint {
	return endpoint{rule: "at the object's site", act: act, serve: func(c *call) error {
		if err := c.admit(act); err != nil {
			return err
		}
		obj, t, err := find(c)
		if err != nil {
			return err
		}
		if err := c.allowOn(act, t); err != nil {
			return err
		}
		if err := c.needGrant(act, t); err != nil {
			c.auditRefusal(act, t, lieciba.CodeOf(err))
			return err
		}
		return serve(c, obj)
	}}
}

// allowOn is allow for what a path or a query names; its refusal is audited here.
func (c *call) allowOn(act lieciba.Act, t target) error {
	err := c.allow(act, t.site, t.what)
	if err != nil {
		c.auditRefusal(act, t, lieciba.CodeForbidden)
	}
	return err
}

// owned lets in only who began the thing, whatever their roles are now: ending
// one's own view must never fail for a right that was taken away since.
// Ending another's is audited as act.
func owned(what string, act lieciba.Act, owner func(id string) (string, bool), serve func(*call, string) error) endpoint {
	return endpoint{rule: "owner", serve: func(c *call) error {
		id := c.gin.Param("id")
		if !lieciba.ValidCode(id) {
			return lieciba.Invalid("id", "is not an ID of a %s", what)
		}
		if who, ok := owner(id); !ok || who != c.who.ID {
			if ok {
				c.auditRefusal(act, target{what: what, id: id}, lieciba.CodeNotFound)
			}
			return notFound(what)
		}
		return serve(c, id)
	}}
}

// shown lets in who may do the act somewhere and to whom find shows the object:
// their own, or any by their role. step names what is refused in the audit log.
func shown[T any](act lieciba.Act, step string, find func(*call) (T, target, bool, error), serve func(*call, T) error) endpoint {
	return endpoint{rule: "own, or all by role", act: act, serve: func(c *call) error {
		if err := c.admit(act); err != nil {
			return err
		}
		obj, t, visible, err := find(c)
		if err == nil && !visible {
			err = c.refusedStep(step, t, "", notFound(t.what))
		}
		if err != nil {
			return err
		}
		return serve(c, obj)
	}}
}

// admit refuses who may never do the act, before any object is looked at.
func (c *call) admit(act lieciba.Act) error {
	err := lieciba.AllowSomewhere(c.who, act)
	if err != nil {
		c.auditRefusal(act, target{what: "route", id: c.gin.FullPath()}, lieciba.CodeForbidden)
	}
	return err
}

// harmlessReads are the acts whose refusal leaves no entry: what they show is on the
// door. Every other refusal is evidence, and many of one person's are an alarm.
var harmlessReads = []lieciba.Act{lieciba.ActViewSites}

// auditRefusal records a refusal. The refusal stands even if that fails, so the
// failure ends in the log.
func (c *call) auditRefusal(act lieciba.Act, t target, outcome lieciba.Code) {
	if slices.Contains(harmlessReads, act) {
		return
	}
	e := c.entry(string(act), t)
	e.Outcome = string(outcome)
	e.Detail = c.gin.Request.Method + " " + c.gin.FullPath()
	c.auditRefused(e)
}

// auditRefused records a refusal that stands also when it cannot be recorded.
func (c *call) auditRefused(e lieciba.AuditEntry) {
	if err := c.appendAudit(e); err != nil {
		c.server.cfg.Log.ErrorContext(c.ctx(), "a refusal could not be audited", "error", err, "request_id", c.requestID)
	}
}

// entry begins an audit entry of this caller, with outcome ok.
func (c *call) entry(act string, t target) lieciba.AuditEntry {
	return lieciba.AuditEntry{
		ID: lieciba.NewID[lieciba.AuditID](c.now), At: lieciba.Micro(c.now),
		Who: c.who.Name, WhoID: c.who.ID, Act: act, Object: t.String(),
		SessionID: t.session, CameraID: t.camera, Outcome: "ok", Address: c.address(),
	}
}

// act runs a change and appends its entry in one transaction: both are there or
// neither is (storage/DESIGN.md, invariant 7). do reads and writes the catalogue
// with the ctx that it gets, and waits for nothing else; it may run twice. It
// runs to its end when the caller has hung up by now.
func (c *call) act(act lieciba.Act, t target, detail string, do func(ctx context.Context) error) error {
	e := c.entry(string(act), t)
	e.Detail = detail
	return c.record(&e, do)
}

// record is act with an entry that do may fill in. Inside of the transaction it is
// judged again who asks: a body may take long to come, and who lost a right
// meanwhile changes nothing (CWE-367). That refusal is audited here.
func (c *call) record(e *lieciba.AuditEntry, do func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx()), endTimeout)
	defer cancel()
	refused := *e
	err := c.server.cfg.Catalog.Act(ctx, e, func(ctx context.Context) error {
		if err := c.keepsRights(ctx); err != nil {
			return err
		}
		return do(ctx)
	})
	if errors.Is(err, errRightsLost) {
		refused.Outcome, refused.Detail = string(lieciba.CodeOf(err)), asError(err, c.requestID).Message
		c.auditRefused(refused)
	}
	return err
}

// recordNew is record for what may add a row: when another node has just stored
// one of the same name, do runs once more and finds it.
func (c *call) recordNew(e *lieciba.AuditEntry, do func(ctx context.Context) error) error {
	err := c.record(e, do)
	if lieciba.CodeOf(err) == lieciba.CodeConflict {
		err = c.record(e, do)
	}
	return err
}

// appendAudit records what changes nothing in the catalogue: a refusal, a look.
// The entry is written also when the caller has hung up by now: nobody avoids a
// trace by leaving in time.
func (c *call) appendAudit(e lieciba.AuditEntry) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx()), endTimeout)
	defer cancel()
	return c.server.cfg.Catalog.AppendAudit(ctx, e)
}
