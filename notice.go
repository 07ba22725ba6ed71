package lieciba

import (
	"slices"
	"time"
)

// NoticeKind is what other systems are told about.
type NoticeKind string

const (
	NoticeRecordingStarted NoticeKind = "session.recording_started"
	NoticeDegraded         NoticeKind = "session.degraded" // a loss began and lasts
	NoticeGap              NoticeKind = "session.gap"      // a loss ended: its span and cause
	NoticeSealed           NoticeKind = "session.sealed"   // all recordings of the session
	NoticeHoldPlaced       NoticeKind = "hold.placed"
	NoticeHoldReleased     NoticeKind = "hold.released"
	NoticeExportSealed     NoticeKind = "export.sealed"
	NoticeRetentionDue     NoticeKind = "retention.due"
	NoticeDeleted          NoticeKind = "recording.deleted"
	NoticeAlarm            NoticeKind = "alarm.raised" // to security only
)

// NoticeKinds lists every kind.
func NoticeKinds() []NoticeKind {
	return []NoticeKind{NoticeRecordingStarted, NoticeDegraded, NoticeGap, NoticeSealed, NoticeHoldPlaced, NoticeHoldReleased,
		NoticeExportSealed, NoticeRetentionDue, NoticeDeleted, NoticeAlarm}
}

// Notice is one fact for other systems. It is staged in the fact's own
// transaction; the publisher gives it its running number. IDs and times only.
type Notice struct {
	ID        NoticeID  // the receiver's key against duplicates
	Number    int64     // running, from 1; 0 while staged
	SessionID SessionID // empty: of no session
	Source    string    // of the session; who may read it
	Kind      NoticeKind
	At        time.Time
	Data      []byte // JSON object (storage.NoticeData)
	// Retold: the session was started by hand, and its source is told under the real
	// name, once it has one, what was told before. Who hears every source has heard it.
	Retold bool
}

// Webhook is where notices are sent to.
type Webhook struct {
	ID        WebhookID
	Name      string
	URL       string       // https; http only where the configuration allows
	Source    string       // sessions of this source; empty: of every one
	Kinds     []NoticeKind // nil: all but alarms
	Secret    []byte       // sealed (storage/secret); signs each message
	NewSecret []byte       // sealed; signs beside Secret while the receiver changes over; nil: none
	Disabled  bool
	CreatedAt time.Time
}

// Wants reports whether a notice goes to the webhook.
func (w Webhook) Wants(n Notice) bool {
	if w.Disabled || w.Source != "" && w.Source != n.Source || w.Source == "" && n.Retold {
		return false
	}
	if w.Kinds == nil {
		return n.Kind != NoticeAlarm
	}
	return slices.Contains(w.Kinds, n.Kind)
}

// DeliveryState of a Delivery.
type DeliveryState string

const (
	DeliveryWaiting   DeliveryState = "waiting"
	DeliveryDelivered DeliveryState = "delivered"
	DeliveryDead      DeliveryState = "dead" // given up; can be sent again by hand
)

// Delivery is one notice on its way to one webhook.
type Delivery struct {
	WebhookID WebhookID
	Notice    Notice
	State     DeliveryState
	Attempts  int
	NextAt    time.Time // not before
	LastError string    // for people; no secret
	DoneAt    time.Time // delivered or given up
}
