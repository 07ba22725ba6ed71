package viewer

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/pion/webrtc/v4"

	"lieciba"
	"lieciba/viewer/play"
	"lieciba/viewer/sound"
)

// Watched is what of one camera was shown.
type Watched struct {
	Camera lieciba.CameraID
	Spans  []lieciba.Interval // sorted, not touching
}

// Scope is what of a session a playback may show. Nothing outside of it is read
// or sent, whatever the page asks for. The zero Scope opens all.
type Scope struct {
	Cameras []lieciba.CameraID // nil: all of the session
	Span    lieciba.Interval   // of the footage; a zero end is open
	Until   time.Time          // the playback ends then; zero: when somebody ends it
}

func (s Scope) holds(c lieciba.CameraID) bool {
	return s.Cameras == nil || slices.Contains(s.Cameras, c)
}

// Playback answers an offer with the cameras of an exam session in step, from
// `at` on (zero: from the start), as far as the scope goes. It returns once the
// answer is made; ctx bounds that only. onEnd, if not nil, is called exactly once
// when a playback that began has ended, for the audit. Errors as Live;
// CodeNotFound: nothing of the session is on record.
func (v *Viewer) Playback(ctx context.Context, session lieciba.SessionID, at time.Time, scope Scope, offerSDP, owner string, onEnd func([]Watched)) (id, answer string, err error) {
	if v.cfg.Catalog == nil || v.cfg.Source == nil {
		return "", "", lieciba.Errorf(lieciba.CodeUnsupported, "this server keeps no archive")
	}
	o, err := parseOffer(offerSDP)
	if err != nil {
		return "", "", err
	}
	b, err := v.openPlayback(ctx, session, at, scope, o)
	if err != nil {
		return "", "", err
	}
	p, err := v.reserve(owner, "", b.videoTracks(), b.soundTrack)
	if err != nil {
		return "", "", err
	}
	b.peer = p
	p.keyFrame = b.keyFrame
	p.command = b.command
	p.onEnd = func(began bool) {
		if began && onEnd != nil {
			onEnd(b.watched())
		}
	}
	media, err := mediaEngine(b.codecs())
	if err != nil {
		v.release(p)
		return "", "", lieciba.Wrap(err, lieciba.CodeInvalid, "the offer's codecs contradict each other")
	}
	answer, err = v.connect(ctx, p, o, media, b.run)
	if err != nil {
		return "", "", err
	}
	return p.id, answer, nil
}

// openPlayback looks up what is on record and fits it to the offer.
func (v *Viewer) openPlayback(ctx context.Context, session lieciba.SessionID, at time.Time, scope Scope, o offer) (*playback, error) {
	recs, err := v.cfg.Catalog.SessionRecordings(ctx, session)
	if err != nil {
		return nil, err
	}
	if len(recs) == 0 {
		return nil, lieciba.Errorf(lieciba.CodeNotFound, "nothing of this exam session is on record yet")
	}
	if len(o.video) < len(recs) {
		return nil, badOffer("has %d video lines: this session has %d cameras, one recvonly line each", len(o.video), len(recs))
	}
	b := &playback{v: v, scope: scope, cache: play.NewCache(v.cfg.ReadAhead), inbox: make(chan func(time.Time), 64),
		deliveries: make(chan play.Delivery, 4*len(recs))}
	for _, r := range recs {
		c, err := b.openCamera(ctx, r, at)
		if err != nil {
			return nil, err
		}
		b.cams = append(b.cams, c)
	}
	// Tracks take the first free lines: cameras that stay shut come last.
	slices.SortStableFunc(b.cams, func(x, y *playCamera) int {
		if (x.err == nil) != (y.err == nil) {
			return map[bool]int{true: -1, false: 1}[x.err == nil]
		}
		return cmp.Compare(x.name, y.name)
	})
	if b.window = scope.clip(windowOf(recs)); b.window.Empty() {
		return nil, lieciba.Errorf(lieciba.CodeNotFound, "nothing of this exam session is on record in the time that you may see")
	}
	b.start = at
	if at.IsZero() {
		b.start = b.window.From
	}
	if err := b.fitVideo(o); err != nil {
		return nil, err
	}
	b.fitSound(o)
	return b, nil
}

// clip is the part of a window that may be shown.
func (s Scope) clip(w lieciba.Interval) lieciba.Interval {
	if s.Span.To.IsZero() {
		s.Span.To = w.To
	}
	return w.Clip(s.Span)
}

func windowOf(recs []lieciba.Recording) lieciba.Interval {
	w := recs[0].Window
	for _, r := range recs {
		if r.Window.From.Before(w.From) {
			w.From = r.Window.From
		}
		if r.Window.To.After(w.To) {
			w.To = r.Window.To
		}
	}
	return w
}

func (b *playback) openCamera(ctx context.Context, r lieciba.Recording, at time.Time) (*playCamera, error) {
	cam, err := b.v.cfg.Catalog.Camera(ctx, r.CameraID)
	if err != nil {
		return nil, err
	}
	newReader := func() *play.Reader { return play.NewReader(b.v.cfg.Catalog, b.v.cfg.Source, b.cache, r, b.scope.Span) }
	c := &playCamera{id: r.CameraID, rec: r.ID, name: cam.Name, reader: newReader(), find: newReader()}
	if !b.scope.holds(r.CameraID) {
		c.err = lieciba.Errorf(lieciba.CodeNeedsGrant, "your grant does not name this camera: ask for one that does")
		return c, nil
	}
	c.format, c.err = c.reader.Format(ctx, at)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

// fitVideo gives each camera its media line, in their order.
func (b *playback) fitVideo(o offer) error {
	any := false
	for i, c := range b.cams {
		c.mid = o.video[i].mid
		if c.err != nil {
			continue
		}
		pt, ok := o.video[i].pickVideo(c.format.Video)
		if !ok {
			c.err = lieciba.Errorf(lieciba.CodeUnsupported, "this browser cannot show %s: use one that plays it", videoName(c.format.Video.Codec))
			continue
		}
		any = true
		c.track = newTrack(webrtc.RTPCodecTypeVideo, "video-"+c.mid, string(c.id), pt)
		c.pacer = newPacer(c.track, b.v.cfg.BurstRate)
	}
	if any {
		return nil
	}
	for _, c := range b.cams {
		if lieciba.CodeOf(c.err) != lieciba.CodeNeedsGrant {
			return c.err
		}
	}
	return b.cams[0].err
}

// fitSound picks one codec for whichever camera is heard: the cameras' own if
// all have the same, else Opus.
func (b *playback) fitSound(o offer) {
	b.soundCamera = -1
	own := ""
	for i, c := range b.cams {
		if c.track == nil || c.format.Audio == nil {
			continue
		}
		if b.soundCamera < 0 {
			b.soundCamera = i
		}
		switch name := string(c.format.Audio.Codec); own {
		case "":
			own = name
		case name:
		default:
			own = sound.Opus
		}
	}
	for _, name := range []string{own, sound.Opus, sound.G722, sound.PCMA, sound.PCMU} {
		if c, ok := o.audio.pickAudio(name); ok {
			// Its own stream ID: a receiver that puts sound and picture in step would
			// hold pictures back.
			b.soundTrack = newTrack(webrtc.RTPCodecTypeAudio, "sound", "sound", c)
			return
		}
	}
	b.soundCamera = -1
}

func (b *playback) videoTracks() []*track {
	list := make([]*track, len(b.cams))
	for i, c := range b.cams {
		list[i] = c.track
	}
	return list
}

func (b *playback) codecs() (video, audio []codec) {
	for _, c := range b.cams {
		if c.track != nil {
			video = append(video, c.track.codec)
		}
	}
	if b.soundTrack != nil {
		audio = append(audio, b.soundTrack.codec)
	}
	return video, audio
}
