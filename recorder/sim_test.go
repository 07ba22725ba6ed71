package recorder

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/onvif/virtualcam/h264gen"
	"lieciba/recorder/clock"
	"lieciba/recorder/ingest"
	"lieciba/storage"
	"lieciba/storage/localfs"
	"lieciba/storage/sqlite"
)

// simCamera is a camera without a network, for simulated hours: 25 frames a
// second, a key frame every 2 s, faults on demand.
type simCamera struct {
	mu     sync.Mutex
	down   error         // attempts fail with it
	delay  time.Duration // an attempt takes so long; set before the start
	sps    []byte
	pps    []byte
	idr    []byte
	p      []byte
	link   *simLink
	opened int
	sound  bool
	odd    []byte // sent once, instead of the next frame that is a key frame or not, as oddKey says
	oddKey bool
}

func newSimCamera(t testing.TB, width int) *simCamera {
	e, err := h264gen.New(width, 64, 25)
	require.NoError(t, err)
	return &simCamera{sps: e.SPS(), pps: e.PPS(), idr: e.IDR(), p: e.P()}
}

type simLink struct {
	ended chan struct{}
	fed   chan struct{} // closed when no handler runs any more
	err   error
	once  sync.Once
}

func (l *simLink) end(err error)          { l.once.Do(func() { l.err = err; close(l.ended) }) }
func (l *simLink) Ended() <-chan struct{} { return l.ended }
func (l *simLink) Err() error             { return l.err }
func (l *simLink) Notes() []string        { return nil }
func (l *simLink) Close()                 { l.end(errors.New("closed")); <-l.fed }

// fail ends the connection and refuses others with err; nil lets them in again.
func (c *simCamera) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = err
	if err != nil && c.link != nil {
		c.link.end(&ingest.Error{Cause: lieciba.CauseNetworkLoss, Err: io.EOF})
		c.link = nil
	}
}

// attempts counts how often it was dialled.
func (c *simCamera) attempts() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.opened
}

func (c *simCamera) open(ctx context.Context, o ingest.Options, h ingest.Handler) (link, error) {
	if !pause(ctx, c.delay) {
		return nil, ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opened++
	if c.down != nil {
		return nil, c.down
	}
	l := &simLink{ended: make(chan struct{}), fed: make(chan struct{})}
	c.link = l
	format := lieciba.StreamFormat{Video: lieciba.VideoFormat{Codec: lieciba.H264}}
	if c.sound {
		format.Audio = &lieciba.AudioFormat{Codec: lieciba.PCMA, SampleRate: 8000, Channels: 1}
	}
	h.Format(format)
	go c.feed(ctx, l, o, h)
	return l, nil
}

// feed sends frames until the link ends.
func (c *simCamera) feed(ctx context.Context, l *simLink, o ingest.Options, h ingest.Handler) {
	defer close(l.fed)
	tick := time.NewTicker(40 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			l.end(ctx.Err())
			return
		case <-l.ended:
			return
		case <-tick.C:
		}
		c.mu.Lock()
		nals, key := [][]byte{c.p}, n%50 == 0
		if key {
			nals = [][]byte{c.sps, c.pps, c.idr}
		}
		if c.odd != nil && c.oddKey == key {
			nals[len(nals)-1], c.odd = c.odd, nil
		}
		sound := c.sound
		c.mu.Unlock()
		at := o.Now()
		h.Unit(ingest.Unit{Track: lieciba.TrackVideo, Key: key, RTP: uint32(n * 3600), Arrival: at, NALs: nals})
		if sound {
			h.Unit(ingest.Unit{Track: lieciba.TrackAudio, Key: true, RTP: uint32(n * 320), Arrival: at, NALs: [][]byte{make([]byte, 320)}})
		}
	}
}

// house is a site with rooms, cameras, catalogue and store for tests.
type house struct {
	t       testing.TB
	dir     string
	catalog storage.Catalog
	media   storage.Media
	site    lieciba.Site
	rooms   []lieciba.Room
	cameras []lieciba.Camera
	now     func() time.Time
	node    lieciba.NodeID
	sims    map[string]*simCamera // by URL
	margins lieciba.Margins
	tune    func(*Config)
	wrap    func(storage.Catalog) storage.Catalog
	wrapM   func(storage.Media) storage.Media
	clock   func() clock.Instant
	written chan struct{} // the recorder filed a segment or moved a recording; capacity 1
}

// telling tells when a recording has come further.
type telling struct {
	storage.Catalog
	written chan struct{}
}

func (c telling) AddSegment(ctx context.Context, s lieciba.Segment) error {
	err := c.Catalog.AddSegment(ctx, s)
	poke(c.written)
	return err
}

func (c telling) MoveRecording(ctx context.Context, id lieciba.RecordingID, to lieciba.RecordingState, node lieciba.NodeID) error {
	err := c.Catalog.MoveRecording(ctx, id, to, node)
	poke(c.written)
	return err
}

var ctxb = context.Background()

// newHouse makes a house with n rooms and one camera in each.
func newHouse(t testing.TB, n int) *house {
	t.Helper()
	h := &house{t: t, dir: memoryDir(t), now: time.Now, node: lieciba.NewID[lieciba.NodeID](time.Now()), sims: map[string]*simCamera{}}
	cat, err := sqlite.Open(ctxb, filepath.Join(h.dir, "catalogue.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cat.Close()) })
	require.NoError(t, os.MkdirAll(filepath.Join(h.dir, "media"), 0o750))
	media, err := localfs.Open(filepath.Join(h.dir, "media"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, media.Close()) })
	h.catalog, h.media = cat, media
	h.furnish(n)
	return h
}

// memoryDir is a folder in memory where there is one: simulated hours sync
// thousands of times.
func memoryDir(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "lieciba-recorder-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// furnish fills the catalogue.
func (h *house) furnish(n int) {
	now := h.now().UTC()
	h.site = lieciba.Site{ID: lieciba.NewID[lieciba.SiteID](now), Code: "RIGA", Name: "Rīga", State: lieciba.PlaceActive, CreatedAt: now}
	require.NoError(h.t, h.catalog.PutSite(ctxb, h.site))
	for i := range n {
		code := "R-" + string(rune('A'+i))
		room := lieciba.Room{ID: lieciba.NewID[lieciba.RoomID](now), SiteID: h.site.ID, Code: code, Name: code, State: lieciba.PlaceActive, CreatedAt: now}
		require.NoError(h.t, h.catalog.PutRoom(ctxb, room))
		h.rooms = append(h.rooms, room)
		cam := h.addCamera("rtsp://sim/" + code)
		h.sims[cam.Streams[0].URL] = newSimCamera(h.t, 64)
		h.assign(cam, room, now.Add(-24*time.Hour))
	}
}

func (h *house) addCamera(url string) lieciba.Camera {
	now := h.now().UTC()
	cam := lieciba.Camera{ID: lieciba.NewID[lieciba.CameraID](now), SiteID: h.site.ID, Name: "camera " + url, Address: url,
		State: lieciba.CameraEnrolled, CreatedAt: now, Streams: []lieciba.CameraStream{{Role: lieciba.StreamMain, URL: url, Video: lieciba.H264}}}
	require.NoError(h.t, h.catalog.PutCamera(ctxb, cam))
	h.cameras = append(h.cameras, cam)
	return cam
}

func (h *house) assign(c lieciba.Camera, room lieciba.Room, from time.Time) {
	require.NoError(h.t, h.catalog.AssignCamera(ctxb, lieciba.CameraAssignment{CameraID: c.ID, RoomID: room.ID, From: lieciba.Micro(from)}))
}

// session plans a session and returns its ID. change, if not nil, edits it.
func (h *house) session(room lieciba.Room, from, to time.Time, change func(*lieciba.ExamSession)) lieciba.SessionID {
	now := lieciba.Micro(h.now())
	s := lieciba.ExamSession{ID: lieciba.NewID[lieciba.SessionID](now), SessionKey: lieciba.SessionKey{Source: "test", ExternalID: "S-" + string(lieciba.NewID[lieciba.SessionID](now))[24:]},
		SourceVersion: 1, SiteID: h.site.ID, RoomID: room.ID, StartsAt: lieciba.Micro(from), EndsAt: lieciba.Micro(to), State: lieciba.SessionPlanned, CreatedAt: now, UpdatedAt: now}
	if change != nil {
		change(&s)
	}
	require.NoError(h.t, h.catalog.ChangeSession(ctxb, s.SessionKey, func(*lieciba.ExamSession) (*lieciba.ExamSession, error) { return &s, nil }, nil))
	return s.ID
}

func (h *house) change(id lieciba.SessionID, edit func(*lieciba.ExamSession)) {
	s, err := h.catalog.Session(ctxb, id)
	require.NoError(h.t, err)
	require.NoError(h.t, h.catalog.ChangeSession(ctxb, s.SessionKey, func(cur *lieciba.ExamSession) (*lieciba.ExamSession, error) {
		next := *cur
		next.SourceVersion++
		edit(&next)
		return &next, nil
	}, nil))
}

// start makes a recorder and runs it; stop ends it. Safe to call again after stop.
func (h *house) start() (r *Recorder, stop func()) {
	h.t.Helper()
	cfg := Config{Catalog: h.catalog, Media: h.media, Node: h.node, SpoolDir: filepath.Join(h.dir, "spool"), Margins: h.margins,
		MinFreeBytes: 1 << 20, Clock: h.clock, Log: quiet()}
	if h.wrap != nil {
		cfg.Catalog = h.wrap(h.catalog)
	}
	if h.written == nil {
		h.written = make(chan struct{}, 1)
	}
	cfg.Catalog = telling{cfg.Catalog, h.written}
	if h.wrapM != nil {
		cfg.Media = h.wrapM(h.media)
	}
	if h.tune != nil {
		h.tune(&cfg)
	}
	r, err := New(cfg)
	require.NoError(h.t, err)
	if len(h.sims) > 0 {
		r.env.open = func(ctx context.Context, o ingest.Options, hd ingest.Handler) (link, error) {
			if c := h.sims[o.URL]; c != nil {
				return c.open(ctx, o, hd)
			}
			return openRTSP(ctx, o, hd)
		}
	}
	done := make(chan error, 1)
	go func() { done <- r.Run(ctxb) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			require.NoError(h.t, r.Close())
			require.NoError(h.t, <-done)
		})
	}
	h.t.Cleanup(stop)
	return r, stop
}

func quiet() *slog.Logger {
	if os.Getenv("LIECIBA_TEST_LOG") != "" {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(slog.DiscardHandler)
}

// held is a recording with all that the catalogue has of it.
type held struct {
	lieciba.Recording
	segments []lieciba.Segment
	gaps     []lieciba.Gap
	cover    lieciba.Coverage
}

func (h *house) recordings(id lieciba.SessionID) []held {
	h.t.Helper()
	list, err := h.catalog.SessionRecordings(ctxb, id)
	require.NoError(h.t, err)
	var out []held
	for _, r := range list {
		x := held{Recording: r}
		x.segments, err = h.catalog.RecordingSegments(ctxb, r.ID, lieciba.Interval{})
		require.NoError(h.t, err)
		x.gaps, err = h.catalog.RecordingGaps(ctxb, r.ID)
		require.NoError(h.t, err)
		x.cover = lieciba.Cover(r.Window, spans(x.segments), gapSpans(x.gaps, h.now()))
		out = append(out, x)
	}
	return out
}

// exact checks the first invariant on a recording.
func (x held) exact(t testing.TB) {
	t.Helper()
	require.True(t, x.cover.Exact(), "window %v\nholes %v\noverlaps %v\nsegments %v\ngaps %+v", x.Window, x.cover.Holes, x.cover.Overlaps, spans(x.segments), x.gaps)
	for i, s := range x.segments {
		require.True(t, s.To.After(s.From), "segment %d", i)
	}
}

// secretBox holds one password for all cameras.
type secretBox struct {
	mu       sync.Mutex
	password string
}

func (s *secretBox) get(context.Context, lieciba.CameraID) (string, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return "admin", s.password, nil
}

func (s *secretBox) set(p string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.password = p
}
