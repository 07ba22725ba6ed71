package readiness

import (
	"errors"
	"fmt"
	"time"

	"lieciba"
)

// Limits of what passes; README.md says what each stands on.
const (
	shortestLook = 3 * time.Second  // less of a stream proves nothing
	longestPause = 10 * time.Second // without a key frame
	lowestRate   = 0.5              // of the declared frame rate
	fewestFrames = 5.0              // a second, where nothing sensible is declared
	highestRate  = 120.0            // a camera that declares more declares nothing
	fewestDeltas = 50               // pictures that sameness is judged by
	flatBlock    = 1.05             // bytes a block of a key frame, by CAVLC
	flatBlockAr  = 0.25             // the same by CABAC or H.265
	flatHead     = 48.0             // bytes beside the blocks
	keyToDelta   = 20               // how much larger a key frame of a still picture is than what follows
	silentBelow  = -64.0            // dBFS: two steps of G.711 around nothing
	clockGood    = 250 * time.Millisecond
	clockFailed  = time.Second
	headroom     = 1.3     // of the measured bit rate: scenes change
	assumedRate  = 8 << 20 // bits a second of a camera that cannot be measured
)

// item makes a ReadinessItem.
func item(c lieciba.ReadinessCheck, o lieciba.CheckOutcome, fact string, value float64, unit, format string, args ...any) lieciba.ReadinessItem {
	return lieciba.ReadinessItem{Check: c, Outcome: o, Fact: fact, Value: value, Unit: unit, Measured: fmt.Sprintf(format, args...)}
}

var complaints = map[Complaint]string{
	NoSignal:  "The camera reports that its picture is lost: check its sensor and cable.",
	Tampered:  "The camera reports tampering: look at it.",
	Moved:     "The camera reports that its view changed: look where it points.",
	TooDark:   "The camera reports that its picture is too dark: switch on the light or uncover the lens.",
	TooBright: "The camera reports that its picture is too bright.",
	Blurred:   "The camera reports that its picture is out of focus.",
}

// worst is the order in which complaints are told.
var worst = []Complaint{NoSignal, Tampered, TooDark, Blurred, Moved, TooBright}

// JudgePicture decides whether a picture is there, moves and shows something.
func JudgePicture(f PictureFacts) lieciba.ReadinessItem {
	failed := func(fact string, value float64, unit, format string, args ...any) lieciba.ReadinessItem {
		return item(lieciba.CheckPicture, lieciba.OutcomeFailed, fact, value, unit, format, args...)
	}
	rate := f.rate()
	switch {
	case f.Trouble != "":
		return failed("no_picture", 0, "fps", "No picture: %s.", f.Trouble)
	case f.Span < shortestLook:
		return failed("no_picture", rate, "fps", "The picture stopped after %.1f s.", f.Span.Seconds())
	}
	for _, c := range worst {
		for _, has := range f.Complaints {
			if has == c {
				return failed(string(c), rate, "fps", "%s", complaints[c])
			}
		}
	}
	switch {
	case f.flat():
		return failed("dark", f.bytesABlock(), "bytes/block", "The picture is of one colour: dark, covered or without a signal; a key frame has %d bytes.", f.KeyBytes)
	case f.Keys < 2 || f.KeyPause > longestPause:
		return failed("no_key_frames", f.KeyPause.Seconds(), "s", "No key frame for %.1f s: set a key frame every 2 s on the camera.", f.KeyPause.Seconds())
	case f.still():
		return failed("frozen", f.emptyShare()*100, "%", "Nothing changes in the picture: %d of %d pictures are nearly empty, and sizes lie between %d and %d bytes. It is frozen, or nothing moves and the camera hides its noise: have somebody walk through the room and check again.",
			f.Empty, f.Deltas, f.Low, f.High)
	case rate < f.leastRate():
		return failed("frame_rate", rate, "fps", "%.1f pictures a second, %s.", rate, f.expected())
	}
	return item(lieciba.CheckPicture, lieciba.OutcomePassed, "ok", rate, "fps", "%.1f pictures a second at %.2f Mbit/s, a key frame at least every %.1f s.",
		rate, float64(f.Bitrate)/1e6, f.KeyPause.Seconds())
}

func (f PictureFacts) rate() float64 {
	if f.Span <= 0 {
		return 0
	}
	return float64(f.Pictures-1) / f.Span.Seconds()
}

func (f PictureFacts) sensibleRate() bool { return f.Declared >= 1 && f.Declared <= highestRate }

func (f PictureFacts) leastRate() float64 {
	if f.sensibleRate() {
		return lowestRate * f.Declared
	}
	return fewestFrames
}

func (f PictureFacts) expected() string {
	if f.sensibleRate() {
		return fmt.Sprintf("and the camera declares %.0f", f.Declared)
	}
	return fmt.Sprintf("fewer than %.0f", fewestFrames)
}

func (f PictureFacts) bytesABlock() float64 {
	if f.Blocks == 0 {
		return 0
	}
	return float64(f.KeyBytes) / float64(f.Blocks)
}

// flat reports whether the key frames hold no more than one level of everything.
func (f PictureFacts) flat() bool {
	limit := flatBlock
	if f.Arithmetic {
		limit = flatBlockAr
	}
	return f.Blocks > 0 && f.Keys > 0 && float64(f.KeyBytes) <= flatHead+limit*float64(f.Blocks)
}

func (f PictureFacts) emptyShare() float64 {
	if f.Deltas == 0 {
		return 0
	}
	return float64(f.Empty) / float64(f.Deltas)
}

// still reports whether nothing moves: half of the pictures are nearly empty, or
// all are small and of one size, as those of an encoder are that has nothing left to say.
func (f PictureFacts) still() bool {
	if f.Deltas == 0 {
		return false
	}
	same := f.Deltas >= fewestDeltas && f.High-f.Low <= 2+f.Low/50 && f.High*keyToDelta <= f.KeyBytes
	return same || f.emptyShare() >= 0.5
}

// JudgeSound decides on the level; needed tells whether a part of the session
// keeps sound.
func JudgeSound(f SoundFacts, needed bool) lieciba.ReadinessItem {
	failed := func(fact string, format string, args ...any) lieciba.ReadinessItem {
		return item(lieciba.CheckSound, lieciba.OutcomeFailed, fact, f.RMS, "dBFS", format, args...)
	}
	switch {
	case !needed:
		return item(lieciba.CheckSound, lieciba.OutcomeNotNeeded, "not_needed", 0, "", "No part of the session keeps sound.")
	case f.Codec == "":
		return failed("no_sound_track", "The camera sends no sound, and a part of the session needs it: switch its microphone on, or assign another camera.")
	case f.Trouble != "":
		return failed("no_sound", "The level of the sound is not known: %s.", f.Trouble)
	case f.RMS < silentBelow:
		return failed("silent", "%.1f dBFS (peak %.1f) over %.1f s: the microphone is off, muted or not connected.", f.RMS, f.Peak, f.Seconds)
	}
	return item(lieciba.CheckSound, lieciba.OutcomePassed, "ok", f.RMS, "dBFS", "%.1f dBFS (peak %.1f) over %.1f s of %s.", f.RMS, f.Peak, f.Seconds, f.Codec)
}

// ClockFacts is what is known of the camera's clock.
type ClockFacts struct {
	Known  bool
	Offset time.Duration // camera minus this server
	Source string        // "rtcp" or "onvif"
}

// JudgeClock decides on the camera's clock (recorder/TIME.md): up to 250 ms is
// good, more than 1 s fails. A camera that tells no time needs none: frames are
// timed by this server.
func JudgeClock(f ClockFacts) lieciba.ReadinessItem {
	ms := float64(f.Offset.Microseconds()) / 1000
	switch off := f.Offset.Abs(); {
	case !f.Known:
		return item(lieciba.CheckClock, lieciba.OutcomeNotNeeded, "unknown", 0, "", "The camera tells no time; pictures are timed by this server.")
	case off > clockFailed:
		return item(lieciba.CheckClock, lieciba.OutcomeFailed, "clock_off", ms, "ms", "The camera's clock is %.2f s off: set it to a time server.", f.Offset.Seconds())
	case off > clockGood:
		return item(lieciba.CheckClock, lieciba.OutcomePassed, "clock_drifting", ms, "ms", "The camera's clock is %.0f ms off, which is noted: set it to a time server.", ms)
	}
	return item(lieciba.CheckClock, lieciba.OutcomePassed, "ok", ms, "ms", "The camera's clock is %.0f ms off (%s).", ms, f.Source)
}

// SpaceFacts is what the disks have and what the session wants.
type SpaceFacts struct {
	Rates      []int64       // bits a second of each camera of the room; 0: not measured
	Window     time.Duration // to be recorded
	SpoolFree  int64         // bytes that may be written to the spool before recording stops there
	Trouble    string        // why the spool takes nothing; empty if it does
	StoreFree  int64         // bytes
	StoreKnown bool          // the store can tell
}

// Wanted is how many bytes the session will take, with headroom.
func (f SpaceFacts) Wanted() (bytes int64, assumed int) {
	var bits int64
	for _, r := range f.Rates {
		if r <= 0 {
			r = assumedRate
			assumed++
		}
		bits += r
	}
	return int64(float64(bits) / 8 * f.Window.Seconds() * headroom), assumed
}

// JudgeSpace decides whether the whole session fits: into the spool, because the
// store may be away all the time, and into the store where it can tell.
func JudgeSpace(f SpaceFacts) lieciba.ReadinessItem {
	wanted, assumed := f.Wanted()
	guess := ""
	if assumed > 0 {
		guess = fmt.Sprintf(", %d of them assumed at 8 Mbit/s", assumed)
	}
	failed := func(fact string, free int64, where string) lieciba.ReadinessItem {
		return item(lieciba.CheckStorage, lieciba.OutcomeFailed, fact, float64(free), "bytes", "The session of %d cameras%s takes up to %s, and %s has %s: free the rest.",
			len(f.Rates), guess, inGiB(wanted), where, inGiB(free))
	}
	switch {
	case f.Trouble != "":
		return item(lieciba.CheckStorage, lieciba.OutcomeFailed, "spool_shut", float64(f.SpoolFree), "bytes", "The spool takes nothing: %s.", f.Trouble)
	case f.SpoolFree < wanted:
		return failed("spool_low", f.SpoolFree, "the spool")
	case f.StoreKnown && f.StoreFree < wanted:
		return failed("store_low", f.StoreFree, "the media store")
	}
	free := f.SpoolFree
	if f.StoreKnown {
		free = min(free, f.StoreFree)
	}
	return item(lieciba.CheckStorage, lieciba.OutcomePassed, "ok", float64(free), "bytes", "The session of %d cameras%s takes up to %s of %s.", len(f.Rates), guess, inGiB(wanted), inGiB(free))
}

func inGiB(n int64) string { return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30)) }

// TrialFacts is what became of a test recording.
type TrialFacts struct {
	Step  string // that failed: "write", "store", "read_back", "compare", "remove"; empty if none did
	Why   string
	Bytes int64
	Span  time.Duration
	Store string // name
}

// JudgeTrial decides on a test recording.
func JudgeTrial(f TrialFacts) lieciba.ReadinessItem {
	if f.Step != "" {
		return item(lieciba.CheckTestRecording, lieciba.OutcomeFailed, f.Step+"_failed", float64(f.Bytes), "bytes", "The test recording failed at the step %s: %s.", f.Step, f.Why)
	}
	return item(lieciba.CheckTestRecording, lieciba.OutcomePassed, "ok", float64(f.Bytes), "bytes", "%.1f s in %d bytes were written, brought to %s, read back equal and removed.",
		f.Span.Seconds(), f.Bytes, f.Store)
}

// StateOf sums up items: failed if one failed.
func StateOf(items []lieciba.ReadinessItem) lieciba.ReadinessState {
	for _, i := range items {
		if i.Outcome == lieciba.OutcomeFailed {
			return lieciba.ReadinessFailed
		}
	}
	return lieciba.ReadinessPassed
}

// words is an error as its users may read it.
func words(err error) string {
	var e *lieciba.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return err.Error()
}
