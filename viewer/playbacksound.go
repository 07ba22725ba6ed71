package viewer

import (
	"math/rand/v2"
	"time"

	"lieciba"
	"lieciba/viewer/play"
	"lieciba/viewer/sound"
)

// playSound turns the sound of whichever camera is heard into packets of the
// one sound track. Owned by the playback's loop.
type playSound struct {
	b       *playback
	pipe    sound.Pipe
	run     lieciba.RunID // that pipe is for
	cam     int
	err     string // why nothing is heard; "": nothing wrong
	corrupt int

	base   uint32 // timestamp of tick 0 of the stretch
	fresh  bool   // the next packet starts a stretch
	last   uint32
	lastAt time.Time
	any    bool
}

// play sends what one frame gives.
func (s *playSound) play(now time.Time, a play.PlaySound) {
	t := s.b.soundTrack
	if t == nil || a.Chunk.Format.Audio == nil {
		return
	}
	if s.pipe == nil && s.err != "" && s.run == a.Chunk.Run && s.cam == a.Camera {
		return // this run cannot be played
	}
	if s.pipe == nil || s.run != a.Chunk.Run || s.cam != a.Camera {
		s.open(a, t.codec.name)
	}
	if s.pipe == nil {
		return
	}
	packets, err := s.pipe.Push(a.Frame)
	if err == nil {
		s.corrupt = 0
	} else if s.corrupt++; s.corrupt >= corruptLimit || lieciba.CodeOf(err) != lieciba.CodeCorrupt {
		s.fail(err)
	}
	for _, p := range packets {
		if err := s.send(now, t, p); err != nil {
			s.b.peer.cancel()
			return
		}
	}
}

func (s *playSound) open(a play.PlaySound, target string) {
	s.close()
	s.run, s.cam, s.fresh, s.err, s.corrupt = a.Chunk.Run, a.Camera, true, "", 0
	pipe, err := sound.New(*a.Chunk.Format.Audio, target)
	if err != nil {
		s.fail(err)
		return
	}
	s.pipe = pipe
}

func (s *playSound) fail(err error) {
	s.close()
	s.err = userMessage(err)
}

func (s *playSound) send(now time.Time, t *track, p sound.Packet) error {
	marker := s.fresh || !s.any
	if marker {
		s.fresh = false
		clock := float64(sound.ClockRate(t.codec.name))
		next := rand.Uint32()
		if s.any {
			next = s.last + max(1, uint32(now.Sub(s.lastAt).Seconds()*clock))
		}
		s.base = next - uint32(p.Ticks)
	}
	ts := s.base + uint32(p.Ticks)
	s.last, s.lastAt, s.any = ts, now, true
	if err := t.write(p.Payload, ts, marker); err != nil {
		return err
	}
	t.note(ts, now, now)
	return nil
}

// mute ends a stretch: what follows has nothing to do with what was.
func (s *playSound) mute() { s.close(); s.run = ""; s.err = "" }

func (s *playSound) close() {
	if s.pipe != nil {
		s.pipe.Close()
		s.pipe = nil
	}
}
