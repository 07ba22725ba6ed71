package clock

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

func TestNTPFractionsFromBytesBuiltByHand(t *testing.T) {
	// 2026-11-18T07:00:00Z is 4003974000 s after 1900: 0xEEA7D5F0 + fraction.
	base := time.Date(2026, 11, 18, 7, 0, 0, 0, time.UTC)
	sec := uint32(base.Unix() + 2_208_988_800)
	for _, c := range []struct {
		fraction [4]byte // round(f · 2^32)
		want     time.Duration
	}{
		{[4]byte{0, 0, 0, 0}, 0},
		{[4]byte{0x19, 0x99, 0x99, 0x9a}, 100 * time.Millisecond},
		{[4]byte{0x80, 0, 0, 0}, 500 * time.Millisecond},
		{[4]byte{0xff, 0xbe, 0x76, 0xc9}, 999 * time.Millisecond},
	} {
		var b [8]byte
		binary.BigEndian.PutUint32(b[:4], sec)
		copy(b[4:], c.fraction[:])
		got := NTP(binary.BigEndian.Uint64(b[:])).Time(base.Add(time.Hour))
		require.WithinDuration(t, base.Add(c.want), got, time.Microsecond)
	}
}

func TestNTPEras(t *testing.T) {
	at := func(era1 time.Time) NTP { return NTP(uint64(uint32(era1.Unix()+2_208_988_800)) << 32) }
	for _, want := range []time.Time{
		time.Date(1969, 7, 20, 20, 17, 40, 0, time.UTC),
		time.Date(2026, 11, 18, 7, 0, 0, 0, time.UTC),
		time.Date(2036, 2, 7, 6, 28, 15, 0, time.UTC), // last second of era 0
		time.Date(2036, 2, 7, 6, 28, 16, 0, time.UTC), // first of era 1
		time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		require.Equal(t, want, at(want).Time(want.Add(24*time.Hour)))
		require.Equal(t, want, at(want).Time(want.Add(-24*time.Hour)))
	}
	// A server in era 1 hears a camera that is still in era 0, and the other way.
	edge := time.Date(2036, 2, 7, 6, 28, 16, 0, time.UTC)
	require.Equal(t, edge.Add(-time.Second), at(edge.Add(-time.Second)).Time(edge.Add(time.Minute)))
	require.Equal(t, edge.Add(time.Minute), at(edge.Add(time.Minute)).Time(edge.Add(-time.Second)))
}

func ntpOf(t time.Time) NTP {
	frac := uint64(t.Nanosecond()) << 32 / 1_000_000_000
	return NTP(uint64(uint32(t.Unix()+2_208_988_800))<<32 | frac)
}

func TestOffsetQualityIsAboutDrift(t *testing.T) {
	var o Offset
	require.Equal(t, lieciba.ClockUnknown, o.Quality(0))
	camera := 40 * time.Minute // far off, but steady
	report := func(at time.Time, drift time.Duration) {
		o.Report(ntpOf(at.Add(camera+drift)), at)
	}
	report(start, 0)
	require.Equal(t, lieciba.ClockGood, o.Quality(0))
	require.InDelta(t, float64(camera), float64(o.Value()), 10)
	report(start.Add(time.Minute), 249*time.Millisecond)
	require.Equal(t, lieciba.ClockGood, o.Quality(0))
	report(start.Add(2*time.Minute), -251*time.Millisecond)
	require.Equal(t, lieciba.ClockDrifting, o.Quality(0))
	report(start.Add(3*time.Minute), 1001*time.Millisecond)
	require.Equal(t, lieciba.ClockUnreliable, o.Quality(0))
	report(start.Add(4*time.Minute), 0)
	require.Equal(t, lieciba.ClockGood, o.Quality(0))
	require.Equal(t, lieciba.ClockUnreliable, o.Quality(-2*time.Second), "our own clock was stepped")
	report(start.Add(10*time.Minute), 5*time.Second)
	require.Equal(t, lieciba.ClockGood, o.Quality(0), "after 5 minutes of silence the reference is new")
}
