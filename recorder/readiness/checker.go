package readiness

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/durable"
)

// Catalog is what a Checker reads and writes.
type Catalog interface {
	storage.Sessions
	storage.Cameras
	storage.Acts
	storage.ReadinessRows
}

// Live is the live hub of the node's recorder.
type Live interface {
	// Join waits for the first picture while ctx allows. CodeNotFound: no such camera
	// or stream here; CodeUnavailable says why there is no picture.
	Join(ctx context.Context, id lieciba.CameraID, role lieciba.StreamRole) (lieciba.LiveFeed, error)
}

// CameraNow is what the node knows of a camera at this moment.
type CameraNow struct {
	Mine       bool  // this node has the right to pull it: another node checks it otherwise
	Bitrate    int64 // measured, bits a second of all that is recorded; 0: unknown
	Complaints []Complaint
}

// Spool is the room of the node's spool at this moment.
type Spool struct {
	Free    int64  // bytes that may be written before recording stops there
	Trouble string // why it takes nothing now; empty if it does
}

// Config says what a Checker works with. The first group is required.
type Config struct {
	Catalog  Catalog
	Media    storage.Media
	Live     Live
	Node     lieciba.NodeID
	TrialDir string // on the spool's disk, outside of the spool's folder

	Cameras func(lieciba.CameraID) CameraNow
	Clock   func(context.Context, lieciba.Camera) ClockFacts // nothing known when it cannot be told
	Spool   func() Spool

	Margins      lieciba.Margins
	Look         time.Duration // at a camera's stream; 6 s
	Patience     time.Duration // for a picture and a key frame; 20 s
	StoreTimeout time.Duration // of a test recording's way to the store and back; 1 min
	Parallel     int           // cameras checked at a time; 4
	Every        time.Duration // how often what is due is looked for; 15 s
	Disk         *durable.Disk // nil: durable.OS
	Now          func() time.Time
	Log          *slog.Logger
}

func set[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// Checker runs readiness checks. Safe for concurrent use.
type Checker struct {
	cfg    Config
	slots  chan struct{} // cameras under check
	wake   chan struct{} // Refresh; capacity 1
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	busy    map[lieciba.CameraID]chan struct{} // under check; closed at its end
	rounds  map[lieciba.SessionID]*round
	failed  int
	stopped bool
}

// round is the checks of one session that are under way.
type round struct {
	began   time.Time
	total   int
	pending map[lieciba.CameraID]bool
}

// Progress of the checks of one session.
type Progress struct {
	StartedAt time.Time
	Total     int
	Running   []lieciba.CameraID // not done yet, by ID
}

// New makes a Checker. Nothing runs before Run or Start. Close it.
func New(c Config) *Checker {
	set(&c.Look, 6*time.Second)
	set(&c.Patience, 20*time.Second)
	set(&c.StoreTimeout, time.Minute)
	set(&c.Parallel, 4)
	set(&c.Every, 15*time.Second)
	set(&c.Disk, durable.OS)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	k := &Checker{cfg: c, slots: make(chan struct{}, c.Parallel), wake: make(chan struct{}, 1),
		busy: map[lieciba.CameraID]chan struct{}{}, rounds: map[lieciba.SessionID]*round{}}
	k.ctx, k.cancel = context.WithCancel(context.Background())
	return k
}

// Close ends all checks and waits for them; what is not done leaves no row.
// Idempotent.
func (c *Checker) Close() error {
	c.mu.Lock()
	c.stopped = true
	c.mu.Unlock()
	c.cancel()
	c.wg.Wait()
	return nil
}

// Failed is how many cameras of sessions that begin within the hour failed their
// newest check and were not overridden, as of the last look.
func (c *Checker) Failed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

// Progress tells how the checks of a session are getting on; false if none is
// under way here.
func (c *Checker) Progress(s lieciba.SessionID) (Progress, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.rounds[s]
	if r == nil {
		return Progress{}, false
	}
	p := Progress{StartedAt: r.began, Total: r.total}
	for id := range r.pending {
		p.Running = append(p.Running, id)
	}
	slices.Sort(p.Running)
	return p, true
}

// Start checks cameras of a session by hand, in the background: those of this
// node that are not under check for it already. CodeUnavailable when none is this
// node's, or when the server stops.
func (c *Checker) Start(s lieciba.ExamSession, cameras []lieciba.Camera) error {
	mine := slices.DeleteFunc(slices.Clone(cameras), func(x lieciba.Camera) bool { return !c.cfg.Cameras(x.ID).Mine })
	if len(mine) == 0 {
		return lieciba.Errorf(lieciba.CodeUnavailable, "this server has none of the cameras: ask the one that records them")
	}
	if !c.begin(s, mine, lieciba.ReadinessByHand) {
		return lieciba.Errorf(lieciba.CodeUnavailable, "the server stops")
	}
	return nil
}

// begin starts a goroutine for each camera that is not under check for the
// session; false when the Checker is closed.
func (c *Checker) begin(s lieciba.ExamSession, cameras []lieciba.Camera, when lieciba.ReadinessAt) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return false
	}
	r := c.rounds[s.ID]
	if r == nil {
		r = &round{began: lieciba.Micro(c.cfg.Now()), pending: map[lieciba.CameraID]bool{}}
		c.rounds[s.ID] = r
	}
	for _, cam := range cameras {
		if r.pending[cam.ID] {
			continue
		}
		r.pending[cam.ID] = true
		r.total++
		c.wg.Go(func() {
			defer c.done(s.ID, cam.ID)
			c.guarded(s, cam, when)
		})
	}
	return true
}

func (c *Checker) done(s lieciba.SessionID, id lieciba.CameraID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.rounds[s]
	delete(r.pending, id)
	if len(r.pending) == 0 {
		delete(c.rounds, s)
		c.Refresh() // what was the last may have made the session ready
	}
}

// guarded is one check: a panic that a camera's data brings out ends that check alone.
func (c *Checker) guarded(s lieciba.ExamSession, cam lieciba.Camera, when lieciba.ReadinessAt) {
	defer func() {
		if p := recover(); p != nil {
			c.cfg.Log.Error("a readiness check panicked", "camera", cam.ID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	free, ok := c.take(cam.ID)
	if !ok {
		return
	}
	defer free()
	if when != lieciba.ReadinessByHand && !c.stillDue(s, cam) {
		return
	}
	row := c.check(c.ctx, s, cam, when)
	if c.ctx.Err() != nil {
		return // the server stops: what was seen last is not the camera's fault
	}
	if err := c.keep(row); err != nil {
		c.cfg.Log.Error("a readiness check was not kept; it is repeated while it is due", "camera", cam.ID, "session", s.ID, "err", err)
		return
	}
	level := slog.LevelInfo
	if row.State == lieciba.ReadinessFailed {
		level = slog.LevelWarn
	}
	c.cfg.Log.Log(c.ctx, level, "readiness check", "camera", cam.ID, "session", s.ID, "when", when, "state", row.State, "facts", summary(row))
}

// take waits until the camera is not under check and a slot is free.
func (c *Checker) take(id lieciba.CameraID) (free func(), ok bool) {
	for {
		c.mu.Lock()
		other := c.busy[id]
		if other == nil {
			mine := make(chan struct{})
			c.busy[id] = mine
			c.mu.Unlock()
			return c.slot(id, mine)
		}
		c.mu.Unlock()
		select {
		case <-other:
		case <-c.ctx.Done():
			return nil, false
		}
	}
}

func (c *Checker) slot(id lieciba.CameraID, mine chan struct{}) (free func(), ok bool) {
	release := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.busy, id)
		close(mine)
	}
	select {
	case c.slots <- struct{}{}:
		return func() { <-c.slots; release() }, true
	case <-c.ctx.Done():
		release()
		return nil, false
	}
}

// check measures one camera and judges what was found.
func (c *Checker) check(ctx context.Context, s lieciba.ExamSession, cam lieciba.Camera, when lieciba.ReadinessAt) lieciba.Readiness {
	needed := len(s.SoundWanted(c.cfg.Margins)) > 0
	seen := c.observe(ctx, cam.ID, needed)
	main, _ := cam.Stream(lieciba.StreamMain)
	seen.picture.Declared = main.FPS
	seen.picture.Complaints = c.cfg.Cameras(cam.ID).Complaints
	items := []lieciba.ReadinessItem{
		JudgePicture(seen.picture), JudgeSound(seen.sound, needed), JudgeClock(c.clock(ctx, cam, seen)),
		JudgeSpace(c.space(ctx, s, cam)), JudgeTrial(c.prove(ctx, seen.trial))}
	now := c.cfg.Now()
	return lieciba.Readiness{ID: lieciba.NewID[lieciba.ReadinessID](now), SessionID: s.ID, CameraID: cam.ID, NodeID: c.cfg.Node,
		When: when, At: lieciba.Micro(now), State: StateOf(items), Items: items, By: "system", ByID: "system"}
}

// clock asks only a camera that answers.
func (c *Checker) clock(ctx context.Context, cam lieciba.Camera, seen observation) ClockFacts {
	if seen.picture.Trouble != "" {
		return ClockFacts{}
	}
	return c.cfg.Clock(ctx, cam)
}

// space is what the disks have, and what the room's cameras of this node want.
func (c *Checker) space(ctx context.Context, s lieciba.ExamSession, cam lieciba.Camera) SpaceFacts {
	sp := c.cfg.Spool()
	f := SpaceFacts{Window: lieciba.RecordingWindow(s, c.cfg.Margins).Duration(), SpoolFree: max(0, sp.Free), Trouble: sp.Trouble}
	cameras, err := storage.SessionCameras(ctx, c.cfg.Catalog, s, c.cfg.Margins)
	if err != nil {
		cameras = []lieciba.Camera{cam} // the catalogue is away: at least this one
	}
	for _, x := range cameras {
		if now := c.cfg.Cameras(x.ID); now.Mine || x.ID == cam.ID {
			f.Rates = append(f.Rates, now.Bitrate)
		}
	}
	if tells, ok := c.cfg.Media.(storage.SpaceTeller); ok {
		free, err := tells.Free(ctx)
		f.StoreFree, f.StoreKnown = free, err == nil
	}
	return f
}

// keep stores a result with its audit entry, and with what follows from it.
func (c *Checker) keep(row lieciba.Readiness) error {
	ctx, cancel := context.WithTimeout(c.ctx, catalogTimeout)
	defer cancel()
	e := c.entry(row.SessionID, "camera:"+string(row.CameraID), fmt.Sprintf("%s: %s: %s", row.When, row.State, summary(row)))
	e.CameraID = row.CameraID
	return c.cfg.Catalog.Act(ctx, &e, func(ctx context.Context) error {
		if err := c.cfg.Catalog.AddReadiness(ctx, row); err != nil {
			return err
		}
		_, err := storage.SettleReadiness(ctx, c.cfg.Catalog, row.SessionID, c.cfg.Margins)
		return err
	})
}

// catalogTimeout bounds one call of the catalogue.
const catalogTimeout = 10 * time.Second

func (c *Checker) entry(s lieciba.SessionID, object, detail string) lieciba.AuditEntry {
	now := c.cfg.Now()
	return lieciba.AuditEntry{ID: lieciba.NewID[lieciba.AuditID](now), At: lieciba.Micro(now), Who: "system", WhoID: "system",
		Act: string(lieciba.ActCheckReadiness), Object: object, SessionID: s, Outcome: "ok", Detail: detail}
}

// summary names each check with its fact.
func summary(r lieciba.Readiness) string {
	var out []string
	for _, i := range r.Items {
		if i.Outcome != lieciba.OutcomeNotNeeded {
			out = append(out, string(i.Check)+" "+i.Fact)
		}
	}
	return strings.Join(out, ", ")
}
