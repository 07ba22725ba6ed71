package fsck

import (
	"context"
	"slices"
	"time"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

// handover is a leaf by which the log went on with another key.
type handover struct {
	object string
	at     time.Time
}

// noteKey remembers the keys that the log names, by fingerprint. Its first key was
// handed over by nobody.
func (c *checker) noteKey(l lieciba.Leaf) {
	var d evidence.KeyDetail
	if evidence.Decode(l.Detail, &d) != nil {
		return // the walk says so
	}
	h := handover{object: "key " + evidence.Fingerprint(l.Subject)}
	if d.Previous != "" {
		h.at = l.At
	}
	c.keys[evidence.Fingerprint(l.Subject)] = h
}

// young reports whether something happened so lately that what belongs to it may
// not have been there yet when it was looked for.
func (c *checker) young(at time.Time) bool { return c.opt.Now().Sub(at) < c.opt.StagedLimit }

// policyInForce says what is wrong with the policy that came of r; empty: nothing.
func (c *checker) policyInForce(ctx context.Context, r lieciba.Request, id string) (why string, err error) {
	all, err := c.catalog.Policies(ctx)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(all, func(p lieciba.RetentionPolicy) bool { return string(p.ID) == id })
	switch {
	case i < 0:
		return "which is not there", nil
	case all[i].ID != r.Asked.PolicyID:
		return "which it did not ask for", nil
	case all[i].State == lieciba.PolicyDraft:
		return "which is a draft still", nil
	case all[i].ApprovedByID != r.DecidedByID:
		return "which names " + all[i].ApprovedBy + " as its approver", nil
	}
	return "", nil
}

// keyOfLog says what is wrong with the key that came of r; empty: nothing.
func (c *checker) keyOfLog(r lieciba.Request, fingerprint string) (why string) {
	if _, named := c.keys[fingerprint]; !named && !c.young(r.UsedAt) {
		return "which the log does not name"
	}
	return ""
}

// effectsRequested looks for what needs two people and came of no request, since
// the first request was ever asked. used names the effects of all requests.
func (c *checker) effectsRequested(ctx context.Context, first time.Time, used map[string]bool) error {
	if first.IsZero() {
		return nil
	}
	policies, err := c.catalog.Policies(ctx)
	if err != nil {
		return err
	}
	for _, p := range policies {
		if p.State != lieciba.PolicyDraft && p.ApprovedAt.After(first) && !c.young(p.ApprovedAt) && !used["policy:"+string(p.ID)] {
			c.violate(RuleRequest, "policy "+string(p.ID), nil, "was put in force at %s without a request that another person approved", stamp(p.ApprovedAt))
		}
	}
	for fingerprint, h := range c.keys {
		if !h.at.After(first) || c.young(h.at) || used["key:"+fingerprint] {
			continue
		}
		alone, err := c.entered(ctx, lieciba.AuditBreakGlass, fingerprint, 1)
		if err != nil {
			return err
		}
		if !alone {
			c.violate(RuleRequest, h.object, nil, "took the log over at %s without a request that another person approved, and nobody broke the glass", stamp(h.at))
		}
	}
	return nil
}

// rolesRequested holds accounts to the newest request about their roles: nobody is
// more than was approved. Less is no fault, for a reset account loses its roles.
// What changed between two reads is looked at twice.
func (c *checker) rolesRequested(ctx context.Context) error {
	was, err := c.excessRoles(ctx)
	if err != nil || len(was) == 0 {
		return err
	}
	now, err := c.excessRoles(ctx)
	for id, why := range now {
		if was[id] != "" {
			c.violate(RuleRequest, "user "+string(id), nil, "%s", why)
		}
	}
	return err
}

func (c *checker) excessRoles(ctx context.Context) (map[lieciba.UserID]string, error) {
	newest := map[lieciba.UserID]lieciba.Request{}
	f := storage.RequestFilter{Kinds: []lieciba.RequestKind{lieciba.RequestRoles}, States: []lieciba.RequestState{lieciba.RequestUsed}, Limit: storage.MaxPage}
	for r, err := range storage.Pages(func(before lieciba.RequestID) ([]lieciba.Request, error) {
		f.Before = before
		return c.catalog.ListRequests(ctx, f)
	}, func(r lieciba.Request) lieciba.RequestID { return r.ID }) {
		if err != nil {
			return nil, err
		}
		if r.UsedAt.After(newest[r.Asked.UserID].UsedAt) {
			newest[r.Asked.UserID] = r
		}
	}
	out := map[lieciba.UserID]string{}
	for id, r := range newest {
		u, err := c.catalog.User(ctx, id)
		if err != nil && lieciba.CodeOf(err) != lieciba.CodeNotFound {
			return nil, err
		}
		if why := excess(u, r); err == nil && why != "" {
			out[id] = why
		}
	}
	return out, nil
}

// excess says what an account has beyond the request; empty: nothing. Of a
// provider's account the provider decides.
func excess(u lieciba.User, r lieciba.Request) string {
	if !u.Local() {
		return ""
	}
	for _, role := range u.Roles {
		if !slices.Contains(r.Asked.Roles, role) {
			return "has role " + string(role) + ", which request " + string(r.ID) + ", the newest about it, did not ask for"
		}
	}
	for _, site := range u.SiteIDs {
		if !slices.Contains(r.Asked.SiteIDs, site) {
			return "has site " + string(site) + ", which request " + string(r.ID) + ", the newest about it, did not ask for"
		}
	}
	return ""
}
