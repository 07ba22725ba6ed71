package verify_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence"
	"lieciba/storage/segment"
)

// segmentMutators change native bytes and files, in a container that is right.
var segmentMutators = []mutator{
	{"flip a bit of each kind of file", 10, func(t testing.TB, r *rand.Rand, s *scene) crime {
		p := s.base.clone()
		byKind := map[string][]int{}
		var kinds []string
		for i, x := range p.parts {
			k := x.name[:3] + x.name[len(x.name)-3:]
			if byKind[k] == nil {
				kinds = append(kinds, k)
			}
			byKind[k] = append(byKind[k], i)
		}
		i := pick(r, byKind[pick(r, kinds)])
		b := bytes.Clone(p.parts[i].data)
		at := r.IntN(len(b))
		b[at] ^= byte(1 << r.IntN(8))
		p.parts[i].data = b
		c := crime{what: fmt.Sprint(p.parts[i].name, at), bytes: p.zip(t), named: idOf(p.parts[i].name)}
		if len(c.named) > 0 {
			c.when = s.timeOf(c.named[0], int64(at))
		}
		return c
	}},
	{"cut a segment", 4, func(t testing.TB, r *rand.Rand, s *scene) crime {
		return s.reshape(t, r, func(b []byte) []byte { return b[:r.IntN(len(b))] })
	}},
	{"lengthen a segment", 2, func(t testing.TB, r *rand.Rand, s *scene) crime {
		return s.reshape(t, r, func(b []byte) []byte { return append(bytes.Clone(b), noise(r)...) })
	}},
	{"take a fragment out", 2, func(t testing.TB, r *rand.Rand, s *scene) crime {
		return s.reshape(t, r, func(b []byte) []byte {
			f := pick(r, fragments(t, b))
			return append(bytes.Clone(b[:f.Offset]), b[f.Offset+f.Size:]...)
		})
	}},
	{"put a fragment in twice", 2, func(t testing.TB, r *rand.Rand, s *scene) crime {
		return s.reshape(t, r, func(b []byte) []byte {
			f := pick(r, fragments(t, b))
			return append(bytes.Clone(b[:f.Offset+f.Size]), b[f.Offset:]...)
		})
	}},
	{"swap two fragments", 2, func(t testing.TB, r *rand.Rand, s *scene) crime {
		return s.reshape(t, r, func(b []byte) []byte {
			list := fragments(t, b)
			i := r.IntN(len(list) - 1)
			x, y := list[i], list[i+1]
			return slices.Concat(b[:x.Offset], b[y.Offset:y.Offset+y.Size], b[x.Offset:x.Offset+x.Size], b[y.Offset+y.Size:])
		})
	}},
	{"swap two segments", 3, func(t testing.TB, r *rand.Rand, s *scene) crime {
		p := s.base.clone()
		a, b := pick(r, s.segments()), pick(r, s.segments())
		i, j := p.find(segmentName(a)), p.find(segmentName(b))
		p.parts[i].data, p.parts[j].data = p.parts[j].data, p.parts[i].data
		return crime{what: string(a.ID), bytes: p.zip(t), named: []lieciba.SegmentID{a.ID, b.ID}}
	}},
	{"put a segment in another's place", 3, func(t testing.TB, r *rand.Rand, s *scene) crime {
		p := s.base.clone()
		a := pick(r, s.segments())
		from := pick(r, []parcel{s.base, s.sibling, s.stranger})
		p.set(segmentName(a), pick(r, from.parts[:3]).data)
		return crime{what: string(a.ID), bytes: p.zip(t), named: []lieciba.SegmentID{a.ID}}
	}},
	{"change a segment and its hashes", 4, func(t testing.TB, r *rand.Rand, s *scene) crime {
		p := s.base.clone()
		d := pick(r, p.manifest.Recordings[r.IntN(2)].Segments)
		b := bytes.Clone(p.get(segmentName(d)))
		b[r.IntN(len(b))] ^= byte(1 << r.IntN(8))
		p.set(segmentName(d), b)
		p.rehash(t, s)
		return crime{what: string(d.ID), bytes: p.zip(t), named: []lieciba.SegmentID{d.ID}}
	}},
	{"slip in a segment of another session", 4, func(t testing.TB, r *rand.Rand, s *scene) crime { return s.slipIn(t, r) }},
}

// reshape changes the bytes of a segment.
func (s *scene) reshape(t testing.TB, r *rand.Rand, do func([]byte) []byte) crime {
	p := s.base.clone()
	d := pick(r, s.segments())
	p.set(segmentName(d), do(p.get(segmentName(d))))
	return crime{what: string(d.ID), bytes: p.zip(t), named: []lieciba.SegmentID{d.ID}}
}

func fragments(t testing.TB, b []byte) []lieciba.Fragment {
	x, err := segment.Scan(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	require.NoError(t, x.Torn)
	return x.Fragments
}

// timeOf is the time of the fragment that holds a byte; empty for the head.
func (s *scene) timeOf(id lieciba.SegmentID, at int64) lieciba.Interval {
	d := s.detail(id)
	b := s.base.get(segmentName(d))
	x, err := segment.Scan(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		panic(err)
	}
	for i, f := range x.Fragments {
		to := d.To.Time
		if i+1 < len(x.Fragments) {
			to = x.Fragments[i+1].From
		}
		if at >= f.Offset && at < f.Offset+f.Size {
			return lieciba.Interval{From: f.From, To: to}
		}
	}
	return lieciba.Interval{}
}

// rehash makes every hash in the package right again that can be made right
// without the key: the files', the segments', the seals', the manifest's.
func (p *parcel) rehash(t testing.TB, s *scene) {
	for i, r := range p.manifest.Recordings {
		for j, d := range r.Segments {
			if k := p.find(segmentName(d)); k >= 0 {
				b := p.parts[k].data
				p.manifest.Recordings[i].Segments[j].Size, p.manifest.Recordings[i].Segments[j].SHA256 = int64(len(b)), sha256.Sum256(b)
			}
		}
	}
	for i, f := range p.manifest.Files {
		if k := p.find(f.Name); k >= 0 {
			b := p.parts[k].data
			p.manifest.Files[i].Size, p.manifest.Files[i].SHA256 = int64(len(b)), sha256.Sum256(b)
		}
	}
	m := evidence.Encode(p.manifest)
	p.set(evidence.ManifestName, m)
	var proofs evidence.Proofs
	require.NoError(t, evidence.Decode(p.get(evidence.ProofsName), &proofs))
	for i, l := range proofs.Leaves {
		proofs.Leaves[i].Detail = p.detailOf(l, m)
	}
	p.set(evidence.ProofsName, evidence.Encode(proofs))
	p.forgeClosing(t, s.forger)
}

// detailOf is what a leaf should say of the manifest as it is now.
func (p *parcel) detailOf(l evidence.LeafProof, manifest []byte) string {
	m := p.manifest
	if l.Kind == lieciba.LeafExport {
		return string(evidence.Encode(evidence.ExportDetail{ID: m.ExportID, SessionID: m.Session.ID, Manifest: sha256.Sum256(manifest)}))
	}
	for _, r := range m.Recordings {
		if l.Kind == lieciba.LeafSeal && l.Subject == string(r.ID) {
			return string(evidence.Encode(evidence.SealDetail{RecordingID: r.ID, SessionID: r.Session.ID, Manifest: sha256.Sum256(evidence.Encode(r))}))
		}
		for _, d := range r.Segments {
			if l.Kind == lieciba.LeafSegment && l.Subject == string(d.ID) {
				return string(evidence.Encode(d))
			}
		}
		for _, g := range r.Gaps {
			if l.Kind == lieciba.LeafGap && l.Subject == string(g.ID) {
				return string(evidence.Encode(g))
			}
		}
	}
	for _, x := range examLeaves(m) {
		if l.Kind == x.Kind && l.Subject == x.Subject {
			return string(x.Detail)
		}
	}
	return l.Detail
}

// forgeClosing signs the closing note with a key of one's own, under the log's
// name.
func (p *parcel) forgeClosing(t testing.TB, key *evidence.Key) {
	files := map[string][]byte{}
	for _, name := range evidence.ClosedFiles() {
		files[name] = p.get(name)
	}
	closing, err := evidence.SignClosing(key, files)
	require.NoError(t, err)
	p.set(evidence.ClosingName, closing)
}

// slipIn replaces a segment by one of another session of the same log, with its
// true leaf and proof, and makes the rest fit.
func (s *scene) slipIn(t testing.TB, r *rand.Rand) crime {
	p := s.base.clone()
	rec := &p.manifest.Recordings[r.IntN(2)]
	k := r.IntN(len(rec.Segments))
	gone, in := rec.Segments[k], pick(r, s.sibling.manifest.Recordings[0].Segments)
	data := s.sibling.get(segmentName(in))
	at := p.find(segmentName(gone))
	renamed := in
	if r.IntN(2) == 0 { // under the camera that it replaces
		renamed.CameraID, renamed.RecordingID = gone.CameraID, gone.RecordingID
	}
	rec.Segments[k] = renamed
	p.parts[at] = part{segmentName(renamed), data}
	for i, f := range p.manifest.Files {
		if f.Name == segmentName(gone) {
			p.manifest.Files[i] = evidence.FileManifest{Name: segmentName(renamed), Kind: evidence.FileSegment, Segment: in.ID, Size: in.Size, SHA256: in.SHA256}
		}
	}
	slices.SortFunc(p.manifest.Files, func(a, b evidence.FileManifest) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	p.rehash(t, s)
	return crime{what: string(in.ID), bytes: p.zip(t)}
}
