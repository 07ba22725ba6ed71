package storage

import (
	"context"
	"time"

	"lieciba"
)

// DeliveryFilter narrows ListDeliveries. Zero fields do not filter.
type DeliveryFilter struct {
	WebhookID lieciba.WebhookID
	States    []lieciba.DeliveryState
	Limit     int   // 0: 100; at most 1000
	Before    int64 // notice number: those with a lower one
}

// Notices keeps what other systems are told, and how far each has got. Notices
// of facts are staged by the methods that write those facts, in their own
// transactions (noticerules.go says of which, and with what data).
type Notices interface {
	// PutWebhook inserts or replaces by ID; CodeConflict names "name". What waits for
	// a disabled one waits until it is enabled again.
	PutWebhook(ctx context.Context, w lieciba.Webhook) error
	Webhook(ctx context.Context, id lieciba.WebhookID) (lieciba.Webhook, error)
	ListWebhooks(ctx context.Context) ([]lieciba.Webhook, error) // by name

	// StageNotice stages one that no other method writes; the same ID again is no
	// error, and the first stays.
	StageNotice(ctx context.Context, n lieciba.Notice) error
	// StagedNotices counts what waits for its number; oldest is the earliest At of
	// them, zero for none.
	StagedNotices(ctx context.Context) (n int, oldest time.Time, err error)
	// PublishNotices gives up to max staged notices their running numbers, in the
	// order they were staged, and makes a waiting Delivery for every webhook that
	// wants them, due now, in one transaction that excludes every other publisher:
	// numbers have no hole, and a lower one is never seen after a higher one.
	PublishNotices(ctx context.Context, max int, now time.Time) (n int, err error)
	// ListNotices returns the published ones of a source with a number above after,
	// by number; of every source for an empty one, without those that were retold.
	// At most limit (0: 100, at most 1000).
	ListNotices(ctx context.Context, source string, after int64, limit int) ([]lieciba.Notice, error)
	// Notice finds a published one.
	Notice(ctx context.Context, id lieciba.NoticeID) (lieciba.Notice, error)

	// ClaimDeliveries returns up to limit deliveries to w that are due, to every
	// webhook for an empty w, and takes them for node until now+ttl: of each webhook
	// and session only the oldest that still waits, and only if nobody holds it, that
	// node included. So a session's notices go out in order; those of no session are
	// one line of their own.
	ClaimDeliveries(ctx context.Context, node lieciba.NodeID, w lieciba.WebhookID, now time.Time, ttl time.Duration, limit int) ([]lieciba.Delivery, error)
	// SettleDelivery stores attempts, state, NextAt, LastError and DoneAt of a claimed
	// delivery and gives it up; the same again is no error. CodeConflict names "node"
	// when the node does not hold it any more.
	SettleDelivery(ctx context.Context, node lieciba.NodeID, d lieciba.Delivery) error
	// RedeliverDead makes dead deliveries of a webhook wait again, due now, their
	// attempts counted anew; of one notice, or all for an empty ID. It returns how many.
	RedeliverDead(ctx context.Context, w lieciba.WebhookID, n lieciba.NoticeID, now time.Time) (int, error)
	// NextDelivery is when the next claim can find something: when the earliest of
	// those first in their line is due, or is held no longer; the zero time for none.
	NextDelivery(ctx context.Context) (time.Time, error)
	// ListDeliveries returns them newest number first, then by webhook.
	ListDeliveries(ctx context.Context, f DeliveryFilter) ([]lieciba.Delivery, error)
}
