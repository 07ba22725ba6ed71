// Package fsck proves the invariants of DESIGN.md on a live store. It only
// reads. It may run beside recorders: what looks wrong is read again, with the
// rows and the spool as they are then, and only what stays wrong is reported.
package fsck

import (
	"context"
	"time"

	"lieciba"
	"lieciba/storage"
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
	// Progress, if not nil, is told after each object, from the calling goroutine.
	Progress func(Progress)
}

// Progress is how far a check has come.
type Progress struct {
	Stage string // "recordings", "segments", "media", "spool" or "doubts"
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
)

var invariants = map[Rule]int{RuleCoverage: 1, RuleOverlap: 1, RuleBytes: 2, RuleIndex: 2, RuleOrphan: 2, RuleSpool: 3, RuleSealed: 4}

// Violation is one broken invariant.
type Violation struct {
	Invariant int    `json:"invariant"` // number in DESIGN.md; 0: rows contradict each other
	Rule      Rule   `json:"rule"`
	Object    string `json:"object"` // kind and ID, key or path
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
}

// Check looks at everything. An error means that it could not be looked at (the
// store does not answer), not that a violation was found; the report then holds
// no verdict.
func Check(ctx context.Context, catalog storage.Catalog, media storage.Media, opt Options) (Report, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Settle == 0 {
		opt.Settle = 30 * time.Second
	}
	if opt.Pause == nil {
		opt.Pause = func(ctx context.Context) error { return wait(ctx, 2*time.Second) }
	}
	c := &checker{catalog: catalog, media: media, opt: opt}
	r := Report{StartedAt: lieciba.Micro(opt.Now()), Quick: opt.Quick, Catalog: catalog.Name(), Media: media.Name()}
	for _, stage := range []func(context.Context) error{c.walkSpool, c.checkRecordings, c.checkSegments, c.checkMedia, c.checkSpool} {
		if err := stage(ctx); err != nil {
			return Report{}, err
		}
	}
	var err error
	if r.Violations, err = c.settle(ctx); err != nil {
		return Report{}, err
	}
	r.Checked = c.checked
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
