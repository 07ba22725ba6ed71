// Package seal closes recordings for good: once all of one is stored, verified,
// accounted for and in the evidence log, its manifest is written and nothing of
// it ever changes again (invariant 4).
package seal

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

// Catalog is what the sealer needs of a catalogue.
type Catalog interface {
	Session(ctx context.Context, id lieciba.SessionID) (lieciba.ExamSession, error)
	Camera(ctx context.Context, id lieciba.CameraID) (lieciba.Camera, error)
	SessionRecordings(ctx context.Context, s lieciba.SessionID) ([]lieciba.Recording, error)
	ListRecordings(ctx context.Context, states ...lieciba.RecordingState) ([]lieciba.Recording, error)
	RecordingSegments(ctx context.Context, rec lieciba.RecordingID, span lieciba.Interval) ([]lieciba.Segment, error)
	RecordingGaps(ctx context.Context, rec lieciba.RecordingID) ([]lieciba.Gap, error)
	Logged(ctx context.Context, kind lieciba.LeafKind, subjects []string) (map[string]bool, error)
	SealRecording(ctx context.Context, id lieciba.RecordingID, build func(lieciba.Recording, []lieciba.Segment, []lieciba.Gap) (lieciba.Seal, error)) (lieciba.Seal, error)
	Policies(ctx context.Context) ([]lieciba.RetentionPolicy, error)
	storage.Acts
}

// Config says what a Sealer works with. All but Catalog have defaults.
type Config struct {
	Catalog  Catalog
	Interval time.Duration    // between two looks; 10 s
	Timeout  time.Duration    // of one recording's seal; 30 s
	Clock    func() time.Time // time.Now
	Log      *slog.Logger
}

// Waiting is a recording of a session that is over and that cannot be sealed yet.
type Waiting struct {
	RecordingID lieciba.RecordingID `json:"recording_id"`
	SessionID   lieciba.SessionID   `json:"session_id"`
	Reason      string              `json:"reason"` // one line for operators
}

// Sealer seals recordings. Many may run on one catalogue: each recording is
// sealed once. Its methods are safe for concurrent use; Run is called once.
type Sealer struct {
	cfg  Config
	wake chan struct{}

	mu      sync.Mutex
	waiting []Waiting // of the last look
}

// New makes a Sealer; nothing runs before Run or Once.
func New(cfg Config) *Sealer {
	if cfg.Interval == 0 {
		cfg.Interval = 10 * time.Second
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Sealer{cfg: cfg, wake: make(chan struct{}, 1)}
}

// Poke makes Run look at once. It does not wait.
func (s *Sealer) Poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Waiting returns what the last look found waiting. The list is the caller's.
func (s *Sealer) Waiting() []Waiting {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Waiting(nil), s.waiting...)
}

// Run seals what can be sealed until ctx ends, then returns nil. A catalogue
// that does not answer is logged, and asked again at the next look.
func (s *Sealer) Run(ctx context.Context) error {
	tick := time.NewTicker(s.cfg.Interval)
	defer tick.Stop()
	failing := false
	for {
		n, _, err := s.Once(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !failing:
			s.cfg.Log.WarnContext(ctx, "recordings cannot be sealed yet", "err", err)
		case n > 0:
			s.cfg.Log.InfoContext(ctx, "recordings sealed", "count", n)
		}
		failing = err != nil
		select {
		case <-tick.C:
		case <-s.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

// Once seals every recording that can be sealed now and returns how many it
// sealed, and what waits and why. An error means that some could not be looked
// at (CodeUnavailable: try again); the others were.
func (s *Sealer) Once(ctx context.Context) (sealed int, waiting []Waiting, err error) {
	list, err := s.cfg.Catalog.ListRecordings(ctx, lieciba.RecordingFinalising, lieciba.RecordingComplete)
	if err != nil {
		return 0, nil, err
	}
	var errs []error
	for _, rec := range list {
		var reason string
		var did bool
		err := lieciba.Guard("the seal of recording "+string(rec.ID), func() (err error) {
			reason, did, err = s.one(ctx, rec)
			return err
		})
		switch {
		case err != nil:
			errs = append(errs, err)
		case did:
			sealed++
		case reason != "":
			waiting = append(waiting, Waiting{rec.ID, rec.SessionID, reason})
		}
		if ctx.Err() != nil || lieciba.CodeOf(err) == lieciba.CodeUnavailable {
			break // the others would wait for the same
		}
	}
	if len(errs) == 0 {
		s.keep(ctx, waiting)
	}
	return sealed, waiting, errors.Join(errs...)
}

// keep stores what waits, and logs what waits for something new.
func (s *Sealer) keep(ctx context.Context, waiting []Waiting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := map[Waiting]bool{}
	for _, w := range s.waiting {
		known[w] = true
	}
	for _, w := range waiting {
		if !known[w] {
			s.cfg.Log.InfoContext(ctx, "a recording waits for its seal", "recording", w.RecordingID, "session", w.SessionID, "reason", w.Reason)
		}
	}
	s.waiting = append([]Waiting(nil), waiting...)
}

// one seals one recording, or says what it waits for. No reason and not done:
// its session is not over, or another node has sealed it.
func (s *Sealer) one(ctx context.Context, rec lieciba.Recording) (reason string, sealed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	session, err := s.cfg.Catalog.Session(ctx, rec.SessionID)
	if err != nil {
		return waits(err)
	}
	if !over(session.State) {
		return "", false, nil
	}
	if rec.State != lieciba.RecordingComplete {
		return "not all of its segments are stored and verified yet", false, nil
	}
	ready, reason, err := s.ready(ctx, rec)
	if err != nil || reason != "" {
		return reason, false, err
	}
	err = s.seal(ctx, session, ready)
	switch {
	case errors.Is(err, errSealed):
		return "", false, nil
	case errors.Is(err, errMoved):
		return "it changed while it was looked at", false, nil
	case err != nil:
		return waits(err)
	}
	return "", true, nil
}

// waits tells what a recording itself stands in the way of from what a later
// try may bring.
func waits(err error) (string, bool, error) {
	switch lieciba.CodeOf(err) {
	case lieciba.CodeConflict, lieciba.CodeCorrupt, lieciba.CodeNotFound:
		var e *lieciba.Error
		errors.As(err, &e)
		return e.Message, false, nil
	}
	return "", false, err
}

// over reports whether nothing more is expected of a session's recordings.
func over(s lieciba.SessionState) bool {
	switch s {
	case lieciba.SessionFinished, lieciba.SessionCancelled, lieciba.SessionAnchored, lieciba.SessionClosed:
		return true
	}
	return false
}

var (
	errSealed = errors.New("sealed by another node")
	errMoved  = errors.New("changed since it was looked at")
)

// checked is what was found to be in the evidence log.
type checked struct {
	rec      lieciba.Recording
	segments map[lieciba.SegmentID]bool
	gaps     map[lieciba.GapID]lieciba.Interval
}

// ready looks, outside of the seal's transaction, whether every segment and gap
// is in the evidence log.
func (s *Sealer) ready(ctx context.Context, rec lieciba.Recording) (c checked, reason string, err error) {
	segments, err := s.cfg.Catalog.RecordingSegments(ctx, rec.ID, lieciba.Interval{})
	if err != nil {
		return c, "", err
	}
	gaps, err := s.cfg.Catalog.RecordingGaps(ctx, rec.ID)
	if err != nil {
		return c, "", err
	}
	c = checked{rec, map[lieciba.SegmentID]bool{}, map[lieciba.GapID]lieciba.Interval{}}
	var ids []string
	for _, x := range segments {
		c.segments[x.ID] = true
		ids = append(ids, string(x.ID))
	}
	if reason, err = s.unlogged(ctx, lieciba.LeafSegment, ids); err != nil || reason != "" {
		return c, reason, err
	}
	ids = nil
	for _, x := range gaps {
		if x.Open() {
			return c, fmt.Sprintf("gap %s is open", x.ID), nil
		}
		c.gaps[x.ID] = lieciba.Interval{From: x.From, To: x.To}
		ids = append(ids, string(x.ID))
	}
	reason, err = s.unlogged(ctx, lieciba.LeafGap, ids)
	return c, reason, err
}

// unlogged says which of the objects are not in the evidence log, "" for none.
func (s *Sealer) unlogged(ctx context.Context, kind lieciba.LeafKind, ids []string) (string, error) {
	const most = 500
	missing, first := 0, ""
	for len(ids) > 0 {
		part := ids[:min(most, len(ids))]
		ids = ids[len(part):]
		logged, err := s.cfg.Catalog.Logged(ctx, kind, part)
		if err != nil {
			return "", err
		}
		for _, id := range part {
			if !logged[id] {
				if missing++; first == "" {
					first = id
				}
			}
		}
	}
	if missing == 0 {
		return "", nil
	}
	return fmt.Sprintf("%d of its %ss are not in the evidence log yet, the first is %s", missing, kind, first), nil
}

// seal stores the seal and its trace in one transaction.
func (s *Sealer) seal(ctx context.Context, session lieciba.ExamSession, ready checked) error {
	now := lieciba.Micro(s.cfg.Clock())
	rec := ready.rec
	entry := &lieciba.AuditEntry{ID: lieciba.NewID[lieciba.AuditID](now), At: now, Who: "system", WhoID: "system", Act: string(lieciba.ActSealRecording),
		Object: "recording:" + string(rec.ID), SessionID: rec.SessionID, CameraID: rec.CameraID, From: rec.Window.From, To: rec.Window.To, Outcome: "ok"}
	return s.cfg.Catalog.Act(ctx, entry, func(ctx context.Context) error {
		policy, err := s.policy(ctx)
		if err != nil {
			return err
		}
		camera, err := s.cfg.Catalog.Camera(ctx, rec.CameraID)
		if err != nil {
			return err
		}
		all, err := s.cfg.Catalog.SessionRecordings(ctx, rec.SessionID)
		if err != nil {
			return err
		}
		built := false
		seal, err := s.cfg.Catalog.SealRecording(ctx, rec.ID, func(r lieciba.Recording, segments []lieciba.Segment, gaps []lieciba.Gap) (lieciba.Seal, error) {
			built = true
			if !ready.still(r, segments, gaps) {
				return lieciba.Seal{}, errMoved
			}
			m, err := evidence.BuildRecording(r, session, camera, segments, gaps)
			if err == nil {
				err = m.Among(all)
			}
			if err != nil {
				return lieciba.Seal{}, err
			}
			b := evidence.Encode(m)
			return lieciba.Seal{RecordingID: r.ID, SessionID: r.SessionID, PolicyID: policy, At: now, Manifest: b, SHA256: sha256.Sum256(b)}, nil
		})
		if err != nil {
			return err
		}
		if !built {
			return errSealed // nothing was done: no entry
		}
		entry.Detail = fmt.Sprintf("%d segments and %d gaps, manifest SHA-256 %s", len(ready.segments), len(ready.gaps), evidence.Hash(seal.SHA256))
		return nil
	})
}

// still reports whether the recording is as it was when its leaves were looked for.
func (c checked) still(r lieciba.Recording, segments []lieciba.Segment, gaps []lieciba.Gap) bool {
	if !r.Window.From.Equal(c.rec.Window.From) || !r.Window.To.Equal(c.rec.Window.To) || len(segments) != len(c.segments) || len(gaps) != len(c.gaps) {
		return false
	}
	for _, x := range segments {
		if !c.segments[x.ID] {
			return false
		}
	}
	for _, x := range gaps {
		if i, ok := c.gaps[x.ID]; !ok || !i.From.Equal(x.From) || !i.To.Equal(x.To) {
			return false
		}
	}
	return true
}

// policy is the retention policy in force now, "" if none was approved.
func (s *Sealer) policy(ctx context.Context) (lieciba.PolicyID, error) {
	list, err := s.cfg.Catalog.Policies(ctx)
	if err != nil {
		return "", err
	}
	for _, p := range list {
		if p.Name == lieciba.DefaultPolicy && p.State == lieciba.PolicyApproved {
			return p.ID, nil
		}
	}
	return "", nil
}
