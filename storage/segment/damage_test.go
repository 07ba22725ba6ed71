package segment

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// damaged writes a segment of some seconds and returns its bytes.
func damaged(t testing.TB) ([]byte, Result) {
	w := create(t, plainFormat(true))
	s := plainStream(8, 25, true)
	feed(t, w, s.frames...)
	r, err := w.Close(time.Time{})
	require.NoError(t, err)
	require.Greater(t, len(r.Fragments), 5)
	b, err := os.ReadFile(r.Path)
	require.NoError(t, err)
	return b, r
}

func findDamage(t testing.TB, b []byte, r Result) Damages {
	d, err := FindDamage(bytes.NewReader(b), int64(len(b)), lieciba.Interval{From: r.From, To: r.To})
	require.NoError(t, err)
	return d
}

// span of the fragments i to j of a segment.
func spanOf(r Result, i, j int) lieciba.Interval {
	to := r.To
	if j < len(r.Fragments) {
		to = r.Fragments[j].From
	}
	return lieciba.Interval{From: r.Fragments[i].From, To: to}
}

// near allows what the rounding to ticks leaves at the start of a damage.
func near(t testing.TB, want lieciba.Interval, got Damage) {
	t.Helper()
	require.WithinDuration(t, want.From, got.From, 50*time.Millisecond)
	require.Equal(t, want.To, got.To)
}

func TestDamageNamesTheFragment(t *testing.T) {
	b, r := damaged(t)
	require.Equal(t, Damages{Whole: len(r.Fragments)}, findDamage(t, b, r))
	for i, f := range r.Fragments {
		for _, at := range []int64{0, 5, 40, f.Size / 2, f.Size - 1} { // box headers and payload
			m := bytes.Clone(b)
			m[f.Offset+at] ^= 0x10
			d := findDamage(t, m, r)
			require.False(t, d.Head)
			require.Len(t, d.List, 1, "fragment %d, byte %d", i, at)
			require.Equal(t, f.Offset, d.List[0].Offset)
			require.Equal(t, f.Size, d.List[0].Size)
			near(t, spanOf(r, i, i+1), d.List[0])
		}
	}
}

func TestDamageOfTheHead(t *testing.T) {
	b, r := damaged(t)
	want, err := ParseInit(b)
	require.NoError(t, err)
	for at := int64(0); at < r.Fragments[0].Offset; at++ {
		m := bytes.Clone(b)
		m[at] ^= 1
		d := findDamage(t, m, r)
		if !d.Head && len(d.List) == 0 { // a parameter set or an ID: another one is a head too
			in, err := ParseInit(m)
			require.NoError(t, err)
			require.NotEqual(t, want, in, "byte %d", at)
		}
		require.Equal(t, len(r.Fragments), d.Whole, "byte %d: the fragments are found all the same", at)
	}
}

func TestDamageByCuttingAndMoving(t *testing.T) {
	b, r := damaged(t)
	f := r.Fragments
	last := len(f) - 1
	cutEnd := findDamage(t, b[:f[last].Offset], r)
	require.Len(t, cutEnd.List, 1)
	near(t, spanOf(r, last, last+1), cutEnd.List[0])
	require.Zero(t, cutEnd.List[0].Size)

	inside := findDamage(t, b[:f[last].Offset+f[last].Size/2], r)
	require.Len(t, inside.List, 1)
	near(t, spanOf(r, last, last+1), inside.List[0])

	without := append(bytes.Clone(b[:f[2].Offset]), b[f[3].Offset:]...)
	d := findDamage(t, without, r)
	require.Len(t, d.List, 1)
	require.Zero(t, d.List[0].Size)
	near(t, spanOf(r, 2, 3), d.List[0])

	longer := append(bytes.Clone(b), "more"...)
	d = findDamage(t, longer, r)
	require.Equal(t, []Damage{{Offset: int64(len(b)), Size: 4, From: r.To, To: r.To}}, d.List)

	more := append(append(bytes.Clone(b[:f[2].Offset]), "noise"...), b[f[2].Offset:]...)
	d = findDamage(t, more, r)
	require.Len(t, d.List, 1)
	require.Equal(t, int64(5), d.List[0].Size)

	twice := append(bytes.Clone(b[:f[3].Offset]), b[f[2].Offset:]...)
	d = findDamage(t, twice, r)
	require.Len(t, d.List, 1)
	require.Equal(t, f[2].Size, d.List[0].Size)

	none := findDamage(t, b[:f[0].Offset], r)
	require.Len(t, none.List, 1)
	require.Equal(t, lieciba.Interval{From: r.From, To: r.To}, lieciba.Interval{From: none.List[0].From, To: none.List[0].To})
	empty := findDamage(t, nil, r)
	require.True(t, empty.Head)
	require.Len(t, empty.List, 1)
}
