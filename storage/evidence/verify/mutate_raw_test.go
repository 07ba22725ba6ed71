package verify_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"lieciba"
	"lieciba/storage/evidence/zipfile"
)

// rawMutators change the file as a whole: its container and what is in it.
var rawMutators = []mutator{
	{"flip a bit of the file", 6, func(_ testing.TB, r *rand.Rand, s *scene) crime {
		return s.flip(r, r.IntN(len(s.raw)))
	}},
	{"flip a bit of the container", 6, func(_ testing.TB, r *rand.Rand, s *scene) crime {
		for {
			at := r.IntN(len(s.raw))
			if s.inside(at, at+1) == nil {
				return s.flip(r, at)
			}
		}
	}},
	{"cut the file", 4, func(_ testing.TB, r *rand.Rand, s *scene) crime {
		at := r.IntN(len(s.raw))
		c := crime{what: fmt.Sprint(at), bytes: s.raw[:at], foreign: at < 200}
		if e := s.inside(at, at+1); e != nil {
			c.named = idOf(e.Name)
		}
		return c
	}},
	{"append to the file", 2, func(_ testing.TB, r *rand.Rand, s *scene) crime {
		return crime{bytes: append(bytes.Clone(s.raw), noise(r)...)}
	}},
	{"put bytes into the file", 4, func(_ testing.TB, r *rand.Rand, s *scene) crime {
		at := r.IntN(len(s.raw))
		c := crime{what: fmt.Sprint(at), bytes: append(append(bytes.Clone(s.raw[:at]), noise(r)...), s.raw[at:]...)}
		if e := s.inside(at-1, at+1); e != nil {
			c.named = idOf(e.Name)
		}
		return c
	}},
	{"take bytes out of the file", 4, func(_ testing.TB, r *rand.Rand, s *scene) crime {
		at := r.IntN(len(s.raw) - 1)
		end := min(len(s.raw), at+1+r.IntN(300))
		c := crime{what: fmt.Sprint(at, end), bytes: append(bytes.Clone(s.raw[:at]), s.raw[end:]...)}
		if e := s.inside(at, end); e != nil {
			c.named = idOf(e.Name)
		}
		return c
	}},
	{"zero a stretch of the file", 2, func(_ testing.TB, r *rand.Rand, s *scene) crime {
		at := r.IntN(len(s.raw) - 1)
		end := min(len(s.raw), at+1+r.IntN(4000))
		b := bytes.Clone(s.raw)
		clear(b[at:end])
		return crime{what: fmt.Sprint(at, end), bytes: b}
	}},
	{"give an entry another's name", 2, func(_ testing.TB, r *rand.Rand, s *scene) crime {
		a, b := pick(r, s.segments()), pick(r, s.segments())
		return crime{what: string(a.ID), bytes: bytes.ReplaceAll(s.raw, []byte(segmentName(a)), []byte(segmentName(b)))}
	}},
	{"add an entry", 2, func(t testing.TB, r *rand.Rand, s *scene) crime {
		p := s.base.clone()
		at := r.IntN(len(p.parts) + 1)
		name := pick(r, []string{"extra.txt", "segments/extra.mp4", "evidence/more.json", "viewing/x.mp4", strings.Repeat("a", 200)})
		p.parts = append(p.parts[:at:at], append([]part{{name, noise(r)}}, p.parts[at:]...)...)
		return crime{what: name, bytes: p.zip(t)}
	}},
	{"leave an entry out", 2, func(t testing.TB, r *rand.Rand, s *scene) crime {
		p := s.base.clone()
		at := r.IntN(len(p.parts))
		name := p.parts[at].name
		p.parts = append(p.parts[:at], p.parts[at+1:]...)
		return crime{what: name, bytes: p.zip(t), named: idOf(name)}
	}},
	{"put entries in another order", 2, func(t testing.TB, r *rand.Rand, s *scene) crime {
		p := s.base.clone()
		i, j := r.IntN(len(p.parts)), r.IntN(len(p.parts))
		p.parts[i], p.parts[j] = p.parts[j], p.parts[i]
		return crime{what: fmt.Sprint(i, j), bytes: p.zip(t)}
	}},
	{"rename an entry", 2, func(t testing.TB, r *rand.Rand, s *scene) crime {
		p := s.base.clone()
		at := r.IntN(len(p.parts))
		name := p.parts[at].name
		p.parts[at].name = pick(r, []string{name + ".bak", "x/" + name, strings.ToUpper(name), strings.Replace(name, "-", "_", 1) + "x"})
		return crime{what: name, bytes: p.zip(t), named: idOf(name)}
	}},
}

// inside finds the entry whose content holds all of [from, to).
func (s *scene) inside(from, to int) *zipfile.Entry {
	for _, e := range s.entries {
		if end := e.End() - 24; int64(from) >= end-e.Size && int64(to) <= end {
			return &e
		}
	}
	return nil
}

func idOf(name string) []lieciba.SegmentID {
	if !strings.HasPrefix(name, "segments/") {
		return nil
	}
	base := strings.TrimSuffix(name[strings.LastIndexByte(name, '/')+1:], ".mp4")
	return []lieciba.SegmentID{lieciba.SegmentID(base)}
}

func (s *scene) flip(r *rand.Rand, at int) crime {
	b := bytes.Clone(s.raw)
	b[at] ^= byte(1 << r.IntN(8))
	c := crime{what: fmt.Sprint(at), bytes: b}
	if e := s.inside(at, at+1); e != nil {
		c.what += " in " + e.Name
		c.named = idOf(e.Name)
		if len(c.named) > 0 {
			c.when = s.timeOf(c.named[0], int64(at)-(e.End()-24-e.Size))
		}
	}
	return c
}

func noise(r *rand.Rand) []byte {
	b := make([]byte, 1+r.IntN(300))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}
