package fsck

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

// The other direction of invariant 5: every fact that must have a leaf has one.
// One that waits for its index is fine (logWalk.staged looks whether it moves);
// it must say what the row says all the same.

// logged checks that rows have their leaves; detail returns what a row's leaf
// must say.
func (c *checker) logged(ctx context.Context, kind lieciba.LeafKind, subjects []string, detail func(i int) []byte) error {
	for from := 0; from < len(subjects); from += page {
		part := subjects[from:min(from+page, len(subjects))]
		in, err := c.catalog.Logged(ctx, kind, part)
		if err != nil {
			return err
		}
		for i, subject := range part {
			c.log.Rows++
			if in[subject] {
				continue
			}
			if err := c.unlogged(ctx, kind, subject, detail(from+i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// unlogged judges a row whose leaf has no index.
func (c *checker) unlogged(ctx context.Context, kind lieciba.LeafKind, subject string, detail []byte) error {
	object := fmt.Sprintf("%s %s", kind, subject)
	l, err := c.catalog.LeafOf(ctx, kind, subject)
	switch {
	case lieciba.CodeOf(err) == lieciba.CodeNotFound:
		c.log.Rows--
		c.violate(ruleOf(kind), object, nil, "has no leaf in the evidence log: its leaf was removed, the log was cut, or the row was put there by hand")
	case err != nil:
		return err
	case evidence.CheckLeafRow(l) != nil:
		c.violate(RuleLeaf, object, nil, "the salt, detail or commitment of its leaf, which waits for its index, was changed")
	case !bytes.Equal(l.Detail, detail):
		c.violate(ruleOf(kind), object, nil, "%s (its leaf waits for its index)", differing(l.Detail, detail))
	}
	return nil
}

// loggedAll is logged for a list of rows.
func loggedAll[T any](ctx context.Context, c *checker, kind lieciba.LeafKind, list []T, subject func(T) string, detail func(T) []byte) error {
	ids := make([]string, len(list))
	for i, x := range list {
		ids[i] = subject(x)
	}
	return c.logged(ctx, kind, ids, func(i int) []byte { return detail(list[i]) })
}

// checkRowsLogged goes through every row that must have a leaf.
func (c *checker) checkRowsLogged(ctx context.Context) error {
	for _, step := range []func(context.Context) error{c.segmentsLogged, c.recordingsLogged, c.deletionsLogged, c.sessionsLogged, c.policiesLogged, c.exportsLogged, c.auditLogged} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) segmentsLogged(ctx context.Context) error {
	var list []lieciba.Segment
	done := 0
	flush := func() error {
		err := loggedAll(ctx, c, lieciba.LeafSegment, list, func(s lieciba.Segment) string { return string(s.ID) },
			func(s lieciba.Segment) []byte { return evidence.Encode(evidence.DetailOfSegment(s)) })
		if done += len(list); done > 0 {
			c.progress("rows", done)
		}
		list = list[:0]
		return err
	}
	err := c.scanSegments(ctx, func(s lieciba.Segment) error {
		if list = append(list, s); len(list) < page {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// recordingsLogged checks the gaps, the seal and the deletion of each recording.
func (c *checker) recordingsLogged(ctx context.Context) error {
	done := 0
	return c.scanRecordings(ctx, func(r lieciba.Recording) error {
		gaps, err := c.catalog.RecordingGaps(ctx, r.ID)
		if err != nil {
			return err
		}
		closed := gaps[:0:0]
		for _, g := range gaps {
			if !g.Open() {
				closed = append(closed, g)
			}
		}
		if err := loggedAll(ctx, c, lieciba.LeafGap, closed, func(g lieciba.Gap) string { return string(g.ID) },
			func(g lieciba.Gap) []byte { return evidence.Encode(evidence.DetailOfGap(g)) }); err != nil {
			return err
		}
		done++
		c.progress("rows", done)
		return c.sealedRecording(ctx, r)
	})
}

// scanRecordings calls fn for every recording, in pages.
func (c *checker) scanRecordings(ctx context.Context, fn func(lieciba.Recording) error) error {
	var after lieciba.RecordingID
	for {
		var list []lieciba.Recording
		err := c.catalog.ScanRecordings(ctx, after, func(r lieciba.Recording) error {
			if list = append(list, r); len(list) == page {
				return errPage
			}
			return nil
		})
		if err != nil && !errors.Is(err, errPage) {
			return err
		}
		for _, r := range list {
			if err := fn(r); err != nil {
				return err
			}
		}
		if err == nil {
			return nil
		}
		after = list[len(list)-1].ID
	}
}

// sessionsLogged checks the holds of each session, and what its exam was like.
func (c *checker) sessionsLogged(ctx context.Context) error {
	return c.scanSessions(ctx, func(s lieciba.ExamSession) error {
		if err := c.holdsLogged(ctx, s); err != nil {
			return err
		}
		return c.examLogged(ctx, s)
	})
}

func (c *checker) holdsLogged(ctx context.Context, s lieciba.ExamSession) error {
	holds, err := c.catalog.SessionHolds(ctx, s.ID)
	if err != nil {
		return err
	}
	var released []lieciba.Hold
	for _, h := range holds {
		if !h.Active() {
			released = append(released, h)
		}
	}
	if err := loggedAll(ctx, c, lieciba.LeafHold, holds, func(h lieciba.Hold) string { return string(h.ID) },
		func(h lieciba.Hold) []byte { return evidence.LeafOfHold(h).Detail }); err != nil {
		return err
	}
	return loggedAll(ctx, c, lieciba.LeafHold, released, func(h lieciba.Hold) string { return string(h.ID) + evidence.ReleasedSuffix },
		func(h lieciba.Hold) []byte { return evidence.LeafOfRelease(h).Detail })
}

// scanSessions calls fn for every session.
func (c *checker) scanSessions(ctx context.Context, fn func(lieciba.ExamSession) error) error {
	for x, err := range c.allSessions(ctx) {
		if err != nil {
			return err
		}
		if err := fn(x); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) policiesLogged(ctx context.Context) error {
	all, err := c.catalog.Policies(ctx)
	if err != nil {
		return err
	}
	var list []lieciba.RetentionPolicy
	for _, p := range all {
		if p.State != lieciba.PolicyDraft {
			list = append(list, p)
		}
	}
	return loggedAll(ctx, c, lieciba.LeafPolicy, list, func(p lieciba.RetentionPolicy) string { return string(p.ID) },
		func(p lieciba.RetentionPolicy) []byte { return evidence.Encode(evidence.DetailOfPolicy(p)) })
}

func (c *checker) exportsLogged(ctx context.Context) error {
	f := storage.ExportFilter{States: []lieciba.ExportState{lieciba.ExportSealed, lieciba.ExportCollected, lieciba.ExportPurged}, Limit: 1000}
	for {
		list, err := c.catalog.ListExports(ctx, f)
		if err != nil {
			return err
		}
		if err := loggedAll(ctx, c, lieciba.LeafExport, list, func(e lieciba.Export) string { return string(e.ID) },
			func(e lieciba.Export) []byte {
				return evidence.Encode(evidence.ExportDetail{ID: e.ID, SessionID: e.SessionID, Manifest: e.Manifest})
			}); err != nil {
			return err
		}
		if len(list) < f.Limit {
			return nil
		}
		f.Before = list[len(list)-1].ID
	}
}

// auditLogged goes through the audit log; on its way it notes what acts it tells
// of, for the check that every act has its entry (invariant 7).
func (c *checker) auditLogged(ctx context.Context) error {
	f := storage.AuditFilter{Limit: 1000}
	for done := 0; ; {
		list, err := c.catalog.ListAudit(ctx, f)
		if err != nil {
			return err
		}
		for _, e := range list {
			c.acts.note(e)
		}
		if err := loggedAll(ctx, c, lieciba.LeafAudit, list, func(e lieciba.AuditEntry) string { return string(e.ID) },
			func(e lieciba.AuditEntry) []byte { return evidence.Encode(evidence.DetailOfAudit(e)) }); err != nil {
			return err
		}
		if done += len(list); done > 0 {
			c.progress("audit", done)
		}
		if len(list) < f.Limit {
			return nil
		}
		f.Before = list[len(list)-1].ID
	}
}
