package server

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"lieciba"
	"lieciba/cmd/lieciba/config"
	"lieciba/storage"
	"lieciba/storage/durable"
	"lieciba/storage/evidence"
	"lieciba/storage/export"
	"lieciba/storage/sequencer"
)

// ExportRequest is what an operator asks for at the machine itself: what a Request
// says, or, without one, what the other fields do, for a Reason.
type ExportRequest struct {
	Out     string            // path of the package; the folder Out.building stands beside it meanwhile
	Request lieciba.RequestID // an approved one, which is spent
	Reason  string            // why nobody approved it: an alarm is raised

	Session       string // ID or external ID
	Purpose       string
	RecipientName string
	Recipient     string             // age public key; empty: not encrypted
	From, To      time.Time          // of the clip; zero: none
	CameraIDs     []lieciba.CameraID // nil: all of the session

	Version string
	Log     *slog.Logger
	Waiting func(missing int, atMost time.Duration) // told when the package begins to wait for cosignatures; nil: nobody
}

// Exported is what was built.
type Exported struct {
	lieciba.Export
	Fingerprint string // of the log's key
}

// BuildingSuffix is added to the package's path for the folder of its building.
const BuildingSuffix = ".building"

// Export builds a package from the stores of a configuration, also beside the
// server that has them, and goes on with one that was cut off when it is called
// again for the same path. The request and its audit entry are one transaction.
func Export(ctx context.Context, c config.Config, r ExportRequest, tell export.Progress) (out Exported, err error) {
	if err := folderThere(filepath.Dir(r.Out)); err != nil {
		return out, err
	}
	if r.Request == "" { // else it was checked when it was asked
		if err := r.check(); err != nil {
			return out, err
		}
	}
	cat, err := OpenCatalog(ctx, c)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, cat.Close()) }()
	if r, err = r.asApproved(ctx, cat); err != nil {
		return out, err
	}
	session, err := findSession(ctx, cat, r.Session)
	if err != nil {
		return out, err
	}
	if err := export.Ready(ctx, cat, session.ID); err != nil {
		return out, err
	}
	x := exporting{c: c, r: r, cat: cat, dir: r.Out + BuildingSuffix}
	if out.Export, err = x.request(ctx, session); err != nil {
		return out, err
	}
	return x.build(ctx, out.Export, tell)
}

func (r ExportRequest) check() error {
	if err := lieciba.CheckSentence("purpose", r.Purpose); err != nil {
		return err
	}
	if err := lieciba.CheckName("recipient-name", r.RecipientName); err != nil {
		return err
	}
	if r.From.IsZero() != r.To.IsZero() || !r.From.IsZero() && !r.To.After(r.From) {
		return lieciba.Invalid("to", "a clip needs --from and a later --to")
	}
	if err := lieciba.CheckSentence("reason", r.Reason); err != nil || r.Recipient == "" {
		return err
	}
	_, err := export.ParseRecipient("recipient", r.Recipient)
	return err
}

// asApproved fills in what the request asks for. One that is spent passes only
// where the package that it was spent for is gone on with.
func (r ExportRequest) asApproved(ctx context.Context, cat storage.Catalog) (ExportRequest, error) {
	if r.Request == "" {
		return r, nil
	}
	q, err := cat.Request(ctx, r.Request)
	if _, begun := os.Stat(noteOf(r.Out)); begun != nil || err != nil || q.State != lieciba.RequestUsed {
		q, err = ApprovedRequest(ctx, cat, lieciba.RequestExport, r.Request)
	}
	if err != nil {
		return r, err
	}
	r.Session, r.CameraIDs, r.From, r.To = string(q.Asked.SessionID), q.Asked.CameraIDs, q.Asked.ClipFrom, q.Asked.ClipTo
	r.Purpose, r.RecipientName, r.Recipient = q.Reason, q.Asked.RecipientName, q.Asked.Recipient
	return r, nil
}

// folderThere refuses a package in a folder that is not there: nothing is made
// above the package, a wrong path is a slip of the hand.
func folderThere(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || err == nil && !info.IsDir() {
		return lieciba.Invalid("out", "there is no folder %s: make it first, or name a file in a folder that is there", dir)
	}
	return durable.Error(err)
}

// findSession takes an ID or an external ID that one source alone has.
func findSession(ctx context.Context, cat storage.Catalog, s string) (lieciba.ExamSession, error) {
	if id, err := lieciba.ParseID[lieciba.SessionID]("session", s); err == nil {
		return cat.Session(ctx, id)
	}
	list, err := cat.ListSessions(ctx, storage.SessionFilter{ExternalID: s, Limit: 2})
	switch {
	case err != nil:
		return lieciba.ExamSession{}, err
	case len(list) == 0:
		return lieciba.ExamSession{}, lieciba.Errorf(lieciba.CodeNotFound, "there is no session %q", s)
	case len(list) > 1:
		return lieciba.ExamSession{}, lieciba.Invalid("session", "several sources have a session %q: give its ID, %s or %s", s, list[0].ID, list[1].ID)
	}
	return list[0], nil
}

type exporting struct {
	c   config.Config
	r   ExportRequest
	cat storage.Catalog
	dir string
}

func (x exporting) note() string { return noteOf(x.r.Out) }

// noteOf is the file that says which export is being built for a path.
func noteOf(out string) string { return filepath.Join(out+BuildingSuffix, "export.id") }

// request stores the export with its audit entry, or finds the one that is
// being built for this path.
func (x exporting) request(ctx context.Context, s lieciba.ExamSession) (lieciba.Export, error) {
	known, err := os.ReadFile(x.note())
	if err == nil {
		return x.resume(ctx, s, string(known))
	}
	if !errors.Is(err, os.ErrNotExist) {
		return lieciba.Export{}, durable.Error(err)
	}
	if _, err := os.Lstat(x.r.Out); !errors.Is(err, os.ErrNotExist) {
		return lieciba.Export{}, lieciba.Errorf(lieciba.CodeConflict, "%s exists already: name another file", x.r.Out)
	}
	if err := durable.MkdirAll(x.dir, 0o700); err != nil {
		return lieciba.Export{}, err
	}
	e := x.wanted(s)
	if err := durable.WriteFile(x.note(), []byte(e.ID), 0o600); err != nil {
		return e, err
	}
	entry := x.entry(e, e.RequestedAt, "an evidence package was asked for at the machine itself")
	err = x.cat.Act(ctx, &entry, func(ctx context.Context) (err error) {
		if e, err = x.allow(ctx, e); err != nil {
			return err
		}
		return x.cat.PutExport(ctx, e)
	})
	return e, err
}

// wanted is the export as it is asked for now.
func (x exporting) wanted(s lieciba.ExamSession) lieciba.Export {
	now := lieciba.Micro(time.Now())
	return lieciba.Export{ID: lieciba.NewID[lieciba.ExportID](now), SessionID: s.ID, CameraIDs: x.r.CameraIDs, From: lieciba.Micro(x.r.From), To: lieciba.Micro(x.r.To),
		Purpose: x.r.Purpose, RecipientName: x.r.RecipientName, Recipient: x.r.Recipient, RequestedBy: "shell", RequestedByID: "shell", RequestedAt: now,
		NodeID: lieciba.NewID[lieciba.NodeID](now), State: lieciba.ExportRequested} // a node of its own: no server builds it too
}

// allow spends the request, or breaks the glass, in the transaction of the export.
func (x exporting) allow(ctx context.Context, e lieciba.Export) (lieciba.Export, error) {
	object := "export:" + string(e.ID)
	if x.r.Request == "" {
		how := "in clear"
		if e.Recipient != "" {
			how = "encrypted"
		}
		return e, BreakGlass(ctx, x.cat, object, "an evidence package was taken out, "+how+", for "+e.RecipientName, x.r.Reason)
	}
	q, err := SpendRequest(ctx, x.cat, lieciba.RequestExport, x.r.Request, object)
	e.RequestID, e.ApprovedBy, e.RequestedBy, e.RequestedByID = q.ID, q.DecidedBy, q.AskedBy, q.AskedByID
	return e, err
}

func (x exporting) resume(ctx context.Context, s lieciba.ExamSession, id string) (lieciba.Export, error) {
	e, err := x.cat.Export(ctx, lieciba.ExportID(id))
	if lieciba.CodeOf(err) == lieciba.CodeNotFound { // cut off before it was stored
		if err := durable.Remove(x.note()); err != nil {
			return e, err
		}
		return x.request(ctx, s)
	}
	if err == nil && (e.SessionID != s.ID || e.RequestID != x.r.Request || e.Purpose != x.r.Purpose || e.RecipientName != x.r.RecipientName || e.Recipient != x.r.Recipient ||
		!e.From.Equal(lieciba.Micro(x.r.From)) || !e.To.Equal(lieciba.Micro(x.r.To))) {
		err = lieciba.Errorf(lieciba.CodeConflict, "%s holds another package that was begun: ask for the same again, or name another file", x.dir)
	}
	return e, err
}

// build runs the sequencer beside the building, moves the package to its path
// and marks it collected: whoever runs this has it.
func (x exporting) build(ctx context.Context, e lieciba.Export, tell export.Progress) (out Exported, err error) {
	media, err := openMedia(ctx, x.c, toRead)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, media.Close()) }()
	stamper, err := openStamper(x.c.Evidence.Stamp)
	if err != nil {
		return out, err
	}
	q := sequencer.Config{Catalog: x.cat, KeyFile: KeyFile(x.c), StampEvery: time.Duration(x.c.Evidence.Stamp.Every), Log: x.r.Log}
	if stamper != nil {
		q.Stamper = stamper
	}
	log := sequencer.New(q)
	if err := log.Start(ctx); err != nil {
		return out, err
	}
	b := export.New(export.Config{Catalog: x.cat, Media: media, Log: log, Dir: x.dir, Node: e.NodeID, Tool: "lieciba " + x.r.Version,
		Witnesses: x.c.Evidence.Witnesses, WitnessWait: time.Duration(x.c.Export.WitnessWait), Waiting: x.r.Waiting, StampCertificates: stampRoots(stamper), Reserve: int64(x.c.Disk.Critical), Logs: x.r.Log})
	if out.Export, err = x.beside(ctx, log, b, e, tell); err != nil {
		return out, err
	}
	out.Fingerprint = log.Key().Fingerprint()
	if out.State == lieciba.ExportSealed {
		if err := durable.Rename(b.Path(e), x.r.Out); err != nil {
			return out, err
		}
		if out.Export, err = x.collect(ctx, out.Export); err != nil {
			return out, err
		}
	}
	return out, errors.Join(b.Remove(e.ID), durable.Remove(x.note()), durable.Remove(x.dir))
}

// collect marks a package as fetched, with the entry that says so.
func (x exporting) collect(ctx context.Context, e lieciba.Export) (lieciba.Export, error) {
	e.State, e.CollectedAt = lieciba.ExportCollected, lieciba.Micro(time.Now())
	entry := x.entry(e, e.CollectedAt, "package collected at the machine itself")
	return e, x.cat.Act(ctx, &entry, func(ctx context.Context) error { return x.cat.PutExport(ctx, e) })
}

func (x exporting) entry(e lieciba.Export, at time.Time, detail string) lieciba.AuditEntry {
	return lieciba.AuditEntry{ID: lieciba.NewID[lieciba.AuditID](at), At: at, Who: "shell", WhoID: "shell", Act: string(lieciba.ActExport),
		Object: "export:" + string(e.ID), SessionID: e.SessionID, From: e.From, To: e.To, Outcome: "ok", Detail: detail}
}

// beside builds while the sequencer runs, and joins it.
func (x exporting) beside(ctx context.Context, log *sequencer.Sequencer, b *export.Builder, e lieciba.Export, tell export.Progress) (lieciba.Export, error) {
	loop, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- log.Run(loop) }()
	built, err := b.Build(ctx, e, tell)
	stop()
	return built, errors.Join(err, <-ended)
}

var _ export.Log = (*sequencer.Sequencer)(nil)

// FingerprintGroups is a key's fingerprint as people compare it.
func (e Exported) FingerprintGroups() string { return evidence.FingerprintGroups(e.Fingerprint) }
