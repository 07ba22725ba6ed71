package verify

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"lieciba"
	"lieciba/storage/evidence"
)

// row is an incident, a part event or readiness: what is checked of all three.
type row struct {
	kind    lieciba.LeafKind
	id      string
	session lieciba.SessionID
	at      evidence.Time // what the catalogue orders them by, before the ID
	follows string        // the row that it corrects or overrides; "" for none
	detail  any
}

func (x row) name() string { return fmt.Sprintf("%s %s", x.kind, x.id) }

// rows are what the manifest tells of the exam, kind by kind, in its order.
func rows(m *evidence.Manifest) [][]row {
	var incidents, parts, ready []row
	for _, x := range m.Incidents {
		incidents = append(incidents, row{lieciba.LeafIncident, string(x.ID), x.SessionID, x.RecordedAt, string(x.Follows), x})
	}
	for _, x := range m.PartEvents {
		parts = append(parts, row{lieciba.LeafPart, string(x.ID), x.SessionID, x.RecordedAt, string(x.Corrects), x})
	}
	for _, x := range m.Readiness {
		ready = append(ready, row{lieciba.LeafReadiness, string(x.ID), x.SessionID, x.At, string(x.Follows), x})
	}
	return [][]row{incidents, parts, ready}
}

// checkExamLeaves demands the leaf of each row, which says the same to the last
// byte.
func (c *check) checkExamLeaves(used map[leafKey]bool) {
	for _, list := range rows(&c.manifest) {
		for _, x := range list {
			if l, ok := c.leaf(used, x.kind, x.id); ok && !bytes.Equal(l.Detail, evidence.Encode(x.detail)) {
				c.add(find(CodeLeaf, x.name()).in(evidence.ManifestName))
			}
		}
	}
}

// checkExam holds the rows against the session and each other.
func (c *check) checkExam() {
	bad := func(format string, args ...any) {
		c.add(find(CodeContent, fmt.Sprintf(format, args...)).in(evidence.ManifestName))
	}
	for _, list := range rows(&c.manifest) {
		there := map[string]bool{}
		for _, x := range list {
			there[x.id] = true
		}
		for i, x := range list {
			if x.session != c.manifest.Session.ID {
				bad("%s: it is of session %s", x.name(), x.session)
			}
			if i > 0 && cmp.Or(list[i-1].at.Compare(x.at.Time), cmp.Compare(list[i-1].id, x.id)) >= 0 {
				bad("%s: it is not in its place, or is there twice", x.name())
			}
			if x.follows != "" && !there[x.follows] {
				bad("%s: it follows %s, which is not listed", x.name(), x.follows)
			}
		}
	}
}

// checkApproval: an approval is whole or not there at all, and of this package;
// a clip is of an incident that is listed.
func (c *check) checkApproval() {
	a, m := c.manifest.Approval, &c.manifest
	for _, x := range m.Clips {
		if x.IncidentID != "" && !slices.ContainsFunc(m.Incidents, func(i evidence.IncidentDetail) bool { return i.ID == x.IncidentID && i.Follows == "" }) {
			c.add(find(CodeContent, fmt.Sprintf("incident %s: its clip is there and it is not listed", x.IncidentID)).in(evidence.ManifestName))
		}
	}
	whole := a.RequestID != "" && a.Kind == lieciba.RequestExport && a.Digest != evidence.Hash{} && a.AskedBy == m.Requester &&
		a.ApprovedBy != "" && !a.ApprovedAt.IsZero() && a.Reason == m.Purpose
	if !whole && a != (evidence.Approval{}) {
		c.add(find(CodeContent, "the approval is not one of this export").in(evidence.ManifestName))
	}
}
