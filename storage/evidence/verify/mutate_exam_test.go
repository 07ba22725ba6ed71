package verify_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"lieciba"
	"lieciba/storage/evidence"
)

// examLeaves are the leaves of what the manifest tells of the exam, as they
// would be if it were true.
func examLeaves(m evidence.Manifest) (list []lieciba.Leaf) {
	at := m.CreatedAt.Time
	for _, x := range m.Incidents {
		list = append(list, evidence.NewLeaf(lieciba.LeafIncident, string(x.ID), at, x))
	}
	for _, x := range m.PartEvents {
		list = append(list, evidence.NewLeaf(lieciba.LeafPart, string(x.ID), at, x))
	}
	for _, x := range m.Readiness {
		list = append(list, evidence.NewLeaf(lieciba.LeafReadiness, string(x.ID), at, x))
	}
	return list
}

// examMutators change what the exam was like and who let the package go.
var examMutators = []mutator{
	{"edit what the exam was like", 6, func(t testing.TB, r *rand.Rand, s *scene) crime {
		p := s.base.clone()
		e := pick(r, examEdits(&p.manifest))
		e.do(r)
		return p.finish(t, r, s, e.path)
	}},
	{"retell an incident", 3, func(t testing.TB, r *rand.Rand, s *scene) crime {
		p := s.base.clone()
		x := &p.manifest.Incidents[r.IntN(len(p.manifest.Incidents))]
		switch r.IntN(3) {
		case 0:
			x.Kind = pick(r, slices.DeleteFunc(lieciba.IncidentKinds(), func(k lieciba.IncidentKind) bool { return k == x.Kind }))
		case 1:
			x.Seat = (x.Seat + 1 + r.IntN(10)) % 11
		case 2:
			x.Step = pick(r, []lieciba.IncidentStep{"raised", "corrected", "retracted", "reviewed", ""})
		}
		return p.finish(t, r, s, string(x.ID))
	}},
	{"hide an incident, an override or a correction", 3, func(t testing.TB, r *rand.Rand, s *scene) crime {
		p := s.base.clone()
		m := &p.manifest
		switch r.IntN(4) {
		case 0:
			first := pick(r, m.Incidents)
			m.Incidents = slices.DeleteFunc(m.Incidents, func(x evidence.IncidentDetail) bool { return x.ID == first.ID || x.Follows == first.ID })
		case 1:
			m.Incidents = []evidence.IncidentDetail{}
		case 2:
			m.PartEvents = slices.DeleteFunc(m.PartEvents, func(x evidence.PartDetail) bool { return x.Corrects != "" })
		case 3:
			m.Readiness = slices.DeleteFunc(m.Readiness, func(x evidence.ReadinessDetail) bool { return x.State != lieciba.ReadinessPassed })
		}
		if r.IntN(2) == 0 { // and its leaves
			p.dropProofs(t, s)
		}
		return p.finish(t, r, s, "")
	}},
	{"take what another exam was like", 3, func(t testing.TB, r *rand.Rand, s *scene) crime {
		p := s.base.clone()
		m, from := &p.manifest, pick(r, []parcel{s.sibling, s.stranger}).manifest
		switch r.IntN(4) {
		case 0:
			m.Incidents = slices.Clone(from.Incidents)
		case 1:
			m.PartEvents = append(m.PartEvents, pick(r, from.PartEvents))
		case 2:
			m.Readiness[r.IntN(len(m.Readiness))] = pick(r, from.Readiness)
		case 3:
			m.Approval = from.Approval
		}
		return p.finish(t, r, s, "")
	}},
	{"name another approver, or none", 3, func(t testing.TB, r *rand.Rand, s *scene) crime {
		p := s.base.clone()
		a := &p.manifest.Approval
		switch r.IntN(3) {
		case 0:
			*a = evidence.Approval{}
		case 1:
			a.ApprovedBy = a.AskedBy
		case 2:
			a.Digest[r.IntN(32)] ^= 1
		}
		return p.finish(t, r, s, "")
	}},
}

// examEdits lists every change to a field of the exam's rows and the approval.
func examEdits(m *evidence.Manifest) []edit {
	return slices.Concat(edits(reflect.ValueOf(&m.Incidents).Elem(), ".Incidents"), edits(reflect.ValueOf(&m.PartEvents).Elem(), ".PartEvents"),
		edits(reflect.ValueOf(&m.Readiness).Elem(), ".Readiness"), edits(reflect.ValueOf(&m.Approval).Elem(), ".Approval"))
}

// dropProofs takes out the proofs of exam rows that the manifest has no more.
func (p *parcel) dropProofs(t testing.TB, s *scene) {
	kept := map[string]bool{}
	for _, l := range examLeaves(p.manifest) {
		kept[string(l.Kind)+l.Subject] = true
	}
	proofs := p.proofs(t)
	proofs.Leaves = slices.DeleteFunc(proofs.Leaves, func(l evidence.LeafProof) bool {
		exam := l.Kind == lieciba.LeafIncident || l.Kind == lieciba.LeafPart || l.Kind == lieciba.LeafReadiness
		return exam && !kept[string(l.Kind)+l.Subject]
	})
	p.set(evidence.ProofsName, evidence.Encode(proofs))
	p.forgeClosing(t, s.forger)
}
