package storagetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

var grantTests = map[string]func(*testing.T, *world){
	"PutGrant": func(t *testing.T, w *world) {
		r, err := w.approved(lieciba.RequestGrant, 0)
		require.NoError(t, err)
		g := grantOf(r, 2)
		require.NoError(t, w.PutGrant(w.ctx, g))
		require.NoError(t, w.PutGrant(w.ctx, g), "the same again")
		got, err := w.Grant(w.ctx, g.ID)
		require.NoError(t, err)
		require.Equal(t, g, got)
		other := g
		other.Reason = "cits"
		requireCode(t, w.PutGrant(w.ctx, other), lieciba.CodeConflict, "id")
		requireCode(t, w.PutGrant(w.ctx, grantOf(r, 2)), lieciba.CodeConflict, "request_id")
		_, err = w.Grant(w.ctx, newID[lieciba.GrantID]())
		requireCode(t, err, lieciba.CodeNotFound, "")
		lost := grantOf(r, 2)
		lost.RequestID = newID[lieciba.RequestID]()
		requireCode(t, w.PutGrant(w.ctx, lost), lieciba.CodeNotFound, "")

		whole, err := lieciba.NewRequest(lieciba.RequestGrant, lieciba.Asked{SessionID: w.session.ID}, "Visa sesija jānoskatās.", anna, sec(0))
		require.NoError(t, err)
		require.NoError(t, w.PutRequest(w.ctx, whole))
		_, err = w.change(whole.ID, func(r lieciba.Request) (*lieciba.Request, error) { return approve(r, 1) })
		require.NoError(t, err)
		g = grantOf(whole, 2)
		g.ExpiresAt = sec(9000)
		require.NoError(t, w.PutGrant(w.ctx, g))
		got, err = w.Grant(w.ctx, g.ID)
		require.NoError(t, err)
		require.Equal(t, g, got)
		require.Nil(t, got.CameraIDs, "nil opens all of the session")
	},

	"GrantsBeyondWhatWasApproved": testGrantsBeyond,

	"RevokeGrant": func(t *testing.T, w *world) {
		r, err := w.approved(lieciba.RequestGrant, 0)
		require.NoError(t, err)
		g := grantOf(r, 2)
		require.NoError(t, w.PutGrant(w.ctx, g))
		_, err = w.RevokeGrant(w.ctx, newID[lieciba.GrantID](), "berta", sec(9))
		requireCode(t, err, lieciba.CodeNotFound, "")
		got, err := w.RevokeGrant(w.ctx, g.ID, "berta", sec(9))
		require.NoError(t, err)
		revoked := g
		revoked.RevokedAt, revoked.RevokedBy = sec(9), "berta"
		require.Equal(t, revoked, got)
		got, err = w.RevokeGrant(w.ctx, g.ID, "cilda", sec(8))
		require.NoError(t, err)
		require.Equal(t, revoked, got, "the first stands")
		require.NoError(t, w.PutGrant(w.ctx, g), "a late repeat brings nothing back")
		got, err = w.Grant(w.ctx, g.ID)
		require.NoError(t, err)
		require.Equal(t, revoked, got)
		first := make([]bool, 8)
		other, err := w.approved(lieciba.RequestGrant, 0)
		require.NoError(t, err)
		g = grantOf(other, 2)
		require.NoError(t, w.PutGrant(w.ctx, g))
		w.together(t, len(first), func(c storage.Catalog, i int) error {
			got, err := c.RevokeGrant(w.ctx, g.ID, "berta", sec(10+float64(i)))
			first[i] = got.RevokedAt.Equal(sec(10 + float64(i)))
			return err
		})
		require.Equal(t, 1, count(first))
	},

	"GrantsOfOneRequestTakeTurns": func(t *testing.T, w *world) {
		w.rounds(t, func(round int) {
			r, err := w.approved(lieciba.RequestGrant, 0)
			require.NoError(t, err)
			made := make([]bool, 6)
			w.together(t, len(made), func(c storage.Catalog, i int) error {
				err := c.PutGrant(w.ctx, grantOf(r, 2))
				made[i] = err == nil
				return unless(err, lieciba.CodeConflict)
			})
			require.Equal(t, 1, count(made))
		})
	},

	"ListGrants": testListGrants,
}

func testGrantsBeyond(t *testing.T, w *world) {
	far := w.newSession("exam-2", base)
	require.NoError(t, w.store(far))
	r, err := w.approved(lieciba.RequestGrant, 0)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		code  lieciba.Code
		field string
		spoil func(*lieciba.Grant)
	}{
		"another holder":  {lieciba.CodeConflict, "holder_id", func(g *lieciba.Grant) { g.HolderID = berta.ID }},
		"another session": {lieciba.CodeConflict, "session_id", func(g *lieciba.Grant) { g.SessionID = far.ID }},
		"another case":    {lieciba.CodeConflict, "appeal", func(g *lieciba.Grant) { g.Appeal = "A-2" }},
		"every camera":    {lieciba.CodeConflict, "camera_ids", func(g *lieciba.Grant) { g.CameraIDs = nil }},
		"another camera": {lieciba.CodeConflict, "camera_ids", func(g *lieciba.Grant) {
			g.CameraIDs = []lieciba.CameraID{w.camera.ID, newID[lieciba.CameraID]()}
		}},
		"no camera":       {lieciba.CodeInvalid, "camera_ids", func(g *lieciba.Grant) { g.CameraIDs = []lieciba.CameraID{} }},
		"earlier":         {lieciba.CodeConflict, "from", func(g *lieciba.Grant) { g.From = sec(-1) }},
		"later":           {lieciba.CodeConflict, "from", func(g *lieciba.Grant) { g.To = sec(61) }},
		"without end":     {lieciba.CodeConflict, "from", func(g *lieciba.Grant) { g.To = time.Time{} }},
		"backwards":       {lieciba.CodeInvalid, "to", func(g *lieciba.Grant) { g.From, g.To = sec(9), sec(8) }},
		"longer":          {lieciba.CodeConflict, "expires_at", func(g *lieciba.Grant) { g.ExpiresAt = sec(90_001) }},
		"at once over":    {lieciba.CodeInvalid, "expires_at", func(g *lieciba.Grant) { g.ExpiresAt = g.BeganAt }},
		"too long":        {lieciba.CodeInvalid, "expires_at", func(g *lieciba.Grant) { g.ExpiresAt = g.BeganAt.Add(lieciba.MaxGrant + 1000) }},
		"revoked already": {lieciba.CodeInvalid, "revoked_at", func(g *lieciba.Grant) { g.RevokedAt = sec(5) }},
	} {
		g := grantOf(r, 2)
		c.spoil(&g)
		err := w.PutGrant(w.ctx, g)
		require.Equal(t, c.code, lieciba.CodeOf(err), "%s: %v", name, err)
		requireCode(t, err, c.code, c.field)
	}
	waiting, export := w.inState(t, lieciba.RequestRequested), w.ask(lieciba.RequestExport, 0)
	require.NoError(t, w.PutRequest(w.ctx, export))
	_, err = w.change(export.ID, func(r lieciba.Request) (*lieciba.Request, error) { return approve(r, 1) })
	require.NoError(t, err)
	for _, r := range []lieciba.Request{waiting, export} {
		requireCode(t, w.PutGrant(w.ctx, grantOf(r, 2)), lieciba.CodeConflict, "request_id")
	}
	narrower := grantOf(r, 2)
	narrower.From, narrower.To, narrower.ExpiresAt = sec(10), sec(20), sec(100)
	require.NoError(t, w.PutGrant(w.ctx, narrower), "less than was approved may be given")
}

func testListGrants(t *testing.T, w *world) {
	put := func(began, until float64) lieciba.Grant {
		r, err := w.approved(lieciba.RequestGrant, began-2)
		require.NoError(t, err)
		g := grantOf(r, began)
		g.ExpiresAt = sec(until)
		require.NoError(t, w.PutGrant(w.ctx, g))
		return g
	}
	old, now, gone, later := put(100, 200), put(110, 900), put(120, 900), put(500, 900)
	gone, err := w.RevokeGrant(w.ctx, gone.ID, "berta", sec(130))
	require.NoError(t, err)
	twin := put(110, 300)
	if now.ID < twin.ID {
		now, twin = twin, now
	}
	for name, c := range map[string]struct {
		f    storage.GrantFilter
		want []lieciba.Grant
	}{
		"all":      {storage.GrantFilter{}, []lieciba.Grant{later, gone, now, twin, old}},
		"holder":   {storage.GrantFilter{HolderID: anna.ID}, []lieciba.Grant{later, gone, now, twin, old}},
		"nobody":   {storage.GrantFilter{HolderID: berta.ID}, nil},
		"session":  {storage.GrantFilter{SessionID: w.session.ID, Appeal: "A-1"}, []lieciba.Grant{later, gone, now, twin, old}},
		"another":  {storage.GrantFilter{SessionID: w.session.ID, Appeal: "A-2"}, nil},
		"in force": {storage.GrantFilter{InForceAt: sec(200)}, []lieciba.Grant{now, twin}},
		"began":    {storage.GrantFilter{InForceAt: sec(100), SessionID: w.session.ID}, []lieciba.Grant{old}},
		"page":     {storage.GrantFilter{Limit: 2, Before: gone.ID}, []lieciba.Grant{now, twin}},
	} {
		got, err := w.ListGrants(w.ctx, c.f)
		require.NoError(t, err, name)
		require.Equal(t, c.want, got, name)
		if !c.f.InForceAt.IsZero() {
			for _, g := range got {
				require.True(t, g.InForce(c.f.InForceAt), name)
			}
		}
	}
	_, err = w.ListGrants(w.ctx, storage.GrantFilter{Before: newID[lieciba.GrantID]()})
	requireCode(t, err, lieciba.CodeNotFound, "")
}
