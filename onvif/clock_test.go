package onvif

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Whole seconds are narrowed to the precision asked for, whatever the offset.
func TestClockEstimateFindsTheFraction(t *testing.T) {
	start := time.Date(2026, 11, 22, 9, 0, 0, 123456789, time.UTC)
	for _, truth := range []time.Duration{0, 1, 250 * time.Millisecond, -251 * time.Millisecond, 999 * time.Millisecond,
		-time.Hour - 17*time.Millisecond, 20 * 365 * 24 * time.Hour} {
		for _, rtt := range []time.Duration{time.Millisecond, 30 * time.Millisecond} {
			var e clockEstimate
			now := start
			for !e.done(50 * time.Millisecond) {
				if e.samples > 0 {
					wait := e.wait(now)
					require.GreaterOrEqual(t, wait, time.Duration(0))
					require.Less(t, wait, time.Second)
					now = now.Add(wait)
				}
				sent := now
				now = now.Add(rtt)
				e.add(clockSample{sent, now, sent.Add(rtt / 2).Add(truth).Truncate(time.Second)})
			}
			require.InDelta(t, truth, e.offset(), float64(e.uncertainty()), "offset %s rtt %s", truth, rtt)
			require.LessOrEqual(t, e.uncertainty(), 50*time.Millisecond)
			require.LessOrEqual(t, e.samples, 6)
			require.Zero(t, e.jumps)
		}
	}
}

func TestClockEstimateSeesAJump(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	var e clockEstimate
	e.add(clockSample{now, now.Add(time.Millisecond), now})
	e.add(clockSample{now, now.Add(time.Millisecond), now.Add(time.Minute)})
	require.Equal(t, 1, e.jumps)
	require.InDelta(t, time.Minute, e.offset(), float64(time.Second))
}

func TestClockEstimateGivesUpOnANarrowerAnswerThanTheRoundTrip(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	var e clockEstimate
	for !e.done(time.Millisecond) {
		e.add(clockSample{now, now.Add(2 * time.Second), now.Truncate(time.Second)})
		now = now.Add(3 * time.Second)
	}
	require.LessOrEqual(t, e.samples, maxClockSamples)
}

func TestClockMeasuresTheCamera(t *testing.T) {
	f := newFake(t)
	f.skew = -7300 * time.Millisecond
	c := f.clientWith(Credentials{}, Options{ClockPrecision: 60 * time.Millisecond})
	got, err := c.Clock(context.Background())
	require.NoError(t, err)
	require.True(t, got.Steady)
	require.InDelta(t, f.skew, got.Offset, float64(got.Uncertainty)+float64(got.RoundTrip))
	require.LessOrEqual(t, got.Uncertainty, max(60*time.Millisecond, got.RoundTrip))
}

func TestSetClockSetsUTC(t *testing.T) {
	f := newFake(t).locked(true, false)
	f.replies["device.SetSystemDateAndTime"] = reply(`<tds:SetSystemDateAndTimeResponse/>`)
	require.NoError(t, f.client(testCredentials).SetClock(context.Background()))
	require.Contains(t, f.allBodies(), "<onvif:TZ>UTC0</onvif:TZ>")
	require.Contains(t, f.allBodies(), time.Now().UTC().Format("<onvif:Year>2006</onvif:Year>"))
}
