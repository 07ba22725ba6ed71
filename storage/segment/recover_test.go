package segment

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/durable"
)

// torn writes a segment of 2 s and 3 frames and returns the bytes of the file before Close
// with the fragments that were durable.
func torn(t testing.TB, audio bool) ([]byte, []lieciba.Fragment) {
	t.Helper()
	w := create(t, plainFormat(audio))
	feed(t, w, plainStream(2, 25, audio).frames...)
	for n := 50; n < 53; n++ { // a short third fragment
		feed(t, w, picture(n, 25))
		if audio {
			feed(t, w, voice(2*n), voice(2*n+1))
		}
	}
	feed(t, w, picture(75, 25)) // flushes it
	raw, err := os.ReadFile(w.PartPath())
	require.NoError(t, err)
	return raw, w.Fragments()
}

// unsynced is a disk that keeps all but waits for nothing: these tests tear
// files by hand, many thousand times.
var unsynced = durable.OS.With(func(s durable.Step, _ string, do func() error) error {
	if s == durable.StepSync || s == durable.StepSyncDir {
		return nil
	}
	return do()
})

func recoverBytes(t testing.TB, dir string, raw []byte) (Result, error) {
	t.Helper()
	path := filepath.Join(dir, "t.mp4"+PartSuffix)
	require.NoError(t, os.WriteFile(path, raw, 0o600))
	r, err := RecoverOn(unsynced, path, nil)
	if err != nil {
		left, readErr := os.ReadFile(path)
		require.NoError(t, readErr, "the file stays")
		require.Equal(t, raw, left)
		return r, err
	}
	require.NoFileExists(t, path)
	return r, nil
}

// TestRecoverAtEveryOffset cuts the last fragment at every byte, with nothing,
// zeros and noise behind the cut: the whole fragments stay, the rest goes.
func TestRecoverAtEveryOffset(t *testing.T) {
	raw, frags := torn(t, true)
	require.Len(t, frags, 3)
	last := frags[2]
	dir := t.TempDir()
	noise := make([]byte, 100)
	_, err := rand.Read(noise)
	require.NoError(t, err)
	var first Result
	for cut := last.Offset; cut < int64(len(raw)); cut++ {
		tails := [][]byte{nil, make([]byte, len(raw)-int(cut)), noise}
		if tail := raw[cut:]; bytes.Count(tail, []byte{0}) == len(tail) {
			tails[1] = append(tails[1], 0) // zeros are what was there: make the file differ
			tails[1] = tails[1][:len(tails[1])-2]
		}
		for i, tail := range tails {
			r, err := recoverBytes(t, dir, append(bytes.Clone(raw[:cut]), tail...))
			require.NoError(t, err)
			require.Equal(t, frags[:2], r.Fragments, "cut at %d, tail %d", cut, i)
			require.Equal(t, cut+int64(len(tail))-last.Offset, r.Cut)
			require.Equal(t, last.Offset, r.Size)
			r.Cut = 0
			if first.Size == 0 {
				first = r
				require.Equal(t, testIDs(), r.IDs)
				require.Equal(t, plainFormat(true), r.Format)
				require.Equal(t, start, r.From)
				require.Equal(t, start.Add(2*time.Second), r.To)
				_, frames := readBack(t, r)
				sameFrames(t, plainStream(2, 25, true).frames, frames)
			}
			require.Equal(t, first, r)
		}
	}
}

// TestRecoverIsClose: recovering all that was flushed gives the file that Close
// would have written at that point, bit for bit; and once more changes nothing.
func TestRecoverIsClose(t *testing.T) {
	for _, audio := range []bool{false, true} {
		raw, _ := torn(t, audio)
		got, err := recoverBytes(t, t.TempDir(), raw)
		require.NoError(t, err)
		w := create(t, plainFormat(audio))
		feed(t, w, plainStream(2, 25, audio).frames...)
		for n := 50; n < 53; n++ {
			feed(t, w, picture(n, 25))
			if audio {
				feed(t, w, voice(2*n), voice(2*n+1))
			}
		}
		want, err := w.Close(picture(75, 25).Time)
		require.NoError(t, err)
		again, err := Recover(got.Path)
		require.NoError(t, err)
		require.Equal(t, got, again)
		require.Equal(t, want.SHA256, got.SHA256)
		got.Path = want.Path
		require.Equal(t, want, got)
	}
}

// TestRecoverAfterEveryTornHead: a crash in the middle of Close's overwriting of
// the head, at every byte of it.
func TestRecoverAfterEveryTornHead(t *testing.T) {
	for _, lead := range []bool{false, true} {
		w := create(t, plainFormat(true))
		feed(t, w, picture(0, 25))
		if lead {
			early := voice(0)
			early.Time, early.PTS, early.DTS = start.Add(-30*time.Millisecond), 260, 260
			feed(t, w, early)
		}
		for n := 1; n <= 50; n++ {
			feed(t, w, picture(n, 25))
		}
		before, err := os.ReadFile(w.PartPath())
		require.NoError(t, err)
		end := w.Durable().To
		whole, err := recoverBytes(t, t.TempDir(), before)
		require.NoError(t, err)
		require.Equal(t, end, whole.To)
		after, err := os.ReadFile(whole.Path)
		require.NoError(t, err)
		dir := t.TempDir()
		for cut := int64(0); cut < whole.Fragments[0].Offset; cut += step(cut, whole) {
			r, err := recoverBytes(t, dir, append(bytes.Clone(after[:cut]), before[cut:]...))
			require.NoError(t, err, "cut at %d", cut)
			require.Equal(t, whole.SHA256, r.SHA256, "cut at %d", cut)
		}
	}
}

// step visits every byte of a file, but of the index area one in sixteen.
func step(at int64, r Result) int64 {
	if at > r.InitSize+100 && at < r.Fragments[0].Offset-16 {
		return 16
	}
	return 1
}

func TestRecoverEmpty(t *testing.T) {
	raw, frags := torn(t, true)
	dir := t.TempDir()
	for _, n := range []int64{0, 1, 8, 100, frags[0].Offset - 1, frags[0].Offset, frags[1].Offset - 1} {
		r, err := recoverBytes(t, dir, raw[:n])
		require.ErrorIs(t, err, ErrEmpty, "%d bytes", n)
		require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err))
		if n >= frags[0].Offset-1 {
			require.Equal(t, testIDs(), r.IDs)
		}
	}
	_, err := Recover(filepath.Join(dir, "none.mp4.part"))
	require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(err))
}

// TestClosedSegmentIsNeverChanged: every byte of a closed file counts.
func TestClosedSegmentIsNeverChanged(t *testing.T) {
	r := write(t, plainStream(1, 10, false), time.Time{})
	raw, err := os.ReadFile(r.Path)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "c.mp4")
	damaged := [][]byte{raw[:len(raw)-1], raw[:r.Fragments[2].Offset], append(bytes.Clone(raw), 0)}
	for at := int64(0); at < r.Size; at += step(at, r) {
		b := bytes.Clone(raw)
		b[at] ^= 0x10
		damaged = append(damaged, b)
	}
	for i, b := range damaged {
		require.NoError(t, os.WriteFile(path, b, 0o600))
		got, err := RecoverOn(unsynced, path, nil)
		if err == nil { // IDs and format are what nothing else in the file proves
			require.NotEqual(t, r.SHA256, got.SHA256)
			same := r.IDs == got.IDs && reflect.DeepEqual(r.Format, got.Format) && r.From.Equal(got.From)
			require.False(t, same, "damage %d was not seen", i)
		}
		left, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, b, left)
	}
}

// TestFragmentDamage: no flipped bit of a fragment passes the reader.
func TestFragmentDamage(t *testing.T) {
	raw, frags := torn(t, true)
	in, err := ParseInit(raw)
	require.NoError(t, err)
	f := frags[1]
	b := bytes.Clone(raw[f.Offset : f.Offset+f.Size])
	_, err = ParseFragment(b, in)
	require.NoError(t, err)
	for i := range b {
		b[i] ^= 1
		_, err := ParseFragment(b, in)
		require.Error(t, err, "byte %d", i)
		b[i] ^= 1
		_, err = ParseFragment(b[:i], in)
		require.Error(t, err, "cut at %d", i)
	}
}

// TestScanRefusesOthers: an MP4 file that is not ours is told apart from damage.
func TestScanRefusesOthers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.mp4")
	run(t, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=64x64", "-t", "0.2", "-movflags", "empty_moov", file)
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	_, err = Scan(bytes.NewReader(raw), int64(len(raw)))
	require.Equal(t, lieciba.CodeUnsupported, lieciba.CodeOf(err))
	_, err = ParseInit([]byte("\x00\x00\x00\x08moof"))
	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err))
}

// restamp computes a fragment's CRC anew, so that damage reaches what is behind it.
func restamp(b []byte) {
	if p, err := locate(b); err == nil {
		binary.BigEndian.PutUint32(b[p.crcAt:], p.sum(b))
	}
}

// TestTailIsKept: damage in the middle of a torn file cuts off whole fragments.
// All that is cut is handed over first, and it is told how much of it is whole.
func TestTailIsKept(t *testing.T) {
	raw, frags := torn(t, true)
	path := filepath.Join(t.TempDir(), "t.mp4"+PartSuffix)
	for _, c := range []struct {
		name  string
		at    int64 // the damaged byte
		whole int
	}{{"first byte of the second", frags[1].Offset, 1}, {"payload of the second", frags[2].Offset - 5, 1}, {"payload of the last", int64(len(raw)) - 5, 0}} {
		damaged := bytes.Clone(raw)
		damaged[c.at] ^= 0xff
		require.NoError(t, os.WriteFile(path, damaged, 0o600))
		var kept []byte
		var tail Tail
		keep := func(x Tail) (err error) {
			tail = x
			kept, err = io.ReadAll(x)
			return err
		}
		_, err := RecoverOn(unsynced, path, func(Tail) error { return errors.New("no room") })
		require.ErrorContains(t, err, "no room", c.name)
		left, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, damaged, left, "nothing is cut that was not kept")

		r, err := RecoverOn(unsynced, path, keep)
		require.NoError(t, err, c.name)
		require.Equal(t, c.whole, tail.Whole, c.name)
		require.Equal(t, r.Size, tail.Offset)
		require.Equal(t, r.Cut, tail.Size)
		require.Equal(t, damaged[r.Size:], kept, c.name)
	}
}

// TestTailIsSearchedInChunks: a fragment is found wherever it stands in the
// chunks that are read.
func TestTailIsSearchedInChunks(t *testing.T) {
	raw, frags := torn(t, false)
	f := frags[1]
	for _, gap := range []int64{0, 1, tailChunk - 8, tailChunk - 7, tailChunk - 5, tailChunk - 4, tailChunk - 1, tailChunk, 2*tailChunk + 3} {
		b := append(bytes.Clone(raw[:f.Offset]), 0xff)
		b = append(b, bytes.Repeat([]byte{0xff}, int(gap))...)
		b = append(b, raw[f.Offset:f.Offset+f.Size]...)
		x, err := Scan(bytes.NewReader(b), int64(len(b)))
		require.NoError(t, err)
		require.Equal(t, f.Offset, x.End)
		tail, err := x.behind(bytes.NewReader(b), int64(len(b)))
		require.NoError(t, err)
		require.Equal(t, 1, tail.Whole, "%d bytes of noise", gap)
	}
}
