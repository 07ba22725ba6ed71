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

	"NoticesOfALinkedSessionBearItsRealName": func(t *testing.T, w *world) {
		s := w.adHoc("adhoc-1")
		require.NoError(t, w.store(s))
		rec := w.newRecording()
		rec.SessionID = s.ID
		_, err := w.EnsureRecording(w.ctx, rec)
		require.NoError(t, err)
		require.NoError(t, w.MoveRecording(w.ctx, rec.ID, lieciba.RecordingRecording, nodeA))
		require.NoError(t, w.LinkSession(w.ctx, w.link(s, "exam-9")))
		h := w.newHold()
		h.SessionID = s.ID
		_, err = w.PlaceHold(w.ctx, h)
		require.NoError(t, err)
		w.publish(t)
		list, err := w.ListNotices(w.ctx, "", 0, 0)
		require.NoError(t, err)
		require.Len(t, list, 2)
		require.Equal(t, []string{lieciba.SourceAdHoc, "pizis"}, []string{list[0].Source, list[1].Source})
		require.Contains(t, string(list[0].Data), `"external_id":"adhoc-1"`)
		require.Contains(t, string(list[1].Data), `"external_id":"exam-9"`)
	},
}
