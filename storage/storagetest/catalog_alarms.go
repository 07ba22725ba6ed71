package storagetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

func newAlarm(key string) lieciba.Alarm {
	return lieciba.Alarm{ID: newID[lieciba.AlarmID](), Kind: lieciba.AlarmVolume, Key: key, Who: "Anna", WhoID: "u1", At: base, Count: 3,
		Detail: "Watched three times as much as usual."}
}

var alarmTests = map[string]func(*testing.T, *world){
	"RaiseAlarm": func(t *testing.T, w *world) {
		a := newAlarm("user:1")
		a.SessionID = w.session.ID
		raise := func(a lieciba.Alarm) bool {
			t.Helper()
			raised, err := w.RaiseAlarm(w.ctx, a)
			require.NoError(t, err)
			return raised
		}
		require.True(t, raise(a))
		require.False(t, raise(a))
		other := newAlarm("user:1")
		other.Kind = lieciba.AlarmOutOfHours
		other.At = sec(-5)
		require.True(t, raise(other), "a kind of its own")
		more, fewer := newAlarm("user:1"), newAlarm("user:1")
		more.Count, more.Detail, more.At, more.Who = 9, "Nine times.", sec(60), "somebody else"
		fewer.Count, fewer.Detail, fewer.At = 4, "Four times.", sec(90)
		require.False(t, raise(more))
		require.False(t, raise(fewer))
		a.Count, a.Detail, a.At = 9, "Nine times.", sec(60)
		list, err := w.ListAlarms(w.ctx, storage.AlarmFilter{})
		require.NoError(t, err)
		require.Equal(t, []lieciba.Alarm{a, other}, list, "newest first")

		for field, spoil := range map[string]func(*lieciba.Alarm){
			"kind": func(a *lieciba.Alarm) { a.Kind = "odd" },
			"key":  func(a *lieciba.Alarm) { a.Key = "" },
			"at":   func(a *lieciba.Alarm) { a.At = time.Time{} },
		} {
			bad := newAlarm("bad")
			spoil(&bad)
			_, err := w.RaiseAlarm(w.ctx, bad)
			requireCode(t, err, lieciba.CodeInvalid, field)
		}
		lost := newAlarm("lost")
		lost.SessionID = newID[lieciba.SessionID]()
		_, err = w.RaiseAlarm(w.ctx, lost)
		requireCode(t, err, lieciba.CodeNotFound, "")
	},

	"OneAlarmRaisedAtOnce": func(t *testing.T, w *world) {
		raised := make([]bool, 8)
		w.together(t, len(raised), func(c storage.Catalog, i int) (err error) {
			a := newAlarm("user:1")
			a.Count = 10 + i
			raised[i], err = c.RaiseAlarm(w.ctx, a)
			return err
		})
		require.Equal(t, 1, count(raised))
		list, err := w.ListAlarms(w.ctx, storage.AlarmFilter{})
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, 17, list[0].Count, "the highest")
	},

	"SeeAlarm": func(t *testing.T, w *world) {
		a := newAlarm("user:1")
		_, err := w.RaiseAlarm(w.ctx, a)
		require.NoError(t, err)
		got, err := w.SeeAlarm(w.ctx, a.ID, "Ilze", "asked her", sec(100))
		require.NoError(t, err)
		a.SeenBy, a.SeenNote, a.SeenAt = "Ilze", "asked her", sec(100)
		require.Equal(t, a, got)
		got, err = w.SeeAlarm(w.ctx, a.ID, "Juris", "me too", sec(200))
		require.NoError(t, err)
		require.Equal(t, a, got, "the first stands")
		_, err = w.SeeAlarm(w.ctx, newID[lieciba.AlarmID](), "Ilze", "", sec(100))
		requireCode(t, err, lieciba.CodeNotFound, "")
	},

	"ListAlarms": func(t *testing.T, w *world) {
		var all []lieciba.Alarm // newest first
		for i := range 7 {
			a := newAlarm("user:" + string(rune('a'+i)))
			a.At = sec(float64(-10 * i))
			if i%2 == 1 {
				a.Kind = lieciba.AlarmRefusals
			}
			_, err := w.RaiseAlarm(w.ctx, a)
			require.NoError(t, err)
			if i%3 == 0 {
				a, err = w.SeeAlarm(w.ctx, a.ID, "Ilze", "", sec(1))
				require.NoError(t, err)
			}
			all = append(all, a)
		}
		for name, c := range map[string]struct {
			f    storage.AlarmFilter
			want []lieciba.Alarm
		}{
			"all":     {storage.AlarmFilter{}, all},
			"unseen":  {storage.AlarmFilter{Unseen: true}, []lieciba.Alarm{all[1], all[2], all[4], all[5]}},
			"kind":    {storage.AlarmFilter{Kinds: []lieciba.AlarmKind{lieciba.AlarmRefusals, lieciba.AlarmOwnSite}}, []lieciba.Alarm{all[1], all[3], all[5]}},
			"page":    {storage.AlarmFilter{Limit: 2, Before: all[2].ID}, all[3:5]},
			"narrow":  {storage.AlarmFilter{Kinds: []lieciba.AlarmKind{lieciba.AlarmRefusals}, Unseen: true, Before: all[1].ID}, []lieciba.Alarm{all[5]}},
			"key":     {storage.AlarmFilter{Key: all[1].Key}, all[1:2]},
			"of kind": {storage.AlarmFilter{Key: all[1].Key, Kinds: []lieciba.AlarmKind{all[0].Kind}}, nil},
			"nothing": {storage.AlarmFilter{Kinds: []lieciba.AlarmKind{lieciba.AlarmOwnSite}}, nil},
		} {
			got, err := w.ListAlarms(w.ctx, c.f)
			require.NoError(t, err, name)
			require.Equal(t, c.want, got, name)
		}
		_, err := w.ListAlarms(w.ctx, storage.AlarmFilter{Before: newID[lieciba.AlarmID]()})
		requireCode(t, err, lieciba.CodeNotFound, "")
	},
}
