// Package fsck proves the invariants of DESIGN.md on a live store. Check and
// CheckLog only read, and may run beside recorders: what looks wrong is read
// again, with the rows and the spool as they are then, and only what stays wrong
// is reported. Repair does what is provably safe.
package fsck

import (
	"context"
	"fmt"
	"time"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

// Options say what to look at. The zero value checks Media and the catalogue
// with full hashes, without a spool.
type Options struct {
	// SpoolDir is this node's spool; empty: none is looked at, and segments that
	// are not in Media yet are counted as elsewhere.
	SpoolDir string
	// Node is whose spool SpoolDir is; empty: every node's that is not verified.
	Node lieciba.NodeID
	// Quick compares sizes only, instead of reading every byte.
	Quick bool
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Settle is how far behind now a running recording must be accounted for: no
	// less than the recorder takes to notice a loss and declare it. 0: 30 s.
	Settle time.Duration
	// Pause waits before doubts are looked at again, twice; an error ends the
	// check. nil: 2 s, more than the recorder needs for any of its steps.
	Pause func(ctx context.Context) error
	// LogKeys are the verifier keys of the log as they are known outside of the
	// database; the newest is enough. Without any the log is judged by the keys that
	// it names itself, which proves less.
	LogKeys []string
	// WitnessKeys are the verifier keys of its witnesses; cosignatures of others
	// are only counted.
	WitnessKeys []string
	// Known are checkpoints that somebody outside has kept: the log must continue
	// them. Only Size and Root are looked at.
	Known []lieciba.Checkpoint
	// StagedLimit is how long the sequencer may stand while leaves wait. 0: 10 min.
	StagedLimit time.Duration
	// DueAt, if not nil, recomputes from when on the policy allowed a deletion,
	// with the facts of then; zero: it did not. It must be pure.
	DueAt func(facts lieciba.RetentionFacts, decidedAt time.Time) time.Time
	// Progress, if not nil, is told after each object, from the calling goroutine.
	Progress func(Progress)
}

// Progress is how far a check has come.
type Progress struct {
	Stage string // "recordings", "segments", "media", "spool", "log", "rows", "audit", "deletions" or "doubts"
	Done  int    // objects of that stage
}

// Rule names what a violation breaks.
type Rule string

// The rules, with the invariant of DESIGN.md that each is part of.
const (
	RuleCoverage  Rule = "coverage"  // 1: a hole that no gap declares
	RuleOverlap   Rule = "overlap"   // 1: an instant that is accounted for twice
	RuleBytes     Rule = "bytes"     // 2: a segment without its bytes
	RuleIndex     Rule = "index"     // 2: a row that does not describe its bytes
	RuleOrphan    Rule = "orphan"    // 2: bytes without a row
	RuleSpool     Rule = "spool"     // 3: a spool file that should be gone, or that nobody writes
	RuleSealed    Rule = "sealed"    // 4: a finished recording that is not finished
	RuleReference Rule = "reference" // 0: a row that refers to none, or to another's

	RuleTree        Rule = "tree"        // 5: a leaf or a stored hash that is not as it was logged
	RuleCheckpoint  Rule = "checkpoint"  // 5: a checkpoint that is not of the leaves, or not of our key
	RuleCosignature Rule = "cosignature" // 5: a witness's signature that is wrong, or of a longer log
	RuleLeaf        Rule = "leaf"        // 5: a row that is not what its leaf says, or one without the other
	RuleDeletion    Rule = "deletion"    // 6: footage that is gone, or not gone, against a decision or without one
	RuleAudit       Rule = "audit"       // 7: an act without its entry, an entry that is gone or changed
	RuleRequest     Rule = "request"     // 16: a request that nobody else approved, or what came of one against it
)

var invariants = map[Rule]int{RuleCoverage: 1, RuleOverlap: 1, RuleBytes: 2, RuleIndex: 2, RuleOrphan: 2, RuleSpool: 3, RuleSealed: 4,
	RuleTree: 5, RuleCheckpoint: 5, RuleCosignature: 5, RuleLeaf: 5, RuleDeletion: 6, RuleAudit: 7, RuleRequest: 16}

// Violation is one broken invariant.
type Violation struct {
	Invariant int    `json:"invariant"` // number in DESIGN.md; 0: rows contradict each other
	Rule      Rule   `json:"rule"`
	Object    string `json:"object"`          // kind and ID, key or path
	Index     *int64 `json:"index,omitempty"` // of the leaf that tells
	Message   string `json:"message"`
}

// Checked counts what was looked at.
type Checked struct {
	Recordings int     `json:"recordings"`
	Segments   int     `json:"segments"`
	Fragments  int     `json:"fragments"`
	Gaps       int     `json:"gaps"`
	Objects    int     `json:"objects"`     // of Media
	SpoolFiles int     `json:"spool_files"` // growing ones included
	Growing    int     `json:"growing"`
	Bytes      int64   `json:"bytes"`     // read and hashed
	Aside      int     `json:"aside"`     // spool files that could not be used, kept for a person
	Elsewhere  int     `json:"elsewhere"` // segments in the spool of another node
	Expected   float64 `json:"expected_s"`
	Recorded   float64 `json:"recorded_s"`
	Missing    float64 `json:"missing_s"` // declared by gaps
	Deletions  int     `json:"deletions"`
}

// Report is the result. Violations is never nil.
type Report struct {
	StartedAt  time.Time   `json:"started_at"`
	FinishedAt time.Time   `json:"finished_at"`
	Quick      bool        `json:"quick"`
	Catalog    string      `json:"catalog"`
	Media      string      `json:"media"`
	Violations []Violation `json:"violations"`
	Checked    Checked     `json:"checked"`
	Log        LogReport   `json:"log"`
}

// LogResult is the result of CheckLog. Violations is never nil.
type LogResult struct {
	StartedAt  time.Time   `json:"started_at"`
	FinishedAt time.Time   `json:"finished_at"`
	Violations []Violation `json:"violations"`
	LogReport
}

// look is one check of one object that can be made again.
type look func(ctx context.Context) ([]Violation, error)

type checker struct {
	catalog storage.Catalog
	media   storage.Media
	opt     Options
	checked Checked
	spool   map[lieciba.SegmentID]spoolFile
	doubts  []look
	again   bool // a second look counts nothing

	witnesses []evidence.Verifier
	logSince  time.Time // its first checkpoint; zero: there is no log yet
	log       LogReport
	acts      acts
	keys      map[string]handover // of the log, by fingerprint
	sure      []Violation         // that no second look could change
}

func newChecker(catalog storage.Catalog, media storage.Media, opt Options) (*checker, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Settle == 0 {
		opt.Settle = 30 * time.Second
	}
	if opt.StagedLimit == 0 {
		opt.StagedLimit = 10 * time.Minute
	}
	if opt.Pause == nil {
		opt.Pause = func(ctx context.Context) error { return wait(ctx, 2*time.Second) }
	}
	witnesses, err := evidence.NewVerifiers(opt.WitnessKeys...)
	return &checker{catalog: catalog, media: media, opt: opt, witnesses: witnesses, acts: acts{}, keys: map[string]handover{}}, err
}

// violate reports what no second look could change: rows and leaves that never
// change, whoever writes meanwhile.
func (c *checker) violate(rule Rule, object string, index *int64, format string, args ...any) {
	if index != nil {
		i := *index
		index = &i
	}
	c.sure = append(c.sure, Violation{Invariant: invariants[rule], Rule: rule, Object: object, Index: index, Message: fmt.Sprintf(format, args...)})
}

// found takes over violations that no second look could change.
func (c *checker) found(b *broken) { c.sure = append(c.sure, b.list...) }

// CheckLog checks the evidence log alone, without a byte of footage: its tree,
// checkpoints and signatures, that every row is what its leaf says and every
// leaf has its row, that sealed recordings are as they were sealed, and that
// acts have their entries. With Quick, cosignatures are left out. Errors as for
// Check.
func CheckLog(ctx context.Context, catalog storage.Catalog, opt Options) (LogResult, error) {
	c, err := newChecker(catalog, nil, opt)
	if err != nil {
		return LogResult{}, err
	}
	r := LogResult{StartedAt: lieciba.Micro(c.opt.Now())}
	for _, stage := range []func(context.Context) error{c.checkLog, c.checkRowsLogged, c.checkActs, c.checkFourEyes} {
		if err := stage(ctx); err != nil {
			return LogResult{}, err
		}
	}
	r.Violations, r.LogReport, r.FinishedAt = append([]Violation{}, c.sure...), c.log, lieciba.Micro(c.opt.Now())
	return r, nil
}

// Check looks at everything. An error means that it could not be looked at (the
// store does not answer), not that a violation was found; the report then holds
// no verdict.
func Check(ctx context.Context, catalog storage.Catalog, media storage.Media, opt Options) (Report, error) {
	c, err := newChecker(catalog, media, opt)
	if err != nil {
		return Report{}, err
	}
	opt = c.opt
	r := Report{StartedAt: lieciba.Micro(opt.Now()), Quick: opt.Quick, Catalog: catalog.Name(), Media: media.Name()}
	for _, stage := range []func(context.Context) error{c.beginLog, c.walkSpool, c.checkRecordings, c.checkSegments, c.checkMedia, c.checkSpool,
		c.checkDeletions, c.checkLog, c.checkRowsLogged, c.checkActs, c.checkFourEyes} {
		if err := stage(ctx); err != nil {
			return Report{}, err
		}
	}
	if r.Violations, err = c.settle(ctx); err != nil {
		return Report{}, err
	}
	r.Violations = append(r.Violations, c.sure...)
	r.Checked, r.Log = c.checked, c.log
	r.FinishedAt = lieciba.Micro(opt.Now())
	return r, nil
}

// first makes a look and keeps it as a doubt if it found anything.
func (c *checker) first(ctx context.Context, l look) error {
	found, err := l(ctx)
	if len(found) > 0 {
		c.doubts = append(c.doubts, l)
	}
	return err
}

// settle looks at the doubts again until two rounds agree or none is left: a
// segment that was just being closed, uploaded or cleared away is none then.
func (c *checker) settle(ctx context.Context) ([]Violation, error) {
	c.again = true
	violations := []Violation{}
	for range 2 {
		if len(c.doubts) == 0 {
			return []Violation{}, nil
		}
		if err := c.opt.Pause(ctx); err != nil {
			return nil, err
		}
		if err := c.walkSpool(ctx); err != nil {
			return nil, err
		}
		doubts := c.doubts
		c.doubts, violations = nil, []Violation{}
		for i, l := range doubts {
			found, err := l(ctx)
			if err != nil {
				return nil, err
			}
			if len(found) > 0 {
				c.doubts = append(c.doubts, l)
				violations = append(violations, found...)
			}
			c.progress("doubts", i+1)
		}
	}
	return violations, nil
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return lieciba.Wrap(ctx.Err(), lieciba.CodeUnavailable, "the check was given up")
	}
}

func (c *checker) progress(stage string, done int) {
	if c.opt.Progress != nil {
		c.opt.Progress(Progress{Stage: stage, Done: done})
	}
}

// count runs add at the first look only.
func (c *checker) count(add func(n *Checked)) {
	if !c.again {
		add(&c.checked)
	}
}
