package viewer

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"lieciba"
	"lieciba/viewer/packet"
	"lieciba/viewer/sound"
)

const (
	burstStep     = 90                     // ticks between the frames of a burst: 1 ms
	pliEvery      = 500 * time.Millisecond // at most one burst on request so often
	mapEvery      = time.Second
	liveQueue     = 3 << 20 // bytes; a live viewer further behind waits for a key frame
	maxFrameTicks = 10 * lieciba.VideoClockRate
)

// Live answers a WHEP offer with a live stream of a camera. It returns once the
// answer is made; ctx bounds that only. owner is who may hang up; field "offer"
// is named by CodeInvalid. CodeUnsupported: the browser cannot show the stream,
// and the message says what to do; CodeUnavailable: the camera is silent, or
// the server is full; CodeRateLimited: the owner watches too much.
func (v *Viewer) Live(ctx context.Context, camera lieciba.CameraID, role lieciba.StreamRole, offerSDP, owner string) (id, answer string, err error) {
	o, err := parseOffer(offerSDP)
	if err != nil {
		return "", "", err
	}
	if len(o.video) != 1 {
		return "", "", badOffer("has %d video lines: a live picture takes one", len(o.video))
	}
	stream, c, note, err := v.chooseStream(ctx, streamKey{camera, role}, o.video[0])
	if err != nil {
		return "", "", err
	}
	sub := &liveSub{stream: stream, video: newTrack(webrtc.RTPCodecTypeVideo, "video", string(camera), c), seq: rand.Uint32()}
	codecs := []codec{}
	if a, ok := chooseAudio(stream, o.audio); ok {
		sub.audio = newTrack(webrtc.RTPCodecTypeAudio, "audio", string(camera), a)
		sub.audioBase = rand.Uint32()
		codecs = append(codecs, a)
	}
	sub.pacer = newPacer(sub.video, v.cfg.BurstRate)
	p, err := v.reserve(owner, camera, []*track{sub.video}, sub.audio)
	if err != nil {
		v.hub.release(stream)
		return "", "", err
	}
	sub.peer = p
	p.keyFrame = func(int) { sub.keyFrame(v) }
	p.onEnd = func(bool) { v.hub.release(stream) }
	media, err := mediaEngine([]codec{c}, codecs)
	if err != nil {
		v.release(p)
		return "", "", lieciba.Wrap(err, lieciba.CodeInvalid, "the offer's codecs contradict each other")
	}
	for _, s := range note {
		p.tell(s)
	}
	answer, err = v.connect(ctx, p, o, media, func(ctx context.Context) { sub.run(ctx, v) })
	if err != nil {
		return "", "", err
	}
	return p.id, answer, nil
}

// chooseStream opens the wanted stream, or the sub stream when only that can be
// shown: an H.265 camera in a browser that lists no H.265.
func (v *Viewer) chooseStream(ctx context.Context, key streamKey, line mline) (*liveStream, codec, []liveState, error) {
	s, err := v.hub.open(ctx, key)
	if err != nil {
		return nil, codec{}, nil, err
	}
	format := s.currentFormat()
	if c, ok := line.pickVideo(format.Video); ok {
		return s, c, []liveState{playing(key.role, format)}, nil
	}
	v.hub.release(s)
	refusal := lieciba.Errorf(lieciba.CodeUnsupported, "this browser cannot show the camera's %s picture", videoName(format.Video.Codec))
	if key.role == lieciba.StreamSub {
		refusal.Message += ": set H.264 for the sub stream on the camera"
		return nil, codec{}, nil, refusal
	}
	refusal.Message += ": view its sub stream, or use a browser that plays H.265"
	s, err = v.hub.open(ctx, streamKey{key.camera, lieciba.StreamSub})
	if err != nil {
		refusal.Cause = err
		return nil, codec{}, nil, refusal
	}
	sub := s.currentFormat()
	c, ok := line.pickVideo(sub.Video)
	if !ok {
		v.hub.release(s)
		return nil, codec{}, nil, refusal
	}
	return s, c, []liveState{playing(lieciba.StreamSub, sub), {Ev: "state", Kind: "sub_stream",
		Text: "The camera's main picture is H.265, which this browser cannot show: this is its sub stream."}}, nil
}

// chooseAudio picks the codec in which the stream's sound is sent.
func chooseAudio(s *liveStream, line *mline) (codec, bool) {
	f := s.currentFormat().Audio
	if f == nil {
		// Sound may come with a later run of the camera.
		return line.pickAudio(sound.Opus)
	}
	for _, name := range sound.Targets(*f) {
		if c, ok := line.pickAudio(name); ok {
			return c, true
		}
	}
	return codec{}, false
}

func playing(role lieciba.StreamRole, f lieciba.StreamFormat) liveState {
	text := "The " + string(role) + " stream is shown, " + videoName(f.Video.Codec)
	if f.Audio != nil {
		text += " with " + strings.ToUpper(string(f.Audio.Codec)) + " sound"
	}
	return liveState{Ev: "state", Kind: "playing", Text: text + "."}
}

func videoName(c lieciba.VideoCodec) string {
	if c == lieciba.H265 {
		return "H.265"
	}
	return "H.264"
}

func (s *liveStream) currentFormat() lieciba.StreamFormat {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.format
}

// liveSub is one viewer of a live stream. Its methods other than run and
// keyFrame are called with the stream's mutex held.
type liveSub struct {
	stream *liveStream
	peer   *peer
	video  *track
	audio  *track // nil: no sound
	pacer  *pacer

	// The clock of the picture: where the last frame was put.
	seq      uint32 // its RTP timestamp
	pts      int64
	wall     time.Time
	any      bool // a frame was sent
	waitKey  bool // frames are dropped until a key frame
	newRun   bool // the next frame's PTS has nothing to do with the last
	inBurst  bool
	first    uint32 // RTP timestamp from which the current map holds
	mappedAt time.Time

	audioBase  uint32 // RTP timestamp of tick 0
	audioWall  time.Time
	audioTick  int64
	audioAny   bool
	audioNew   bool
	soundError string

	pliMu sync.Mutex
	pliAt time.Time
}

// run shows the stream until ctx ends.
func (s *liveSub) run(ctx context.Context, v *Viewer) {
	if s.audio == nil {
		s.peer.tell(liveState{Ev: "state", Kind: "no_sound", Text: "No sound: the camera sends none, or this page asked for none."})
	}
	if err := s.stream.subscribe(s); err != nil {
		s.ended()
		return
	}
	defer s.stream.unsubscribe(s)
	v.burst()
	if err := s.pacer.run(ctx); err != nil {
		s.peer.log.Debug("viewer's connection is gone", "viewer", s.peer.id, "error", err)
	}
}

func (s *liveSub) begin(lieciba.StreamFormat) { s.waitKey, s.newRun = true, true }

// picture gives the frame its timestamp and queues it. A viewer that is too far
// behind loses frames up to the next key frame.
func (s *liveSub) picture(p packet.Frame, burst bool) {
	if s.waitKey && !p.Key || len(p.Payloads) == 0 {
		return
	}
	if !burst && s.pacer.waiting() > liveQueue {
		s.waitKey = true
		return
	}
	s.waitKey = false
	ts := s.seq + s.advance(p, burst)
	if burst && !s.inBurst {
		s.first = ts
	}
	if s.inBurst && !burst || s.newRun && !burst {
		s.settle()
		if s.newRun {
			s.first = ts
		}
	}
	s.inBurst = burst
	s.seq, s.pts, s.wall, s.any, s.newRun = ts, p.PTS, p.Time, true, false
	if !s.pacer.put(outFrame{Frame: p, ts: ts, wall: p.Time}) {
		s.waitKey = true
	}
	if !burst && p.Time.Sub(s.mappedAt).Abs() >= mapEvery {
		s.tellMap()
	}
}

// advance is how many ticks the frame comes after the last one.
func (s *liveSub) advance(p packet.Frame, burst bool) uint32 {
	if !s.any || burst {
		return burstStep
	}
	d := p.PTS - s.pts
	if s.newRun || d <= 0 && p.Key || d > maxFrameTicks {
		d = int64(p.Time.Sub(s.wall).Seconds() * lieciba.VideoClockRate)
		d = min(max(d, burstStep), maxFrameTicks)
	}
	return uint32(d)
}

// settle ends a burst: the map says what its last frame is.
func (s *liveSub) settle() {
	if s.inBurst && s.any {
		s.tellMap()
	}
	s.inBurst = false
}

// rewind prepares a burst of the GOP that is on screen already.
func (s *liveSub) rewind() {
	s.pacer.clear()
	s.waitKey = true
}

func (s *liveSub) tellMap() {
	s.mappedAt = s.wall
	s.peer.tell(liveMap{Ev: "map", RTP: s.seq, First: s.first, At: stamp(s.wall)})
}

func (s *liveSub) restarted(f lieciba.StreamFormat) {
	if string(f.Video.Codec) != s.video.codec.name {
		s.peer.tell(liveState{Ev: "state", Kind: "unsupported",
			Text: "The camera came back with " + videoName(f.Video.Codec) + ": open the picture again."})
		s.peer.cancel()
		return
	}
	s.settle()
	s.waitKey, s.newRun, s.audioNew = true, true, true
	s.mappedAt = time.Time{}
	s.peer.tell(liveState{Ev: "state", Kind: "restart", Text: "The camera came back as a new stream."})
}

func (s *liveSub) ended() {
	s.peer.tell(liveState{Ev: "state", Kind: "ended", Text: "The camera's stream has ended."})
	s.peer.cancel()
}

// soundState says why nothing is heard; nil: sound is there again.
func (s *liveSub) soundState(err error) {
	text := ""
	if err != nil {
		text = userMessage(err)
	}
	if text == s.soundError {
		return
	}
	s.soundError = text
	if err != nil {
		s.peer.tell(liveState{Ev: "state", Kind: "sound_error", Text: "No sound: " + text})
	}
}

// sound sends one packet at once: sound is never part of a burst.
func (s *liveSub) sound(p sound.Packet) {
	clock := int64(sound.ClockRate(s.audio.codec.name))
	switch {
	case !s.audioAny:
		s.audioBase -= uint32(p.Ticks)
	case s.audioNew:
		gone := max(p.Time.Sub(s.audioWall), 20*time.Millisecond)
		next := s.audioBase + uint32(s.audioTick) + uint32(int64(gone)*clock/int64(time.Second))
		s.audioBase = next - uint32(p.Ticks)
	}
	marker := !s.audioAny || s.audioNew
	s.audioAny, s.audioNew, s.audioTick, s.audioWall = true, false, p.Ticks, p.Time
	ts := s.audioBase + uint32(p.Ticks)
	if err := s.audio.write(p.Payload, ts, marker); err != nil {
		s.peer.cancel()
		return
	}
	s.audio.note(ts, p.Time, time.Now())
}

// keyFrame answers a PLI with the current GOP, at most so often.
func (s *liveSub) keyFrame(v *Viewer) {
	s.pliMu.Lock()
	now := time.Now()
	soon := now.Sub(s.pliAt) < pliEvery
	if !soon {
		s.pliAt = now
	}
	s.pliMu.Unlock()
	if soon || s.pacer.waiting() > 0 {
		return
	}
	s.stream.again(s)
	v.burst()
}
