package api

import (
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"lieciba"
	"lieciba/storage"
)

type auditView struct {
	ID        lieciba.AuditID    `json:"id"`
	At        stamp              `json:"at"`
	Who       string             `json:"who"`
	WhoID     string             `json:"who_id"`
	Act       string             `json:"act"`
	Object    string             `json:"object"`
	SessionID *lieciba.SessionID `json:"session_id"`
	CameraID  *lieciba.CameraID  `json:"camera_id"`
	From      *stamp             `json:"from"`
	To        *stamp             `json:"to"`
	Outcome   string             `json:"outcome"`
	Detail    string             `json:"detail"`
	Address   string             `json:"address"`
	LogIndex  *int64             `json:"log_index"` // null while its leaf waits for the log
}

func viewAudit(e lieciba.AuditEntry) auditView {
	return auditView{ID: e.ID, At: stamp(e.At), Who: e.Who, WhoID: e.WhoID, Act: e.Act, Object: e.Object,
		SessionID: optional(e.SessionID), CameraID: optional(e.CameraID), From: optionalStamp(e.From), To: optionalStamp(e.To),
		Outcome: e.Outcome, Detail: e.Detail, Address: e.Address}
}

// auditSearch is a filter of the catalogue and what is compared here.
type auditSearch struct {
	storage.AuditFilter
	name     string // of who, lower case
	outcomes []string
	text     string // lower case
}

// compares reports whether the catalogue alone cannot answer.
func (q auditSearch) compares() bool { return q.name != "" || q.text != "" || len(q.outcomes) > 0 }

func (q auditSearch) match(e lieciba.AuditEntry) bool {
	if q.name != "" && strings.ToLower(e.Who) != q.name || len(q.outcomes) > 0 && !slices.Contains(q.outcomes, e.Outcome) {
		return false
	}
	if q.text == "" {
		return true
	}
	for _, s := range []string{e.Detail, e.Object, e.Who, e.Act, e.Address} {
		if strings.Contains(strings.ToLower(s), q.text) {
			return true
		}
	}
	return false
}

func (s *Server) readAudit(c *call) error {
	q, err := s.auditSearch(c)
	if err != nil {
		return err
	}
	found, next, err := s.searchAudit(c.ctx(), q)
	if err != nil {
		return err
	}
	index, err := s.auditIndexes(c.ctx(), found)
	if err != nil {
		return err
	}
	out := paged[auditView]{Items: []auditView{}, NextBefore: optional(string(next))}
	for _, e := range found {
		v := viewAudit(e)
		if i, ok := index[e.ID]; ok {
			v.LogIndex = &i
		}
		out.Items = append(out.Items, v)
	}
	return c.ok(out)
}

// maxScan bounds how many entries one search compares. A page may then hold
// fewer than its limit, and goes on all the same.
const maxScan = 20_000

// searchAudit returns up to q.Limit entries, and where the next page begins;
// empty after the last.
func (s *Server) searchAudit(ctx context.Context, q auditSearch) (found []lieciba.AuditEntry, next lieciba.AuditID, err error) {
	f := q.AuditFilter
	f.Limit = min(q.Limit+1, 1000)
	if q.compares() {
		f.Limit = 1000
	}
	for scanned := 0; scanned < maxScan; {
		list, err := s.cfg.Catalog.ListAudit(ctx, f)
		if err != nil {
			return nil, "", err
		}
		for _, e := range list {
			if len(found) == q.Limit {
				return found, next, nil
			}
			next = e.ID
			if q.match(e) {
				found = append(found, e)
			}
		}
		if len(list) < f.Limit {
			return found, "", nil
		}
		scanned, f.Before = scanned+len(list), next
	}
	return found, next, nil
}

// auditIndexes finds where in the hash log the entries stand.
func (s *Server) auditIndexes(ctx context.Context, list []lieciba.AuditEntry) (map[lieciba.AuditID]int64, error) {
	ids := make([]string, len(list))
	for i, e := range list {
		ids[i] = string(e.ID)
	}
	logged, err := s.logged(ctx, lieciba.LeafAudit, ids)
	if err != nil {
		return nil, err
	}
	out := map[lieciba.AuditID]int64{}
	for id := range logged {
		leaf, err := s.cfg.Catalog.LeafOf(ctx, lieciba.LeafAudit, id)
		if err != nil {
			return nil, err
		}
		out[lieciba.AuditID(id)] = leaf.Index
	}
	return out, nil
}

func (s *Server) auditSearch(c *call) (q auditSearch, err error) {
	if err := c.onlyQuery("who", "act", "session", "camera", "outcome", "text", "from", "to", "limit", "before"); err != nil {
		return q, err
	}
	for _, p := range []struct {
		name string
		to   *string
	}{{"who", &q.name}, {"act", &q.Act}, {"text", &q.text}} {
		if *p.to = c.gin.Query(p.name); len(*p.to) > 200 || !utf8.ValidString(*p.to) {
			return q, lieciba.Invalid(p.name, "must have at most 200 bytes of text")
		}
		if strings.ContainsFunc(*p.to, unicode.IsControl) {
			return q, lieciba.Invalid(p.name, "must not hold line breaks or other control characters")
		}
	}
	q.name, q.text = strings.ToLower(q.name), strings.ToLower(q.text)
	if id, err := lieciba.ParseID[string]("who", q.name); err == nil {
		q.WhoID, q.name = id, ""
	}
	for _, v := range c.gin.QueryArray("outcome") {
		for name := range strings.SplitSeq(v, ",") {
			name = strings.TrimSpace(name)
			if _, known := statusOf[lieciba.Code(name)]; !known && name != "ok" {
				return q, lieciba.Invalid("outcome", "unknown outcome %q: use ok or the code of a refusal, such as forbidden", name)
			}
			q.outcomes = append(q.outcomes, name)
		}
	}
	if q.SessionID, err = s.querySession(c, lieciba.ActReadAudit, "session"); err != nil {
		return q, err
	}
	if q.CameraID, err = queryID[lieciba.CameraID](c, "camera"); err != nil {
		return q, err
	}
	if q.Span, err = c.querySpan(); err != nil {
		return q, err
	}
	q.Limit, q.Before, err = page[lieciba.AuditID](c)
	return q, err
}
