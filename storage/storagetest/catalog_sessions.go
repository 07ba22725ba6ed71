package storagetest

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

var sessionTests = map[string]func(*testing.T, *world){
	"ChangeSession": func(t *testing.T, w *world) {
		got, err := w.Session(w.ctx, w.session.ID)
		require.NoError(t, err)
		require.Equal(t, w.session, got)
		got, err = w.SessionByKey(w.ctx, w.session.SessionKey)
		require.NoError(t, err)
		require.Equal(t, w.session, got)

		entry := newAudit("push_session", base)
		err = w.ChangeSession(w.ctx, w.session.SessionKey, func(cur *lieciba.ExamSession) (*lieciba.ExamSession, error) {
			require.NotNil(t, cur)
			require.Equal(t, w.session, *cur)
			next := *cur
			next.SourceVersion, next.Seats, next.Parts, next.CancelAsked, next.State = 8, 3, nil, true, lieciba.SessionReady
			next.UpdatedAt = sec(1)
			return &next, nil
		}, &entry)
		require.NoError(t, err)
		got, err = w.Session(w.ctx, w.session.ID)
		require.NoError(t, err)
		require.Equal(t, int64(8), got.SourceVersion)
		require.Equal(t, w.session.CreatedAt, got.CreatedAt)
		require.Nil(t, got.Parts)
		require.True(t, got.CancelAsked)
		log, err := w.ListAudit(w.ctx, storage.AuditFilter{})
		require.NoError(t, err)
		require.Equal(t, []lieciba.AuditEntry{entry}, log)

		key := lieciba.SessionKey{Source: "pizis", ExternalID: "unseen"}
		require.NoError(t, w.ChangeSession(w.ctx, key, func(cur *lieciba.ExamSession) (*lieciba.ExamSession, error) {
			require.Nil(t, cur)
			return nil, nil
		}, nil))
		_, err = w.SessionByKey(w.ctx, key)
		requireCode(t, err, lieciba.CodeNotFound, "")
	},

	"ChangeSessionRefused": func(t *testing.T, w *world) {
		refusal := errors.New("not now")
		entry := newAudit("push_session", base)
		err := w.ChangeSession(w.ctx, w.session.SessionKey, func(*lieciba.ExamSession) (*lieciba.ExamSession, error) {
			return nil, refusal
		}, &entry)
		require.True(t, err == refusal, "an error of decide is returned as it is, got %v", err)
		log, err := w.ListAudit(w.ctx, storage.AuditFilter{})
		require.NoError(t, err)
		require.Empty(t, log)

		stranger := w.newSession("other", base)
		err = w.ChangeSession(w.ctx, w.session.SessionKey, func(*lieciba.ExamSession) (*lieciba.ExamSession, error) { return &stranger, nil }, &entry)
		requireCode(t, err, lieciba.CodeInternal, "")
		long := w.newSession("long", base)
		long.EndsAt = long.StartsAt.Add(lieciba.MaxSessionLength + time.Microsecond)
		requireCode(t, w.store(long), lieciba.CodeInvalid, "ends_at")
		lost := w.newSession("lost", base)
		lost.RoomID = newID[lieciba.RoomID]()
		err = w.ChangeSession(w.ctx, lost.SessionKey, func(*lieciba.ExamSession) (*lieciba.ExamSession, error) { return &lost, nil }, &entry)
		requireCode(t, err, lieciba.CodeNotFound, "")
		log, err = w.ListAudit(w.ctx, storage.AuditFilter{})
		require.NoError(t, err)
		require.Empty(t, log, "a change that failed leaves no entry")
	},

	"MoveSession": func(t *testing.T, w *world) {
		require.NoError(t, w.MoveSession(w.ctx, w.session.ID, lieciba.SessionRunning))
		require.NoError(t, w.MoveSession(w.ctx, w.session.ID, lieciba.SessionRunning))
		requireCode(t, w.MoveSession(w.ctx, w.session.ID, lieciba.SessionPlanned), lieciba.CodeConflict, "")
		got, err := w.Session(w.ctx, w.session.ID)
		require.NoError(t, err)
		w.session.State = lieciba.SessionRunning
		require.Equal(t, w.session, got, "the state alone")
		requireCode(t, w.MoveSession(w.ctx, newID[lieciba.SessionID](), lieciba.SessionRunning), lieciba.CodeNotFound, "")
	},

	"ListSessions": testListSessions,

	"ListSessionsByPage": func(t *testing.T, w *world) {
		for i := range 12 { // three that start together, four times
			require.NoError(t, w.store(w.newSession("p-"+string(rune('a'+i)), base.Add(time.Duration(i/3)*time.Hour))))
		}
		all, err := w.ListSessions(w.ctx, storage.SessionFilter{})
		require.NoError(t, err)
		require.Len(t, all, 13)
		for i := 1; i < len(all); i++ {
			a, b := all[i-1], all[i]
			require.True(t, a.StartsAt.After(b.StartsAt) || a.StartsAt.Equal(b.StartsAt) && a.ID > b.ID, "newest first, then ID descending")
		}
		var paged []lieciba.ExamSession
		var before lieciba.SessionID
		for {
			page, err := w.ListSessions(w.ctx, storage.SessionFilter{Limit: 5, Before: before})
			require.NoError(t, err)
			paged = append(paged, page...)
			if len(page) < 5 {
				break
			}
			before = page[len(page)-1].ID
		}
		require.Equal(t, all, paged)
		_, err = w.ListSessions(w.ctx, storage.SessionFilter{Before: newID[lieciba.SessionID]()})
		requireCode(t, err, lieciba.CodeNotFound, "")
	},
}

func testListSessions(t *testing.T, w *world) {
	far := newSite("liepaja")
	require.NoError(t, w.PutSite(w.ctx, far))
	hall := newRoom(far, "hall")
	require.NoError(t, w.PutRoom(w.ctx, hall))
	other := w.newSession("exam-2", base.Add(24*time.Hour))
	other.SiteID, other.RoomID, other.State = far.ID, hall.ID, lieciba.SessionCancelled
	require.NoError(t, w.store(other))
	adhoc := w.newSession("exam-1", base.Add(-24*time.Hour))
	adhoc.Source = lieciba.SourceAdHoc
	require.NoError(t, w.store(adhoc))

	span := func(from, to time.Time) lieciba.Interval { return lieciba.Interval{From: from, To: to} }
	for name, c := range map[string]struct {
		f    storage.SessionFilter
		want []lieciba.ExamSession
	}{
		"all":          {storage.SessionFilter{}, []lieciba.ExamSession{other, w.session, adhoc}},
		"limit":        {storage.SessionFilter{Limit: 1}, []lieciba.ExamSession{other}},
		"no site":      {storage.SessionFilter{Sites: []lieciba.SiteID{}}, nil},
		"site":         {storage.SessionFilter{Sites: []lieciba.SiteID{far.ID}}, []lieciba.ExamSession{other}},
		"sites":        {storage.SessionFilter{Sites: []lieciba.SiteID{far.ID, w.site.ID}}, []lieciba.ExamSession{other, w.session, adhoc}},
		"room":         {storage.SessionFilter{RoomID: w.room.ID}, []lieciba.ExamSession{w.session, adhoc}},
		"states":       {storage.SessionFilter{States: []lieciba.SessionState{lieciba.SessionCancelled, lieciba.SessionRunning}}, []lieciba.ExamSession{other}},
		"external":     {storage.SessionFilter{ExternalID: "exam-1"}, []lieciba.ExamSession{w.session, adhoc}},
		"touching":     {storage.SessionFilter{Span: span(w.session.EndsAt, other.StartsAt)}, nil},
		"overlap":      {storage.SessionFilter{Span: span(w.session.EndsAt.Add(-time.Microsecond), other.StartsAt.Add(time.Microsecond))}, []lieciba.ExamSession{other, w.session}},
		"open to":      {storage.SessionFilter{Span: span(w.session.StartsAt, time.Time{})}, []lieciba.ExamSession{other, w.session}},
		"open from":    {storage.SessionFilter{Span: span(time.Time{}, w.session.StartsAt)}, []lieciba.ExamSession{adhoc}},
		"site, before": {storage.SessionFilter{Sites: []lieciba.SiteID{w.site.ID}, Before: w.session.ID}, []lieciba.ExamSession{adhoc}},
	} {
		got, err := w.ListSessions(w.ctx, c.f)
		require.NoError(t, err, name)
		require.Equal(t, c.want, got, name)
	}
}
