// Package export builds evidence packages: one ZIP64 file (storage/evidence/zipfile)
// with native segments, viewing copies, reports, keys, manifest and proofs, as
// storage/evidence/EVIDENCE.md describes.
//
// A package is built in steps, and a journal beside the partial file knows which
// of them are durable, so that Build goes on after a kill where it stopped:
//
//	plan.json                what the package says, fixed when the building begins
//	package.zip.part         grows by whole entries
//	package.zip.part.journal one line for each whole entry
//	package.zip.age.part     second pass: encrypted to the recipient
//	result.json              size and SHA-256 of the whole package
//	package.zip, package.zip.age  the package; all others are gone
//
// The reports, keys and manifest are written together or again, and so are the
// four files of evidence/: none of them is ever older than another. Once the
// manifest is whole its SHA-256 is staged as the export's leaf, and never changes.
package export

import (
	"context"
	"crypto/x509"
	"log/slog"
	"path/filepath"
	"time"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/durable"
	"lieciba/storage/evidence"
)

// Catalog is what the building reads and writes of the catalogue.
type Catalog interface {
	storage.Exports
	storage.Seals
	storage.HashLog
	Request(ctx context.Context, id lieciba.RequestID) (lieciba.Request, error)
	SessionIncidents(ctx context.Context, s lieciba.SessionID) ([]lieciba.Incident, error)
	SessionPartEvents(ctx context.Context, s lieciba.SessionID) ([]lieciba.PartEvent, error)
	SessionReadiness(ctx context.Context, s lieciba.SessionID) ([]lieciba.Readiness, error)
	Session(ctx context.Context, id lieciba.SessionID) (lieciba.ExamSession, error)
	Site(ctx context.Context, id lieciba.SiteID) (lieciba.Site, error)
	Room(ctx context.Context, id lieciba.RoomID) (lieciba.Room, error)
	SessionRecordings(ctx context.Context, s lieciba.SessionID) ([]lieciba.Recording, error)
	RecordingSegments(ctx context.Context, rec lieciba.RecordingID, span lieciba.Interval) ([]lieciba.Segment, error)
	Runs(ctx context.Context, rec lieciba.RecordingID) ([]lieciba.Run, error)
	SessionEvents(ctx context.Context, s lieciba.SessionID) ([]lieciba.SessionEvent, error)
	SessionHolds(ctx context.Context, s lieciba.SessionID) ([]lieciba.Hold, error)
	ListAudit(ctx context.Context, f storage.AuditFilter) ([]lieciba.AuditEntry, error)
}

// Log is the sequencer: it puts the export's leaf into the hash log and signs.
type Log interface {
	// Await waits until the object has its leaf in the log.
	Await(ctx context.Context, kind lieciba.LeafKind, subject string) (lieciba.Leaf, error)
	// Refresh makes Key the one that signs now, whoever changed it.
	Refresh(ctx context.Context) error
	// Key is the log's current key; nil before it is known.
	Key() *evidence.Key
	// Stamp makes sure that a checkpoint has a time stamp; CodeUnsupported without
	// an authority.
	Stamp(ctx context.Context, size int64) ([]lieciba.TimeStamp, error)
}

// Config is what a Builder is made of. Zero durations take the defaults.
type Config struct {
	Catalog Catalog
	Media   storage.Media
	Log     Log
	Dir     string         // holds one folder for each export
	Node    lieciba.NodeID // whose exports Run builds
	Tool    string         // name and version, for the manifest

	Witnesses  []string // verifier keys whose cosignatures are waited for
	StampRoots []string // SHA-256 of the time-stamp authority's roots, hex
	// StampCertificates are those roots; packed beside the stamps, so that they can
	// be checked without asking anybody. Their hashes need not be in StampRoots too.
	StampCertificates []*x509.Certificate
	SequenceWait      time.Duration // for the export's leaf to enter the log; 2 min
	WitnessWait       time.Duration // for the cosignatures; 2 min
	// Waiting, if not nil, is told once when a package begins to wait for so many
	// cosignatures, from the goroutine of Build.
	Waiting func(missing int, atMost time.Duration)

	Reserve  int64                           // bytes that stay free on the disk of Dir
	Free     func(dir string) (int64, error) // free bytes; nil: asks the file system
	Rate     int64                           // bytes/s that are read at most; 0: as fast as it goes
	Keep     time.Duration                   // a collected package stays so long; 30 days
	Interval time.Duration                   // between two looks of Run; 10 s

	Disk *durable.Disk // nil: durable.OS
	Now  func() time.Time
	Logs *slog.Logger
}

// Builder builds packages. Safe for concurrent use; one export is built by one
// Build at a time, on one machine (a lock in its folder).
type Builder struct {
	c    Config
	wake chan struct{}
	rest map[lieciba.ExportID]pause // of Run alone
}

// New makes a Builder; nothing is read or written before its first call.
func New(c Config) *Builder {
	or := func(d *time.Duration, otherwise time.Duration) {
		if *d <= 0 {
			*d = otherwise
		}
	}
	or(&c.SequenceWait, 2*time.Minute)
	or(&c.WitnessWait, 2*time.Minute)
	or(&c.Keep, 30*24*time.Hour)
	or(&c.Interval, 10*time.Second)
	if c.Free == nil {
		c.Free = FreeBytes
	}
	if c.Disk == nil {
		c.Disk = durable.OS
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logs == nil {
		c.Logs = slog.New(slog.DiscardHandler)
	}
	return &Builder{c: c, wake: make(chan struct{}, 1), rest: map[lieciba.ExportID]pause{}}
}

// Names of the files in an export's folder.
const (
	planName    = "plan.json"
	partName    = "package.zip.part"
	cipherName  = "package.zip.age.part"
	resultName  = "result.json"
	packageName = "package.zip"
	secretName  = "package.zip.age"
)

// Path is where the finished package of an export lies: a ZIP file, or an age
// file when it is encrypted.
func (b *Builder) Path(e lieciba.Export) string {
	if e.Recipient != "" {
		return filepath.Join(b.folder(e.ID), secretName)
	}
	return filepath.Join(b.folder(e.ID), packageName)
}

func (b *Builder) folder(id lieciba.ExportID) string { return filepath.Join(b.c.Dir, string(id)) }
