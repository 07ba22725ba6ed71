package api

import (
	"context"

	"lieciba"
)

type cancellation struct {
	Reason string `json:"reason"`
}

// confirmCancel ends a running session that its source asks to cancel. The
// recorder closes its recordings; what they hold stays.
func (s *Server) confirmCancel(c *call, x lieciba.ExamSession) error {
	var in cancellation
	if err := c.read(&in); err != nil {
		return err
	}
	if err := checkSentence("reason", in.Reason); err != nil {
		return err
	}
	return s.decideCancel(c, x, "cancelled: "+in.Reason, func(current lieciba.ExamSession) (lieciba.ExamSession, bool, error) {
		return current.AsBegun(s.cfg.Margins, c.now).ConfirmCancel(c.now)
	})
}

// refuseCancel lets the session go on, whatever its source asked.
func (s *Server) refuseCancel(c *call, x lieciba.ExamSession) error {
	return s.decideCancel(c, x, "the session goes on: its source's wish to cancel is refused", func(current lieciba.ExamSession) (lieciba.ExamSession, bool, error) {
		next, err := current.RefuseCancel(c.now)
		return next, true, err
	})
}

// decideCancel stores a decision on the session as it is now, not as it was when
// the person looked: the source may have taken its wish back.
func (s *Server) decideCancel(c *call, x lieciba.ExamSession, detail string, decide func(lieciba.ExamSession) (lieciba.ExamSession, bool, error)) error {
	var stored lieciba.ExamSession
	entry := c.entry(string(lieciba.ActConfirmCancel), sessionTarget(x))
	if err := c.record(&entry, func(ctx context.Context) error {
		return s.cfg.Catalog.ChangeSession(ctx, x.SessionKey, func(current *lieciba.ExamSession) (*lieciba.ExamSession, error) {
			if current == nil {
				return nil, notFound("exam session")
			}
			next, changed, err := decide(*current)
			if err != nil {
				return nil, err
			}
			entry.Detail, stored = detail, next
			if !changed {
				entry.Detail = "unchanged"
				return nil, nil
			}
			return &next, nil
		}, nil)
	}); err != nil {
		return err
	}
	s.cfg.Refresh.Refresh()
	return s.getSession(c, stored)
}
