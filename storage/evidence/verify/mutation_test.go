package verify_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence"
	"lieciba/storage/evidence/verify"
	"lieciba/storage/evidence/zipfile"
)

// crime is a package that somebody changed.
type crime struct {
	what    string
	bytes   []byte
	named   []lieciba.SegmentID // whose bytes changed: the findings must name them
	when    lieciba.Interval    // of the changed bytes, if known
	own     bool                // signed by a key of the forger's own: only --key can tell
	foreign bool                // so broken that it may not look like a package any more
}

// scene is what the crimes are made from: a package, and others of the same log
// and of another log.
type scene struct {
	house, other *house
	base         parcel
	raw          []byte
	entries      []zipfile.Entry
	sibling      parcel // another session of the same log
	stranger     parcel // another log
	earlier      parcel // the same session, packed before
	forger       *evidence.Key
}

func newScene(t testing.TB) *scene {
	s := &scene{house: newHouse(t), other: newHouse(t)}
	x, y := s.house.hold("S-1", 2, 3, 1), s.house.hold("S-2", 1, 3, -1)
	s.earlier, s.sibling, s.base = s.house.pack(x), s.house.pack(y), s.house.pack(x)
	s.stranger = s.other.pack(s.other.hold("S-1", 2, 3, 1))
	s.raw = s.base.zip(t)
	z, err := zipfile.Open(bytes.NewReader(s.raw), int64(len(s.raw)))
	require.NoError(t, err)
	s.entries = z.Entries()
	s.forger, _, err = evidence.CreateKey(t.TempDir()+"/forger.key", s.house.key.Name())
	require.NoError(t, err)
	return s
}

// segments lists the segments of the base package.
func (s *scene) segments() (list []evidence.SegmentDetail) {
	for _, r := range s.base.manifest.Recordings {
		list = append(list, r.Segments...)
	}
	return list
}

func (s *scene) detail(id lieciba.SegmentID) evidence.SegmentDetail {
	list := s.segments()
	return list[slices.IndexFunc(list, func(d evidence.SegmentDetail) bool { return d.ID == id })]
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

type mutator struct {
	name   string
	weight int
	commit func(t testing.TB, r *rand.Rand, s *scene) crime
}

var mutators = slices.Concat(rawMutators, segmentMutators, manifestMutators, examMutators, proofMutators)

// mutations is how many packages are judged.
const mutations = 10_500

// TestMutations: of many thousand changed packages none is complete, and where a
// segment's bytes changed, a finding names the segment and the time.
func TestMutations(t *testing.T) {
	total := mutations
	if raceEnabled {
		total = 700 // a sample; the whole of it runs without the race detector (Makefile)
	}
	s := newScene(t)
	require.Equal(t, verify.CompleteWithGaps, judge(t, s.raw, s.house.trust()).Verdict)
	var wheel []mutator
	for _, m := range mutators {
		for range m.weight {
			wheel = append(wheel, m)
		}
	}
	var mu sync.Mutex
	counts := map[string]int{}
	t.Run("all", func(t *testing.T) {
		const shards = 4
		for shard := range shards {
			t.Run(fmt.Sprint(shard), func(t *testing.T) {
				t.Parallel()
				for seed := shard; seed < total; seed += shards {
					m := wheel[seed%len(wheel)]
					s.mutate(t, m, seed, seed/len(wheel)%2 == 1)
					mu.Lock()
					counts[m.name]++
					mu.Unlock()
				}
			})
		}
	})
	require.Len(t, counts, len(mutators), "every kind took place")
	t.Logf("%d mutations: %v", total, counts)
}

// mutate commits and judges one crime; the seed decides all of it.
func (s *scene) mutate(t testing.TB, m mutator, seed int, blind bool) {
	r := rand.New(rand.NewPCG(uint64(seed), 20261118))
	c := m.commit(t, r, s)
	for tries := 0; bytes.Equal(c.bytes, s.raw); tries++ {
		require.Less(t, tries, 100, "%s changes nothing", m.name)
		c = m.commit(t, r, s)
	}
	s.trial(t, fmt.Sprintf("seed %d: %s, %s", seed, m.name, c.what), c, blind)
}

// trial judges one crime: with the keys that the judge knows from elsewhere, or
// blind, when the package alone must give it away.
func (s *scene) trial(t testing.TB, name string, c crime, blind bool) {
	o := s.house.trust()
	if blind && !c.own {
		o = verify.Options{}
	}
	r, err := verify.VerifyBytes(context.Background(), "", c.bytes, o)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	switch {
	case r.Verdict == verify.Altered, r.Verdict == verify.Unverifiable && (c.own || c.foreign):
	default:
		t.Fatalf("%s: %s, %v", name, r.Verdict, codes(r))
	}
	for _, id := range c.named {
		if !slices.ContainsFunc(r.Findings, func(f verify.Finding) bool {
			near := lieciba.Interval{From: f.From.Time, To: f.To.Time}
			return f.SegmentID == id && f.Severity == verify.SeverityAltered && (c.when.Empty() || near.Overlaps(c.when))
		}) {
			t.Fatalf("%s: no finding names segment %s at %v: %v", name, id, c.when, brief(r))
		}
	}
}

// brief is a report's findings for a test's message.
func brief(r verify.Report) (list []string) {
	for _, f := range r.Findings {
		list = append(list, fmt.Sprintf("%s %s %s %s %v-%v", f.Code, f.SegmentID, f.File, f.Message, f.From, f.To))
	}
	return list
}
