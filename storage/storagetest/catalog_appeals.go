package storagetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

func (w *world) newAppeal(reference string, at float64) lieciba.Appeal {
	return lieciba.Appeal{ID: newID[lieciba.AppealID](), SessionID: w.session.ID, Reference: reference, Source: lieciba.SourceByHand,
		State: lieciba.AppealOpened, OpenedBy: "anna", OpenedByID: anna.ID, OpenedAt: sec(at)}
}

// setAppeal stores a, whatever there is.
func (w *world) setAppeal(ctx context.Context, c storage.Catalog, a lieciba.Appeal) error {
	_, err := c.ChangeAppeal(ctx, a.SessionID, a.Reference, func(*lieciba.Appeal) (*lieciba.Appeal, error) { return &a, nil })
	return err
}

var appealTests = map[string]func(*testing.T, *world){
	"ChangeAppeal": testChangeAppeal,

	"AnAppealAndItsHold": func(t *testing.T, w *world) {
		a, h := w.newAppeal("A-1", 0), w.newHold()
		a.HoldID = h.ID
		requireCode(t, w.setAppeal(w.ctx, w.Catalog, a), lieciba.CodeNotFound, "")
		require.NoError(t, w.PutSite(w.ctx, newSite("after")), "the catalogue goes on after a refused commit")
		_, err := w.Appeal(w.ctx, a.ID)
		requireCode(t, err, lieciba.CodeNotFound, "")
		e := newAudit("open_appeal", base)
		err = w.Act(w.ctx, &e, func(ctx context.Context) error { return w.setAppeal(ctx, w.Catalog, a) })
		requireCode(t, err, lieciba.CodeNotFound, "")
		require.NoError(t, w.Act(w.ctx, &e, func(ctx context.Context) error {
			if err := w.setAppeal(ctx, w.Catalog, a); err != nil {
				return err
			}
			_, err := w.PlaceHold(ctx, h)
			return err
		}), "the hold may follow in the act")
		got, err := w.Appeal(w.ctx, a.ID)
		require.NoError(t, err)
		require.Equal(t, a, got)
	},

	"WaysOfAnAppealThatItDoesNotGo": func(t *testing.T, w *world) {
		for name, c := range map[string]struct {
			from  lieciba.AppealState
			code  lieciba.Code
			field string
			spoil func(*lieciba.Appeal)
		}{
			"another ID":         {lieciba.AppealOpened, lieciba.CodeInternal, "", func(a *lieciba.Appeal) { a.ID = newID[lieciba.AppealID]() }},
			"another reference":  {lieciba.AppealOpened, lieciba.CodeInternal, "", func(a *lieciba.Appeal) { a.Reference = "A-2" }},
			"another session":    {lieciba.AppealOpened, lieciba.CodeInternal, "", func(a *lieciba.Appeal) { a.SessionID = newID[lieciba.SessionID]() }},
			"opened by another":  {lieciba.AppealOpened, lieciba.CodeInternal, "", func(a *lieciba.Appeal) { a.OpenedByID = berta.ID }},
			"of another source":  {lieciba.AppealOpened, lieciba.CodeInternal, "", func(a *lieciba.Appeal) { a.Source = "pizis" }},
			"in no state":        {lieciba.AppealOpened, lieciba.CodeInvalid, "state", func(a *lieciba.Appeal) { a.State = "lost" }},
			"opened at no time":  {lieciba.AppealOpened, lieciba.CodeInvalid, "opened_at", func(a *lieciba.Appeal) { a.OpenedAt = time.Time{} }},
			"closed undecided":   {lieciba.AppealOpened, lieciba.CodeConflict, "", func(a *lieciba.Appeal) { a.State = lieciba.AppealClosed }},
			"back from court":    {lieciba.AppealCourt, lieciba.CodeConflict, "", func(a *lieciba.Appeal) { a.State = lieciba.AppealOpened }},
			"opened once closed": {lieciba.AppealClosed, lieciba.CodeConflict, "state", func(a *lieciba.Appeal) { a.State = lieciba.AppealOpened }},
			"changed once closed": {lieciba.AppealClosed, lieciba.CodeConflict, "state", func(a *lieciba.Appeal) {
				a.ClosedBy = "berta"
			}},
		} {
			a := w.newAppeal("A-"+string(newID[lieciba.AppealID]()), 0)
			require.NoError(t, w.setAppeal(w.ctx, w.Catalog, a))
			for _, to := range []lieciba.AppealState{lieciba.AppealCourt, lieciba.AppealFinal, lieciba.AppealClosed} {
				if a.State != c.from {
					a.State = to
					require.NoError(t, w.setAppeal(w.ctx, w.Catalog, a))
				}
			}
			next := a
			c.spoil(&next)
			_, err := w.ChangeAppeal(w.ctx, a.SessionID, a.Reference, func(*lieciba.Appeal) (*lieciba.Appeal, error) { return &next, nil })
			require.Equal(t, c.code, lieciba.CodeOf(err), "%s: %v", name, err)
			requireCode(t, err, c.code, c.field)
			got, err := w.Appeal(w.ctx, a.ID)
			require.NoError(t, err)
			require.Equal(t, a, got, "%s: nothing changed", name)
		}
	},

	"ChangesOfASessionsAppealsTakeTurns": func(t *testing.T, w *world) {
		second := w.second(t)
		_, err := w.ChangeAppeal(w.ctx, w.session.ID, "A-1", func(*lieciba.Appeal) (*lieciba.Appeal, error) {
			w.short(t, func(ctx context.Context) error { return w.setAppeal(ctx, second, w.newAppeal("A-2", 0)) })
			return nil, nil
		})
		require.NoError(t, err)
		opened := make([]bool, 8)
		w.together(t, len(opened), func(c storage.Catalog, i int) error {
			_, err := c.ChangeAppeal(w.ctx, w.session.ID, "A-1", func(a *lieciba.Appeal) (*lieciba.Appeal, error) {
				if opened[i] = a == nil; !opened[i] {
					return nil, nil
				}
				fresh := w.newAppeal("A-1", 0)
				return &fresh, nil
			})
			return err
		})
		require.Equal(t, 1, count(opened))
	},

	"ListAppeals": testListAppeals,
	"Passkeys":    testPasskeys,
}

func testChangeAppeal(t *testing.T, w *world) {
	got, err := w.ChangeAppeal(w.ctx, w.session.ID, "A-1", func(a *lieciba.Appeal) (*lieciba.Appeal, error) {
		require.Nil(t, a)
		return nil, nil
	})
	require.NoError(t, err)
	require.Zero(t, got)
	a, refused := w.newAppeal("A-1", 0), errors.New("not yours")
	_, err = w.ChangeAppeal(w.ctx, w.session.ID, "A-1", func(*lieciba.Appeal) (*lieciba.Appeal, error) { return &a, refused })
	require.True(t, err == refused, "%v", err)
	h, g := w.newHold(), w.newHold()
	for _, h := range []lieciba.Hold{h, g} {
		_, err = w.PlaceHold(w.ctx, h)
		require.NoError(t, err)
	}
	for _, step := range []func(*lieciba.Appeal){
		func(a *lieciba.Appeal) { a.HoldID = h.ID },
		func(a *lieciba.Appeal) { a.State, a.CourtAt = lieciba.AppealCourt, sec(10) },
		func(a *lieciba.Appeal) { a.State, a.FinalAt = lieciba.AppealFinal, sec(20) },
		func(a *lieciba.Appeal) { a.State, a.FinalAt, a.HoldID = lieciba.AppealOpened, time.Time{}, g.ID },
		func(a *lieciba.Appeal) { a.State, a.FinalAt = lieciba.AppealFinal, sec(30) },
		func(a *lieciba.Appeal) { a.State, a.ClosedAt, a.ClosedBy = lieciba.AppealClosed, sec(40), "berta" },
	} {
		step(&a)
		for range 2 { // the same again is no error
			got, err = w.ChangeAppeal(w.ctx, w.session.ID, "A-1", func(stored *lieciba.Appeal) (*lieciba.Appeal, error) { return &a, nil })
			require.NoError(t, err)
			require.Equal(t, a, got)
		}
		got, err = w.Appeal(w.ctx, a.ID)
		require.NoError(t, err)
		require.Equal(t, a, got)
	}
	got, err = w.ChangeAppeal(w.ctx, w.session.ID, "A-1", func(stored *lieciba.Appeal) (*lieciba.Appeal, error) {
		require.Equal(t, &a, stored)
		stored.ClosedBy = "scribbled"
		return nil, nil
	})
	require.NoError(t, err)
	require.Equal(t, a, got)
	require.NoError(t, w.Close())
	w.Catalog = w.open()
	got, err = w.Appeal(w.ctx, a.ID)
	require.NoError(t, err)
	require.Equal(t, a, got, "it survives")

	requireCode(t, w.setAppeal(w.ctx, w.Catalog, w.newAppeal("../x", 0)), lieciba.CodeInvalid, "reference")
	lost := w.newAppeal("A-1", 0)
	lost.SessionID = newID[lieciba.SessionID]()
	requireCode(t, w.setAppeal(w.ctx, w.Catalog, lost), lieciba.CodeNotFound, "")
	_, err = w.Appeal(w.ctx, lost.ID)
	requireCode(t, err, lieciba.CodeNotFound, "")
}

func testListAppeals(t *testing.T, w *world) {
	far := w.newSession("exam-2", base)
	require.NoError(t, w.store(far))
	one, two, twin, other := w.newAppeal("A-1", 1), w.newAppeal("A-2", 5), w.newAppeal("A-3", 5), w.newAppeal("A-1", 3)
	other.SessionID = far.ID
	if two.ID < twin.ID {
		two, twin = twin, two
	}
	for _, a := range []lieciba.Appeal{two, other, one, twin} {
		require.NoError(t, w.setAppeal(w.ctx, w.Catalog, a))
	}
	one.State, one.FinalAt = lieciba.AppealFinal, sec(9)
	require.NoError(t, w.setAppeal(w.ctx, w.Catalog, one))
	for name, c := range map[string]struct {
		f    storage.AppealFilter
		want []lieciba.Appeal
	}{
		"all":       {storage.AppealFilter{}, []lieciba.Appeal{two, twin, other, one}},
		"session":   {storage.AppealFilter{SessionID: w.session.ID}, []lieciba.Appeal{two, twin, one}},
		"reference": {storage.AppealFilter{Reference: "A-1"}, []lieciba.Appeal{other, one}},
		"states":    {storage.AppealFilter{States: []lieciba.AppealState{lieciba.AppealFinal, lieciba.AppealClosed}}, []lieciba.Appeal{one}},
		"page":      {storage.AppealFilter{Limit: 2, Before: two.ID}, []lieciba.Appeal{twin, other}},
		"none":      {storage.AppealFilter{SessionID: far.ID, Reference: "A-2"}, nil},
	} {
		got, err := w.ListAppeals(w.ctx, c.f)
		require.NoError(t, err, name)
		require.Equal(t, c.want, got, name)
	}
	_, err := w.ListAppeals(w.ctx, storage.AppealFilter{Before: newID[lieciba.AppealID]()})
	requireCode(t, err, lieciba.CodeNotFound, "")
}

func newPasskey(u lieciba.User, n byte) lieciba.Passkey {
	return lieciba.Passkey{ID: newID[lieciba.PasskeyID](), UserID: u.ID, Name: "Atslēga " + string(rune('a'+n)), KeyID: []byte{n, 0, 7},
		Credential: []byte(`{"publicKey":"x"}`), CreatedAt: sec(float64(n))}
}

func testPasskeys(t *testing.T, w *world) {
	u, v := newUser("anna"), newUser("berta")
	require.NoError(t, w.PutUser(w.ctx, u))
	require.NoError(t, w.PutUser(w.ctx, v))
	first, second, other := newPasskey(u, 1), newPasskey(u, 2), newPasskey(v, 3)
	for _, p := range []lieciba.Passkey{second, other, first} {
		require.NoError(t, w.PutPasskey(w.ctx, p))
	}
	is := func(u lieciba.User, want ...lieciba.Passkey) {
		t.Helper()
		list, err := w.UserPasskeys(w.ctx, u.ID)
		require.NoError(t, err)
		require.Equal(t, want, list)
	}
	is(u, first, second)
	second.UsedAt, second.Credential, second.Name = sec(50), []byte(`{"counter":9}`), "Cita"
	require.NoError(t, w.PutPasskey(w.ctx, second))
	is(u, first, second)
	taken := newPasskey(u, 9)
	taken.KeyID = other.KeyID
	requireCode(t, w.PutPasskey(w.ctx, taken), lieciba.CodeConflict, "key_id")
	stolen := other
	stolen.UserID = u.ID
	requireCode(t, w.PutPasskey(w.ctx, stolen), lieciba.CodeConflict, "user_id")
	lost, empty := newPasskey(u, 9), newPasskey(u, 9)
	lost.UserID, empty.KeyID = newID[lieciba.UserID](), nil
	requireCode(t, w.PutPasskey(w.ctx, lost), lieciba.CodeNotFound, "")
	requireCode(t, w.PutPasskey(w.ctx, empty), lieciba.CodeInvalid, "key_id")

	requireCode(t, w.DeletePasskey(w.ctx, u.ID, other.ID), lieciba.CodeNotFound, "")
	is(v, other)
	require.NoError(t, w.DeletePasskey(w.ctx, u.ID, first.ID))
	requireCode(t, w.DeletePasskey(w.ctx, u.ID, first.ID), lieciba.CodeNotFound, "")
	is(u, second)
	list, err := w.UserPasskeys(w.ctx, newID[lieciba.UserID]())
	require.NoError(t, err)
	require.Empty(t, list)
}
