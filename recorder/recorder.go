// Package recorder pulls cameras and records exam sessions: one goroutine tree
// per camera, so that no camera can hurt another; segments and gaps that fill
// each session's window exactly; a spool that outlives crashes and a store that
// is away. TIME.md says what a frame's time means, RECORDING.md how a window is
// filled.
package recorder

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"lieciba"
	"lieciba/recorder/clock"
	"lieciba/recorder/schedule"
	"lieciba/storage"
	"lieciba/storage/durable"
)

// Config says what a Recorder works with. Zero fields but the first four have
// defaults.
type Config struct {
	Catalog  storage.Catalog
	Media    storage.Media
	Node     lieciba.NodeID
	SpoolDir string // on a local disk; held by this process alone

	Margins        lieciba.Margins
	Sites          []lieciba.SiteID // whose cameras this node takes; nil: all
	SegmentLength  time.Duration    // a segment is cut at the first key frame after it; 30 s
	FragmentLength time.Duration    // what a power cut may cost at most; 1 s
	StallAfter     time.Duration    // no frame for so long: the connection is given up; 4 s
	DialTimeout    time.Duration    // of connecting and of each RTSP answer; 5 s
	Linger         time.Duration    // a stream that nobody holds is pulled on for so long; 10 s
	LeaseTTL       time.Duration    // 30 s
	MaxSpoolBytes  int64            // 50 GiB: more is not recorded, with a gap that says so
	MinFreeBytes   int64            // of the spool's disk; 256 MiB
	Uploads        int              // segments brought to Media at a time; 4
	PullOnDemand   bool             // pull main streams only while they are recorded or watched

	// Secrets returns a camera's user name and password. Nil: none has any.
	Secrets func(ctx context.Context, camera lieciba.CameraID) (user, password string, err error)
	// RequestKeyFrame asks the camera for one, when a connection starts without. Optional.
	RequestKeyFrame func(ctx context.Context, camera lieciba.CameraID)
	// Logged reports whether the evidence log holds the segment's leaf: a spool file
	// is removed only then (invariant 3). Nil: this node has no log to wait for.
	Logged func(ctx context.Context, id lieciba.SegmentID) (bool, error)
	// Dial connects to cameras; the allow-list of networks belongs here. Nil: net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Clock reads this server's clocks. Nil: the machine's.
	Clock func() clock.Instant
	// Disk is how the spool is written. Nil: durable.OS.
	Disk *durable.Disk
	Log  *slog.Logger
}

func isID(n lieciba.NodeID) bool {
	_, err := lieciba.ParseID[lieciba.NodeID]("node", string(n))
	return err == nil
}

func (c Config) withDefaults() (Config, error) {
	switch {
	case c.Catalog == nil || c.Media == nil:
		return c, lieciba.Errorf(lieciba.CodeInvalid, "a recorder needs a catalogue and a media store")
	case !isID(c.Node):
		return c, lieciba.Invalid("node", "a recorder needs the ID of its node, a UUID")
	case c.SpoolDir == "":
		return c, lieciba.Invalid("spool_dir", "a recorder needs a folder for its spool")
	}
	set(&c.SegmentLength, 30*time.Second)
	set(&c.FragmentLength, time.Second)
	set(&c.StallAfter, 4*time.Second)
	set(&c.DialTimeout, 5*time.Second)
	set(&c.Linger, 10*time.Second)
	set(&c.LeaseTTL, 30*time.Second)
	set(&c.MaxSpoolBytes, 50<<30)
	set(&c.MinFreeBytes, 256<<20)
	set(&c.Uploads, 4)
	if c.Clock == nil {
		c.Clock = clock.System()
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c, nil
}

func set[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// Recorder records. Its methods are safe for concurrent use; Run is called once.
type Recorder struct {
	env    *env
	leases *leases
	up     *uploader

	ctx       context.Context // of streams
	sinkCtx   context.Context // of recordings: ends before the streams do
	ledgerCtx context.Context // of rows on their way: ends last
	cancel    [3]context.CancelFunc
	ready     chan struct{} // closed when recovery is done
	stopping  atomic.Bool
	running   atomic.Bool
	stopped   chan struct{} // closed when Run has returned
	closeOnce sync.Once
	closeErr  error

	world    *schedule.World // last read; owned by Run
	prevLife time.Time       // the node's last beat before this process

	orphansAt time.Time // when orphans were looked for last; owned by Run

	mu      sync.Mutex
	sinks   map[schedule.Key]*sink
	cameras map[lieciba.CameraID]*camera
}

// camera is one camera's streams.
type camera struct {
	info    lieciba.Camera
	offset  *cameraClock
	streams map[lieciba.StreamRole]*stream
	pinned  bool // the main stream is held for as long as the camera is ours
}

// New makes a Recorder and takes the spool folder for it: CodeConflict when
// another process has it. Nothing runs before Run. Close it in any case.
func New(cfg Config) (*Recorder, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	sp, err := openSpool(cfg.SpoolDir, cfg.Disk)
	if err != nil {
		return nil, err
	}
	e := &env{cfg: cfg, open: openRTSP, log: cfg.Log, timeline: clock.NewTimeline(cfg.Clock), spool: sp,
		wanted: make(chan struct{}, 1), uploads: make(chan struct{}, 1)}
	e.began = lieciba.Micro(e.now()).UTC()
	r := &Recorder{env: e, leases: &leases{env: e, state: map[lieciba.CameraID]bool{}}, up: &uploader{env: e, batch: uploadBatch},
		ready: make(chan struct{}), stopped: make(chan struct{}),
		sinks: map[schedule.Key]*sink{}, cameras: map[lieciba.CameraID]*camera{}}
	e.spare, e.spareBytes = r.up.spare, r.up.spareBytes
	r.ctx, r.cancel[0] = context.WithCancel(context.Background())
	r.sinkCtx, r.cancel[1] = context.WithCancel(context.Background())
	r.ledgerCtx, r.cancel[2] = context.WithCancel(context.Background())
	return r, nil
}

// Run recovers the spool, then pulls and records until ctx ends or Close is
// called; then it closes segments gracefully. It returns nil after such an end.
// Faults of cameras, catalogue and store are handled and reported in Stats.
func (r *Recorder) Run(ctx context.Context) error {
	if !r.running.CompareAndSwap(false, true) {
		return lieciba.Errorf(lieciba.CodeConflict, "the recorder runs already")
	}
	defer close(r.stopped)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.sinkCtx, cancel)() // Close ends Run
	err := r.begin(ctx)
	if err == nil {
		r.loop(ctx)
	}
	if ctx.Err() != nil {
		err = nil
	}
	return errors.Join(err, r.shutdown())
}

// begin brings the past in order.
func (r *Recorder) begin(ctx context.Context) error {
	l := newLedger(r.env, "")
	r.env.measure()
	if !l.repeat(ctx, ledgerOp{name: "last beat", do: func(ctx context.Context) (err error) {
		r.prevLife, err = r.env.cfg.Catalog.LastBeat(ctx, r.env.cfg.Node)
		return err
	}}) {
		return ctx.Err()
	}
	if err := r.env.recoverSpool(ctx); err != nil {
		return err
	}
	alive, err := r.env.recoverGaps(ctx)
	if err != nil {
		return err
	}
	r.prevLife = latest(r.prevLife, alive)
	r.env.spawn(func() { r.up.run(r.ledgerCtx) })
	close(r.ready)
	return nil
}

// loop is the scheduler: once a second, and at each Refresh.
func (r *Recorder) loop(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var renewed, watched, beaten time.Time
	failing := false
	for {
		now := r.env.now()
		if now.Sub(beaten) >= beatEvery {
			r.beat(ctx, now)
			beaten = now
		}
		r.env.measure()
		r.watchClock()
		r.tickMeters(now)
		w, err := r.read(ctx)
		if err == nil {
			r.world = &w
			if now.Sub(renewed) >= r.leases.renewEvery() || r.leases.unknown(w.Cameras) {
				r.leases.renew(ctx, w.Cameras)
				renewed = now
			}
		} else if !failing && ctx.Err() == nil {
			r.env.log.WarnContext(ctx, "the catalogue cannot be read; recording goes on as last planned", "err", err)
		}
		failing = err != nil
		if r.world != nil && ctx.Err() == nil {
			r.reconcile(ctx, *r.world, err == nil)
		}
		if now.Sub(watched) >= 5*time.Second {
			watched = now
			r.step(ctx, "watch cameras", r.watchCameras)
		}
		select {
		case <-tick.C:
		case <-r.env.wanted:
		case <-ctx.Done():
			return
		}
	}
}

// beatEvery bounds how exactly a crash is dated when no segment tells.
const beatEvery = 2 * time.Second

// beat tells that this node lives, so that another start knows until when.
func (r *Recorder) beat(ctx context.Context, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, catalogTimeout)
	defer cancel()
	if err := r.env.cfg.Catalog.Beat(ctx, r.env.cfg.Node, lieciba.Micro(now)); err != nil && ctx.Err() == nil {
		r.env.log.DebugContext(ctx, "the node's beat was not taken", "err", err)
	}
}

// lastLife is when the node that recorded last was alive; zero if that is not
// known: the whole of an open gap is then that node's loss.
func (r *Recorder) lastLife(ctx context.Context, node lieciba.NodeID) time.Time {
	at := r.prevLife
	if node != r.env.cfg.Node {
		var err error
		if at, err = r.env.cfg.Catalog.LastBeat(ctx, node); err != nil {
			return time.Time{}
		}
	}
	if at.After(r.env.now()) { // a clock was set back since: it says nothing
		return time.Time{}
	}
	return at
}

// Refresh makes the recorder read at once what is wanted. It does not wait.
func (r *Recorder) Refresh() { poke(r.env.wanted) }

// Ready is closed once the spool of an earlier process has been recovered.
func (r *Recorder) Ready() <-chan struct{} { return r.ready }

// Close ends Run gracefully and waits for it: segments are closed, their rows
// written, leases given up. Idempotent.
func (r *Recorder) Close() error {
	r.closeOnce.Do(func() {
		r.stopping.Store(true)
		r.cancel[1]()
		if r.running.CompareAndSwap(false, true) {
			r.closeErr = r.shutdown()
			close(r.stopped)
		}
		<-r.stopped
	})
	return r.closeErr
}

// shutdown ends everything in order: recordings, streams, rows, leases.
func (r *Recorder) shutdown() error {
	r.cancel[1]()
	r.mu.Lock()
	var sinks []*sink
	for _, s := range r.sinks {
		sinks = append(sinks, s)
	}
	var cams []*camera
	for _, c := range r.cameras {
		cams = append(cams, c)
	}
	r.mu.Unlock()
	for _, s := range sinks {
		<-s.finished
	}
	r.cancel[0]()
	for _, c := range cams {
		for _, s := range c.streams {
			s.remove(ending{cause: lieciba.CauseServerDown, detail: "the server was stopped"})
		}
	}
	patience := time.NewTimer(shutdownPatience)
	defer patience.Stop()
	for _, s := range sinks {
		select {
		case <-s.filed:
		case <-patience.C: // recovery will bring the rest on record
			patience.Reset(0)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := r.leases.releaseAll(ctx)
	if err != nil {
		r.env.log.Warn("leases were not given up; they expire", "err", err)
	}
	r.cancel[2]()
	r.env.wg.Wait()
	return r.env.spool.close()
}

// shutdownPatience is how long a stop waits for a catalogue that does not answer.
const shutdownPatience = 5 * time.Second
