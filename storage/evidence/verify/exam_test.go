package verify_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence"
	"lieciba/storage/evidence/verify"
)

// named tells whether a finding says that the package was altered, with a code
// and the row's ID.
func named(r verify.Report, code verify.Code, id string) bool {
	return slices.ContainsFunc(r.Findings, func(f verify.Finding) bool {
		return f.Code == code && f.Severity == verify.SeverityAltered && strings.Contains(f.Text("en"), id)
	})
}

// TestExamLeavesTheHouse: the package holds every row of the exam as the
// catalogue has it, each with its proof, and who approved.
func TestExamLeavesTheHouse(t *testing.T) {
	h := newHouse(t)
	x := h.hold("S-1", 2, 2, -1)
	p := h.pack(x)
	m := p.manifest
	require.Equal(t, verify.Complete, judge(t, p.zip(t), h.trust()).Verdict)

	incidents, err := h.catalog.SessionIncidents(t.Context(), x.session.ID)
	require.NoError(t, err)
	require.Len(t, m.Incidents, 5)
	for i, row := range incidents {
		require.Equal(t, evidence.DetailOfIncident(row), m.Incidents[i])
	}
	parts, err := h.catalog.SessionPartEvents(t.Context(), x.session.ID)
	require.NoError(t, err)
	require.Len(t, m.PartEvents, 5)
	for i, row := range parts {
		require.Equal(t, evidence.DetailOfPart(row), m.PartEvents[i])
	}
	ready, err := h.catalog.SessionReadiness(t.Context(), x.session.ID)
	require.NoError(t, err)
	require.Len(t, m.Readiness, 4)
	for i, row := range ready {
		require.Equal(t, evidence.DetailOfReadiness(row), m.Readiness[i])
	}
	have := map[lieciba.LeafKind]int{}
	for _, l := range p.proofs(t).Leaves {
		have[l.Kind]++
	}
	require.Equal(t, 5, have[lieciba.LeafIncident])
	require.Equal(t, 5, have[lieciba.LeafPart])
	require.Equal(t, 4, have[lieciba.LeafReadiness])

	r, err := h.catalog.Request(t.Context(), m.Approval.RequestID)
	require.NoError(t, err)
	require.Equal(t, evidence.Approval{RequestID: r.ID, Kind: lieciba.RequestExport, Digest: r.DigestOf(), AskedBy: asker.Name, ApprovedBy: approver.Name,
		ApprovedAt: evidence.At(r.DecidedAt), Reason: "apstrīdēšana A-17"}, m.Approval)
	require.Equal(t, m.Session.Parts[0].ID, m.PartEvents[0].PartID)
}

// TestExamRowsAndLeaves: who holds the log's key can sign any manifest, but each
// row needs the leaf that says the same, and each leaf its row.
func TestExamRowsAndLeaves(t *testing.T) {
	h := newHouse(t)
	base := h.pack(h.hold("S-1", 1, 2, -1))
	o := verify.Options{Keys: []string{h.key.Fingerprint()}}
	forged := func(p parcel, arrange func([]lieciba.Leaf) []lieciba.Leaf) verify.Report {
		p.manifest.Access = []evidence.AuditDetail{}
		p.set(evidence.StampsName, evidence.Encode(evidence.Stamps{Tokens: []evidence.StampToken{}}))
		p.resignWith(t, &scene{house: h, forger: h.key}, arrange)
		return judge(t, p.zip(t), o)
	}
	asItIs := func(l []lieciba.Leaf) []lieciba.Leaf { return l }
	require.Equal(t, []verify.Code{verify.CodeNotWitness}, codes(forged(base.clone(), asItIs)), "the forger's log is right in itself")

	m := base.manifest
	for _, id := range []string{string(m.Incidents[1].ID), string(m.PartEvents[1].ID), string(m.Readiness[1].ID)} {
		is := func(l lieciba.Leaf) bool { return l.Subject == id }
		require.True(t, named(forged(base.clone(), func(list []lieciba.Leaf) []lieciba.Leaf { return slices.DeleteFunc(list, is) }), verify.CodeProofNone, id), "a row without its leaf")
		require.True(t, named(forged(base.clone(), func(list []lieciba.Leaf) []lieciba.Leaf {
			i := slices.IndexFunc(list, is)
			other := slices.IndexFunc(list, func(l lieciba.Leaf) bool { return l.Kind == list[i].Kind && l.Subject != id })
			list[i].Detail, list[i].Commitment = list[other].Detail, evidence.Commitment(list[i].Salt, list[other].Detail)
			return list
		}), verify.CodeLeaf, id), "a leaf with another detail")
	}

	last := len(m.Incidents) - 1
	p := base.clone()
	p.manifest.Incidents = p.manifest.Incidents[:last]
	gone := m.Incidents[last]
	require.True(t, named(forged(p, func(list []lieciba.Leaf) []lieciba.Leaf {
		return append(list, evidence.NewLeaf(lieciba.LeafIncident, string(gone.ID), m.CreatedAt.Time, gone))
	}), verify.CodeProofExtra, string(gone.ID)), "a leaf without its row")
}

// TestExamContradictsItself: rows that the log's key signed must fit the session
// and each other, and the approval the export.
func TestExamContradictsItself(t *testing.T) {
	h := newHouse(t)
	base := h.pack(h.hold("S-1", 1, 2, -1))
	other := lieciba.NewID[lieciba.SessionID](start)
	o := verify.Options{Keys: []string{h.key.Fingerprint()}}
	for name, c := range map[string]struct {
		edit func(m *evidence.Manifest)
		id   string
	}{
		"an incident of another session":  {func(m *evidence.Manifest) { m.Incidents[0].SessionID = other }, string(base.manifest.Incidents[0].ID)},
		"a part event of another session": {func(m *evidence.Manifest) { m.PartEvents[4].SessionID = other }, string(base.manifest.PartEvents[4].ID)},
		"readiness of another session":    {func(m *evidence.Manifest) { m.Readiness[2].SessionID = other }, string(base.manifest.Readiness[2].ID)},
		"incidents in another order":      {func(m *evidence.Manifest) { m.Incidents[0], m.Incidents[3] = m.Incidents[3], m.Incidents[0] }, string(base.manifest.Incidents[0].ID)},
		"a part event twice":              {func(m *evidence.Manifest) { m.PartEvents = append(m.PartEvents, m.PartEvents[4]) }, string(base.manifest.PartEvents[4].ID)},
		"a correction of nothing":         {func(m *evidence.Manifest) { m.PartEvents = m.PartEvents[1:] }, string(base.manifest.PartEvents[0].ID)},
		"a review of nothing":             {func(m *evidence.Manifest) { m.Incidents = m.Incidents[1:] }, string(base.manifest.Incidents[0].ID)},
		"an override of nothing":          {func(m *evidence.Manifest) { m.Readiness = m.Readiness[1:] }, string(base.manifest.Readiness[0].ID)},
		"a clip of an unknown incident":   {func(m *evidence.Manifest) { m.Clips[0].IncidentID = lieciba.IncidentID(other) }, string(other)},
		"an approval without approver":    {func(m *evidence.Manifest) { m.Approval.ApprovedBy = "" }, "approval"},
		"an approval without request":     {func(m *evidence.Manifest) { m.Approval.RequestID = "" }, "approval"},
		"an approval at no time":          {func(m *evidence.Manifest) { m.Approval.ApprovedAt = evidence.Time{} }, "approval"},
		"an approval of a grant":          {func(m *evidence.Manifest) { m.Approval.Kind = lieciba.RequestGrant }, "approval"},
		"an approval for another person":  {func(m *evidence.Manifest) { m.Approval.AskedBy = "X" }, "approval"},
		"an approval for another reason":  {func(m *evidence.Manifest) { m.Approval.Reason = "X" }, "approval"},
	} {
		t.Run(name, func(t *testing.T) {
			p := base.clone()
			c.edit(&p.manifest)
			r := judge(t, forgedWithKey(t, h, p), o)
			require.Equal(t, verify.Altered, r.Verdict)
			require.True(t, named(r, verify.CodeContent, c.id), "%v", brief(r))
		})
	}
	p := base.clone()
	p.manifest.Approval = evidence.Approval{}
	require.Equal(t, []verify.Code{verify.CodeNotWitness}, codes(judge(t, forgedWithKey(t, h, p), o)), "a package that was built without a request")
}
