package fsck

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

// rowReader reads the rows that leaves are about. It keeps little: the gaps of
// a few recordings, and the audit entries around one page of leaves.
type rowReader struct {
	c        *checker
	gaps     map[lieciba.RecordingID]map[lieciba.GapID]lieciba.Gap
	policies map[lieciba.PolicyID]lieciba.RetentionPolicy
	examRows examRows
}

func newRowReader(c *checker) rowReader {
	return rowReader{c: c, gaps: map[lieciba.RecordingID]map[lieciba.GapID]lieciba.Gap{}}
}

// maxGapLists bounds the recordings whose gaps are kept.
const maxGapLists = 64

// compare compares a page of leaves with the rows that they are about: what was
// logged is what the rows say now.
func (r *rowReader) compare(ctx context.Context, page []lieciba.Leaf) error {
	r.gaps, r.policies = map[lieciba.RecordingID]map[lieciba.GapID]lieciba.Gap{}, nil // rows as they are now
	r.examRows = examRows{}
	entries, err := r.entries(ctx, page)
	if err != nil {
		return err
	}
	for _, l := range page {
		var message string
		if l.Kind == lieciba.LeafAudit {
			message = r.audit(l, entries)
		} else if message, err = r.row(ctx, l); err != nil {
			return err
		}
		if message != "" {
			object := fmt.Sprintf("%s %s", l.Kind, l.Subject)
			r.c.violate(ruleOf(l.Kind), object, &l.Index, "%s (leaf %d)", message, l.Index)
			r.c.firstBroken(Broken{l.Index, l.Kind, l.Subject, message})
		}
	}
	return nil
}

// ruleOf is the rule that a difference between a leaf and its row breaks.
func ruleOf(kind lieciba.LeafKind) Rule {
	if kind == lieciba.LeafAudit {
		return RuleAudit
	}
	return RuleLeaf
}

// row compares one leaf with its row; message says what is wrong.
func (r *rowReader) row(ctx context.Context, l lieciba.Leaf) (message string, err error) {
	switch l.Kind {
	case lieciba.LeafSegment:
		s, err := r.c.catalog.Segment(ctx, lieciba.SegmentID(l.Subject))
		return against(l, evidence.DetailOfSegment(s), err)
	case lieciba.LeafGap:
		return r.gap(ctx, l)
	case lieciba.LeafSeal:
		s, err := r.c.catalog.Seal(ctx, lieciba.RecordingID(l.Subject))
		return against(l, evidence.DetailOfSeal(s), err)
	case lieciba.LeafExport:
		e, err := r.c.catalog.Export(ctx, lieciba.ExportID(l.Subject))
		return against(l, evidence.ExportDetail{ID: e.ID, SessionID: e.SessionID, Manifest: e.Manifest}, err)
	case lieciba.LeafDeletion:
		d, err := r.c.catalog.Deletion(ctx, lieciba.DeletionID(l.Subject))
		if err == nil && !bytes.Equal(d.Certificate, l.Detail) {
			return "the row's certificate is not the one that was logged", nil
		}
		return gone(err)
	case lieciba.LeafPolicy:
		return r.policy(ctx, l)
	case lieciba.LeafHold:
		return r.hold(ctx, l)
	case lieciba.LeafIncident, lieciba.LeafPart, lieciba.LeafReadiness:
		return r.exam(ctx, l)
	case lieciba.LeafKey: // it has no row: the walk judges it
		return "", nil
	}
	return fmt.Sprintf("is of the kind %q, which is none", l.Kind), nil
}

func (r *rowReader) gap(ctx context.Context, l lieciba.Leaf) (string, error) {
	var d evidence.GapDetail
	if err := evidence.Decode(l.Detail, &d); err != nil {
		return "its detail cannot be read", nil
	}
	gaps, ok := r.gaps[d.RecordingID]
	if !ok {
		list, err := r.c.catalog.RecordingGaps(ctx, d.RecordingID)
		if err != nil && lieciba.CodeOf(err) != lieciba.CodeNotFound && lieciba.CodeOf(err) != lieciba.CodeInvalid {
			return "", err
		}
		gaps = map[lieciba.GapID]lieciba.Gap{}
		for _, g := range list {
			gaps[g.ID] = g
		}
		if len(r.gaps) >= maxGapLists {
			clear(r.gaps)
		}
		r.gaps[d.RecordingID] = gaps
	}
	g, ok := gaps[lieciba.GapID(l.Subject)]
	if !ok {
		return "its row is gone", nil
	}
	return against(l, evidence.DetailOfGap(g), nil)
}

func (r *rowReader) policy(ctx context.Context, l lieciba.Leaf) (string, error) {
	if r.policies == nil {
		list, err := r.c.catalog.Policies(ctx)
		if err != nil {
			return "", err
		}
		r.policies = map[lieciba.PolicyID]lieciba.RetentionPolicy{}
		for _, p := range list {
			r.policies[p.ID] = p
		}
	}
	p, ok := r.policies[lieciba.PolicyID(l.Subject)]
	switch {
	case !ok:
		return "its row is gone", nil
	case p.State == lieciba.PolicyDraft:
		return "its row is a draft again", nil
	}
	return against(l, evidence.DetailOfPolicy(p), nil)
}

func (r *rowReader) hold(ctx context.Context, l lieciba.Leaf) (string, error) {
	id, released := strings.CutSuffix(l.Subject, evidence.ReleasedSuffix)
	h, err := r.c.catalog.Hold(ctx, lieciba.HoldID(id))
	if !released {
		h.ReleasedBy, h.ReleasedAt = "", time.Time{}
	}
	return against(l, evidence.DetailOfHold(h), err)
}

// against compares a leaf with what its row says. err is of reading the row.
func against(l lieciba.Leaf, row any, err error) (string, error) {
	if message, err := gone(err); err != nil || message != "" {
		return message, err
	}
	if b := evidence.Encode(row); !bytes.Equal(b, l.Detail) {
		return differing(l.Detail, b), nil
	}
	return "", nil
}

func gone(err error) (string, error) {
	switch lieciba.CodeOf(err) {
	case lieciba.CodeNotFound, lieciba.CodeInvalid:
		return "its row is gone", nil
	}
	return "", err
}

// differing names the fields in which a row differs from what was logged.
func differing(logged, row []byte) string {
	var was, is map[string]any
	if json.Unmarshal(logged, &was) != nil || json.Unmarshal(row, &is) != nil {
		return "its row is not what was logged"
	}
	var list []string
	for k, v := range is {
		if old := was[k]; fmt.Sprint(old) != fmt.Sprint(v) {
			list = append(list, fmt.Sprintf("%s is %q, logged was %q", k, fmt.Sprint(v), fmt.Sprint(old)))
		}
	}
	slices.Sort(list)
	return "its row was changed: " + strings.Join(list, "; ")
}

// maxEntries bounds the audit entries that are kept for one page of leaves.
const maxEntries = 8 * leafPage

// entries reads the audit entries that the page's leaves are about. Leaves come
// about in the order of time, so one look at a span brings most of them.
func (r *rowReader) entries(ctx context.Context, page []lieciba.Leaf) (map[lieciba.AuditID]lieciba.AuditEntry, error) {
	var times []time.Time
	for _, l := range page {
		if l.Kind == lieciba.LeafAudit {
			times = append(times, l.At)
		}
	}
	out := map[lieciba.AuditID]lieciba.AuditEntry{}
	slices.SortFunc(times, time.Time.Compare)
	for len(times) > 0 {
		n := len(times) // those that lie close together
		for i := 1; i < len(times); i++ {
			if times[i].Sub(times[i-1]) > time.Minute {
				n = i
				break
			}
		}
		for n > 0 {
			done, err := r.span(ctx, out, times[:n])
			if err != nil {
				return nil, err
			}
			times, n = times[done:], n-done
		}
	}
	return out, nil
}

// span reads the entries of the sorted times, or of the first half of them if
// there are too many others in between. It returns how many it covered.
func (r *rowReader) span(ctx context.Context, out map[lieciba.AuditID]lieciba.AuditEntry, times []time.Time) (int, error) {
	for n := len(times); ; n = max(1, n/2) {
		var got []lieciba.AuditEntry
		f := storage.AuditFilter{Limit: 1000, Span: lieciba.Interval{From: times[0], To: times[n-1].Add(time.Microsecond)}}
		full := false
		for {
			list, err := r.c.catalog.ListAudit(ctx, f)
			if err != nil {
				return 0, err
			}
			got = append(got, list...)
			if len(list) < f.Limit {
				break
			}
			if full = len(got) >= maxEntries && n > 1; full {
				break
			}
			f.Before = list[len(list)-1].ID
		}
		if full {
			continue
		}
		for _, e := range got {
			out[e.ID] = e
		}
		// Equal times belong together.
		for n < len(times) && times[n].Equal(times[n-1]) {
			n++
		}
		return n, nil
	}
}

func (r *rowReader) audit(l lieciba.Leaf, entries map[lieciba.AuditID]lieciba.AuditEntry) string {
	e, ok := entries[lieciba.AuditID(l.Subject)]
	if !ok {
		var d evidence.AuditDetail
		if evidence.Decode(l.Detail, &d) != nil {
			return "the entry is gone, or its time was changed"
		}
		return fmt.Sprintf("the entry is gone, or its time was changed: %s, %s by %q on %s", d.At.UTC().Format(time.RFC3339), d.Act, d.Who, d.Object)
	}
	message, _ := against(l, evidence.DetailOfAudit(e), nil)
	return message
}
