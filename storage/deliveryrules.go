package storage

import (
	"encoding/json"
	"slices"
	"time"

	"lieciba"
)

// CheckWebhook checks a webhook on its own.
func CheckWebhook(w lieciba.Webhook) error {
	switch {
	case w.Name == "":
		return lieciba.Invalid("name", "a webhook needs a name")
	case w.URL == "":
		return lieciba.Invalid("url", "a webhook needs an address")
	case w.Kinds != nil && len(w.Kinds) == 0:
		return lieciba.Invalid("kinds", "name one kind of notice at least, or leave it out for all")
	}
	for _, k := range w.Kinds {
		if !slices.Contains(lieciba.NoticeKinds(), k) {
			return lieciba.Invalid("kinds", "%q is no kind of notice: use some of %v", k, lieciba.NoticeKinds())
		}
	}
	return nil
}

// CheckNotice checks a notice that is to be staged, on its own.
func CheckNotice(n lieciba.Notice) error {
	var data map[string]json.RawMessage
	switch {
	case !slices.Contains(lieciba.NoticeKinds(), n.Kind):
		return lieciba.Invalid("kind", "%q is no kind of notice", n.Kind)
	case n.At.IsZero():
		return lieciba.Invalid("at", "a notice needs its time")
	case json.Unmarshal(n.Data, &data) != nil || data == nil:
		return lieciba.Invalid("data", "must be a JSON object")
	}
	return nil
}

// HeldDelivery is a delivery and the node that holds it; without Held the one
// that gave it up last, empty if none has tried yet.
type HeldDelivery struct {
	lieciba.Delivery
	Node lieciba.NodeID
	Held bool
}

// Published makes the deliveries of a notice that got its number: one for each
// webhook that wants it, due now.
func Published(n lieciba.Notice, webhooks []lieciba.Webhook, now time.Time) []lieciba.Delivery {
	var out []lieciba.Delivery
	for _, w := range webhooks {
		if w.Wants(n) {
			out = append(out, lieciba.Delivery{WebhookID: w.ID, Notice: n, State: lieciba.DeliveryWaiting, NextAt: lieciba.Micro(now)})
		}
	}
	return out
}

// PlanSettle decides a SettleDelivery. What the node settled the same way before
// is written once.
func PlanSettle(stored HeldDelivery, node lieciba.NodeID, d lieciba.Delivery) (out lieciba.Delivery, write bool, err error) {
	out = d
	out.NextAt, out.DoneAt = lieciba.Micro(d.NextAt), lieciba.Micro(d.DoneAt)
	if err := checkSettled(out); err != nil {
		return out, false, err
	}
	if stored.Node == node && !stored.Held && sameOutcome(stored.Delivery, out) {
		return out, false, nil
	}
	if stored.Node != node || !stored.Held {
		return out, false, conflict("node", "the delivery is held by this node no more: claim it again")
	}
	return out, true, nil
}

func checkSettled(d lieciba.Delivery) error {
	switch d.State {
	case lieciba.DeliveryWaiting:
		if d.NextAt.IsZero() || !d.DoneAt.IsZero() {
			return lieciba.Invalid("next_at", "a delivery that waits needs the time of its next attempt, and is not done")
		}
	case lieciba.DeliveryDelivered, lieciba.DeliveryDead:
		if d.DoneAt.IsZero() {
			return lieciba.Invalid("done_at", "a delivery that is %s needs the time of it", d.State)
		}
	default:
		return lieciba.Invalid("state", "%q is no state of a delivery", d.State)
	}
	return nil
}

func sameOutcome(a, b lieciba.Delivery) bool {
	return a.State == b.State && a.Attempts == b.Attempts && a.NextAt.Equal(b.NextAt) && a.LastError == b.LastError && a.DoneAt.Equal(b.DoneAt)
}
