package viewer

import (
	"lieciba"
	"lieciba/viewer/sound"
)

// liveSound is the sound of one stream as one codec, made once for all who
// listen. Guarded by its stream's mutex.
type liveSound struct {
	target    string
	pipe      sound.Pipe // nil: cannot be played, err says why
	err       error
	listeners map[*liveSub]struct{}
	corrupt   int // units in a row that could not be decoded
}

// corruptLimit is how many units in a row are forgiven before users are told.
const corruptLimit = 25

func (l *liveSound) open(f *lieciba.AudioFormat) {
	l.close()
	l.err, l.corrupt = nil, 0
	if f == nil {
		l.err = lieciba.Errorf(lieciba.CodeUnsupported, "the camera sends no sound")
	} else {
		l.pipe, l.err = sound.New(*f, l.target)
	}
	for sub := range l.listeners {
		sub.soundState(l.err)
	}
}

func (l *liveSound) close() {
	if l.pipe != nil {
		l.pipe.Close()
		l.pipe = nil
	}
}

// push plays one frame to all listeners. A failure is told once, in words.
func (l *liveSound) push(f lieciba.Frame) {
	if l.pipe == nil {
		return
	}
	packets, err := l.pipe.Push(f)
	if err == nil {
		l.corrupt = 0
	} else if l.corrupt++; l.corrupt == corruptLimit || lieciba.CodeOf(err) != lieciba.CodeCorrupt {
		l.close()
		l.err = err
		for sub := range l.listeners {
			sub.soundState(err)
		}
	}
	for _, p := range packets {
		for sub := range l.listeners {
			sub.sound(p)
		}
	}
}

// sound hands an audio frame to every codec that someone listens to.
func (s *liveStream) sound(f lieciba.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, snd := range s.sounds {
		snd.push(f)
	}
}

// listen adds a listener; s.mu is held.
func (s *liveStream) listen(sub *liveSub) {
	target := sub.audio.codec.name
	snd, ok := s.sounds[target]
	if !ok {
		snd = &liveSound{target: target, listeners: map[*liveSub]struct{}{}}
		snd.open(s.format.Audio)
		s.sounds[target] = snd
	}
	snd.listeners[sub] = struct{}{}
	if snd.err != nil {
		sub.soundState(snd.err)
	}
}

// unlisten removes a listener and stops a codec that nobody hears; s.mu is held.
func (s *liveStream) unlisten(sub *liveSub) {
	target := sub.audio.codec.name
	snd, ok := s.sounds[target]
	if !ok {
		return
	}
	delete(snd.listeners, sub)
	if len(snd.listeners) == 0 {
		snd.close()
		delete(s.sounds, target)
	}
}

// transcodes counts the codecs that are made by encoding; s.mu is held.
func (s *liveStream) transcodes() int {
	n := 0
	for _, snd := range s.sounds {
		if snd.pipe != nil && !snd.pipe.Passthrough() {
			n++
		}
	}
	return n
}
