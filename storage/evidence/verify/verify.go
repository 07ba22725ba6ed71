// Package verify is the offline verifier of evidence packages: it proves from
// the package alone, with no network and no database, that nothing in it was
// altered and nothing is missing without a declared cause. EVIDENCE.md says what
// covers each byte.
package verify

import (
	"context"
	"crypto/x509"
	"errors"
	"time"

	"filippo.io/age"

	"lieciba"
	"lieciba/storage/evidence"
)

// Verdict is the answer.
type Verdict string

// The verdicts.
const (
	Complete         Verdict = "complete"
	CompleteWithGaps Verdict = "complete_with_declared_gaps"
	Altered          Verdict = "altered"
	Unverifiable     Verdict = "unverifiable"
)

// ExitCode is what the command returns for a verdict.
func (v Verdict) ExitCode() int {
	switch v {
	case Complete, CompleteWithGaps:
		return 0
	case Altered:
		return 1
	}
	return 2
}

// Options say what the caller knows from elsewhere.
type Options struct {
	Keys       []string                // of the log: fingerprints or verifier keys, one of which must lead to the signer; none: not compared
	Witnesses  []string                // the same of witnesses, each of which must have cosigned
	Identities []age.Identity          // for an encrypted package
	StampRoots []*x509.Certificate     // of time-stamp authorities, beside those that the package pins and holds
	Jobs       int                     // files hashed at a time; 0: 1
	Progress   func(done, total int64) // bytes; called from several goroutines when Jobs > 1
}

// Report is the result. Its JSON is what `lieciba verify --json` prints.
type Report struct {
	Verdict   Verdict     `json:"verdict"`
	Path      string      `json:"path"`
	Encrypted bool        `json:"encrypted"`
	Package   *Package    `json:"package"` // nil: no manifest could be read
	Log       *Log        `json:"log"`     // nil: no signed checkpoint could be read
	Witnessed bool        `json:"witnessed"`
	Witnesses []Witness   `json:"witnesses"`
	Stamps    []Stamp     `json:"stamps"`
	Recorded  []Recording `json:"recordings"`

	LeftOut []evidence.LeftOutManifest `json:"left_out"` // recordings of the session that were not asked for

	Totals    Totals            `json:"totals"`
	Findings  []Finding         `json:"findings"`
	CheckedAt evidence.Time     `json:"checked_at"`
	Elapsed   time.Duration     `json:"-"`
	kept      map[string]string // findings that were made already
}

// Package is what the manifest says of itself.
type Package struct {
	Format    string                   `json:"format"`
	ExportID  lieciba.ExportID         `json:"export_id"`
	CreatedAt evidence.Time            `json:"created_at"`
	Tool      string                   `json:"tool"`
	Requester string                   `json:"requester"`
	Recipient string                   `json:"recipient"`
	Purpose   string                   `json:"purpose"`
	Session   evidence.SessionIdentity `json:"session"`
	Manifest  evidence.Hash            `json:"manifest_sha256"`
}

// Log is the hash log as the package shows it.
type Log struct {
	Origin      string        `json:"origin"`
	Size        int64         `json:"size"`
	Root        evidence.Hash `json:"root"`
	Key         string        `json:"key"`          // that signs now
	Fingerprint string        `json:"fingerprint"`  // of Key
	KeyCompared bool          `json:"key_compared"` // with the caller's, and it is that or follows it
	KeyDiffers  bool          `json:"key_differs"`  // from the caller's: compared, and another
}

// Witness is a cosignature that is valid.
type Witness struct {
	Name        string        `json:"name"`
	Fingerprint string        `json:"fingerprint"`
	At          evidence.Time `json:"at"`
	Compared    bool          `json:"compared"` // with a witness that the caller named
}

// Stamp is a time stamp that is valid.
type Stamp struct {
	Authority string        `json:"authority"`
	At        evidence.Time `json:"at"`
	Root      string        `json:"root_sha256"`
}

// Recording is the coverage of one camera, computed from the package.
type Recording struct {
	ID        lieciba.RecordingID  `json:"id"`
	CameraID  lieciba.CameraID     `json:"camera_id"`
	Camera    string               `json:"camera"`
	From      evidence.Time        `json:"from"`
	To        evidence.Time        `json:"to"`
	Expected  int64                `json:"expected_us"`
	Recorded  int64                `json:"recorded_us"`
	Missing   int64                `json:"missing_us"`
	Gaps      []evidence.GapDetail `json:"gaps"`
	Segments  int                  `json:"segments"`
	OffsetMin int64                `json:"clock_offset_min_us"`
	OffsetMax int64                `json:"clock_offset_max_us"`
}

// Totals count what was looked at.
type Totals struct {
	Files    int   `json:"files"`
	Bytes    int64 `json:"bytes"`
	Cameras  int   `json:"cameras"`
	Segments int   `json:"segments"`
	Gaps     int   `json:"gaps"`
	Leaves   int   `json:"leaves"`
	Expected int64 `json:"expected_us"`
	Recorded int64 `json:"recorded_us"`
	Missing  int64 `json:"missing_us"`
}

// Verify judges the package at path: a ZIP file, an unpacked folder, or either's
// encrypted file (.age). Everything that is wrong with the package is in the
// Report. The error is CodeInvalid for a key in Options that is none, or ctx's.
func Verify(ctx context.Context, path string, o Options) (Report, error) {
	if err := checkOptions(o); err != nil {
		return Report{}, err
	}
	src, f := open(path, o.Identities)
	if src == nil {
		r := newReport(path)
		r.add(*f)
		r.judge()
		return r, ctx.Err()
	}
	r, err := verifySource(ctx, path, src, o)
	return r, errors.Join(err, src.close())
}

// VerifyBytes is Verify of a package in memory; path is its name in the Report.
func VerifyBytes(ctx context.Context, path string, b []byte, o Options) (Report, error) {
	if err := checkOptions(o); err != nil {
		return Report{}, err
	}
	src, f := openBytes(b, o.Identities)
	if src == nil {
		r := newReport(path)
		r.add(*f)
		r.judge()
		return r, ctx.Err()
	}
	return verifySource(ctx, path, src, o)
}

func newReport(path string) Report {
	return Report{Path: path, Witnesses: []Witness{}, Stamps: []Stamp{}, Recorded: []Recording{}, LeftOut: []evidence.LeftOutManifest{}, Findings: []Finding{}, kept: map[string]string{}}
}

// check is one verification under way.
type check struct {
	Report
	ctx  context.Context
	opts Options
	src  *source

	files    map[string]*file
	manifest evidence.Manifest
	known    bool // the manifest could be read
	sum      evidence.Hash
	keys     evidence.Keys
	note     evidence.Note // of the checkpoint
	signed   bool          // by the log's key: Log is set
	leaves   map[leafKey]lieciba.Leaf
	segments map[lieciba.SegmentID]evidence.SegmentDetail // as the log has them, else the manifest
	cameras  map[lieciba.CameraID]string
}

func verifySource(ctx context.Context, path string, src *source, o Options) (Report, error) {
	c := &check{Report: newReport(path), ctx: ctx, opts: o, src: src, files: map[string]*file{},
		leaves: map[leafKey]lieciba.Leaf{}, segments: map[lieciba.SegmentID]evidence.SegmentDetail{}, cameras: map[lieciba.CameraID]string{}}
	c.Encrypted = src.encrypted
	for _, f := range src.findings {
		c.add(f)
	}
	c.list()
	c.readManifest()
	if c.known && !c.knownFormat() {
		c.judge()
		return c.Report, ctx.Err()
	}
	c.checkLog()
	c.checkProofs()
	c.checkStamps()
	c.checkManifest()
	err := c.checkFiles()
	src.late(&c.Report)
	c.judge()
	return c.Report, err
}

// judge draws the verdict: what was altered outweighs what cannot be told.
func (r *Report) judge() {
	r.Verdict = Complete
	if r.Totals.Gaps > 0 || len(r.LeftOut) > 0 {
		r.Verdict = CompleteWithGaps
	}
	for _, f := range r.Findings {
		if f.Severity == SeverityAltered {
			r.Verdict = Altered
			return
		}
		if f.Severity == SeverityUnverifiable {
			r.Verdict = Unverifiable
		}
	}
}

// checkOptions refuses a key that can match nothing: a typing error must not
// read like a forgery.
func checkOptions(o Options) error {
	for _, list := range []struct {
		field string
		keys  []string
	}{{"key", o.Keys}, {"witness", o.Witnesses}} {
		for _, k := range list.keys {
			if _, err := evidence.NewVerifier(k); err == nil || isFingerprint(k) {
				continue
			}
			return lieciba.Invalid(list.field, "is neither a fingerprint of 64 hex digits nor a verifier key: %q", k)
		}
	}
	return nil
}
