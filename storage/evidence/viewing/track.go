package viewing

import "bytes"

// runs is a list of (count, value) pairs, as stts and ctts keep it.
type runs []struct{ count, value uint32 }

func (r *runs) add(v uint32) {
	if n := len(*r); n > 0 && (*r)[n-1].value == v {
		(*r)[n-1].count++
		return
	}
	*r = append(*r, struct{ count, value uint32 }{1, v})
}

// track collects the sample tables of one track. Times are ticks after
// Options.From, and may lie before it.
type track struct {
	rate    int64
	entries [][]byte // sample entries, each once

	first, last int64 // decode time of the first and last sample
	firstPTS    int64
	durations   runs // of all but the last
	offsets     runs // composition
	shifted     bool // an offset is not 0
	sizes       []uint32
	sync        []uint32 // numbers of the key frames
	chunks      []int64  // offset in the file
	samples     []chunkRun
	end         int64 // of the last sample
}

// chunkRun is an entry of stsc.
type chunkRun struct{ first, samples, entry uint32 }

// use returns the number of a sample entry, from 1.
func (t *track) use(entry []byte) uint32 {
	for i, e := range t.entries {
		if bytes.Equal(e, entry) {
			return uint32(i + 1)
		}
	}
	t.entries = append(t.entries, entry)
	return uint32(len(t.entries))
}

// add adds a sample; decode times that do not rise are put right behind the
// one before, and keep their time of presentation.
func (t *track) add(dts, pts int64, size int, key bool) {
	if len(t.sizes) == 0 {
		t.first, t.firstPTS = dts, pts
	} else {
		dts = max(dts, t.last+1)
		t.durations.add(uint32(dts - t.last))
	}
	t.last = dts
	t.offsets.add(uint32(int32(pts - dts)))
	t.shifted = t.shifted || pts != dts
	t.sizes = append(t.sizes, uint32(size))
	if key {
		t.sync = append(t.sync, uint32(len(t.sizes)))
	}
}

// chunk adds n samples that stand together at offset.
func (t *track) chunk(offset int64, n int, entry uint32) {
	t.chunks = append(t.chunks, offset)
	if last := len(t.samples) - 1; last >= 0 && t.samples[last].samples == uint32(n) && t.samples[last].entry == entry {
		return
	}
	t.samples = append(t.samples, chunkRun{uint32(len(t.chunks)), uint32(n), entry})
}

// start is when the track begins to be shown: not before 0.
func (t *track) start() int64 { return max(0, t.firstPTS) }

// media is the length of all samples.
func (t *track) media() int64 { return t.end - t.first }
