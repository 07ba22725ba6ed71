package segment

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/durable"
)

// plain is a format and frames without an encoder: NAL units of any bytes.
var (
	testSPS = []byte{0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x47, 0xfe, 0x88} // not read beyond its level
	testPPS = []byte{0x68, 0xce, 0x3c, 0x80}
)

func plainFormat(audio bool) lieciba.StreamFormat {
	f := lieciba.StreamFormat{Video: lieciba.VideoFormat{Codec: lieciba.H264, Width: 320, Height: 240, SPS: testSPS, PPS: testPPS}}
	if audio {
		f.Audio = &lieciba.AudioFormat{Codec: lieciba.PCMA, SampleRate: 8000, Channels: 1}
	}
	return f
}

// picture is frame n of a camera of 25 fps with a GOP of gop frames. A run's
// ticks do not start at 0 in a segment in its middle, so 1000 is added.
func picture(n, gop int) lieciba.Frame {
	f := lieciba.Frame{Track: lieciba.TrackVideo, Key: n%gop == 0, PTS: 1000 + int64(n)*3600, Time: start.Add(time.Duration(n) * 40 * time.Millisecond)}
	f.DTS = f.PTS
	slice := make([]byte, 50+n%7)
	slice[0] = 0x41
	if f.Key {
		slice[0] = 0x65
		f.Units = [][]byte{{0x09, 0xf0}, testSPS, testPPS}
	}
	slice[1] = byte(n)
	// Signed video holds such bytes: a start code inside an SEI.
	sei := []byte{0x06, 0x05, 0x06, 0x00, 0x00, 0x01, 0x65, 0x00, 0x00, 0x00, 0x01, byte(n), 0x80}
	f.Units = append(f.Units, sei, slice)
	return f
}

// voice is the sound frame n of 20 ms.
func voice(n int) lieciba.Frame {
	u := make([]byte, 160)
	u[0] = byte(n)
	return lieciba.Frame{Track: lieciba.TrackAudio, Key: true, PTS: 500 + int64(n)*160, DTS: 500 + int64(n)*160,
		Time: start.Add(time.Duration(n) * 20 * time.Millisecond), Units: [][]byte{u}}
}

func plainStream(seconds, gop int, audio bool) stream {
	s := stream{format: plainFormat(audio)}
	var video, sound []lieciba.Frame
	for n := range seconds * 25 {
		video = append(video, picture(n, gop))
	}
	for n := range seconds * 50 {
		if audio {
			sound = append(sound, voice(n))
		}
	}
	s.frames = merge(video, sound)
	return s
}

// readBack parses a file through its index, as a player does.
func readBack(t testing.TB, r Result) (in Init, frames []lieciba.Frame) {
	t.Helper()
	raw, err := os.ReadFile(r.Path)
	require.NoError(t, err)
	require.EqualValues(t, len(raw), r.Size)
	require.Equal(t, sha256.Sum256(raw), r.SHA256)
	in, err = ParseInit(raw[:r.InitSize])
	require.NoError(t, err)
	for _, f := range r.Fragments {
		list, err := ParseFragment(raw[f.Offset:f.Offset+f.Size], in)
		require.NoError(t, err)
		frames = append(frames, list...)
	}
	return in, frames
}

func sameFrames(t *testing.T, want, got []lieciba.Frame) {
	t.Helper()
	for _, track := range []lieciba.Track{lieciba.TrackVideo, lieciba.TrackAudio} {
		want, got := stream{frames: want}.of(track), stream{frames: got}.of(track)
		require.Len(t, got, len(want))
		for i := range want {
			if d := want[i].Time.Sub(got[i].Time).Abs(); d > time.Microsecond { // ticks were rounded twice
				t.Fatalf("track %d: time of frame %d is %s off", track, i, d)
			}
			got[i].Time = want[i].Time
			if !reflect.DeepEqual(want[i], got[i]) {
				t.Fatalf("track %d: frame %d differs: PTS %d and %d", track, i, want[i].PTS, got[i].PTS)
			}
		}
	}
}

// TestReadBackEqualsWritten: every field of every frame, of every codec.
func TestReadBackEqualsWritten(t *testing.T) {
	for _, c := range combinations {
		t.Run(c.name, func(t *testing.T) {
			s := encode(t, c.video, c.audio, c.options...)
			r := write(t, s, start.Add(4*time.Second))
			in, frames := readBack(t, r)
			require.Equal(t, testIDs(), in.IDs)
			require.Equal(t, s.format, in.Format)
			require.Equal(t, s.format, r.Format)
			require.Equal(t, r.From, in.From)
			require.Equal(t, r.To, in.To)
			sameFrames(t, s.frames, frames)
			total := 0
			for i, f := range r.Fragments {
				total += f.Frames
				require.LessOrEqual(t, f.Frames, 25, "fragment %d is longer than 1 s", i)
			}
			require.Equal(t, r.Frames, total)
			require.Equal(t, c.video, r.Segment().Video)
			require.Equal(t, c.audio, r.Segment().Audio)
		})
	}
}

func TestFragmentsAreGOPsOfAtMostASecond(t *testing.T) {
	for _, c := range []struct {
		gop  int
		want []int
	}{{10, []int{10, 10, 10, 10, 10, 10, 10, 5}}, {25, []int{25, 25, 25}}, {40, []int{25, 15, 25, 10}}, {1000, []int{25, 25, 25}}} {
		r := write(t, plainStream(3, c.gop, true), time.Time{})
		var got []int
		at := r.Fragments[0].Offset
		for i, f := range r.Fragments {
			got = append(got, f.Frames)
			require.Equal(t, at, f.Offset)
			at += f.Size
			first := 0
			for _, x := range r.Fragments[:i] {
				first += x.Frames
			}
			p := picture(first, c.gop)
			require.Equal(t, p.Time, f.From)
			require.Equal(t, p.PTS, f.PTS)
			require.Equal(t, p.Key, f.Key)
		}
		require.Equal(t, c.want, got)
		require.Equal(t, r.Size, at)
	}
}

// TestRunIsExact cuts a run into segments: neither a frame nor a tick is lost,
// though the wall clock runs 400 ppm faster than the camera's.
func TestRunIsExact(t *testing.T) {
	all := plainStream(12, 50, true).frames
	for i := range all {
		all[i].Time = start.Add(all[i].Time.Sub(start) * 10004 / 10000).Truncate(time.Microsecond)
	}
	var segments []Result
	var read []lieciba.Frame
	w := create(t, plainFormat(true))
	keys := 0
	for _, f := range all {
		if f.Track == lieciba.TrackVideo && f.Key {
			if keys++; keys%2 == 1 && keys > 1 {
				r, err := w.Close(f.Time)
				require.NoError(t, err)
				require.Equal(t, f.Time, r.To)
				segments = append(segments, r)
				w = create(t, plainFormat(true))
			}
		}
		_, err := w.WriteFrame(f)
		require.NoError(t, err)
	}
	r, err := w.Close(time.Time{})
	require.NoError(t, err)
	segments = append(segments, r)
	require.Len(t, segments, 3)
	for i, r := range segments {
		require.Equal(t, toTicks(r.To.Sub(r.From), lieciba.VideoClockRate), ticksOf(t, r))
		if i > 0 {
			require.Equal(t, segments[i-1].To, r.From)
		}
		_, frames := readBack(t, r)
		read = append(read, frames...)
	}
	require.Len(t, read, len(all))
	for _, track := range []lieciba.Track{lieciba.TrackVideo, lieciba.TrackAudio} {
		want, got := stream{frames: all}.of(track), stream{frames: read}.of(track)
		for i := range want {
			require.Equal(t, want[i].PTS, got[i].PTS)
			require.Equal(t, want[i].Units, got[i].Units)
			require.WithinDuration(t, want[i].Time, got[i].Time, 500*time.Microsecond)
		}
	}
}

// TestGuessedDecodingTimesEndWithTheSegment: of B-frames that an extractor could
// not place, while the time model pulls a late start back by 500 ppm.
func TestGuessedDecodingTimesEndWithTheSegment(t *testing.T) {
	show := []int64{0, 3, 1, 2, 6, 4, 5, 9, 7, 8}                                       // in decode order
	guess := []int64{-7200, -3600, -3599, 7200, 7201, 7202, 18000, 18001, 18002, 28800} // as of x265
	for _, ppm := range []int64{-500, 0, 500} {
		bend := func(d time.Duration) time.Time {
			return start.Add(d + d*time.Duration(ppm)/1_000_000).Truncate(time.Microsecond)
		}
		w := create(t, plainFormat(false))
		var want []lieciba.Frame
		for n := range show {
			f := picture(n, len(show))
			f.PTS, f.DTS, f.Time = show[n]*3600, guess[n], bend(time.Duration(show[n])*40*time.Millisecond)
			want = append(want, f)
		}
		feed(t, w, want...)
		r, err := w.Close(bend(400 * time.Millisecond))
		require.NoError(t, err)
		_, got := readBack(t, r)
		for i := range want {
			require.Equal(t, want[i].PTS, got[i].PTS)
			require.LessOrEqual(t, got[i].DTS, want[i].DTS)
			require.True(t, i == 0 || got[i].DTS > got[i-1].DTS)
		}
		require.Equal(t, toTicks(r.To.Sub(r.From), lieciba.VideoClockRate), ticksOf(t, r))
	}
}

// ticksOf sums up the durations of a file's pictures.
func ticksOf(t *testing.T, r Result) (ticks int64) {
	t.Helper()
	_, _, frags := readBoxes(t, r.Path)
	for _, f := range frags {
		for _, x := range f.Moof.Traf.Trun.Samples {
			ticks += int64(x.Dur)
		}
	}
	return ticks
}

func create(t testing.TB, f lieciba.StreamFormat) *Writer {
	t.Helper()
	w, err := Create(filepath.Join(t.TempDir(), "s.mp4"), Params{IDs: testIDs(), Format: f})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Abort()) })
	return w
}

func feed(t testing.TB, w *Writer, frames ...lieciba.Frame) {
	t.Helper()
	for _, f := range frames {
		_, err := w.WriteFrame(f)
		require.NoError(t, err)
	}
}

// TestLateSoundIsKept: sound that arrives after the key frame it precedes lies
// in the new segment, and ffmpeg plays it where it belongs.
func TestLateSoundIsKept(t *testing.T) {
	w := create(t, plainFormat(true))
	early := voice(0)
	early.Time, early.PTS, early.DTS = start.Add(-30*time.Millisecond), 260, 260
	old := voice(0)
	old.Time, old.PTS, old.DTS = start.Add(-1001*time.Millisecond), 100, 100
	feed(t, w, early) // before the first key frame: dropped
	feed(t, w, picture(0, 25), old, early, voice(0), voice(1), picture(1, 25))
	r, err := w.Close(time.Time{})
	require.NoError(t, err)
	require.Equal(t, 2, r.DroppedAudio)
	_, frames := readBack(t, r)
	sameFrames(t, []lieciba.Frame{picture(0, 25), picture(1, 25), early, voice(0), voice(1)}, frames)
	list := packets(t, r.Path)[1]
	require.EqualValues(t, -240, list[0].pts)
	require.EqualValues(t, 0, list[1].pts)
}

// TestSoundStaysInTheFragmentOfItsTime: sound that is ahead of the picture waits.
func TestSoundStaysInTheFragmentOfItsTime(t *testing.T) {
	w := create(t, plainFormat(true))
	for n := range 60 { // all sound at once, before the picture
		if n == 1 {
			for k := range 120 {
				feed(t, w, voice(k))
			}
		}
		feed(t, w, picture(n, 25))
	}
	r, err := w.Close(time.Time{})
	require.NoError(t, err)
	raw, err := os.ReadFile(r.Path)
	require.NoError(t, err)
	in, err := ParseInit(raw)
	require.NoError(t, err)
	for i, f := range r.Fragments {
		frames, err := ParseFragment(raw[f.Offset:f.Offset+f.Size], in)
		require.NoError(t, err)
		list := stream{frames: frames}.of(lieciba.TrackAudio)
		require.Equal(t, voice(i*50), list[0])
		require.Len(t, list, []int{50, 50, 20}[i])
	}
}

// TestSoundSwitchedOffAndOn: the gap is a gap in the file, to the tick.
func TestSoundSwitchedOffAndOn(t *testing.T) {
	s := plainStream(6, 25, true)
	kept := s.frames[:0:0]
	for _, f := range s.frames {
		off := f.Time.Sub(start) >= 1500*time.Millisecond && f.Time.Sub(start) < 4300*time.Millisecond
		if f.Track == lieciba.TrackVideo || !off {
			kept = append(kept, f)
		}
	}
	s.frames = kept
	r := write(t, s, time.Time{})
	_, frames := readBack(t, r)
	sameFrames(t, kept, frames)
	want := s.of(lieciba.TrackAudio)
	for i, p := range packets(t, r.Path)[1] {
		require.Equal(t, toTicks(want[i].Time.Sub(start), 8000), p.pts)
	}
}

// TestSilentTrackIsTakenOut: a player must not wait for a track without samples.
func TestSilentTrackIsTakenOut(t *testing.T) {
	s := plainStream(2, 25, true)
	s.frames = s.of(lieciba.TrackVideo)
	r := write(t, s, time.Time{})
	require.Nil(t, r.Format.Audio)
	require.Equal(t, "video\n", run(t, "ffprobe", "-v", "error", "-of", "csv=p=0", "-show_entries", "stream=codec_type", r.Path))
	in, frames := readBack(t, r)
	require.Nil(t, in.Format.Audio)
	sameFrames(t, s.frames, frames)
	again, err := Recover(r.Path)
	require.NoError(t, err)
	require.Equal(t, r, again)
}

func TestManyFragmentsShareReferences(t *testing.T) {
	r := write(t, plainStream(24, 2, false), time.Time{}) // 300 fragments
	_, sidx, frags := readBoxes(t, r.Path)
	require.Len(t, frags, 300)
	require.Len(t, sidx.SidxRefs, 150)
	end, ticks := sidx.AnchorPoint, uint32(0)
	for _, ref := range sidx.SidxRefs {
		end += uint64(ref.ReferencedSize)
		ticks += ref.SubSegmentDuration
	}
	require.EqualValues(t, r.Size, end)
	require.EqualValues(t, 24*90000, ticks)
}

func TestWriterRefuses(t *testing.T) {
	w := create(t, plainFormat(false))
	_, err := w.WriteFrame(picture(1, 25))
	require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err), "not a key frame")
	feed(t, w, picture(0, 25), picture(2, 25))
	for name, f := range map[string]lieciba.Frame{
		"DTS goes back":  picture(1, 25),
		"DTS stands":     picture(2, 25),
		"no sound track": voice(0),
		"no bytes":       {Time: start, DTS: 20000, PTS: 20000, Units: [][]byte{{}}},
		"PTS far away":   {Time: start, DTS: 20000, PTS: 1 << 40, Units: [][]byte{{1}}},
	} {
		_, err := w.WriteFrame(f)
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err), name)
	}
	_, err = w.Close(picture(2, 25).Time)
	require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err), "the end is not after the last frame")
	r, err := w.Close(picture(3, 25).Time)
	require.NoError(t, err)
	require.Equal(t, 2, r.Frames)
	_, err = w.Close(time.Time{})
	require.Error(t, err)
	_, err = w.WriteFrame(picture(3, 25))
	require.Error(t, err)
	_, err = Create(r.Path, Params{Format: plainFormat(false)})
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err), "the name is taken")
	_, err = Create(filepath.Join(t.TempDir(), "x.mp4"), Params{Format: lieciba.StreamFormat{Video: lieciba.VideoFormat{Codec: "mjpeg"}}})
	require.Equal(t, lieciba.CodeUnsupported, lieciba.CodeOf(err))
}

func TestAloneFrameAndNoFrame(t *testing.T) {
	w := create(t, plainFormat(false))
	feed(t, w, picture(0, 25))
	r, err := w.Close(time.Time{})
	require.NoError(t, err)
	require.Equal(t, 40*time.Millisecond, r.To.Sub(r.From))

	w = create(t, plainFormat(false))
	_, err = w.Close(time.Time{})
	require.ErrorIs(t, err, ErrEmpty)
	require.NoFileExists(t, w.PartPath())
}

// TestDurableGrows: what Fragments tells is on disk and readable while the file grows.
func TestDurableGrows(t *testing.T) {
	w := create(t, plainFormat(true))
	require.Equal(t, lieciba.Interval{}, w.Durable())
	for _, f := range plainStream(3, 25, true).frames {
		flushed, err := w.WriteFrame(f)
		require.NoError(t, err)
		if !flushed {
			continue
		}
		list := w.Fragments()
		require.Equal(t, lieciba.Interval{From: start, To: f.Time}, w.Durable())
		raw, err := os.ReadFile(w.PartPath())
		require.NoError(t, err)
		in, err := ParseInit(raw[:w.InitSize()])
		require.NoError(t, err)
		require.True(t, in.To.IsZero())
		last := list[len(list)-1]
		_, err = ParseFragment(raw[last.Offset:last.Offset+last.Size], in)
		require.NoError(t, err)
	}
	require.Len(t, w.Fragments(), 2)
}

// TestEveryDiskStepMayFail fails each step of writing and closing, before and
// after it persisted: nothing that was reported durable is ever lost.
func TestEveryDiskStepMayFail(t *testing.T) {
	boom := &os.PathError{Op: "write", Err: syscall.ENOSPC}
	for _, persisted := range []bool{false, true} {
		for nth := 1; ; nth++ {
			n, step := 0, durable.Step("")
			disk := durable.OS.With(func(s durable.Step, _ string, do func() error) error {
				n++
				if n != nth {
					return do()
				}
				step = s
				if persisted {
					return errors.Join(do(), boom)
				}
				return boom
			})
			path := filepath.Join(t.TempDir(), "s.mp4")
			flushed, r, closed := faulty(t, disk, path)
			if step == "" {
				require.NoError(t, closed, "no step left to fail")
				require.Greater(t, nth, 10)
				break
			}
			if closed != nil {
				if _, err := os.Stat(path); err != nil {
					path += PartSuffix
				}
				var err error
				if r, err = Recover(path); err != nil && flushed == 0 {
					continue
				}
				require.NoError(t, err, "step %d, %s, persisted %t", nth, step, persisted)
			}
			require.GreaterOrEqual(t, len(r.Fragments), flushed, "step %d, %s, persisted %t", nth, step, persisted)
			_, frames := readBack(t, r)
			want := plainStream(3, 25, true).of(lieciba.TrackVideo)
			require.Equal(t, want[:r.Frames], stream{frames: frames}.of(lieciba.TrackVideo))
		}
	}
}

// faulty writes a segment on a disk that fails; it returns how many fragments
// were reported durable, and what Close said.
func faulty(t *testing.T, disk *durable.Disk, path string) (flushed int, r Result, closed error) {
	w, err := Create(path, Params{IDs: testIDs(), Format: plainFormat(true), Disk: disk})
	if err != nil {
		return 0, r, err
	}
	for _, f := range plainStream(3, 25, true).frames {
		if _, err := w.WriteFrame(f); err != nil {
			require.Equal(t, lieciba.CodeFull, lieciba.CodeOf(err))
			break
		}
	}
	flushed = len(w.Fragments())
	r, closed = w.Close(time.Time{})
	return flushed, r, closed
}

func TestNTPKeepsMicroseconds(t *testing.T) {
	for _, day := range []string{"1970-01-01", "2026-11-22", "2036-02-06", "2036-02-07", "2036-02-08", "2099-12-31"} {
		at, err := time.Parse(time.DateOnly, day)
		require.NoError(t, err)
		for us := 0; us < 1_000_000; us += 7 {
			want := at.Add(6*time.Hour + 28*time.Minute + 15*time.Second + time.Duration(us)*time.Microsecond)
			if got := fromNTP(toNTP(want)); got != want {
				t.Fatalf("%s became %s", want, got)
			}
		}
	}
}
