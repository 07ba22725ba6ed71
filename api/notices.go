package api

import (
	"slices"
	"strconv"

	"lieciba"
	"lieciba/storage/webhook"
)

// noticeList is a piece of what was told, from the oldest on.
type noticeList struct {
	Items     []webhook.Message `json:"items"`
	NextAfter int64             `json:"next_after"` // what to send as after to go on from here
}

// listNotices is the replay of what webhooks sent: a client gets its own
// sessions' notices, an administrator everybody's but alarms.
func (s *Server) listNotices(c *call) error {
	if err := c.onlyQuery("after", "limit"); err != nil {
		return err
	}
	source := c.who.Name
	if slices.Contains(c.who.Roles, lieciba.RoleAdmin) {
		source = ""
	}
	after, err := s.queryNotice(c, source)
	if err != nil {
		return err
	}
	limit, err := c.queryLimit()
	if err != nil {
		return err
	}
	out := noticeList{Items: []webhook.Message{}, NextAfter: after}
	for more := true; more && len(out.Items) < limit; {
		found, err := s.cfg.Catalog.ListNotices(c.ctx(), source, out.NextAfter, limit-len(out.Items))
		if err != nil {
			return err
		}
		more = len(found) > 0
		if err := out.add(c, found); err != nil {
			return err
		}
	}
	return c.ok(out)
}

// add shows notices; alarms only to who reads them.
func (l *noticeList) add(c *call, found []lieciba.Notice) error {
	for _, n := range found {
		l.NextAfter = n.Number
		if n.Kind == lieciba.NoticeAlarm && !c.readsAlarms() {
			continue
		}
		m, err := webhook.MessageOf(n)
		if err != nil {
			return err
		}
		l.Items = append(l.Items, m)
	}
	return nil
}

// queryNotice reads after: the number of a notice, or its event ID. One of
// another source is not there.
func (s *Server) queryNotice(c *call, source string) (int64, error) {
	ref, given := c.gin.GetQuery("after")
	if !given {
		return 0, nil
	}
	if n, err := strconv.ParseInt(ref, 10, 64); err == nil && n >= 0 {
		return n, nil
	}
	id, err := lieciba.ParseID[lieciba.NoticeID]("after", ref)
	if err != nil {
		return 0, lieciba.Invalid("after", "is neither the number of a notice nor an event ID")
	}
	n, err := s.cfg.Catalog.Notice(c.ctx(), id)
	if err == nil && source != "" && n.Source != source {
		err = notFound("event")
	}
	return n.Number, asNotFound(err, "event")
}
