package fsck_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/fsck"
)

// letIn asks, approves and uses a request for a client of the citizenship system.
func (k *kept) letIn(s *site) lieciba.ClientToken {
	asked := lieciba.Asked{Client: &lieciba.AskedClient{Name: "pizis", Roles: []lieciba.Role{lieciba.RoleCitizenship},
		Scopes: []lieciba.Act{lieciba.ActPushSession, lieciba.ActPushEvent}, Token: true, Days: 1}}
	r, err := lieciba.NewRequest(lieciba.RequestClientToken, asked, "The system is set up.", asker, at(300))
	require.NoError(k.t, err)
	k.by(asker, lieciba.ActAskClientToken, r, func(ctx context.Context) error { return s.catalog.PutRequest(ctx, r) })
	k.by(approver, lieciba.ActApproveRequest, r, k.change(r, func(r lieciba.Request) (lieciba.Request, error) {
		in := lieciba.SignIn{ID: approver.SignIn, UserID: lieciba.UserID(approver.ID), FreshAt: at(301), FreshBy: lieciba.SignInPasskey}
		return r.Approve(approver, in, r.Digest, at(301), lieciba.SignInPasskey)
	}))
	t := lieciba.ClientToken{ID: id[lieciba.TokenID](), Name: "pizis", TokenHash: [32]byte{7}, Roles: asked.Client.Roles,
		Scopes: asked.Client.Scopes, CreatedAt: at(302), ExpiresAt: at(90_000)}
	k.use(r, "client_token:"+string(t.ID), func(ctx context.Context) error { return s.catalog.PutClientToken(ctx, t) })
	k.act(lieciba.ActManageUsers, "client_token:"+string(t.ID), func(context.Context) error { return nil })
	return t
}

// A client that two people let in is what they approved; one of the citizenship
// system that nobody let in is named.
func TestClientsComeOfTwoPeople(t *testing.T) {
	onStores(t, func(s *site) {
		k, ctx := keep(s), t.Context()
		of := k.letIn(s)
		list := func() []fsck.Violation {
			t.Helper()
			s.sequence(1000)
			return k.checkLog().Violations
		}
		says := func(object, words string, rule fsck.Rule) {
			t.Helper()
			found := list()
			require.Len(t, found, 1, spelled(found))
			require.True(t, named(found, edit{object: object, words: words, rule: rule}), spelled(found))
		}
		clean := func() {
			t.Helper()
			found := list()
			require.Empty(t, found, spelled(found))
		}
		clean()
		for _, change := range []func(*lieciba.ClientToken){
			func(t *lieciba.ClientToken) { t.Name = "other" },
			func(t *lieciba.ClientToken) { t.Scopes = nil },
			func(t *lieciba.ClientToken) { t.Roles = append(t.Roles, lieciba.RoleApprover) },
			func(t *lieciba.ClientToken) { t.Certificate = [32]byte{1} },
		} {
			got := of
			change(&got)
			require.NoError(t, s.catalog.PutClientToken(ctx, got))
			says("request ", "was used for client_token:"+string(of.ID)+", which has", fsck.RuleRequest)
		}
		require.NoError(t, s.catalog.PutClientToken(ctx, of))
		clean()

		monitoring := lieciba.ClientToken{ID: id[lieciba.TokenID](), Name: "m", TokenHash: [32]byte{8}, Roles: []lieciba.Role{lieciba.RoleMonitoring}, CreatedAt: at(303), ExpiresAt: at(90_000)}
		require.NoError(t, s.catalog.PutClientToken(ctx, monitoring))
		clean()
		past := monitoring
		past.ID, past.TokenHash, past.Roles = id[lieciba.TokenID](), [32]byte{9}, []lieciba.Role{lieciba.RoleCitizenship}
		require.NoError(t, s.catalog.PutClientToken(ctx, past))
		says("client token "+string(past.ID), "of m was made, and no audit entry says so", fsck.RuleAudit)
	})
}

// A package without a request is in order only where the log says that one person
// took it out alone.
func TestPackageOfOnePersonIsSaidToBeOne(t *testing.T) {
	onStores(t, func(s *site) {
		k := approve(s)
		e := lieciba.Export{ID: id[lieciba.ExportID](), SessionID: s.session.ID, Purpose: "appeal", RecipientName: "court", RequestedBy: "shell",
			RequestedByID: "shell", RequestedAt: at(400), NodeID: s.node, State: lieciba.ExportRequested}
		k.act(lieciba.ActExport, "export:"+string(e.ID), func(ctx context.Context) error { return s.catalog.PutExport(ctx, e) })
		s.sequence(1000)
		list := k.checkLog().Violations
		require.True(t, named(list, edit{object: "export " + string(e.ID), words: "without a request that another person approved", rule: fsck.RuleRequest}), spelled(list))
		k.act(lieciba.AuditBreakGlass, "export:"+string(e.ID), func(context.Context) error { return nil })
		s.sequence(1000)
		list = k.checkLog().Violations
		require.Empty(t, list, spelled(list))
	})
}
