package storagetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

// adHoc is a session that was started by hand.
func (w *world) adHoc(external string) lieciba.ExamSession {
	s := w.newSession(external, base)
	s.Source, s.SourceVersion, s.DocumentHash = lieciba.SourceAdHoc, 1, [32]byte{9}
	return s
}

// link joins s to a name of pizis.
func (w *world) link(s lieciba.ExamSession, external string) storage.SessionLink {
	return storage.SessionLink{Key: lieciba.SessionKey{Source: "pizis", ExternalID: external}, SessionID: s.ID, By: "Anna", ByID: "u1", At: sec(500)}
}

var linkTests = map[string]func(*testing.T, *world){
	"LinkSession": func(t *testing.T, w *world) {
		s, other := w.adHoc("adhoc-1"), w.adHoc("adhoc-2")
		require.NoError(t, w.store(s))
		require.NoError(t, w.store(other))
		l := w.link(s, "exam-9")
		_, err := w.LinkOf(w.ctx, s.ID)
		requireCode(t, err, lieciba.CodeNotFound, "")
		require.NoError(t, w.LinkSession(w.ctx, l))
		again := l
		again.By, again.At = "Berta", sec(600)
		require.NoError(t, w.LinkSession(w.ctx, again), "the same key and session")
		got, err := w.LinkOf(w.ctx, s.ID)
		require.NoError(t, err)
		require.Equal(t, l, got, "the first stays")

		for _, key := range []lieciba.SessionKey{l.Key, s.SessionKey} {
			found, err := w.SessionByKey(w.ctx, key)
			require.NoError(t, err)
			require.Equal(t, s, found, "no row of it changed")
		}
		for _, external := range []string{"exam-9", "adhoc-1"} {
			list, err := w.ListSessions(w.ctx, storage.SessionFilter{ExternalID: external})
			require.NoError(t, err)
			require.Equal(t, []lieciba.ExamSession{s}, list)
		}
		later := w.newSession("exam-9", sec(9000)) // another system's, of the same name
		later.Source = "other"
		require.NoError(t, w.store(later))
		list, err := w.ListSessions(w.ctx, storage.SessionFilter{ExternalID: "exam-9"})
		require.NoError(t, err)
		require.Equal(t, []lieciba.ExamSession{later, s}, list)

		requireCode(t, w.LinkSession(w.ctx, w.link(s, "exam-10")), lieciba.CodeConflict, "session_id")
		requireCode(t, w.LinkSession(w.ctx, w.link(w.session, "exam-10")), lieciba.CodeConflict, "session_id")
		requireCode(t, w.LinkSession(w.ctx, w.link(other, "exam-9")), lieciba.CodeConflict, "external_id")
		requireCode(t, w.LinkSession(w.ctx, w.link(other, "exam-1")), lieciba.CodeConflict, "external_id")
		requireCode(t, w.LinkSession(w.ctx, w.link(lieciba.ExamSession{ID: newID[lieciba.SessionID]()}, "exam-10")), lieciba.CodeNotFound, "")
		requireCode(t, w.LinkSession(w.ctx, w.link(other, "../x")), lieciba.CodeInvalid, "external_id")
		mine := w.link(other, "exam-10")
		mine.Key.Source = lieciba.SourceAdHoc
		requireCode(t, w.LinkSession(w.ctx, mine), lieciba.CodeInvalid, "source")
		_, err = w.LinkOf(w.ctx, other.ID)
		requireCode(t, err, lieciba.CodeNotFound, "")
	},

	"APushFindsTheLinkedSession": func(t *testing.T, w *world) {
		s := w.adHoc("adhoc-1")
		require.NoError(t, w.store(s))
		l := w.link(s, "exam-9")
		require.NoError(t, w.LinkSession(w.ctx, l))
		push := func(version int64, seen int64) {
			t.Helper()
			require.NoError(t, w.ChangeSession(w.ctx, l.Key, func(cur *lieciba.ExamSession) (*lieciba.ExamSession, error) {
				require.NotNil(t, cur)
				require.Equal(t, []any{s.ID, s.SessionKey, seen}, []any{cur.ID, cur.SessionKey, cur.SourceVersion})
				require.Equal(t, seen == 0, cur.DocumentHash == [32]byte{})
				next := *cur
				next.SourceVersion, next.DocumentHash, next.Seats = version, [32]byte{byte(version)}, int(version)
				return &next, nil
			}, nil))
		}
		push(1, 0) // older than nothing that pizis sent, though the operator's was 1 too
		push(4, 1)
		got, err := w.Session(w.ctx, s.ID)
		require.NoError(t, err)
		s.SourceVersion, s.DocumentHash, s.Seats = 4, [32]byte{4}, 4
		require.Equal(t, s, got)
		err = w.ChangeSession(w.ctx, l.Key, func(cur *lieciba.ExamSession) (*lieciba.ExamSession, error) {
			next := *cur
			next.SessionKey = l.Key
			return &next, nil
		}, nil)
		requireCode(t, err, lieciba.CodeInternal, "")
		all, err := w.ListSessions(w.ctx, storage.SessionFilter{})
		require.NoError(t, err)
		require.Len(t, all, 2, "and no second one was made")
	},

	"LinksAndFirstPushesTakeTurns": func(t *testing.T, w *world) {
		sessions := make([]lieciba.ExamSession, 6)
		for i := range sessions {
			sessions[i] = w.adHoc("adhoc-" + string(rune('a'+i)))
			require.NoError(t, w.store(sessions[i]))
		}
		linked, pushed := make([]bool, 6), make([]bool, 2)
		key := lieciba.SessionKey{Source: "pizis", ExternalID: "exam-9"}
		w.together(t, 8, func(c storage.Catalog, i int) error {
			if i < 6 {
				err := c.LinkSession(w.ctx, w.link(sessions[i], "exam-9"))
				linked[i] = err == nil
				return unless(err, lieciba.CodeConflict)
			}
			return c.ChangeSession(w.ctx, key, func(cur *lieciba.ExamSession) (*lieciba.ExamSession, error) {
				if pushed[i-6] = cur == nil; !pushed[i-6] {
					return nil, nil
				}
				s := w.newSession("exam-9", base)
				return &s, nil
			}, nil)
		})
		require.Equal(t, 1, count(linked)+count(pushed), "a key has one session")
	},

	"VoidLink": func(t *testing.T, w *world) {
		s, other := w.adHoc("adhoc-1"), w.adHoc("adhoc-2")
		require.NoError(t, w.store(s))
		require.NoError(t, w.store(other))
		wrong, right := w.link(s, "exam-9"), w.link(s, "exam-10")
		requireCode(t, w.VoidLink(w.ctx, wrong), lieciba.CodeNotFound, "")
		require.NoError(t, w.LinkSession(w.ctx, wrong))
		requireCode(t, w.VoidLink(w.ctx, right), lieciba.CodeNotFound, "")
		requireCode(t, w.VoidLink(w.ctx, w.link(other, "exam-9")), lieciba.CodeNotFound, "")
		require.NoError(t, w.VoidLink(w.ctx, wrong))
		require.NoError(t, w.VoidLink(w.ctx, wrong), "void already")
		_, err := w.LinkOf(w.ctx, s.ID)
		requireCode(t, err, lieciba.CodeNotFound, "")
		_, err = w.SessionByKey(w.ctx, wrong.Key)
		requireCode(t, err, lieciba.CodeNotFound, "")
		list, err := w.ListSessions(w.ctx, storage.SessionFilter{ExternalID: "exam-9"})
		require.NoError(t, err)
		require.Empty(t, list)

		pushed := w.newSession("exam-9", base) // the name is free: its source's own session has it
		pushed.Source = "pizis"
		require.NoError(t, w.store(pushed))
		require.NoError(t, w.LinkSession(w.ctx, right), "the session can be linked anew")
		got, err := w.LinkOf(w.ctx, s.ID)
		require.NoError(t, err)
		require.Equal(t, right, got)
		require.NoError(t, w.VoidLink(w.ctx, right))
		require.NoError(t, w.LinkSession(w.ctx, w.link(other, "exam-10")), "and so can the name")
		found, err := w.SessionByKey(w.ctx, right.Key)
		require.NoError(t, err)
		require.Equal(t, other.ID, found.ID)
	},

	"SessionsOfASource": func(t *testing.T, w *world) {
		free, mine, theirs, freed := w.adHoc("adhoc-1"), w.adHoc("adhoc-2"), w.adHoc("adhoc-3"), w.adHoc("adhoc-4")
		pushed, foreign := w.newSession("p", base), w.newSession("o", base)
		pushed.Source, foreign.Source = "pizis", "other"
		for _, s := range []lieciba.ExamSession{free, mine, theirs, freed, pushed, foreign} {
			require.NoError(t, w.store(s))
		}
		require.NoError(t, w.LinkSession(w.ctx, w.link(mine, "exam-9")))
		for i, s := range []lieciba.ExamSession{theirs, freed} {
			l := w.link(s, "exam-1"+string(rune('0'+i)))
			l.Key.Source = "other"
			require.NoError(t, w.LinkSession(w.ctx, l))
			if i == 1 {
				require.NoError(t, w.VoidLink(w.ctx, l))
			}
		}
		list, err := w.ListSessions(w.ctx, storage.SessionFilter{Source: "pizis"})
		require.NoError(t, err)
		var names []string
		for _, s := range list {
			names = append(names, s.ExternalID)
		}
		require.ElementsMatch(t, []string{"adhoc-1", "adhoc-2", "adhoc-4", "p", w.session.ExternalID}, names)
	},

	"NoticesOfALinkedSessionBearItsRealName": func(t *testing.T, w *world) {
		s := w.adHoc("adhoc-1")
		require.NoError(t, w.store(s))
		rec := w.newRecording()
		rec.SessionID = s.ID
		_, err := w.EnsureRecording(w.ctx, rec)
		require.NoError(t, err)
		all, pizis := newWebhook("all"), newWebhook("pizis")
		pizis.Source = "pizis"
		require.NoError(t, w.PutWebhook(w.ctx, all))
		require.NoError(t, w.PutWebhook(w.ctx, pizis))
		require.NoError(t, w.MoveRecording(w.ctx, rec.ID, lieciba.RecordingRecording, nodeA))
		w.publish(t)
		h := w.newHold()
		h.SessionID = s.ID
		_, err = w.PlaceHold(w.ctx, h) // still waits for its number when the link comes
		require.NoError(t, err)
		alarm := w.newNotice(lieciba.NoticeAlarm)
		alarm.SessionID, alarm.Source = s.ID, ""
		require.NoError(t, w.StageNotice(w.ctx, alarm))
		for range 2 {
			require.NoError(t, w.LinkSession(w.ctx, w.link(s, "exam-9")))
		}
		_, err = w.ChangeHold(w.ctx, h.ID, func(h lieciba.Hold) (*lieciba.Hold, error) {
			h.ReleasedBy, h.ReleasedAt = "Berta", sec(9000)
			return &h, nil
		})
		require.NoError(t, err)
		w.publish(t)

		kinds := func(list []lieciba.Notice) (out []lieciba.NoticeKind) {
			for _, n := range list {
				out = append(out, n.Kind)
			}
			return out
		}
		own, err := w.ListNotices(w.ctx, "pizis", 0, 0)
		require.NoError(t, err)
		require.Equal(t, []lieciba.NoticeKind{lieciba.NoticeRecordingStarted, lieciba.NoticeHoldPlaced, lieciba.NoticeHoldReleased}, kinds(own), "all of it, in its order")
		for _, n := range own {
			require.Contains(t, string(n.Data), `"external_id":"exam-9"`)
		}
		every, err := w.ListNotices(w.ctx, "", 0, 0)
		require.NoError(t, err)
		require.Equal(t, []lieciba.NoticeKind{lieciba.NoticeRecordingStarted, lieciba.NoticeHoldPlaced, lieciba.NoticeAlarm, lieciba.NoticeHoldReleased}, kinds(every), "no fact twice")
		require.Equal(t, lieciba.SourceAdHoc, every[0].Source)
		require.Contains(t, string(every[0].Data), `"external_id":"adhoc-1"`)
		require.Equal(t, own[2], every[3])
		require.True(t, own[0].At.Equal(every[0].At))

		sent := map[lieciba.WebhookID][]lieciba.NoticeKind{}
		list, err := w.ListDeliveries(w.ctx, storage.DeliveryFilter{})
		require.NoError(t, err)
		for _, d := range list {
			sent[d.WebhookID] = append(sent[d.WebhookID], d.Notice.Kind)
		}
		require.Equal(t, []lieciba.NoticeKind{lieciba.NoticeHoldReleased, lieciba.NoticeHoldPlaced, lieciba.NoticeRecordingStarted}, sent[pizis.ID])
		require.Equal(t, []lieciba.NoticeKind{lieciba.NoticeHoldReleased, lieciba.NoticeHoldPlaced, lieciba.NoticeRecordingStarted}, sent[all.ID])
	},

	// Whatever the turns, the source hears of each fact once.
	"FactsAtOnceWithALinkAreTold": func(t *testing.T, w *world) {
		s := w.adHoc("adhoc-1")
		require.NoError(t, w.store(s))
		rec := w.newRecording()
		rec.SessionID = s.ID
		_, err := w.EnsureRecording(w.ctx, rec)
		require.NoError(t, err)
		gaps := make([]lieciba.Gap, 8)
		for i := range gaps {
			gaps[i] = w.gap(float64(i), float64(i+1))
			gaps[i].RecordingID = rec.ID
		}
		w.together(t, len(gaps)+1, func(c storage.Catalog, i int) error {
			if i == len(gaps) {
				return c.LinkSession(w.ctx, w.link(s, "exam-9"))
			}
			return c.PutGap(w.ctx, gaps[i])
		})
		w.publish(t)
		own, err := w.ListNotices(w.ctx, "pizis", 0, 0)
		require.NoError(t, err)
		require.Len(t, own, len(gaps))
		every, err := w.ListNotices(w.ctx, "", 0, 0)
		require.NoError(t, err)
		require.Len(t, every, len(gaps))
	},
}
