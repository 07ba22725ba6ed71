package verify_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence"
)

// manifestMutators edit what the manifest says; the second kind of each makes
// every hash right that needs no key.
var manifestMutators = []mutator{
	{"edit any field of the manifest", 10, func(t testing.TB, r *rand.Rand, s *scene) crime { return s.editManifest(t, r, false) }},
	{"edit any field of the manifest and its hashes", 10, func(t testing.TB, r *rand.Rand, s *scene) crime { return s.editManifest(t, r, true) }},
	{"write the manifest otherwise", 3, func(t testing.TB, r *rand.Rand, s *scene) crime {
		b := s.base.get(evidence.ManifestName)
		at := func(mark string) int { return bytes.Index(b, []byte(mark)) }
		p := s.base.clone()
		p.set(evidence.ManifestName, pick(r, [][]byte{
			append(bytes.Clone(b), '\n'), append([]byte(" "), b...), b[:len(b)-1], append(bytes.Clone(b), b...),
			slices.Concat(b[:1], []byte(`"format":"x",`), b[1:]), bytes.Replace(b, []byte(`"seats":`), []byte(`"seats": `), 1),
			bytes.Replace(b, []byte("A-17"), []byte(`\u0041-17`), 1), bytes.Replace(b, []byte(`"clips":[]`), []byte(`"clips":null`), 1),
			slices.Concat(b[:len(b)-2], []byte(`,"more":1}`), []byte("\n")), bytes.Replace(b, []byte(`"tool"`), []byte(`"Tool"`), 1),
			slices.Concat(b[:at(`"holds"`)], b[at(`"access"`):]),
		}))
		return crime{bytes: p.zip(t)}
	}},
	{"edit a gap", 5, func(t testing.TB, r *rand.Rand, s *scene) crime {
		p := s.base.clone()
		g := &p.manifest.Recordings[1].Gaps[0]
		switch r.IntN(3) {
		case 0:
			g.Cause = pick(r, slices.DeleteFunc(lieciba.GapCauses(), func(c lieciba.GapCause) bool { return c == g.Cause }))
		case 1:
			g.To.Time = g.To.Add(time.Duration(1+r.IntN(1e6)) * -time.Microsecond)
		case 2:
			g.Detail = otherText(r, g.Detail)
		}
		return p.finish(t, r, s, fmt.Sprint(g))
	}},
	{"hide a gap below a longer segment", 4, func(t testing.TB, r *rand.Rand, s *scene) crime {
		p := s.base.clone()
		rec := &p.manifest.Recordings[1]
		g := rec.Gaps[0]
		for i := range rec.Segments {
			if rec.Segments[i].From == g.To && r.IntN(2) == 0 {
				rec.Segments[i].From = g.From
				break
			}
			if rec.Segments[i].To == g.From {
				rec.Segments[i].To = g.To
				break
			}
		}
		rec.Gaps = []evidence.GapDetail{}
		rec.RecordedU, rec.MissingU = rec.RecordedU+rec.MissingU, 0
		return p.finish(t, r, s, "")
	}},
	{"declare a segment as a gap", 3, func(t testing.TB, r *rand.Rand, s *scene) crime {
		p := s.base.clone()
		rec := &p.manifest.Recordings[0]
		k := r.IntN(len(rec.Segments))
		d := rec.Segments[k]
		rec.Segments = slices.Delete(rec.Segments, k, k+1)
		rec.Gaps = []evidence.GapDetail{{ID: lieciba.NewID[lieciba.GapID](start), RecordingID: rec.ID, CameraID: rec.Camera.ID, NodeID: d.NodeID, From: d.From, To: d.To, Cause: lieciba.CauseNetworkLoss}}
		rec.RecordedU, rec.MissingU = rec.RecordedU-d.To.Sub(d.From.Time).Microseconds(), d.To.Sub(d.From.Time).Microseconds()
		p.parts = slices.Delete(p.parts, p.find(segmentName(d)), p.find(segmentName(d))+1)
		p.manifest.Files = slices.DeleteFunc(p.manifest.Files, func(f evidence.FileManifest) bool { return f.Segment == d.ID })
		return p.finish(t, r, s, string(d.ID))
	}},
	{"leave a camera out", 2, func(t testing.TB, r *rand.Rand, s *scene) crime {
		p := s.base.clone()
		k := r.IntN(2)
		id := string(p.manifest.Recordings[k].Camera.ID)
		p.manifest.Recordings = slices.Delete(p.manifest.Recordings, k, k+1)
		p.manifest.Files = slices.DeleteFunc(p.manifest.Files, func(f evidence.FileManifest) bool { return strings.Contains(f.Name, id) })
		p.parts = slices.DeleteFunc(p.parts, func(x part) bool { return strings.Contains(x.name, id) })
		return p.finish(t, r, s, id)
	}},
	{"change a clock", 4, func(t testing.TB, r *rand.Rand, s *scene) crime {
		p := s.base.clone()
		d := &p.manifest.Recordings[r.IntN(2)].Segments[r.IntN(3)]
		if r.IntN(2) == 0 {
			d.ClockOffset += int64(r.IntN(2_000_000) - 1_000_000)
		} else {
			d.ClockQuality = pick(r, []lieciba.ClockQuality{lieciba.ClockUnknown, lieciba.ClockDrifting, lieciba.ClockUnreliable})
		}
		return p.finish(t, r, s, string(d.ID))
	}},
	{"move the times of a recording", 3, func(t testing.TB, r *rand.Rand, s *scene) crime {
		p := s.base.clone()
		by := time.Duration(1+r.IntN(3600)) * time.Second
		rec := &p.manifest.Recordings[r.IntN(2)]
		shift := func(list ...*evidence.Time) {
			for _, x := range list {
				x.Time = x.Add(by)
			}
		}
		shift(&rec.From, &rec.To)
		for i := range rec.Segments {
			shift(&rec.Segments[i].From, &rec.Segments[i].To)
		}
		for i := range rec.Gaps {
			shift(&rec.Gaps[i].From, &rec.Gaps[i].To)
		}
		return p.finish(t, r, s, by.String())
	}},
}

func (s *scene) editManifest(t testing.TB, r *rand.Rand, hashes bool) crime {
	p := s.base.clone()
	e := pick(r, edits(reflect.ValueOf(&p.manifest).Elem(), ""))
	e.do(r)
	if hashes {
		p.rehash(t, s)
	} else {
		p.set(evidence.ManifestName, evidence.Encode(p.manifest))
	}
	c := crime{what: e.path, bytes: p.zip(t)}
	// A format of ours that is newer, and no leaf that says otherwise: that is for a newer program to judge.
	c.foreign = hashes && p.manifest.Format != evidence.PackageFormat && strings.HasPrefix(p.manifest.Format, "lieciba-package/v")
	return c
}

// finish puts the edited manifest in: alone, with every hash that needs no key,
// or signed by a log of the forger's own.
func (p *parcel) finish(t testing.TB, r *rand.Rand, s *scene, what string) crime {
	switch r.IntN(3) {
	case 0:
		p.set(evidence.ManifestName, evidence.Encode(p.manifest))
		return crime{what: what, bytes: p.zip(t)}
	case 1:
		p.rehash(t, s)
		return crime{what: what + ", hashes redone", bytes: p.zip(t)}
	}
	p.resign(t, s)
	return crime{what: what + ", signed by the forger", bytes: p.zip(t), own: true}
}

// resign builds a log of the forger's own that fits the edited package to the
// last hash.
func (p *parcel) resign(t testing.TB, s *scene) {
	p.resignWith(t, s, func(list []lieciba.Leaf) []lieciba.Leaf { return list })
}

// resignWith is resign of a log whose leaves arrange puts in another order.
func (p *parcel) resignWith(t testing.TB, s *scene, arrange func([]lieciba.Leaf) []lieciba.Leaf) {
	keys := evidence.Keys{Log: []string{s.forger.VerifierKey()}, Witnesses: []string{s.house.witness.VerifierKey()}, Stamps: []string{}}
	p.set(evidence.KeysName, evidence.Encode(keys))
	p.rehash(t, s)
	m := p.manifest
	at := m.CreatedAt.Time
	leaves := []lieciba.Leaf{evidence.NewLeaf(lieciba.LeafKey, s.forger.VerifierKey(), at, evidence.FirstKey(s.forger, "first"))}
	for _, x := range m.Recordings {
		for _, d := range x.Segments {
			leaves = append(leaves, evidence.NewLeaf(lieciba.LeafSegment, string(d.ID), at, d))
		}
		for _, g := range x.Gaps {
			leaves = append(leaves, evidence.NewLeaf(lieciba.LeafGap, string(g.ID), at, g))
		}
		leaves = append(leaves, evidence.NewLeaf(lieciba.LeafSeal, string(x.ID), at,
			evidence.SealDetail{RecordingID: x.ID, SessionID: x.Session.ID, Manifest: sum(evidence.Encode(x))}))
	}
	leaves = append(leaves, examLeaves(m)...)
	leaves = append(leaves, evidence.NewLeaf(lieciba.LeafExport, string(m.ExportID), at,
		evidence.ExportDetail{ID: m.ExportID, SessionID: m.Session.ID, Manifest: sum(evidence.Encode(m))}))
	leaves = arrange(leaves)
	for i := range leaves {
		leaves[i].Index = int64(i)
	}
	g, err := evidence.Grow(0, leaves, func([]int64) ([][32]byte, error) { return nil, nil })
	require.NoError(t, err)
	size := int64(len(leaves))
	cp, err := evidence.SignCheckpoint(m.Log, size, g.Root, s.forger)
	require.NoError(t, err)
	proofs, err := evidence.ProveLeaves(leaves, size, func(list []int64) (out [][32]byte, err error) {
		for _, i := range list {
			out = append(out, g.Hashes[i])
		}
		return out, nil
	})
	require.NoError(t, err)
	p.set(evidence.CheckpointName, cp.Note)
	p.set(evidence.ProofsName, evidence.Encode(evidence.Proofs{Size: size, Leaves: proofs}))
	p.forgeClosing(t, s.forger)
}
