package storagetest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

// Who asks and who approves, in the tests.
var (
	anna  = lieciba.Principal{ID: string(newID[lieciba.UserID]()), Name: "anna", SignIn: newID[lieciba.SignInID]()}
	berta = lieciba.Principal{ID: string(newID[lieciba.UserID]()), Name: "berta", SignIn: newID[lieciba.SignInID](), Roles: []lieciba.Role{lieciba.RoleApprover}}
)

// ask makes a request of anna's at sec(at), which lasts to sec(at) + 24 h.
func (w *world) ask(kind lieciba.RequestKind, at float64) lieciba.Request {
	asked := lieciba.Asked{SessionID: w.session.ID, CameraIDs: []lieciba.CameraID{w.camera.ID}, From: sec(0), To: sec(60),
		Until: sec(at + 90_000), Appeal: "A-1"}
	r, err := lieciba.NewRequest(kind, asked, "Jāpārbauda apelācija <A&B>.", anna, sec(at))
	if err != nil {
		panic(err)
	}
	return r
}

// approve is berta's approval of r at sec(at).
func approve(r lieciba.Request, at float64) (*lieciba.Request, error) {
	in := lieciba.SignIn{ID: berta.SignIn, UserID: lieciba.UserID(berta.ID), FreshAt: sec(at), FreshBy: lieciba.SignInPasskey}
	out, err := r.Approve(berta, in, r.Digest, sec(at), lieciba.SignInPasskey)
	return &out, err
}

// change makes a change of request id and returns what came of it.
func (w *world) change(id lieciba.RequestID, to func(lieciba.Request) (*lieciba.Request, error)) (lieciba.Request, error) {
	return w.ChangeRequest(w.ctx, id, to)
}

// approved stores a request and berta's approval of it.
func (w *world) approved(kind lieciba.RequestKind, at float64) (lieciba.Request, error) {
	r := w.ask(kind, at)
	if err := w.PutRequest(w.ctx, r); err != nil {
		return r, err
	}
	return w.change(r.ID, func(r lieciba.Request) (*lieciba.Request, error) { return approve(r, at+1) })
}

// grantOf is the grant that r asks for, from sec(at) on.
func grantOf(r lieciba.Request, at float64) lieciba.Grant {
	return lieciba.Grant{ID: newID[lieciba.GrantID](), RequestID: r.ID, SessionID: r.Asked.SessionID, HolderID: r.AskedByID, Holder: r.AskedBy,
		CameraIDs: r.Asked.CameraIDs, From: r.Asked.From, To: r.Asked.To, Reason: r.Reason, Appeal: r.Asked.Appeal,
		ApprovedBy: "berta", BeganAt: sec(at), ExpiresAt: r.Asked.Until}
}

var requestTests = map[string]func(*testing.T, *world){
	"PutRequest":    testPutRequest,
	"ChangeRequest": testChangeRequest,
	"WaysOfARequestThatItDoesNotGo": func(t *testing.T, w *world) {
		for name, c := range map[string]struct {
			from  lieciba.RequestState
			code  lieciba.Code
			field string
			spoil func(*lieciba.Request)
		}{
			"another ID":           {lieciba.RequestRequested, lieciba.CodeInternal, "", func(r *lieciba.Request) { r.ID = newID[lieciba.RequestID]() }},
			"another asker":        {lieciba.RequestRequested, lieciba.CodeInternal, "", func(r *lieciba.Request) { r.AskedByID = berta.ID }},
			"another kind":         {lieciba.RequestRequested, lieciba.CodeInternal, "", func(r *lieciba.Request) { r.Kind = lieciba.RequestExport }},
			"amended without sum":  {lieciba.RequestRequested, lieciba.CodeInvalid, "digest", func(r *lieciba.Request) { r.Asked.To = sec(99) }},
			"used unapproved":      {lieciba.RequestRequested, lieciba.CodeConflict, "state", func(r *lieciba.Request) { r.State, r.UsedAt, r.UsedFor = lieciba.RequestUsed, sec(2), "grant:x" }},
			"approved by asker":    {lieciba.RequestRequested, lieciba.CodeConflict, "decided_by", decision(lieciba.RequestApproved, anna)},
			"approved by nobody":   {lieciba.RequestRequested, lieciba.CodeConflict, "decided_by", decision(lieciba.RequestApproved, lieciba.Principal{})},
			"refused by asker":     {lieciba.RequestRequested, lieciba.CodeConflict, "decided_by", decision(lieciba.RequestRefused, anna)},
			"withdrawn by another": {lieciba.RequestRequested, lieciba.CodeConflict, "decided_by", decision(lieciba.RequestWithdrawn, berta)},
			"approved too late":    {lieciba.RequestRequested, lieciba.CodeConflict, "expires_at", func(r *lieciba.Request) { decision(lieciba.RequestApproved, berta)(r); r.DecidedAt = r.ExpiresAt }},
			"approved at no time":  {lieciba.RequestRequested, lieciba.CodeInvalid, "decided_at", func(r *lieciba.Request) { r.State, r.DecidedByID = lieciba.RequestApproved, berta.ID }},
			"changed by approval":  {lieciba.RequestRequested, lieciba.CodeInternal, "", func(r *lieciba.Request) { decision(lieciba.RequestApproved, berta)(r); r.Asked.To = sec(99) }},
			"waits again":          {lieciba.RequestApproved, lieciba.CodeConflict, "state", func(r *lieciba.Request) { r.State = lieciba.RequestRequested }},
			"refused after use":    {lieciba.RequestUsed, lieciba.CodeConflict, "state", decision(lieciba.RequestRefused, berta)},
			"refused then, asker":  {lieciba.RequestApproved, lieciba.CodeConflict, "decided_by", decision(lieciba.RequestRefused, anna)},
			"approved by a third":  {lieciba.RequestApproved, lieciba.CodeConflict, "state", func(r *lieciba.Request) { r.DecidedBy, r.DecidedByID = "cilda", "c" }},
			"used for nothing":     {lieciba.RequestApproved, lieciba.CodeInvalid, "used_for", func(r *lieciba.Request) { r.State, r.UsedAt = lieciba.RequestUsed, sec(9) }},
			"used too late":        {lieciba.RequestApproved, lieciba.CodeConflict, "expires_at", func(r *lieciba.Request) { used(r); r.UsedAt = r.ExpiresAt }},
			"used for more":        {lieciba.RequestApproved, lieciba.CodeInternal, "", func(r *lieciba.Request) { used(r); r.Asked.CameraIDs = nil }},
			"used, other approver": {lieciba.RequestApproved, lieciba.CodeInternal, "", func(r *lieciba.Request) { used(r); r.DecidedByID = "c" }},
			"used again":           {lieciba.RequestUsed, lieciba.CodeConflict, "state", func(r *lieciba.Request) { r.UsedFor = "grant:other" }},
			"withdrawn after use":  {lieciba.RequestUsed, lieciba.CodeConflict, "state", decision(lieciba.RequestWithdrawn, anna)},
		} {
			r := w.inState(t, c.from)
			_, err := w.change(r.ID, func(r lieciba.Request) (*lieciba.Request, error) {
				c.spoil(&r)
				return &r, nil
			})
			require.Equal(t, c.code, lieciba.CodeOf(err), "%s: %v", name, err)
			requireCode(t, err, c.code, c.field)
			got, err := w.Request(w.ctx, r.ID)
			require.NoError(t, err)
			require.Equal(t, r, got, "%s: nothing changed", name)
		}
	},

	"RefusedAfterTheApproval": func(t *testing.T, w *world) {
		r := w.inState(t, lieciba.RequestApproved)
		cilda := lieciba.Principal{ID: string(newID[lieciba.UserID]()), Name: "cilda"}
		got, err := w.change(r.ID, func(r lieciba.Request) (*lieciba.Request, error) {
			out, err := r.Refuse(cilda, "Konts ir pārņemts", sec(2))
			return &out, err
		})
		require.NoError(t, err)
		require.Equal(t, []any{lieciba.RequestRefused, "cilda", cilda.ID, "Konts ir pārņemts"}, []any{got.State, got.DecidedBy, got.DecidedByID, got.DecidedNote})
		_, err = w.change(r.ID, func(r lieciba.Request) (*lieciba.Request, error) {
			r.State, r.UsedAt, r.UsedFor = lieciba.RequestUsed, sec(3), "grant:x"
			return &r, nil
		})
		requireCode(t, err, lieciba.CodeConflict, "state")
	},

	"AnApprovalOfAnAccountThatIsClosed": func(t *testing.T, w *world) {
		u := lieciba.User{ID: newID[lieciba.UserID](), Login: "zane", Roles: []lieciba.Role{lieciba.RoleApprover}, CreatedAt: sec(0)}
		require.NoError(t, w.PutUser(w.ctx, u))
		r := lieciba.Request{Kind: lieciba.RequestGrant, DecidedBy: "zane", DecidedByID: string(u.ID)}
		require.NoError(t, storage.StillApproved(w.ctx, w, r))
		u.Disabled = true
		require.NoError(t, w.PutUser(w.ctx, u))
		requireCode(t, storage.StillApproved(w.ctx, w, r), lieciba.CodeConflict, "")
		for _, id := range []string{string(newID[lieciba.UserID]()), "zane"} {
			r.DecidedByID = id
			requireCode(t, storage.StillApproved(w.ctx, w, r), lieciba.CodeConflict, "")
		}
	},

	"TwoPeopleDecideAtOnce": func(t *testing.T, w *world) {
		w.rounds(t, func(round int) {
			r := w.ask(lieciba.RequestGrant, float64(round))
			require.NoError(t, w.PutRequest(w.ctx, r))
			won := make([]bool, 8)
			w.together(t, len(won), func(c storage.Catalog, i int) error {
				_, err := c.ChangeRequest(w.ctx, r.ID, func(r lieciba.Request) (*lieciba.Request, error) {
					if i%2 == 0 {
						return approve(r, float64(round)+1+float64(i)/10) // each at an instant of their own
					}
					out, err := r.Withdraw(anna, sec(float64(round)+1+float64(i)/10))
					if r.State == lieciba.RequestApproved {
						err = lieciba.Errorf(lieciba.CodeConflict, "somebody was faster")
					}
					return &out, err
				})
				won[i] = err == nil
				return unless(err, lieciba.CodeConflict)
			})
			require.Equal(t, 1, count(won))
		})
	},

	"TwoUsesAtOnce": testTwoUses,

	"ReadingARequestInAnActKeepsItAsItIs": func(t *testing.T, w *world) {
		r, err := w.approved(lieciba.RequestGrant, 0)
		require.NoError(t, err)
		g := grantOf(r, 2)
		require.NoError(t, w.PutGrant(w.ctx, g))
		second, stop := w.second(t), errors.New("stop")
		withdraw := func(ctx context.Context) error {
			_, err := second.ChangeRequest(ctx, r.ID, func(r lieciba.Request) (*lieciba.Request, error) {
				out, err := r.Withdraw(anna, sec(9))
				return &out, err
			})
			return err
		}
		revoke := func(ctx context.Context) error {
			_, err := second.RevokeGrant(ctx, g.ID, "berta", sec(9))
			return err
		}
		for name, c := range map[string]struct {
			read  func(ctx context.Context) error
			other func(ctx context.Context) error
		}{
			"Request": {func(ctx context.Context) error { _, err := w.Request(ctx, r.ID); return err }, withdraw},
			"ListRequests": {func(ctx context.Context) error {
				list, err := w.ListRequests(ctx, storage.RequestFilter{SessionID: w.session.ID})
				require.Len(t, list, 1)
				return err
			}, withdraw},
			"Grant": {func(ctx context.Context) error { _, err := w.Grant(ctx, g.ID); return err }, revoke},
			"ListGrants": {func(ctx context.Context) error {
				list, err := w.ListGrants(ctx, storage.GrantFilter{HolderID: anna.ID})
				require.Len(t, list, 1)
				return err
			}, revoke},
		} {
			e := newAudit("a", base)
			require.Equal(t, stop, w.Act(w.ctx, &e, func(ctx context.Context) error {
				require.NoError(t, c.read(ctx), name)
				w.short(t, c.other)
				return stop
			}), name)
		}
		require.NoError(t, withdraw(w.ctx), "and it goes on afterwards")
		require.NoError(t, revoke(w.ctx))
	},

	"ListRequests":   testListRequests,
	"RequestsByPage": testRequestsByPage,
	"ExportsOfARequest": func(t *testing.T, w *world) {
		r, err := w.approved(lieciba.RequestExport, 0)
		require.NoError(t, err)
		e := w.newExport()
		e.RequestID, e.ApprovedBy = r.ID, "berta"
		require.NoError(t, w.PutExport(w.ctx, e))
		got, err := w.Export(w.ctx, e.ID)
		require.NoError(t, err)
		require.Equal(t, e, got)
		twin := w.newExport()
		twin.RequestID = r.ID
		requireCode(t, w.PutExport(w.ctx, twin), lieciba.CodeConflict, "request_id")
		e.RequestID = ""
		requireCode(t, w.PutExport(w.ctx, e), lieciba.CodeConflict, "id")
		e.RequestID, e.ApprovedBy = r.ID, "cilda"
		requireCode(t, w.PutExport(w.ctx, e), lieciba.CodeConflict, "id")
		twin.RequestID = newID[lieciba.RequestID]()
		requireCode(t, w.PutExport(w.ctx, twin), lieciba.CodeNotFound, "")
	},
}

// decision writes a decision into a request as no rule of the domain would.
func decision(to lieciba.RequestState, by lieciba.Principal) func(*lieciba.Request) {
	return func(r *lieciba.Request) {
		r.State, r.DecidedBy, r.DecidedByID, r.DecidedAt = to, by.Name, by.ID, sec(2)
	}
}

func used(r *lieciba.Request) { r.State, r.UsedAt, r.UsedFor = lieciba.RequestUsed, sec(3), "grant:x" }

// inState is a stored request of anna's: waiting, approved or used.
func (w *world) inState(t *testing.T, s lieciba.RequestState) lieciba.Request {
	t.Helper()
	r := w.ask(lieciba.RequestGrant, 0)
	require.NoError(t, w.PutRequest(w.ctx, r))
	if s == lieciba.RequestRequested {
		return r
	}
	r, err := w.change(r.ID, func(r lieciba.Request) (*lieciba.Request, error) { return approve(r, 1) })
	require.NoError(t, err)
	if s == lieciba.RequestUsed {
		r, err = w.change(r.ID, func(r lieciba.Request) (*lieciba.Request, error) {
			out, err := r.Use(anna, "grant:x", sec(2))
			return &out, err
		})
		require.NoError(t, err)
	}
	return r
}

func testPutRequest(t *testing.T, w *world) {
	r := w.ask(lieciba.RequestGrant, 0)
	require.NoError(t, w.PutRequest(w.ctx, r))
	require.NoError(t, w.PutRequest(w.ctx, r), "the same again")
	got, err := w.Request(w.ctx, r.ID)
	require.NoError(t, err)
	require.Equal(t, r, got)
	require.Equal(t, got.Digest, got.DigestOf(), "what was read is what was asked")
	roles, err := lieciba.NewRequest(lieciba.RequestRoles, lieciba.Asked{UserID: newID[lieciba.UserID](), Roles: []lieciba.Role{lieciba.RoleReviewer},
		SiteIDs: []lieciba.SiteID{w.site.ID}}, "Jauna darbiniece komisijā.", anna, sec(1))
	require.NoError(t, err)
	require.NoError(t, w.PutRequest(w.ctx, roles), "of no session")
	got, err = w.Request(w.ctx, roles.ID)
	require.NoError(t, err)
	require.Equal(t, roles, got)

	other, err := r.Amend(r.Asked, "Cits iemesls šim pašam.", anna, sec(1))
	require.NoError(t, err)
	requireCode(t, w.PutRequest(w.ctx, other), lieciba.CodeConflict, "id")
	_, err = w.change(r.ID, func(r lieciba.Request) (*lieciba.Request, error) { return approve(r, 1) })
	require.NoError(t, err)
	require.NoError(t, w.PutRequest(w.ctx, r), "a late repeat takes no approval away")
	got, err = w.Request(w.ctx, r.ID)
	require.NoError(t, err)
	require.Equal(t, lieciba.RequestApproved, got.State)

	for field, spoil := range map[string]func(*lieciba.Request){
		"kind":       func(r *lieciba.Request) { r.Kind = "whim" },
		"asked_by":   func(r *lieciba.Request) { r.AskedByID = "" },
		"state":      func(r *lieciba.Request) { decision(lieciba.RequestApproved, berta)(r) },
		"expires_at": func(r *lieciba.Request) { r.ExpiresAt = r.AskedAt },
		"digest":     func(r *lieciba.Request) { r.Asked.CameraIDs = nil },
	} {
		bad := w.ask(lieciba.RequestGrant, 0)
		spoil(&bad)
		requireCode(t, w.PutRequest(w.ctx, bad), lieciba.CodeInvalid, field)
	}
	lost, err := lieciba.NewRequest(lieciba.RequestGrant, lieciba.Asked{SessionID: newID[lieciba.SessionID]()}, "Nav tādas sesijas vispār.", anna, sec(1))
	require.NoError(t, err)
	requireCode(t, w.PutRequest(w.ctx, lost), lieciba.CodeNotFound, "")
	_, err = w.Request(w.ctx, lost.ID)
	requireCode(t, err, lieciba.CodeNotFound, "")
}

func testChangeRequest(t *testing.T, w *world) {
	r := w.ask(lieciba.RequestGrant, 0)
	require.NoError(t, w.PutRequest(w.ctx, r))
	got, err := w.change(r.ID, func(stored lieciba.Request) (*lieciba.Request, error) {
		require.Equal(t, r, stored)
		return nil, nil
	})
	require.NoError(t, err)
	require.Equal(t, r, got)
	refused := errors.New("not yours")
	_, err = w.change(r.ID, func(lieciba.Request) (*lieciba.Request, error) { return nil, refused })
	require.True(t, err == refused, "%v", err)

	next, err := r.Amend(lieciba.Asked{Appeal: "A-2"}, "Cits iemesls šim pašam.", anna, sec(5))
	require.NoError(t, err)
	for _, to := range []func(lieciba.Request) (*lieciba.Request, error){
		func(lieciba.Request) (*lieciba.Request, error) { return &next, nil },
		func(r lieciba.Request) (*lieciba.Request, error) { return approve(r, 6) },
		func(r lieciba.Request) (*lieciba.Request, error) {
			out, err := r.Use(anna, "grant:x", sec(7))
			return &out, err
		},
	} {
		got, err = w.change(r.ID, func(r lieciba.Request) (*lieciba.Request, error) {
			out, err := to(r)
			next = *out
			return out, err
		})
		require.NoError(t, err)
		require.Equal(t, next, got)
		stored, err := w.Request(w.ctx, r.ID)
		require.NoError(t, err)
		require.Equal(t, next, stored)
		_, err = w.change(r.ID, func(lieciba.Request) (*lieciba.Request, error) { return &stored, nil })
		require.NoError(t, err, "the same again")
	}
	list, err := w.ListRequests(w.ctx, storage.RequestFilter{SessionID: w.session.ID})
	require.NoError(t, err)
	require.Empty(t, list, "it was amended to be of no session")
	require.NoError(t, w.Close())
	w.Catalog = w.open()
	got, err = w.Request(w.ctx, r.ID)
	require.NoError(t, err)
	require.Equal(t, next, got, "it survives")
	_, err = w.change(newID[lieciba.RequestID](), func(lieciba.Request) (*lieciba.Request, error) { return nil, nil })
	requireCode(t, err, lieciba.CodeNotFound, "")
}

// testTwoUses spends one approved request from two nodes at once, each use with
// its grant and its entry: one of all of them is there.
func testTwoUses(t *testing.T, w *world) {
	w.rounds(t, func(round int) {
		at := float64(10 * round)
		r, err := w.approved(lieciba.RequestGrant, at)
		require.NoError(t, err)
		won := make([]bool, 6)
		w.together(t, len(won), func(c storage.Catalog, i int) error {
			g, e := grantOf(r, at+2), newAudit("use_request", sec(at))
			e.Object = "request:" + string(r.ID)
			err := c.Act(w.ctx, &e, func(ctx context.Context) error {
				stored, err := c.ChangeRequest(ctx, r.ID, func(r lieciba.Request) (*lieciba.Request, error) {
					out, err := r.Use(anna, "grant:"+string(g.ID), sec(at+2))
					return &out, err
				})
				if err != nil {
					return err
				}
				return c.PutGrant(ctx, grantWith(g, stored))
			})
			won[i] = err == nil
			return unless(err, lieciba.CodeConflict)
		})
		require.Equal(t, 1, count(won))
		got, err := w.Request(w.ctx, r.ID)
		require.NoError(t, err)
		grants, err := w.ListGrants(w.ctx, storage.GrantFilter{SessionID: w.session.ID})
		require.NoError(t, err)
		require.Len(t, grants, round+1)
		require.Equal(t, "grant:"+string(grants[0].ID), got.UsedFor)
		require.Equal(t, r.ID, grants[0].RequestID)
	})
	entries, err := w.ListAudit(w.ctx, storage.AuditFilter{Act: "use_request"})
	require.NoError(t, err)
	require.Len(t, entries, 30)
}

func grantWith(g lieciba.Grant, r lieciba.Request) lieciba.Grant {
	g.ApprovedBy = r.DecidedBy
	return g
}

func testListRequests(t *testing.T, w *world) {
	far := w.newSession("exam-2", base)
	require.NoError(t, w.store(far))
	waiting, approved, export, others := w.ask(lieciba.RequestGrant, 1), w.ask(lieciba.RequestGrant, 2), w.ask(lieciba.RequestExport, 3), w.ask(lieciba.RequestGrant, 4)
	export.Asked.SessionID, others.AskedByID = far.ID, berta.ID
	export.Digest, others.Digest = export.DigestOf(), others.DigestOf()
	for _, r := range []lieciba.Request{export, waiting, others, approved} {
		require.NoError(t, w.PutRequest(w.ctx, r))
	}
	var err error
	approved, err = w.change(approved.ID, func(r lieciba.Request) (*lieciba.Request, error) { return approve(r, 5) })
	require.NoError(t, err)
	for name, c := range map[string]struct {
		f    storage.RequestFilter
		want []lieciba.Request
	}{
		"all":     {storage.RequestFilter{}, []lieciba.Request{others, export, approved, waiting}},
		"mine":    {storage.RequestFilter{AskedByID: anna.ID}, []lieciba.Request{export, approved, waiting}},
		"not by":  {storage.RequestFilter{NotByID: anna.ID}, []lieciba.Request{others}},
		"session": {storage.RequestFilter{SessionID: far.ID}, []lieciba.Request{export}},
		"kinds":   {storage.RequestFilter{Kinds: []lieciba.RequestKind{lieciba.RequestExport, lieciba.RequestRoles}}, []lieciba.Request{export}},
		"states":  {storage.RequestFilter{States: []lieciba.RequestState{lieciba.RequestApproved}}, []lieciba.Request{approved}},
		"open": {storage.RequestFilter{States: []lieciba.RequestState{lieciba.RequestRequested, lieciba.RequestApproved}, NotByID: berta.ID},
			[]lieciba.Request{export, approved, waiting}},
		"expire": {storage.RequestFilter{ExpiresAfter: export.ExpiresAt}, []lieciba.Request{others}},
		"page":   {storage.RequestFilter{Limit: 1, Before: export.ID}, []lieciba.Request{approved}},
		"none":   {storage.RequestFilter{AskedByID: "nobody"}, nil},
	} {
		got, err := w.ListRequests(w.ctx, c.f)
		require.NoError(t, err, name)
		require.Equal(t, c.want, got, name)
	}
	_, err = w.ListRequests(w.ctx, storage.RequestFilter{Before: newID[lieciba.RequestID]()})
	requireCode(t, err, lieciba.CodeNotFound, "")
}

func testRequestsByPage(t *testing.T, w *world) {
	for i := range 11 {
		require.NoError(t, w.PutRequest(w.ctx, w.ask(lieciba.RequestGrant, float64(i/4)))) // some at one instant
	}
	all, err := w.ListRequests(w.ctx, storage.RequestFilter{})
	require.NoError(t, err)
	require.Len(t, all, 11)
	require.True(t, slices.IsSortedFunc(all, func(a, b lieciba.Request) int {
		if d := b.AskedAt.Compare(a.AskedAt); d != 0 {
			return d
		}
		return cmp.Compare(b.ID, a.ID)
	}))
	var paged []lieciba.Request
	for f := (storage.RequestFilter{Limit: 3}); ; f.Before = paged[len(paged)-1].ID {
		page, err := w.ListRequests(w.ctx, f)
		require.NoError(t, err)
		if paged = append(paged, page...); len(page) < 3 {
			break
		}
	}
	require.Equal(t, all, paged)
}
