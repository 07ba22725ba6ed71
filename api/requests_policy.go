package api

import (
	"context"
	"slices"
	"strconv"

	"lieciba"
)

// policyRequests ask that a draft of a retention policy comes into force.
type policyRequests struct{ s *Server }

func (policyRequests) fields() []string { return []string{"policy_id"} }

// draftOf finds a draft among all versions.
func (k policyRequests) draftOf(ctx context.Context, id lieciba.PolicyID) (p lieciba.RetentionPolicy, all []lieciba.RetentionPolicy, err error) {
	if _, err := lieciba.ParseID[lieciba.PolicyID]("policy_id", string(id)); err != nil {
		return p, nil, err
	}
	if all, err = k.s.cfg.Catalog.Policies(ctx); err != nil {
		return p, nil, err
	}
	i := slices.IndexFunc(all, func(p lieciba.RetentionPolicy) bool { return p.ID == id })
	if i < 0 {
		return p, all, notFound("retention policy")
	}
	if p = all[i]; p.State != lieciba.PolicyDraft {
		return p, all, lieciba.Errorf(lieciba.CodeConflict, "this version is %s already", p.State)
	}
	return p, all, nil
}

func (k policyRequests) check(c *call, a *lieciba.Asked) (target, error) {
	_, _, err := k.draftOf(c.ctx(), a.PolicyID)
	return policyTarget(a.PolicyID), err
}

// approvable: whoever drafted it does not approve it, whoever asks.
func (k policyRequests) approvable(ctx context.Context, r lieciba.Request, by lieciba.Principal) error {
	p, _, err := k.draftOf(ctx, r.Asked.PolicyID)
	if err == nil && p.DraftedByID == by.ID {
		return lieciba.Errorf(lieciba.CodeForbidden, "you drafted this policy: another person must approve it")
	}
	return err
}

func (k policyRequests) use(c *call, r lieciba.Request) (effect, error) {
	t := policyTarget(r.Asked.PolicyID)
	do := func(ctx context.Context, r lieciba.Request, e *lieciba.AuditEntry) error {
		p, all, err := k.draftOf(ctx, r.Asked.PolicyID)
		if err != nil {
			return err
		}
		e.Detail = "policy " + p.Name + " version " + strconv.Itoa(p.Version) + " approved, " + byWhom(r)
		if old := before(p, all); old != nil && p.Shortens(*old) {
			e.Detail += "; it " + shortening(p, *old)
		}
		_, err = k.s.cfg.Catalog.ApprovePolicy(ctx, p.ID, r.DecidedBy, r.DecidedByID, lieciba.Micro(c.now))
		return err
	}
	return effect{made: t.String(), entry: c.entry(string(lieciba.ActApprovePolicy), t), do: do, after: k.s.pokeRetention}, nil
}
