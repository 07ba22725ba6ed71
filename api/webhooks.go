package api

import (
	"context"
	"crypto/rand"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/webhook"
)

type webhookView struct {
	ID        lieciba.WebhookID    `json:"id"`
	Name      string               `json:"name"`
	URL       string               `json:"url"`
	Source    *string              `json:"source"`
	Kinds     []lieciba.NoticeKind `json:"kinds"`
	Disabled  bool                 `json:"disabled"`
	Ended     bool                 `json:"ended"`
	Rotating  bool                 `json:"rotating"`
	CreatedAt stamp                `json:"created_at"`
	Secret    string               `json:"secret,omitempty"` // only in the answer that made it
}

func viewWebhook(w lieciba.Webhook, secret string) webhookView {
	return webhookView{ID: w.ID, Name: w.Name, URL: w.URL, Source: optional(w.Source), Kinds: orEmpty(w.Kinds), Disabled: w.Disabled,
		Ended: len(w.Secret) == 0, Rotating: len(w.NewSecret) > 0, CreatedAt: stamp(w.CreatedAt), Secret: secret}
}

func (s *Server) listWebhooks(c *call) error {
	list, err := s.cfg.Catalog.ListWebhooks(c.ctx())
	if err != nil {
		return err
	}
	out := items[webhookView]{Items: []webhookView{}}
	for _, w := range list {
		out.Items = append(out.Items, viewWebhook(w, ""))
	}
	return c.ok(out)
}

type newWebhook struct {
	Name   string               `json:"name"`
	URL    string               `json:"url"`
	Source string               `json:"source"`
	Kinds  []lieciba.NoticeKind `json:"kinds"`
}

// webhookSecret makes a secret of 130 random bits that says what it is.
func webhookSecret() string { return "whs_" + rand.Text() }

func (s *Server) createWebhook(c *call) error {
	var in newWebhook
	if err := c.read(&in); err != nil {
		return err
	}
	w := lieciba.Webhook{ID: lieciba.NewID[lieciba.WebhookID](c.now), Name: in.Name, URL: in.URL, Source: in.Source, CreatedAt: lieciba.Micro(c.now)}
	if err := lieciba.CheckCode("name", in.Name); err != nil {
		return err
	}
	if in.Source != "" && !lieciba.ValidCode(in.Source) {
		return lieciba.Invalid("source", "must be the name of a client, as its token has it; empty for every one")
	}
	if err := s.setWebhook(&w, &in.URL, &in.Kinds); err != nil {
		return err
	}
	if err := c.mayTouch(w); err != nil {
		c.auditTouch(w.ID, err)
		return err
	}
	secret := webhookSecret()
	w.Secret = webhook.SealSecret(s.cfg.Secrets, w.ID, secret)
	if err := c.act(lieciba.ActManageWebhooks, webhookTarget(w.ID), "created "+w.Name+" to "+hostOf(w.URL), func(ctx context.Context) error {
		return s.cfg.Catalog.PutWebhook(ctx, w)
	}); err != nil {
		return err
	}
	return c.created(viewWebhook(w, secret))
}

// setWebhook checks and sets what is given; nil leaves as it is.
func (s *Server) setWebhook(w *lieciba.Webhook, to *string, kinds *[]lieciba.NoticeKind) error {
	if to != nil {
		if err := s.cfg.Webhooks.CheckURL(*to); err != nil {
			return err
		}
		w.URL = *to
	}
	if kinds == nil {
		return nil
	}
	for _, k := range *kinds {
		if !slices.Contains(lieciba.NoticeKinds(), k) {
			return lieciba.Invalid("kinds", "unknown kind %q: use some of %v, or none for all but alarms", k, lieciba.NoticeKinds())
		}
	}
	w.Kinds = slices.Compact(slices.Sorted(slices.Values(*kinds)))
	return nil
}

func webhookTarget(id lieciba.WebhookID) target { return target{what: "webhook", id: string(id)} }

// hostOf is what the audit log says of an address: its query may be secret.
func hostOf(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "?"
	}
	return u.Scheme + "://" + u.Host
}

type webhookChange struct {
	URL            *string               `json:"url"`
	Kinds          *[]lieciba.NoticeKind `json:"kinds"`
	Disabled       *bool                 `json:"disabled"`
	NewSecret      bool                  `json:"new_secret"`      // begin a change of the secret
	FinishRotation bool                  `json:"finish_rotation"` // the receiver has the new one
}

func webhookID(c *call) (lieciba.WebhookID, error) {
	return lieciba.ParseID[lieciba.WebhookID]("id", c.gin.Param("id"))
}

func (s *Server) changeWebhook(c *call) error {
	var in webhookChange
	if err := c.read(&in); err != nil {
		return err
	}
	secret := ""
	if in.NewSecret {
		secret = webhookSecret()
	}
	w, err := s.editWebhook(c, func(w *lieciba.Webhook) (string, error) {
		if len(w.Secret) == 0 {
			return "", errEnded
		}
		return s.applyWebhook(w, in, secret)
	})
	if err != nil {
		return err
	}
	return c.ok(viewWebhook(w, secret))
}

// applyWebhook changes w and says what was changed.
func (s *Server) applyWebhook(w *lieciba.Webhook, in webhookChange, secret string) (string, error) {
	said := []string{"changed " + w.Name}
	if err := s.setWebhook(w, in.URL, in.Kinds); err != nil {
		return "", err
	}
	if in.URL != nil {
		said = append(said, "to "+hostOf(w.URL))
	}
	if in.Kinds != nil {
		said = append(said, "kinds")
	}
	if in.Disabled != nil && *in.Disabled != w.Disabled {
		w.Disabled = *in.Disabled
		if w.Disabled {
			said = append(said, "disabled")
		} else {
			said = append(said, "enabled")
		}
	}
	switch {
	case in.NewSecret && in.FinishRotation:
		return "", lieciba.Invalid("finish_rotation", "cannot come with new_secret: give the receiver the new secret first")
	case in.NewSecret && len(w.NewSecret) > 0:
		return "", &lieciba.Error{Code: lieciba.CodeConflict, Field: "new_secret", Message: "a change of the secret is under way: finish it first"}
	case in.NewSecret:
		w.NewSecret = webhook.SealSecret(s.cfg.Secrets, w.ID, secret)
		said = append(said, "a new secret signs beside the old one")
	case in.FinishRotation && len(w.NewSecret) == 0:
		return "", &lieciba.Error{Code: lieciba.CodeConflict, Field: "finish_rotation", Message: "no change of the secret is under way"}
	case in.FinishRotation:
		w.Secret, w.NewSecret = w.NewSecret, nil
		said = append(said, "the new secret alone signs")
	}
	return strings.Join(said, "; "), nil
}

// endWebhook disables a webhook for good and destroys its secret; what it was
// sent stays on record.
func (s *Server) endWebhook(c *call) error {
	if _, err := s.editWebhook(c, func(w *lieciba.Webhook) (string, error) {
		w.Disabled, w.Secret, w.NewSecret = true, nil, nil
		return "ended " + w.Name, nil
	}); err != nil {
		return err
	}
	return c.noContent()
}

// errEnded refuses what an ended webhook can do no more.
var errEnded = lieciba.Errorf(lieciba.CodeConflict, "this webhook was ended: create another one")

// editWebhook changes one in its act, which keeps every other edit out.
func (s *Server) editWebhook(c *call, edit func(*lieciba.Webhook) (string, error)) (w lieciba.Webhook, err error) {
	id, err := webhookID(c)
	if err != nil {
		return w, err
	}
	entry := c.entry(string(lieciba.ActManageWebhooks), webhookTarget(id))
	err = c.record(&entry, func(ctx context.Context) (err error) {
		if w, err = s.cfg.Catalog.Webhook(ctx, id); err != nil {
			return asNotFound(err, "webhook")
		}
		if err := c.mayTouch(w); err != nil {
			return err
		}
		if entry.Detail, err = edit(&w); err != nil {
			return err
		}
		if err := c.mayTouch(w); err != nil {
			return err
		}
		return s.cfg.Catalog.PutWebhook(ctx, w)
	})
	c.auditTouch(id, err)
	s.pokeWebhooks()
	return w, err
}

// readsAlarms reports whether alarms are the caller's to see.
func (c *call) readsAlarms() bool { return lieciba.AllowSomewhere(c.who, lieciba.ActReadAlarms) == nil }

// mayTouch refuses a webhook that tells of alarms to who may not read them:
// security is told of administrators too, who must not be able to stop it.
func (c *call) mayTouch(w lieciba.Webhook) error {
	if !slices.Contains(w.Kinds, lieciba.NoticeAlarm) || c.readsAlarms() {
		return nil
	}
	return &lieciba.Error{Code: lieciba.CodeForbidden, Field: "kinds", Message: "a webhook that tells of alarms is in the hands of security staff only"}
}

// auditTouch records a refusal of mayTouch; the act that met it left no entry.
func (c *call) auditTouch(id lieciba.WebhookID, err error) {
	if lieciba.CodeOf(err) == lieciba.CodeForbidden {
		c.auditRefusal(lieciba.ActManageWebhooks, webhookTarget(id), lieciba.CodeForbidden)
	}
}

func (s *Server) pokeWebhooks() {
	if s.cfg.PokeWebhooks != nil {
		s.cfg.PokeWebhooks()
	}
}

type deliveryView struct {
	Notice    webhook.Message       `json:"notice"`
	State     lieciba.DeliveryState `json:"state"`
	Attempts  int                   `json:"attempts"`
	NextAt    *stamp                `json:"next_at"`
	LastError string                `json:"last_error"`
	DoneAt    *stamp                `json:"done_at"`
}

type deliveryList struct {
	Items      []deliveryView `json:"items"`
	NextBefore *int64         `json:"next_before"`
}

func (s *Server) listDeliveries(c *call) error {
	if err := c.onlyQuery("state", "limit", "before"); err != nil {
		return err
	}
	w, f, err := s.deliveryFilter(c)
	if err != nil {
		return err
	}
	limit := f.Limit
	f.Limit = min(limit+1, 1000) // one more tells whether the list goes on
	found, err := s.cfg.Catalog.ListDeliveries(c.ctx(), f)
	if err != nil {
		return err
	}
	out := deliveryList{Items: []deliveryView{}}
	if len(found) > limit || len(found) == 1000 {
		found = found[:min(len(found), limit)]
		out.NextBefore = &found[len(found)-1].Notice.Number
	}
	for _, d := range found {
		if d.Notice.Kind == lieciba.NoticeAlarm && !c.readsAlarms() {
			continue
		}
		m, err := webhook.MessageOf(d.Notice)
		if err != nil {
			return err
		}
		v := deliveryView{Notice: m, State: d.State, Attempts: d.Attempts, LastError: d.LastError, DoneAt: optionalStamp(d.DoneAt)}
		if d.State == lieciba.DeliveryWaiting && !w.Disabled {
			v.NextAt = optionalStamp(d.NextAt)
		}
		out.Items = append(out.Items, v)
	}
	return c.ok(out)
}

func (s *Server) deliveryFilter(c *call) (w lieciba.Webhook, f storage.DeliveryFilter, err error) {
	if f.WebhookID, err = webhookID(c); err != nil {
		return w, f, err
	}
	if w, err = s.cfg.Catalog.Webhook(c.ctx(), f.WebhookID); err != nil {
		return w, f, asNotFound(err, "webhook")
	}
	if f.States, err = queryStates(c, []lieciba.DeliveryState{lieciba.DeliveryWaiting, lieciba.DeliveryDelivered, lieciba.DeliveryDead}); err != nil {
		return w, f, err
	}
	if ref, given := c.gin.GetQuery("before"); given {
		if f.Before, err = strconv.ParseInt(ref, 10, 64); err != nil || f.Before < 1 {
			return w, f, lieciba.Invalid("before", "must be the number of a notice, as next_before of the page before")
		}
	}
	f.Limit, err = c.queryLimit()
	return w, f, err
}

type redelivery struct {
	NoticeID string `json:"notice_id"`
}

// redeliver sends dead deliveries again: one, or all of the webhook.
func (s *Server) redeliver(c *call) error {
	id, err := webhookID(c)
	if err != nil {
		return err
	}
	var in redelivery
	if err := c.read(&in); err != nil {
		return err
	}
	var notice lieciba.NoticeID
	if in.NoticeID != "" {
		if notice, err = lieciba.ParseID[lieciba.NoticeID]("notice_id", in.NoticeID); err != nil {
			return err
		}
	}
	n := 0
	entry := c.entry(string(lieciba.ActManageWebhooks), webhookTarget(id))
	if err := c.record(&entry, func(ctx context.Context) error {
		w, err := s.cfg.Catalog.Webhook(ctx, id)
		if err != nil {
			return asNotFound(err, "webhook")
		}
		if err := c.mayTouch(w); err != nil {
			return err
		}
		if len(w.Secret) == 0 {
			return errEnded
		}
		n, err = s.cfg.Catalog.RedeliverDead(ctx, id, notice, c.now)
		entry.Detail = "sends again to " + w.Name + ": " + strconv.Itoa(n) + " notices given up"
		return err
	}); err != nil {
		c.auditTouch(id, err)
		return err
	}
	s.pokeWebhooks()
	return c.ok(map[string]int{"redelivered": n})
}
