package fsck_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence"
	"lieciba/storage/fsck"
	"lieciba/storage/sequencer"
)

// about is what a request of the kind asks for.
func (k *kept) about(kind lieciba.RequestKind, a lieciba.Asked) lieciba.Request {
	r, err := lieciba.NewRequest(kind, a, "The ministry asks for it.", asker, at(300))
	require.NoError(k.t, err)
	k.by(asker, kind.AskAct(), r, func(ctx context.Context) error { return k.catalog.PutRequest(ctx, r) })
	k.by(approver, lieciba.ActApproveRequest, r, k.change(r, func(r lieciba.Request) (lieciba.Request, error) {
		in := lieciba.SignIn{ID: approver.SignIn, UserID: lieciba.UserID(approver.ID), FreshAt: at(301), FreshBy: lieciba.SignInPasskey}
		return r.Approve(approver, in, r.Digest, at(301), lieciba.SignInPasskey)
	}))
	return r
}

// decidedByTwo puts a policy in force and gives an account its roles, each by a request.
func decidedByTwo(s *site) (k *kept, policy lieciba.RetentionPolicy, user lieciba.User) {
	k = keep(s)
	ctx := s.t.Context()
	policy = k.policy
	policy.ID, policy.Version, policy.State, policy.DraftedAt = id[lieciba.PolicyID](), 2, lieciba.PolicyDraft, at(290)
	policy.ApprovedBy, policy.ApprovedByID, policy.ApprovedAt = "", "", time.Time{}
	require.NoError(s.t, s.catalog.PutPolicy(ctx, policy))
	k.use(k.about(lieciba.RequestPolicy, lieciba.Asked{PolicyID: policy.ID}), "policy:"+string(policy.ID), func(ctx context.Context) error {
		_, err := s.catalog.ApprovePolicy(ctx, policy.ID, approver.Name, approver.ID, at(302))
		return err
	})
	k.act(lieciba.ActApprovePolicy, "policy:"+string(policy.ID), func(context.Context) error { return nil })
	user = lieciba.User{ID: id[lieciba.UserID](), Login: "dace", Name: "Dace", PasswordHash: "x", CreatedAt: at(290)}
	require.NoError(s.t, s.catalog.PutUser(ctx, user))
	user.Roles, user.SiteIDs = []lieciba.Role{lieciba.RoleSupervisor}, []lieciba.SiteID{s.session.SiteID}
	k.use(k.about(lieciba.RequestRoles, lieciba.Asked{UserID: user.ID, Roles: user.Roles, SiteIDs: user.SiteIDs}), "user:"+string(user.ID),
		func(ctx context.Context) error { return s.catalog.PutUser(ctx, user) })
	k.act(lieciba.ActManageUsers, "user:"+string(user.ID), func(context.Context) error { return nil })
	s.sequence(1000)
	return k, policy, user
}

// What two people put in force is held to what they approved: a policy that
// another approved or nobody asked for, and an account with more than it was given.
func TestEffectsOfPoliciesAndRoles(t *testing.T) {
	onStores(t, func(s *site) {
		k, policy, user := decidedByTwo(s)
		k.opt.StagedLimit = time.Minute
		list := k.checkLog().Violations
		require.Empty(t, list, spelled(list))
		named := func(rule fsck.Rule, object, words string) {
			t.Helper()
			list := k.checkLog().Violations
			require.True(t, named(list, edit{object: object, words: words, rule: rule}), "%s: %s", words, spelled(list))
		}
		put := func(change func(*lieciba.User)) {
			t.Helper()
			u := user
			change(&u)
			require.NoError(t, s.catalog.PutUser(t.Context(), u))
		}
		put(func(u *lieciba.User) { u.Roles = []lieciba.Role{lieciba.RoleAdmin, lieciba.RoleSupervisor} })
		named(fsck.RuleRequest, "user "+string(user.ID), "has role admin, which request")
		put(func(u *lieciba.User) { u.SiteIDs = append([]lieciba.SiteID{id[lieciba.SiteID]()}, u.SiteIDs...) })
		named(fsck.RuleRequest, "user "+string(user.ID), "has site")
		put(func(u *lieciba.User) { u.Roles, u.SiteIDs = nil, nil })
		list = k.checkLog().Violations
		require.Empty(t, list, "less than was approved is no fault: %s", spelled(list))

		k.exec("UPDATE policies SET approved_by_id = 'carla' WHERE id = '%s'", policy.ID)
		named(fsck.RuleRequest, "request ", "as its approver")
		k.exec("UPDATE policies SET approved_by_id = '%s' WHERE id = '%s'", approver.ID, policy.ID)
		third := policy
		third.ID, third.Version = id[lieciba.PolicyID](), 3
		require.NoError(t, s.catalog.PutPolicy(t.Context(), third))
		k.act(lieciba.ActApprovePolicy, "policy:"+string(third.ID), func(ctx context.Context) error {
			_, err := s.catalog.ApprovePolicy(ctx, third.ID, "carla", "carla", at(310))
			return err
		})
		s.sequence(1000)
		named(fsck.RuleRequest, "policy "+string(third.ID), "without a request that another person approved")
	})
}

// A key that took the log over comes of a request, or of somebody who broke the glass.
func TestEffectsOfKeys(t *testing.T) {
	onStores(t, func(s *site) {
		ctx, k := t.Context(), keep(s)
		k.opt.StagedLimit = time.Minute
		r := k.about(lieciba.RequestKeyRotation, lieciba.Asked{})
		k.use(r, "key:0123", func(context.Context) error { return nil })
		seq := sequencer.New(sequencer.Config{Catalog: s.catalog.(sequencer.Catalog), Key: s.key, Now: func() time.Time { return at(400) }})
		next, _, err := evidence.CreateKey(filepath.Join(t.TempDir(), "next.key"), s.key.Name())
		require.NoError(t, err)
		require.NoError(t, seq.Rotate(ctx, next, "yearly"))
		k.opt.LogKeys = []string{next.VerifierKey()}
		list := k.checkLog().Violations
		require.True(t, named(list, edit{object: "request " + string(r.ID), words: "which the log does not name", rule: fsck.RuleRequest}), spelled(list))
		require.True(t, named(list, edit{object: "key " + next.Fingerprint(), words: "nobody broke the glass", rule: fsck.RuleRequest}), spelled(list))
		k.act(lieciba.AuditBreakGlass, "key:"+next.Fingerprint(), func(context.Context) error { return nil })
		_, err = seq.Once(ctx)
		require.NoError(t, err)
		list = k.checkLog().Violations
		require.False(t, named(list, edit{object: "key " + next.Fingerprint(), words: "nobody broke the glass", rule: fsck.RuleRequest}), spelled(list))
	})
}
