package fsck

import (
	"context"
	"errors"
	"strings"
	"time"

	"lieciba"
	"lieciba/storage"
)

// The acts of four eyes in the audit log, each about a request.
const (
	actApprove             = lieciba.ActApproveRequest
	actUse     lieciba.Act = lieciba.AuditUseRequest
)

// checkFourEyes proves invariant 16: what needs another's approval was approved by
// another, as it was asked, and had one effect. It runs after auditLogged.
func (c *checker) checkFourEyes(ctx context.Context) error {
	used := map[string]bool{}
	first, err := c.requests(ctx, used)
	if err != nil {
		return err
	}
	if err := c.effectsRequested(ctx, first, used); err != nil {
		return err
	}
	if err := c.rolesRequested(ctx); err != nil {
		return err
	}
	if err := c.grants(ctx); err != nil {
		return err
	}
	return c.exportsRequested(ctx, first)
}

// requests looks at every request, and returns when the first was asked. used gets
// what the used ones were used for, as far as it has no row that names its request.
func (c *checker) requests(ctx context.Context, used map[string]bool) (first time.Time, err error) {
	for r, err := range c.allRequests(ctx) {
		if err != nil {
			return first, err
		}
		first = r.AskedAt
		if r.Kind == lieciba.RequestPolicy || r.Kind == lieciba.RequestKeyRotation {
			used[r.UsedFor] = true
		}
		c.requestRow(r)
		if err := c.requestActs(ctx, r); err != nil {
			return first, err
		}
	}
	return first, nil
}

// requestRow looks at what a request says by itself.
func (c *checker) requestRow(r lieciba.Request) {
	object := "request " + string(r.ID)
	if r.Digest != r.DigestOf() {
		c.violate(RuleRequest, object, nil, "what is asked is not what its digest is over: it was changed after it was %s", r.State)
	}
	if r.State != lieciba.RequestApproved && r.State != lieciba.RequestUsed {
		return
	}
	if r.DecidedByID == "" || r.DecidedByID == r.AskedByID {
		c.violate(RuleRequest, object, nil, "was approved by %s, who asked for it", r.DecidedBy)
	}
	if r.DecidedAt.Before(r.AskedAt) || !r.DecidedAt.Before(r.ExpiresAt) {
		c.violate(RuleRequest, object, nil, "was approved at %s, but lived from %s to %s", stamp(r.DecidedAt), stamp(r.AskedAt), stamp(r.ExpiresAt))
	}
	if r.State == lieciba.RequestUsed && (r.UsedAt.Before(r.DecidedAt) || !r.UsedAt.Before(r.ExpiresAt)) {
		c.violate(RuleRequest, object, nil, "was used at %s, but was good from %s to %s", stamp(r.UsedAt), stamp(r.DecidedAt), stamp(r.ExpiresAt))
	}
}

// requestActs looks for the entries of an approval and a use, and for the effect.
func (c *checker) requestActs(ctx context.Context, r lieciba.Request) error {
	object := "request " + string(r.ID)
	if r.State != lieciba.RequestApproved && r.State != lieciba.RequestUsed {
		return nil
	}
	if err := c.require(ctx, actApprove, byWhom(string(r.ID), r.DecidedByID), 1, object, "was approved by %s", r.DecidedBy); err != nil {
		return err
	}
	if r.State != lieciba.RequestUsed {
		return nil
	}
	if err := c.require(ctx, actUse, byWhom(string(r.ID), r.AskedByID), 1, object, "was used by %s", r.AskedBy); err != nil {
		return err
	}
	why, err := c.effect(ctx, r)
	if err == nil && why != "" {
		c.violate(RuleRequest, object, nil, "was used for %s, %s", r.UsedFor, why)
	}
	return err
}

// byWhom is how acts counts the entries of an object by one person.
func byWhom(id, who string) string { return id + " by " + who }

// effect says what is wrong with what came of a used request; empty: nothing.
func (c *checker) effect(ctx context.Context, r lieciba.Request) (why string, err error) {
	kind, id, _ := strings.Cut(r.UsedFor, ":")
	var of lieciba.RequestID
	switch kind {
	case "grant":
		var g lieciba.Grant
		g, err = c.catalog.Grant(ctx, lieciba.GrantID(id))
		of = g.RequestID
	case "export":
		var e lieciba.Export
		e, err = c.catalog.Export(ctx, lieciba.ExportID(id))
		of = e.RequestID
	case "hold":
		var h lieciba.Hold
		h, err = c.catalog.Hold(ctx, lieciba.HoldID(id))
		if err == nil && h.Active() {
			return "which is not released", nil
		}
		of = r.ID
	case "deletion":
		_, err = c.catalog.Deletion(ctx, lieciba.DeletionID(id))
		of = r.ID
	case "client_token":
		return c.letIn(ctx, r, id)
	case "policy":
		return c.policyInForce(ctx, r, id)
	case "key":
		return c.keyOfLog(r, id), nil
	default: // an account: rolesRequested
		return "", nil
	}
	switch {
	case lieciba.CodeOf(err) == lieciba.CodeNotFound, lieciba.CodeOf(err) == lieciba.CodeInvalid:
		return "which is not there", nil
	case err == nil && of != r.ID:
		return "which came of another request", nil
	}
	return "", err
}

// grants holds every grant to its request.
func (c *checker) grants(ctx context.Context) error {
	for g, err := range c.allGrants(ctx) {
		if err != nil {
			return err
		}
		if err := c.grant(ctx, g); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) grant(ctx context.Context, g lieciba.Grant) error {
	object := "grant " + string(g.ID)
	r, err := c.catalog.Request(ctx, g.RequestID)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		c.violate(RuleRequest, object, nil, "comes of request %s, which is not there: nobody approved it", g.RequestID)
		return nil
	}
	if err != nil {
		return err
	}
	c.usedFor(object, "grant:"+string(g.ID), r, lieciba.RequestGrant)
	if err := storage.CheckGranted(g, r); err != nil && r.Kind == lieciba.RequestGrant && r.State == lieciba.RequestUsed {
		c.violate(RuleRequest, object, nil, "opens what was not approved: %s", message(err))
	}
	if g.ApprovedBy != r.DecidedBy {
		c.violate(RuleRequest, object, nil, "names %q as its approver; it was %q", g.ApprovedBy, r.DecidedBy)
	}
	return nil
}

// message is what an error tells people.
func message(err error) string {
	if e := (*lieciba.Error)(nil); errors.As(err, &e) {
		return e.Message
	}
	return err.Error()
}

// usedFor reports an effect whose request was not approved and used for it alone.
func (c *checker) usedFor(object, effect string, r lieciba.Request, kind lieciba.RequestKind) {
	switch {
	case r.Kind != kind:
		c.violate(RuleRequest, object, nil, "comes of request %s, whose kind is %s", r.ID, r.Kind)
	case r.State != lieciba.RequestUsed:
		c.violate(RuleRequest, object, nil, "comes of request %s, which is %s and not used", r.ID, r.State)
	case r.UsedFor != effect:
		c.violate(RuleRequest, object, nil, "comes of request %s, which was used for %s", r.ID, r.UsedFor)
	}
}

// exportsRequested holds every package to its request. Those of before the first
// request was ever asked have none.
func (c *checker) exportsRequested(ctx context.Context, first time.Time) error {
	for e, err := range c.allExports(ctx) {
		if err != nil {
			return err
		}
		if err := c.exportRequested(ctx, e, first); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) exportRequested(ctx context.Context, e lieciba.Export, first time.Time) error {
	object := "export " + string(e.ID)
	if e.RequestID == "" {
		if first.IsZero() || !e.RequestedAt.After(first) {
			return nil
		}
		alone, err := c.entered(ctx, lieciba.AuditBreakGlass, string(e.ID), 1) // it raised its alarm
		if err == nil && !alone {
			c.violate(RuleRequest, object, nil, "was made at %s without a request that another person approved", stamp(e.RequestedAt))
		}
		return err
	}
	r, err := c.catalog.Request(ctx, e.RequestID)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		c.violate(RuleRequest, object, nil, "comes of request %s, which is not there: nobody approved it", e.RequestID)
		return nil
	}
	if err != nil {
		return err
	}
	c.usedFor(object, "export:"+string(e.ID), r, lieciba.RequestExport)
	switch a := r.Asked; {
	case e.SessionID != a.SessionID:
		c.violate(RuleRequest, object, nil, "is of session %s; approved was %s", e.SessionID, a.SessionID)
	case len(a.CameraIDs) > 0 && (len(e.CameraIDs) == 0 || !sameSet(e.CameraIDs, a.CameraIDs)):
		c.violate(RuleRequest, object, nil, "is of other cameras than those that were approved")
	case e.Recipient != a.Recipient:
		c.violate(RuleRequest, object, nil, "is for another key than the one that was approved")
	}
	return nil
}
