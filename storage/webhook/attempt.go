package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"lieciba"
)

// secondHalf spreads retries, so that receivers which come back are not met by
// all senders at once.
func secondHalf(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }

// deliver makes one attempt and settles what came of it.
func (s *Sender) deliver(ctx context.Context, d lieciba.Delivery) {
	req, err := s.message(ctx, d)
	if lieciba.CodeOf(err) == lieciba.CodeUnavailable { // the catalogue, not the receiver
		d.NextAt = s.Now().Add(look)
		s.settle(ctx, d)
		return
	}
	if err == nil {
		err = s.post(req)
	}
	now := s.Now()
	switch {
	case err == nil:
		d.Attempts++
		d.State, d.DoneAt, d.LastError = lieciba.DeliveryDelivered, lieciba.Micro(now), ""
	case ctx.Err() != nil: // this server stops: not the receiver's fault
		d.NextAt = now
	default:
		d.Attempts++
		d.LastError = plain(err)
		d.NextAt = now.Add(s.Jitter(Backoff(d.Attempts)))
		if d.Attempts >= DeadAttempts && now.Sub(d.Notice.At) >= DeadAfter {
			d.State, d.DoneAt = lieciba.DeliveryDead, lieciba.Micro(now)
			s.Log.ErrorContext(ctx, "a notice is given up: see the webhook's deliveries", "webhook", d.WebhookID, "notice", d.Notice.ID, "error", d.LastError)
		}
	}
	s.settle(ctx, d)
}

// settle stores a delivery also when this server stops: what was received must
// not be sent again for that.
func (s *Sender) settle(ctx context.Context, d lieciba.Delivery) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), Timeout)
	defer cancel()
	err := s.Catalog.SettleDelivery(ctx, s.Node, d)
	if lieciba.CodeOf(err) == lieciba.CodeUnavailable { // it may have taken effect; the same again is no error
		err = s.Catalog.SettleDelivery(ctx, s.Node, d)
	}
	if err != nil { // the claim runs out, and it is sent again under the same ID
		s.Log.WarnContext(ctx, "how a notice was received is not noted: it will be sent again", "webhook", d.WebhookID, "notice", d.Notice.ID, "error", err)
	}
}

// message makes the signed request of a delivery.
func (s *Sender) message(ctx context.Context, d lieciba.Delivery) (*http.Request, error) {
	w, err := s.Catalog.Webhook(ctx, d.WebhookID)
	if err != nil {
		return nil, err
	}
	if err := s.Policy.CheckURL(w.URL); err != nil { // the configuration may have changed since
		return nil, err
	}
	secrets, err := openSecrets(s.Secrets, w)
	if err != nil {
		return nil, err
	}
	m, err := MessageOf(d.Notice)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(m)
	if err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeCorrupt, "the data of notice %s cannot be sent", d.Notice.ID)
	}
	req, err := http.NewRequestWithContext(overTLS(ctx, w.URL), http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set(EventHeader, string(m.ID))
	req.Header.Set(SignatureHeader, Sign(body, s.Now(), secrets...))
	return req, nil
}

// post takes any status of 2xx for a receipt. What the receiver writes is bounded,
// dropped and never logged: it is a stranger's text.
func (s *Sender) post(req *http.Request) error {
	resp, err := s.Client.Do(req)
	if err != nil {
		return err
	}
	_, err = io.CopyN(io.Discard, resp.Body, answerLimit)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	err = errors.Join(err, resp.Body.Close())
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return statusError(resp.StatusCode)
	}
	return err
}

type statusError int

func (e statusError) Error() string {
	return fmt.Sprintf("answered %d %s", int(e), http.StatusText(int(e)))
}

// plain says why an attempt failed, without the address: its query may be secret.
func plain(err error) string {
	var refused *lieciba.Error
	if errors.As(err, &refused) {
		return refused.Message
	}
	var u *url.Error
	if errors.As(err, &u) {
		if u.Timeout() {
			return fmt.Sprintf("no answer within %s", Timeout)
		}
		err = u.Err
	}
	const most = 300
	text := []rune(err.Error())
	return string(text[:min(len(text), most)])
}
