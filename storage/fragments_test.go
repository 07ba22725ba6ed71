package storage

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

func sampleFragments(n int) []lieciba.Fragment {
	at := time.Date(2026, 11, 18, 7, 0, 0, 123456000, time.UTC)
	list := make([]lieciba.Fragment, n)
	off := int64(1234)
	for i := range list {
		size := int64(250_000 + i*17%999)
		list[i] = lieciba.Fragment{From: at.Add(time.Duration(i) * time.Second), PTS: int64(i) * 90_000,
			Offset: off, Size: size, Frames: 25, Key: i%2 == 0}
		off += size
	}
	return list
}

func TestFragmentsRoundTrip(t *testing.T) {
	odd := []lieciba.Fragment{
		{From: time.UnixMicro(-5).UTC(), PTS: math.MaxInt64, Offset: math.MaxInt64, Size: 0, Frames: 0},
		{From: time.UnixMicro(3).UTC(), PTS: math.MinInt64, Offset: 0, Size: math.MaxInt64, Frames: math.MaxInt32, Key: true},
	}
	for _, list := range [][]lieciba.Fragment{nil, sampleFragments(1), sampleFragments(600), odd} {
		got, err := DecodeFragments(EncodeFragments(list))
		require.NoError(t, err)
		require.Equal(t, list, got)
	}
}

func TestFragmentsAreCompact(t *testing.T) {
	b := EncodeFragments(sampleFragments(10)) // a segment of ten seconds
	require.Less(t, len(b), 130, "an index of a million segments must stay near 100 MB")
}

func TestFragmentsRefuseDamage(t *testing.T) {
	good := EncodeFragments(sampleFragments(3))
	for name, b := range map[string][]byte{
		"empty": nil, "version": append([]byte{9}, good[1:]...), "cut": good[:len(good)-1],
		"tail": append(append([]byte{}, good...), 0), "count": {fragmentsVersion, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
	} {
		_, err := DecodeFragments(b)
		require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err), name)
	}
}

func FuzzFragments(f *testing.F) {
	f.Add(EncodeFragments(nil))
	f.Add(EncodeFragments(sampleFragments(7)))
	f.Add([]byte{fragmentsVersion, 1, 0x80, 0, 2, 3, 4})
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := DecodeFragments(b)
		if err != nil {
			require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err))
			return
		}
		again, err := DecodeFragments(EncodeFragments(list))
		require.NoError(t, err)
		require.Equal(t, list, again)
	})
}
