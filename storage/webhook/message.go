package webhook

import (
	"encoding/json"
	"time"

	"lieciba"
)

// Message is what a receiver gets of a notice, and what GET /v1/notices lists.
type Message struct {
	ID         lieciba.NoticeID   `json:"id"`
	Number     int64              `json:"number"` // running over all notices; a receiver that sees a part of them sees holes
	Kind       lieciba.NoticeKind `json:"kind"`
	At         string             `json:"at"`          // RFC 3339, UTC
	SessionID  *lieciba.SessionID `json:"session_id"`  // null: of no session
	ExternalID *string            `json:"external_id"` // of the session, as its source names it
	Data       json.RawMessage    `json:"data"`
}

// MessageOf makes the message of a published notice. CodeCorrupt when its data is no JSON object.
func MessageOf(n lieciba.Notice) (Message, error) {
	var data struct {
		ExternalID string `json:"external_id"`
	}
	if err := json.Unmarshal(n.Data, &data); err != nil {
		return Message{}, lieciba.Wrap(err, lieciba.CodeCorrupt, "the data of notice %s cannot be read", n.ID)
	}
	m := Message{ID: n.ID, Number: n.Number, Kind: n.Kind, At: lieciba.Micro(n.At).Format("2006-01-02T15:04:05.999999Z"), Data: n.Data}
	if n.SessionID != "" {
		m.SessionID = &n.SessionID
	}
	if data.ExternalID != "" {
		m.ExternalID = &data.ExternalID
	}
	return m, nil
}

// Secrets opens sealed secrets (package storage/secret).
type Secrets interface {
	Seal(plain, aad []byte) []byte
	Unseal(sealed, aad []byte) ([]byte, error)
}

// aad binds a sealed secret to its webhook, so that it cannot be moved to another row.
func aad(id lieciba.WebhookID) []byte { return []byte("webhook:" + string(id)) }

// SealSecret seals a webhook's secret for its row.
func SealSecret(s Secrets, id lieciba.WebhookID, plain string) []byte {
	return s.Seal([]byte(plain), aad(id))
}

// openSecrets returns what signs the webhook's messages: the secret, and during a
// change the new one too.
func openSecrets(s Secrets, w lieciba.Webhook) ([][]byte, error) {
	var out [][]byte
	for _, sealed := range [][]byte{w.Secret, w.NewSecret} {
		if len(sealed) == 0 {
			continue
		}
		plain, err := s.Unseal(sealed, aad(w.ID))
		if err != nil {
			return nil, err
		}
		out = append(out, plain)
	}
	if len(out) == 0 {
		return nil, lieciba.Errorf(lieciba.CodeCorrupt, "the webhook %s has no secret", w.Name)
	}
	return out, nil
}

// Backoff is how long to wait after so many failed attempts, jitter apart: 5 s,
// doubled each time, at most one hour.
func Backoff(attempts int) time.Duration {
	const first, most = 5 * time.Second, time.Hour
	if attempts < 1 {
		return first
	}
	if attempts > 10 {
		return most
	}
	return min(most, first<<(attempts-1))
}
