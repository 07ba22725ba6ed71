package clock

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Ticks is an RTP time, unwrapped: ticks of the track's clock since the first
// frame of the run.
type Ticks int64

// ErrJump ends a run: its RTP clock did what no network explains.
var ErrJump = errors.New("the stream's clock jumped")

const (
	window      = 10 // seconds that the minimum filter looks back
	settleTime  = 250 * time.Millisecond
	maxBack     = time.Second
	measureTime = 5 * time.Second
	maxEarly    = time.Second
	maxLate     = 2 * time.Second
	falseRate   = 0.003 // ratio error above which a clock is taken to run at another rate
	plainlyOff  = 0.01  // the same, so far off that one window shows it
)

// Rate is how fast a track's RTP clock really runs: nominal Hz, and the
// measured length of a nominal second (1 for an honest camera).
type Rate struct {
	Hz    int
	Scale float64
}

// Track relates one track's RTP clock to the time line during one run
// (TIME.md section 2). Not safe for concurrent use.
type Track struct {
	rate Rate

	started  bool
	lastRTP  uint32
	raw      int64 // unwrapped, unscaled
	highest  Ticks
	first    time.Time // arrival of the first frame
	origin   time.Time // the estimate when it settled
	estimate time.Time // time of tick 0
	settled  bool
	slewedAt Ticks

	buckets  [window]bucket
	second   int64     // of the last look at the trend
	lastZero time.Time // of the last frame
	late     time.Time // since when whole windows come late; zero if they do not
}

// bucket holds the smallest offset of one second of arrivals.
type bucket struct {
	second int64
	ticks  Ticks
	zero   time.Time // arrival − ticks/rate
}

// NewTrack starts a track of a run. A zero scale means 1.
func NewTrack(r Rate) *Track {
	if r.Scale == 0 {
		r.Scale = 1
	}
	return &Track{rate: r}
}

// Ticks unwraps an RTP timestamp without taking it as a frame's arrival: for
// sender reports. The first Observe must have been.
func (t *Track) Ticks(rtp uint32) Ticks {
	return t.scale(t.raw + int64(int32(rtp-t.lastRTP)))
}

func (t *Track) scale(raw int64) Ticks {
	if t.rate.Scale == 1 {
		return Ticks(raw)
	}
	return Ticks(math.Round(float64(raw) * t.rate.Scale))
}

// Duration converts ticks of this track to time.
func (t *Track) Duration(n Ticks) time.Duration { return Duration(n, t.rate.Hz) }

// Duration converts ticks of a clock of hz to time, exactly rounded down and
// without overflow for 292 years.
func Duration(n Ticks, hz int) time.Duration {
	h := Ticks(hz)
	return time.Duration(n/h)*time.Second + time.Duration(n%h)*time.Second/time.Duration(h)
}

// Observe takes in a frame: its RTP timestamp and when it arrived. It returns
// the unwrapped ticks, or ErrJump when the run must end.
func (t *Track) Observe(rtp uint32, arrival time.Time) (Ticks, error) {
	if !t.started {
		t.started, t.lastRTP = true, rtp
		t.first, t.estimate, t.lastZero = arrival, arrival, arrival
		t.put(arrival, arrival, 0)
		return 0, nil
	}
	t.raw += int64(int32(rtp - t.lastRTP))
	t.lastRTP = rtp
	ticks := t.scale(t.raw)
	if back := t.Duration(t.highest - ticks); back > maxBack {
		return ticks, fmt.Errorf("%w: its timestamps went back by %s", ErrJump, back.Round(time.Millisecond))
	}
	t.highest = max(t.highest, ticks)
	zero := arrival.Add(-t.Duration(ticks))
	t.put(arrival, zero, ticks)
	if !t.settled {
		t.settle(arrival, zero)
		return ticks, nil
	}
	if s := arrival.Unix(); s != t.second {
		t.second = s
		if slope, full := t.trend(arrival); full && math.Abs(slope) > plainlyOff {
			return ticks, fmt.Errorf("%w: its clock runs at %.1f %% of true time", ErrJump, 100*(1-slope))
		}
	}
	leap := t.lastZero.Sub(zero)
	t.lastZero = zero
	// A counter that leaps is told from one that runs fast, whose rate takes a
	// few seconds to measure.
	measuring := leap < maxEarly/2 && arrival.Sub(t.first) < measureTime
	if early := t.estimate.Sub(zero); early > maxEarly && !measuring {
		return ticks, fmt.Errorf("%w: its timestamps went ahead by %s", ErrJump, early.Round(time.Millisecond))
	}
	return ticks, t.follow(ticks, arrival)
}

func (t *Track) settle(arrival, zero time.Time) {
	if zero.Before(t.estimate) {
		t.estimate = zero
	}
	if arrival.Sub(t.first) >= settleTime {
		t.Settle()
	}
}

// follow moves the estimate towards the window's minimum, slowly.
func (t *Track) follow(ticks Ticks, arrival time.Time) error {
	late := t.minimum(arrival).zero.Sub(t.estimate)
	if ticks > t.slewedAt {
		t.estimate = t.estimate.Add(slew(late, t.Duration(ticks-t.slewedAt)))
		t.slewedAt = ticks
	}
	switch {
	case late <= maxLate:
		t.late = time.Time{}
	case t.late.IsZero():
		t.late = arrival
	case arrival.Sub(t.late) >= window*time.Second:
		return fmt.Errorf("%w: frames come %s late and do not catch up", ErrJump, late.Round(time.Millisecond))
	}
	return nil
}

func (t *Track) put(arrival, zero time.Time, ticks Ticks) {
	s := arrival.Unix()
	b := &t.buckets[((s%window)+window)%window]
	if b.second != s || b.zero.IsZero() || zero.Before(b.zero) {
		b.second, b.zero, b.ticks = s, zero, ticks
	}
}

// minimum is the frame with the smallest offset in the window.
func (t *Track) minimum(arrival time.Time) bucket {
	var lowest bucket
	for _, b := range t.buckets {
		if b.zero.IsZero() || arrival.Unix()-b.second >= window {
			continue
		}
		if lowest.zero.IsZero() || b.zero.Before(lowest.zero) {
			lowest = b
		}
	}
	return lowest
}

// Settled reports whether the first 250 ms have passed: only then are times final.
func (t *Track) Settled() bool { return t.settled }

// Settle ends the settling early: the caller waited long enough without frames.
func (t *Track) Settle() { t.settled, t.slewedAt, t.origin = true, t.highest, t.estimate }

// Time is the frame time of a tick, UTC, cut to the microsecond.
func (t *Track) Time(n Ticks) time.Time {
	return t.estimate.Add(t.Duration(n)).UTC().Truncate(time.Microsecond)
}

// trend is how fast the smallest offsets of the past seconds grow, in seconds a
// second, 0 if they do not grow steadily: congestion wanders, a false rate goes
// straight. full tells that it rests on a whole window.
func (t *Track) trend(now time.Time) (slope float64, full bool) {
	var list []bucket
	for s := now.Unix() - window + 1; s < now.Unix(); s++ {
		b := t.buckets[((s%window)+window)%window]
		if b.second == s && !b.zero.IsZero() {
			list = append(list, b)
		}
	}
	if len(list) < 3 {
		return 0, false
	}
	at := func(b bucket) time.Time { return b.zero.Add(t.Duration(b.ticks)) } // its arrival
	first, last := list[0], list[len(list)-1]
	slope = float64(last.zero.Sub(first.zero)) / float64(at(last).Sub(at(first)))
	for i, b := range list[1:] {
		step := float64(b.zero.Sub(list[i].zero)) / float64(at(b).Sub(at(list[i])))
		if math.Abs(step-slope) > math.Abs(slope)/2 {
			return 0, false
		}
	}
	return slope, len(list) == window-1
}

// NextRate is what the next run of this track should assume: the nominal rate,
// or the measured one if this run showed that its clock runs false by more than
// 3,000 ppm.
func (t *Track) NextRate(now time.Time) Rate {
	if !t.started {
		return t.rate
	}
	slope, _ := t.trend(now)
	if !t.late.IsZero() && now.Sub(t.first) >= window*time.Second && slope == 0 {
		// The last window's minimum against the first: both waited least.
		last := t.minimum(now)
		slope = float64(last.zero.Sub(t.origin)) / float64(last.zero.Sub(t.origin)+t.Duration(last.ticks))
	}
	if math.Abs(slope) < falseRate || slope > 0.9 {
		return t.rate
	}
	next := Rate{Hz: t.rate.Hz, Scale: t.rate.Scale / (1 - slope)}
	if math.Abs(next.Scale-1) < falseRate {
		next.Scale = 1
	}
	return next
}
