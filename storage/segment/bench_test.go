package segment

import (
	"crypto/sha256"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// second is 1 s of a camera of 2 Mbit/s: 25 pictures and 47 AAC frames.
func second() (video, audio []lieciba.Frame) {
	for n := range 26 { // one more, to flush
		f := picture(n, 25)
		f.Units = append(f.Units[:0:0], make([]byte, 10_000))
		video = append(video, f)
	}
	for n := range 47 {
		audio = append(audio, lieciba.Frame{Track: lieciba.TrackAudio, Key: true, PTS: int64(n) * 1024,
			Time: start.Add(fromTicks(int64(n)*1024, 48000)), Units: [][]byte{make([]byte, 170)}})
	}
	return video, audio
}

func aacFormat() lieciba.StreamFormat {
	f := plainFormat(false)
	f.Audio = &lieciba.AudioFormat{Codec: lieciba.AAC, SampleRate: 48000, Channels: 1, Config: []byte{0x11, 0x88}}
	return f
}

// BenchmarkEncode is one fragment in memory: moof, mdat and CRC.
func BenchmarkEncode(b *testing.B) {
	video, audio := second()
	c := content{sequence: 1, origin: origin{start, 1000}, video: video[:25], endDTS: 91000, audio: audio, audioEnd: 48000}
	w := &boxWriter{}
	b.ReportAllocs()
	for b.Loop() {
		w.b = w.b[:0]
		c.appendTo(w)
	}
	b.SetBytes(int64(len(w.b)))
}

// BenchmarkWriteSecond is the same through WriteFrame, with append and fdatasync.
func BenchmarkWriteSecond(b *testing.B) {
	video, audio := second()
	w := create(b, aacFormat())
	n := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		writeSecond(b, w, video, audio, n)
		n++
	}
}

func writeSecond(t testing.TB, w *Writer, video, audio []lieciba.Frame, n int64) {
	shift := time.Duration(n) * time.Second
	for i := range 25 {
		f := video[i]
		f.Time, f.DTS, f.PTS = f.Time.Add(shift), f.DTS+n*90000, f.PTS+n*90000
		if _, err := w.WriteFrame(f); err != nil {
			t.Fatal(err)
		}
		for k := i * 47 / 25; k < (i+1)*47/25; k++ {
			f := audio[k]
			f.Time, f.DTS, f.PTS = f.Time.Add(shift), f.DTS+n*48000, f.PTS+n*48000
			if _, err := w.WriteFrame(f); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// BenchmarkParseFragment reads that second.
func BenchmarkParseFragment(b *testing.B) {
	video, audio := second()
	c := content{sequence: 1, origin: origin{start, 1000}, video: video[:25], endDTS: 91000, audio: audio, audioEnd: 48000}
	w := &boxWriter{}
	c.appendTo(w)
	in := Init{Format: aacFormat()}
	b.SetBytes(int64(len(w.b)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseFragment(w.b, in); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHash is the part of Close that grows with the file: 10 MB.
func BenchmarkHash(b *testing.B) {
	p := make([]byte, 10<<20)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		sha256.Sum256(p)
	}
}

// TestWriteFrameAllocatesNothing: the hot path. A second has 72 frames and one
// flush; encoding allocates nothing, and durable.File at most once a write.
func TestWriteFrameAllocatesNothing(t *testing.T) {
	video, audio := second()
	c := content{sequence: 1, origin: origin{start, 1000}, video: video[:25], endDTS: 91000, audio: audio, audioEnd: 48000}
	buf := &boxWriter{}
	c.appendTo(buf)
	require.Zero(t, testing.AllocsPerRun(50, func() {
		buf.b = buf.b[:0]
		c.appendTo(buf)
	}))

	w, err := Create(filepath.Join(t.TempDir(), "s.mp4"), Params{Format: aacFormat()})
	require.NoError(t, err)
	defer func() { require.NoError(t, w.Abort()) }()
	n := int64(0)
	for range 2 { // the buffers grow to their size
		writeSecond(t, w, video, audio, n)
		n++
	}
	require.LessOrEqual(t, testing.AllocsPerRun(60, func() {
		writeSecond(t, w, video, audio, n)
		n++
	}), 1.0)
	require.Len(t, w.Fragments(), int(n)-1)
}
