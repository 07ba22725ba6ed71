package segment

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"lieciba"
)

// seeds are whole files: with sound, without, H.265 and B-frames by hand.
func seeds(f *testing.F) (files [][]byte) {
	add := func(s stream) {
		path := write(f, s, time.Time{}).Path
		raw, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		files = append(files, raw)
	}
	add(plainStream(1, 10, true))
	add(plainStream(1, 25, false))
	s := plainStream(1, 10, true)
	for i, a := range []lieciba.AudioFormat{{Codec: lieciba.AAC, SampleRate: 8000, Channels: 1, Config: []byte{0x15, 0x88}},
		{Codec: lieciba.Opus, SampleRate: 48000, Channels: 2}, {Codec: lieciba.PCMU, SampleRate: 8000, Channels: 1}} {
		s.format.Audio = &a
		for k := range s.frames {
			if i == 0 && s.frames[k].Track == lieciba.TrackVideo {
				s.frames[k].PTS += []int64{7200, 10800, 3600}[k%3]
			}
		}
		add(s)
	}
	s = plainStream(1, 10, false)
	sps := make([]byte, 30)
	sps[0] = 33 << 1
	s.format.Video = lieciba.VideoFormat{Codec: lieciba.H265, Width: 64, Height: 64, VPS: []byte{32 << 1, 1}, SPS: sps, PPS: []byte{34 << 1, 1}}
	add(s)
	return files
}

func FuzzParseInit(f *testing.F) {
	for _, raw := range seeds(f) {
		f.Add(raw[:2000])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		in, err := ParseInit(b)
		if err != nil {
			if c := lieciba.CodeOf(err); c != lieciba.CodeCorrupt && c != lieciba.CodeUnsupported {
				t.Fatalf("code %q: %v", c, err)
			}
			return
		}
		if in.Size > int64(len(b)) || in.Body < in.Size {
			t.Fatalf("init of %d bytes, body at %d, in %d bytes", in.Size, in.Body, len(b))
		}
	})
}

// FuzzParseFragment stamps a right CRC on what it tries, else nothing would
// come past it.
func FuzzParseFragment(f *testing.F) {
	var inits []Init
	for _, raw := range seeds(f) {
		x, err := Scan(bytes.NewReader(raw), int64(len(raw)))
		if err != nil || x.Torn != nil {
			f.Fatal(err, x.Torn)
		}
		for _, frag := range x.Fragments {
			f.Add(raw[frag.Offset:frag.Offset+frag.Size], byte(len(inits)))
		}
		inits = append(inits, x.Init)
	}
	f.Fuzz(func(t *testing.T, b []byte, n byte) {
		b = bytes.Clone(b)
		restamp(b)
		frames, err := ParseFragment(b, inits[int(n)%len(inits)])
		if err != nil {
			if c := lieciba.CodeOf(err); c != lieciba.CodeCorrupt && c != lieciba.CodeUnsupported {
				t.Fatalf("code %q: %v", c, err)
			}
			return
		}
		size := 0
		for _, x := range frames {
			if len(x.Units) == 0 || x.Size() == 0 || x.Time.IsZero() {
				t.Fatalf("an empty frame: %v", x)
			}
			size += x.Size()
		}
		if size > len(b) {
			t.Fatalf("%d bytes of payload in %d", size, len(b))
		}
	})
}

// FuzzRecover: whatever the file holds, Recover ends with a segment that a
// second Recover finds unchanged, or leaves the file as it was.
func FuzzRecover(f *testing.F) {
	for _, raw := range seeds(f) {
		f.Add(raw, uint16(0))
		f.Add(raw[:len(raw)-100], uint16(1))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte, fix uint16) {
		b = bytes.Clone(b)
		if x, err := Scan(bytes.NewReader(b), int64(len(b))); err == nil && fix&1 == 0 && x.End < int64(len(b)) {
			if n, err := fragmentSize(bytes.NewReader(b), x.End, int64(len(b))); err == nil {
				restamp(b[x.End : x.End+n])
			}
		}
		path := filepath.Join(dir, "f.mp4"+PartSuffix)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := RecoverOn(unsynced, path, nil)
		if err != nil {
			left, readErr := os.ReadFile(path)
			if readErr != nil {
				t.Fatal(readErr)
			}
			if int64(len(left)) > int64(len(b)) {
				t.Fatal("the file grew")
			}
			return
		}
		again, err := RecoverOn(unsynced, r.Path, nil)
		if err != nil {
			t.Fatalf("the recovered segment does not read: %v", err)
		}
		if again.SHA256 != r.SHA256 || !again.To.Equal(r.To) || again.Frames != r.Frames {
			t.Fatalf("not the same twice: %+v, %+v", r, again)
		}
	})
}
