package storagetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

func newWebhook(name string) lieciba.Webhook {
	return lieciba.Webhook{ID: newID[lieciba.WebhookID](), Name: name, URL: "https://pizis.example/hook", Secret: []byte{1, 2}, CreatedAt: base}
}

func (w *world) newNotice(kind lieciba.NoticeKind) lieciba.Notice {
	return lieciba.Notice{ID: newID[lieciba.NoticeID](), SessionID: w.session.ID, Source: w.session.Source, Kind: kind, At: base,
		Data: []byte(`{"session_id":"x"}`)}
}

// stage stages n notices of a session, and returns them.
func (w *world) stage(t *testing.T, session lieciba.SessionID, n int) (out []lieciba.Notice) {
	t.Helper()
	for range n {
		x := w.newNotice(lieciba.NoticeGap)
		x.SessionID = session
		require.NoError(t, w.StageNotice(w.ctx, x))
		out = append(out, x)
	}
	return out
}

// publish publishes all that waits.
func (w *world) publish(t *testing.T) int {
	t.Helper()
	n, err := w.PublishNotices(w.ctx, 1000, sec(1))
	require.NoError(t, err)
	return n
}

// claim returns the notices that are due at sec(at), claimed by node for a minute.
func (w *world) claim(t *testing.T, node lieciba.NodeID, at float64) []lieciba.Delivery {
	t.Helper()
	list, err := w.ClaimDeliveries(w.ctx, node, "", sec(at), time.Minute, 100)
	require.NoError(t, err)
	return list
}

func idsOf(list []lieciba.Delivery) (out []lieciba.NoticeID) {
	for _, d := range list {
		out = append(out, d.Notice.ID)
	}
	return out
}

func delivered(d lieciba.Delivery, at time.Time) lieciba.Delivery {
	d.State, d.Attempts, d.DoneAt = lieciba.DeliveryDelivered, d.Attempts+1, at
	return d
}

var noticeTests = map[string]func(*testing.T, *world){
	"PutWebhook": func(t *testing.T, w *world) {
		a, b := newWebhook("b-pizis"), newWebhook("a-security")
		a.Source, a.Kinds, a.NewSecret = "pizis", []lieciba.NoticeKind{lieciba.NoticeSealed, lieciba.NoticeGap}, []byte{3}
		b.Disabled, b.Secret = true, nil
		require.NoError(t, w.PutWebhook(w.ctx, a))
		require.NoError(t, w.PutWebhook(w.ctx, b))
		list, err := w.ListWebhooks(w.ctx)
		require.NoError(t, err)
		require.Equal(t, []lieciba.Webhook{b, a}, list, "by name")
		a.URL, a.Kinds, a.NewSecret, a.Disabled = "https://pizis.example/other", nil, nil, true
		require.NoError(t, w.PutWebhook(w.ctx, a))
		got, err := w.Webhook(w.ctx, a.ID)
		require.NoError(t, err)
		require.Equal(t, a, got)
		twin := newWebhook(a.Name)
		requireCode(t, w.PutWebhook(w.ctx, twin), lieciba.CodeConflict, "name")
		_, err = w.Webhook(w.ctx, twin.ID)
		requireCode(t, err, lieciba.CodeNotFound, "")
		for field, spoil := range map[string]func(*lieciba.Webhook){
			"name":  func(h *lieciba.Webhook) { h.Name = "" },
			"url":   func(h *lieciba.Webhook) { h.URL = "" },
			"kinds": func(h *lieciba.Webhook) { h.Kinds = []lieciba.NoticeKind{"session.moved"} },
		} {
			bad := newWebhook("bad")
			spoil(&bad)
			requireCode(t, w.PutWebhook(w.ctx, bad), lieciba.CodeInvalid, field)
		}
		empty := newWebhook("empty")
		empty.Kinds = []lieciba.NoticeKind{}
		requireCode(t, w.PutWebhook(w.ctx, empty), lieciba.CodeInvalid, "kinds")
	},

	"EditsOfAWebhookTakeTurns": func(t *testing.T, w *world) {
		hook := newWebhook("pizis")
		require.NoError(t, w.PutWebhook(w.ctx, hook))
		const edits = 12
		w.together(t, edits, func(c storage.Catalog, i int) error {
			e := newAudit("manage_webhooks", sec(float64(i)))
			return c.Act(w.ctx, &e, func(ctx context.Context) error {
				now, err := c.Webhook(ctx, hook.ID)
				if err != nil {
					return err
				}
				now.Secret = append(now.Secret, byte(i))
				return c.PutWebhook(ctx, now)
			})
		})
		got, err := w.Webhook(w.ctx, hook.ID)
		require.NoError(t, err)
		require.Len(t, got.Secret, len(hook.Secret)+edits, "an ended webhook does not come back to life by an edit that read it before")
	},

	"StageNotice": func(t *testing.T, w *world) {
		n := w.newNotice(lieciba.NoticeAlarm)
		n.SessionID, n.Source = "", ""
		require.NoError(t, w.StageNotice(w.ctx, n))
		again := n
		again.Kind = lieciba.NoticeGap
		require.NoError(t, w.StageNotice(w.ctx, again), "the same ID")
		count, oldest, err := w.StagedNotices(w.ctx)
		require.NoError(t, err)
		require.Equal(t, 1, count)
		require.Equal(t, base, oldest)
		_, err = w.Notice(w.ctx, n.ID)
		requireCode(t, err, lieciba.CodeNotFound, "")
		require.Equal(t, 1, w.publish(t))
		got, err := w.Notice(w.ctx, n.ID)
		require.NoError(t, err)
		n.Number = 1
		require.Equal(t, n, got, "the first stays")
		count, oldest, err = w.StagedNotices(w.ctx)
		require.NoError(t, err)
		require.Zero(t, count)
		require.True(t, oldest.IsZero())
		require.NoError(t, w.StageNotice(w.ctx, again))
		require.Zero(t, w.publish(t), "nor is it staged again once it is published")

		for field, spoil := range map[string]func(*lieciba.Notice){
			"kind": func(n *lieciba.Notice) { n.Kind = "session.moved" },
			"at":   func(n *lieciba.Notice) { n.At = time.Time{} },
			"data": func(n *lieciba.Notice) { n.Data = []byte(`["a list"]`) },
		} {
			bad := w.newNotice(lieciba.NoticeGap)
			spoil(&bad)
			requireCode(t, w.StageNotice(w.ctx, bad), lieciba.CodeInvalid, field)
		}
		lost := w.newNotice(lieciba.NoticeGap)
		lost.SessionID = newID[lieciba.SessionID]()
		requireCode(t, w.StageNotice(w.ctx, lost), lieciba.CodeNotFound, "")
	},

	"PublishNotices": testPublish,

	"ListNotices": func(t *testing.T, w *world) {
		var all, mine []lieciba.Notice
		for i := range 7 {
			n := w.newNotice(lieciba.NoticeGap)
			n.Number = int64(i + 1)
			if i%3 == 0 {
				n.Source = "other"
			} else {
				mine = append(mine, n)
			}
			require.NoError(t, w.StageNotice(w.ctx, n))
			all = append(all, n)
		}
		list, err := w.ListNotices(w.ctx, "", 0, 0)
		require.NoError(t, err)
		require.Empty(t, list, "none is published")
		require.Equal(t, 7, w.publish(t))
		for _, c := range []struct {
			source string
			after  int64
			limit  int
			want   []lieciba.Notice
		}{
			{"", 0, 0, all}, {"", 5, 0, all[5:]}, {"", 0, 3, all[:3]}, {"", 7, 0, nil},
			{"pizis", 0, 0, mine}, {"pizis", mine[0].Number, 2, mine[1:3]}, {"nobody", 0, 0, nil},
		} {
			got, err := w.ListNotices(w.ctx, c.source, c.after, c.limit)
			require.NoError(t, err)
			require.Equal(t, c.want, got, "%+v", c)
		}
	},

	"ClaimDeliveries": testClaims,

	"SettleDelivery": testSettle,

	"RedeliverDead": testRedeliver,

	"ADisabledWebhookWaits": func(t *testing.T, w *world) {
		hook := newWebhook("pizis")
		require.NoError(t, w.PutWebhook(w.ctx, hook))
		sent := w.stage(t, w.session.ID, 1)
		w.publish(t)
		hook.Disabled = true
		require.NoError(t, w.PutWebhook(w.ctx, hook))
		require.Empty(t, w.claim(t, nodeA, 2))
		next, err := w.NextDelivery(w.ctx)
		require.NoError(t, err)
		require.True(t, next.IsZero())
		w.stage(t, w.session.ID, 1)
		w.publish(t)
		hook.Disabled = false
		require.NoError(t, w.PutWebhook(w.ctx, hook))
		require.Equal(t, []lieciba.NoticeID{sent[0].ID}, idsOf(w.claim(t, nodeA, 2)))
		list, err := w.ListDeliveries(w.ctx, storage.DeliveryFilter{})
		require.NoError(t, err)
		require.Len(t, list, 1, "what is published while it is disabled is not for it")
	},

	"ListDeliveries": func(t *testing.T, w *world) {
		a, b := newWebhook("a"), newWebhook("b")
		b.Kinds = []lieciba.NoticeKind{lieciba.NoticeGap}
		require.NoError(t, w.PutWebhook(w.ctx, a))
		require.NoError(t, w.PutWebhook(w.ctx, b))
		w.stage(t, w.session.ID, 3)
		require.NoError(t, w.StageNotice(w.ctx, w.newNotice(lieciba.NoticeSealed)))
		w.publish(t)
		first := w.claim(t, nodeA, 2)
		require.Len(t, first, 2)
		for _, d := range first {
			require.NoError(t, w.SettleDelivery(w.ctx, nodeA, delivered(d, sec(3))))
		}
		for name, c := range map[string]struct {
			f    storage.DeliveryFilter
			want string
		}{
			"all":     {storage.DeliveryFilter{}, "a4 a3 b3 a2 b2 a1 b1"},
			"webhook": {storage.DeliveryFilter{WebhookID: b.ID}, "b3 b2 b1"},
			"state":   {storage.DeliveryFilter{WebhookID: a.ID, States: []lieciba.DeliveryState{lieciba.DeliveryDelivered, lieciba.DeliveryDead}}, "a1"},
			"page":    {storage.DeliveryFilter{WebhookID: a.ID, Limit: 2, Before: 4}, "a3 a2"},
			"states":  {storage.DeliveryFilter{States: []lieciba.DeliveryState{lieciba.DeliveryWaiting}, Before: 3}, "a2 b2"},
		} {
			list, err := w.ListDeliveries(w.ctx, c.f)
			require.NoError(t, err, name)
			slices.SortStableFunc(list, func(x, y lieciba.Delivery) int { // IDs of one instant have no order of their own
				if x.Notice.Number != y.Notice.Number || x.WebhookID == y.WebhookID {
					return 0
				}
				if x.WebhookID == a.ID {
					return -1
				}
				return 1
			})
			got := ""
			for _, d := range list {
				name := map[lieciba.WebhookID]string{a.ID: "a", b.ID: "b"}[d.WebhookID]
				got += fmt.Sprintf("%s%d ", name, d.Notice.Number)
			}
			require.Equal(t, c.want+" ", got, name)
		}
	},
}

func testPublish(t *testing.T, w *world) {
	every, mine, alarms, off := newWebhook("every"), newWebhook("mine"), newWebhook("alarms"), newWebhook("off")
	mine.Source, mine.Kinds = "pizis", []lieciba.NoticeKind{lieciba.NoticeSealed}
	alarms.Kinds, off.Disabled = []lieciba.NoticeKind{lieciba.NoticeAlarm}, true
	for _, h := range []lieciba.Webhook{every, mine, alarms, off} {
		require.NoError(t, w.PutWebhook(w.ctx, h))
	}
	n, err := w.PublishNotices(w.ctx, 10, sec(1))
	require.NoError(t, err)
	require.Zero(t, n)
	var staged []lieciba.Notice
	for i, kind := range []lieciba.NoticeKind{lieciba.NoticeGap, lieciba.NoticeAlarm, lieciba.NoticeSealed} {
		x := w.newNotice(kind)
		x.At = sec(float64(-i)) // the order of staging counts, not that of times
		require.NoError(t, w.StageNotice(w.ctx, x))
		staged = append(staged, x)
	}
	n, err = w.PublishNotices(w.ctx, 2, sec(1))
	require.NoError(t, err)
	require.Equal(t, 2, n)
	n, err = w.PublishNotices(w.ctx, 2, sec(2))
	require.NoError(t, err)
	require.Equal(t, 1, n)
	for i := range staged {
		staged[i].Number = int64(i + 1)
	}
	list, err := w.ListNotices(w.ctx, "", 0, 0)
	require.NoError(t, err)
	require.Equal(t, staged, list)

	waiting := func(h lieciba.Webhook, n lieciba.Notice, at float64) lieciba.Delivery {
		return lieciba.Delivery{WebhookID: h.ID, Notice: n, State: lieciba.DeliveryWaiting, NextAt: sec(at)}
	}
	got, err := w.ListDeliveries(w.ctx, storage.DeliveryFilter{})
	require.NoError(t, err)
	require.ElementsMatch(t, []lieciba.Delivery{waiting(every, staged[2], 2), waiting(mine, staged[2], 2), waiting(alarms, staged[1], 1),
		waiting(every, staged[0], 1)}, got)
}

func testClaims(t *testing.T, w *world) {
	a, b := newWebhook("a"), newWebhook("b")
	require.NoError(t, w.PutWebhook(w.ctx, a))
	other := w.newSession("exam-2", base)
	require.NoError(t, w.store(other))
	one, none, two := w.stage(t, w.session.ID, 3), w.stage(t, "", 2), w.stage(t, other.ID, 1)
	w.publish(t)
	require.NoError(t, w.PutWebhook(w.ctx, b))
	late := w.stage(t, w.session.ID, 1)
	require.Equal(t, 1, w.publish(t))

	require.Empty(t, w.claim(t, nodeA, 0.9), "due from the publishing on")
	of, err := w.ClaimDeliveries(w.ctx, nodeA, newID[lieciba.WebhookID](), sec(2), time.Minute, 100)
	require.NoError(t, err)
	require.Empty(t, of)
	of, err = w.ClaimDeliveries(w.ctx, nodeB, b.ID, sec(2), time.Second, 100)
	require.NoError(t, err)
	require.Equal(t, []lieciba.NoticeID{late[0].ID}, idsOf(of), "of one webhook")
	got := w.claim(t, nodeA, 3)
	require.ElementsMatch(t, []lieciba.NoticeID{one[0].ID, none[0].ID, two[0].ID, late[0].ID}, idsOf(got),
		"the oldest of each webhook and session; those of no session are a line")
	require.Equal(t, got[0].Notice.Kind, lieciba.NoticeGap)
	require.Empty(t, w.claim(t, nodeA, 3), "held, by this node too")
	require.Empty(t, w.claim(t, nodeB, 3))
	next, err := w.NextDelivery(w.ctx)
	require.NoError(t, err)
	require.Equal(t, sec(63), next, "when the claims end")
	require.Len(t, w.claim(t, nodeB, 63), 4, "then they are free")

	own, err := w.ClaimDeliveries(w.ctx, nodeB, b.ID, sec(150), time.Second, 9)
	require.NoError(t, err)
	require.Equal(t, []lieciba.NoticeID{late[0].ID}, idsOf(own), "of that webhook alone")
	limited, err := w.ClaimDeliveries(w.ctx, nodeA, "", sec(200), time.Minute, 2)
	require.NoError(t, err)
	require.Len(t, limited, 2)
	rest, err := w.ClaimDeliveries(w.ctx, nodeA, "", sec(200), time.Minute, 9)
	require.NoError(t, err)
	require.Len(t, rest, 2)
	for _, d := range append(limited, rest...) {
		require.NoError(t, w.SettleDelivery(w.ctx, nodeA, delivered(d, sec(201))))
	}
	require.ElementsMatch(t, []lieciba.NoticeID{one[1].ID, none[1].ID}, idsOf(w.claim(t, nodeB, 202)), "the next in each line")
}

func testSettle(t *testing.T, w *world) {
	hook := newWebhook("pizis")
	require.NoError(t, w.PutWebhook(w.ctx, hook))
	next, err := w.NextDelivery(w.ctx)
	require.NoError(t, err)
	require.True(t, next.IsZero())
	sent := w.stage(t, w.session.ID, 2)
	w.publish(t)
	d := w.claim(t, nodeA, 2)[0]

	later := d
	later.Attempts, later.NextAt, later.LastError = 1, sec(30), "answered 503"
	requireCode(t, w.SettleDelivery(w.ctx, nodeB, later), lieciba.CodeConflict, "node")
	require.NoError(t, w.SettleDelivery(w.ctx, nodeA, later))
	require.NoError(t, w.SettleDelivery(w.ctx, nodeA, later), "the same again")
	requireCode(t, w.SettleDelivery(w.ctx, nodeA, delivered(d, sec(3))), lieciba.CodeConflict, "node")
	next, err = w.NextDelivery(w.ctx)
	require.NoError(t, err)
	require.Equal(t, sec(30), next)
	require.Empty(t, w.claim(t, nodeA, 29), "nothing overtakes what waits for its next attempt")
	got := w.claim(t, nodeB, 30)
	require.Len(t, got, 1)
	later.Notice.Number = 1
	require.Equal(t, later, got[0])
	requireCode(t, w.SettleDelivery(w.ctx, nodeA, later), lieciba.CodeConflict, "node")

	dead := got[0]
	dead.State, dead.Attempts, dead.LastError, dead.DoneAt = lieciba.DeliveryDead, 2, "no route", sec(40)
	require.NoError(t, w.SettleDelivery(w.ctx, nodeB, dead), "a claim that has run out, and that nobody took")
	require.Equal(t, []lieciba.NoticeID{sent[1].ID}, idsOf(w.claim(t, nodeA, 41)), "after one that was given up the next goes")
	list, err := w.ListDeliveries(w.ctx, storage.DeliveryFilter{States: []lieciba.DeliveryState{lieciba.DeliveryDead}})
	require.NoError(t, err)
	require.Equal(t, []lieciba.Delivery{dead}, list)

	for field, spoil := range map[string]func(*lieciba.Delivery){
		"next_at": func(d *lieciba.Delivery) { d.NextAt = time.Time{} },
		"done_at": func(d *lieciba.Delivery) { d.State = lieciba.DeliveryDelivered },
		"state":   func(d *lieciba.Delivery) { d.State = "lost" },
	} {
		bad := d
		bad.Notice = sent[1]
		bad.Notice.Number = 2
		spoil(&bad)
		requireCode(t, w.SettleDelivery(w.ctx, nodeA, bad), lieciba.CodeInvalid, field)
	}
	strange := d
	strange.Notice.Number = 99
	requireCode(t, w.SettleDelivery(w.ctx, nodeA, strange), lieciba.CodeNotFound, "")
}

func testRedeliver(t *testing.T, w *world) {
	a, b := newWebhook("a"), newWebhook("b")
	require.NoError(t, w.PutWebhook(w.ctx, a))
	require.NoError(t, w.PutWebhook(w.ctx, b))
	sent := w.stage(t, w.session.ID, 3)
	w.publish(t)
	for i := range sent {
		for _, d := range w.claim(t, nodeA, float64(2+i)) {
			d.State, d.Attempts, d.LastError, d.DoneAt = lieciba.DeliveryDead, 9, "gone", sec(5)
			require.NoError(t, w.SettleDelivery(w.ctx, nodeA, d))
		}
	}
	require.Empty(t, w.claim(t, nodeA, 10))
	n, err := w.RedeliverDead(w.ctx, a.ID, sent[1].ID, sec(20))
	require.NoError(t, err)
	require.Equal(t, 1, n)
	n, err = w.RedeliverDead(w.ctx, a.ID, sent[1].ID, sec(21))
	require.NoError(t, err)
	require.Zero(t, n, "it waits already")
	require.Empty(t, w.claim(t, nodeA, 19))
	got := w.claim(t, nodeA, 20)
	require.Equal(t, []lieciba.NoticeID{sent[1].ID}, idsOf(got))
	require.Equal(t, a.ID, got[0].WebhookID)
	require.Zero(t, got[0].Attempts)
	require.Empty(t, got[0].LastError)
	require.True(t, got[0].DoneAt.IsZero())

	n, err = w.RedeliverDead(w.ctx, b.ID, "", sec(30))
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.Equal(t, []lieciba.NoticeID{sent[0].ID}, idsOf(w.claim(t, nodeA, 30)), "in order again")
	n, err = w.RedeliverDead(w.ctx, newID[lieciba.WebhookID](), "", sec(30))
	require.NoError(t, err)
	require.Zero(t, n)
}
