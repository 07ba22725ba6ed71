package fsck_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/fsck"
)

// approved is a site where one person asked, another approved, and the first used it.
type approved struct {
	*kept
	grant  lieciba.Grant
	export lieciba.Export
}

var (
	asker    = lieciba.Principal{ID: "anna", Name: "Anna", SignIn: "in-anna"}
	approver = lieciba.Principal{ID: "berta", Name: "Berta", SignIn: "in-berta", Roles: []lieciba.Role{lieciba.RoleApprover}}
)

// by does an act on a request with its entry.
func (k *kept) by(who lieciba.Principal, act lieciba.Act, r lieciba.Request, do func(ctx context.Context) error) {
	e := lieciba.AuditEntry{ID: id[lieciba.AuditID](), At: at(300), Who: who.Name, WhoID: who.ID, Act: string(act), Object: "request:" + string(r.ID),
		SessionID: k.session.ID, Outcome: "ok"}
	require.NoError(k.t, k.catalog.Act(k.t.Context(), &e, do))
}

// change changes a request as one step of four eyes does.
func (k *kept) change(r lieciba.Request, to func(r lieciba.Request) (lieciba.Request, error)) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		_, err := k.catalog.ChangeRequest(ctx, r.ID, func(r lieciba.Request) (*lieciba.Request, error) {
			out, err := to(r)
			return &out, err
		})
		return err
	}
}

// ask makes a request and its approval.
func (k *kept) ask(kind lieciba.RequestKind) lieciba.Request {
	asked := lieciba.Asked{SessionID: k.session.ID, CameraIDs: []lieciba.CameraID{k.camera.ID}, From: at(0), To: at(60), Until: at(90_000), Appeal: "A-1"}
	r, err := lieciba.NewRequest(kind, asked, "Appeal A-1.", asker, at(300))
	require.NoError(k.t, err)
	k.by(asker, kind.AskAct(), r, func(ctx context.Context) error { return k.catalog.PutRequest(ctx, r) })
	k.by(approver, lieciba.ActApproveRequest, r, k.change(r, func(r lieciba.Request) (lieciba.Request, error) {
		in := lieciba.SignIn{ID: approver.SignIn, UserID: lieciba.UserID(approver.ID), FreshAt: at(301), FreshBy: lieciba.SignInPasskey}
		return r.Approve(approver, in, r.Digest, at(301), lieciba.SignInPasskey)
	}))
	return r
}

// use spends r for an effect.
func (k *kept) use(r lieciba.Request, usedFor string, effect func(ctx context.Context) error) {
	k.by(asker, "use_request", r, func(ctx context.Context) error {
		if err := k.change(r, func(r lieciba.Request) (lieciba.Request, error) { return r.Use(asker, usedFor, at(302)) })(ctx); err != nil {
			return err
		}
		return effect(ctx)
	})
}

// granted is anna's grant of the camera, which berta approved.
func (k *kept) granted() lieciba.Grant {
	r := k.ask(lieciba.RequestGrant)
	g := lieciba.Grant{ID: id[lieciba.GrantID](), RequestID: r.ID, SessionID: k.session.ID, HolderID: asker.ID, Holder: asker.Name,
		CameraIDs: r.Asked.CameraIDs, From: r.Asked.From, To: r.Asked.To, Appeal: "A-1", ApprovedBy: approver.Name, BeganAt: at(302), ExpiresAt: r.Asked.Until}
	k.use(r, "grant:"+string(g.ID), func(ctx context.Context) error { return k.catalog.PutGrant(ctx, g) })
	return g
}

func approve(s *site) *approved {
	k := &approved{kept: keep(s)}
	k.grant = k.granted()
	r := k.ask(lieciba.RequestExport)
	k.export = lieciba.Export{ID: id[lieciba.ExportID](), SessionID: s.session.ID, Purpose: "appeal", RecipientName: "court", CameraIDs: r.Asked.CameraIDs, RequestedBy: asker.Name,
		RequestedByID: asker.ID, RequestedAt: at(302), NodeID: s.node, State: lieciba.ExportRequested, RequestID: r.ID, ApprovedBy: approver.Name}
	k.use(r, "export:"+string(k.export.ID), func(ctx context.Context) error { return s.catalog.PutExport(ctx, k.export) })
	k.act(lieciba.ActExport, "export:"+string(k.export.ID), func(context.Context) error { return nil })
	hold := k.ask(lieciba.RequestHoldRelease)
	k.use(hold, "hold:"+string(k.hold.ID), func(ctx context.Context) error {
		_, err := s.catalog.ChangeHold(ctx, k.hold.ID, func(h lieciba.Hold) (*lieciba.Hold, error) {
			h.ReleasedBy, h.ReleasedAt = approver.Name, at(302)
			return &h, nil
		})
		return err
	})
	k.act(lieciba.ActReleaseHold, "hold:"+string(k.hold.ID), func(context.Context) error { return nil })
	s.sequence(1000)
	return k
}

// superuser runs statements past triggers, foreign keys and checks.
func (k *approved) superuser(statement string, args ...any) {
	if k.catalog.Name() == "sqlite" {
		k.exec("PRAGMA ignore_check_constraints = ON; "+statement, args...)
		return
	}
	k.exec(statement, args...)
}

// dropChecks removes the checks of the tables, which a superuser can do too.
func (k *approved) dropChecks() {
	if k.catalog.Name() == "sqlite" {
		return
	}
	k.exec(`DO $$ DECLARE t regclass; n name; BEGIN
		FOR t, n IN SELECT conrelid::regclass, conname FROM pg_constraint WHERE contype = 'c' AND conrelid IN ('requests'::regclass, 'grants'::regclass)
		LOOP EXECUTE 'ALTER TABLE ' || t || ' DROP CONSTRAINT ' || quote_ident(n); END LOOP; END $$`)
}

// TestSuperuserAgainstFourEyes changes what was asked, approved and used past the
// catalogue: each edit is named, and what is put back is clean.
func TestSuperuserAgainstFourEyes(t *testing.T) {
	onStores(t, func(s *site) {
		k := approve(s)
		list := k.checkLog().Violations
		require.Empty(t, list, spelled(list))
		k.dropChecks()
		for _, e := range k.edits() {
			for _, table := range []string{"requests", "grants", "exports", "audit", "holds"} {
				k.exec("CREATE TABLE saved_%s AS SELECT * FROM %s", table, table)
			}
			e.do(k)
			list := k.checkLog().Violations
			require.True(t, named(list, edit{object: e.object, words: e.words, rule: e.rule}), "%s: %s", e.words, spelled(list))
			for _, table := range []string{"requests", "grants", "exports", "audit", "holds"} {
				k.superuser("DELETE FROM %s; INSERT INTO %s SELECT * FROM saved_%s; DROP TABLE saved_%s", table, table, table, table)
			}
		}
		list = k.checkLog().Violations
		require.Empty(t, list, spelled(list))
	})
}

type accessEdit struct {
	do            func(k *approved)
	object, words string
	rule          fsck.Rule
}

func (k *approved) edits() []accessEdit {
	asked, grant, exported := string(k.grant.RequestID), string(k.grant.ID), string(k.export.ID)
	sets := func(table, id, set, object, words string) accessEdit {
		return accessEdit{func(k *approved) { k.superuser("UPDATE %s SET %s WHERE id = '%s'", table, set, id) }, object + " ", words, fsck.RuleRequest}
	}
	request := func(set, object, words string) accessEdit { return sets("requests", asked, set, object, words) }
	granted := func(set, words string) accessEdit { return sets("grants", grant, set, "grant", words) }
	without := func(act, words string) accessEdit {
		return accessEdit{func(k *approved) { k.exec("DELETE FROM audit WHERE act = '%s' AND object = 'request:%s'", act, asked) },
			"request " + asked, words + ", and no audit entry says so", fsck.RuleAudit}
	}
	longer := k.second("expires_at")
	return []accessEdit{
		request(`asked = replace(asked, 'A-1', 'A-2')`, "request", "was changed after it was used"),
		request(`reason = 'another'`, "request", "was changed after it was used"),
		request(`decided_by_id = asked_by_id`, "request", "was approved by Berta, who asked for it"),
		request(`expires_at = asked_at`, "request", "was approved at 2026-11-22T10:05:01Z, but lived from"),
		request(`used_at = expires_at`, "request", "but was good from"),
		request(`used_for = 'grant:0198c0de-0000-7000-8000-000000000000'`, "request", "which is not there"),
		request(`used_for = 'export:`+exported+`'`, "request", "which came of another request"),
		request(`used_for = 'export:`+exported+`'`, "grant", "which was used for export:"+exported),
		request(`state = 'approved', used_at = NULL, used_for = ''`, "grant", "which is approved and not used"),
		request(`state = 'refused', used_at = NULL, used_for = ''`, "grant", "which is refused and not used"),
		request(`kind = 'export'`, "grant", "whose kind is export"),
		{func(k *approved) { k.exec("DELETE FROM requests WHERE id = '%s'", asked) }, "grant " + grant, "nobody approved it", fsck.RuleRequest},
		granted(`holder_id = 'carla'`, "for who asked, and for nobody else"),
		granted(`expires_at = `+longer, "the grant was approved until"),
		granted(`from_at = NULL`, "the grant was approved for another time"),
		granted(`appeal = 'A-2'`, "the grant was approved for another case"),
		granted(`approved_by = 'Carla'`, `names "Carla" as its approver; it was "Berta"`),
		{func(k *approved) { k.exec("UPDATE holds SET released_at = NULL WHERE id = '%s'", k.hold.ID) }, "request ", "which is not released", fsck.RuleRequest},
		sets("exports", exported, `request_id = NULL`, "export", "without a request that another person approved"),
		{func(k *approved) { k.exec("DELETE FROM requests WHERE id = '%s'", k.export.RequestID) }, "export " + exported, "nobody approved it", fsck.RuleRequest},
		sets("exports", exported, `request_id = '`+asked+`'`, "export", "whose kind is grant"),
		without("approve_request", "was approved by Berta"),
		without("use_request", "was used by Anna"),
		{func(k *approved) { k.exec("UPDATE audit SET who_id = 'carla' WHERE act = 'approve_request'") }, "request " + asked,
			"was approved by Berta, and no audit entry says so", fsck.RuleAudit},
	}
}
