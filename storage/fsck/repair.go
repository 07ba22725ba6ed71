package fsck

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/durable"
)

// Fix is one thing that Repair does, or would do.
type Fix struct {
	Action FixAction `json:"action"`
	Object string    `json:"object"`
	Reason string    `json:"reason"` // why it is safe
	Before string    `json:"before"`
	After  string    `json:"after"`
	Done   bool      `json:"done"`
	Error  string    `json:"error,omitempty"` // why it was not done, for people
}

// FixAction names a kind of repair.
type FixAction string

// What is repaired. Each is what the normal path would do next; nothing that
// would need an invented fact is: holes, missing leaves and lost bytes are only
// reported, orphan spool files are the recorder's, and held or open deletions the
// reaper's.
const (
	FixVerify FixAction = "verify_segment"    // Media holds the bytes; the row does not say so
	FixSpool  FixAction = "remove_spool_file" // Media and the evidence log have all of it
)

// Repair lists what can be put right without a doubt, and with apply does it,
// each with an entry in the audit log in the act's own transaction. who names
// the operator. It may run beside a server; spool files are left to a recorder
// that has the spool. An error means that the stores do not answer.
func Repair(ctx context.Context, catalog storage.Catalog, media storage.Media, opt Options, who string, apply bool) (fixes []Fix, err error) {
	c, err := newChecker(catalog, media, opt)
	if err != nil {
		return nil, err
	}
	r := &repairer{checker: c, who: who, apply: apply}
	if err := c.walkSpool(ctx); err != nil {
		return nil, err
	}
	if err := r.verifySegments(ctx); err != nil {
		return r.fixes, err
	}
	err = r.withSpool(func() error { return r.clearSpool(ctx) })
	return r.fixes, err
}

type repairer struct {
	*checker
	who     string
	apply   bool
	refused string // why spool files are not touched
	fixes   []Fix
}

// withSpool holds the spool's lock while fn runs, if something may be removed.
func (r *repairer) withSpool(fn func() error) (err error) {
	if !r.apply || r.opt.SpoolDir == "" {
		return fn()
	}
	lock, err := durable.LockDir(r.opt.SpoolDir)
	if lieciba.CodeOf(err) == lieciba.CodeConflict {
		r.refused = "a recorder has the spool: it removes the file itself"
		return fn()
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	return fn()
}

// fix does one repair, or lists it; do changes the catalogue inside the act,
// then what is outside of it.
func (r *repairer) fix(ctx context.Context, f Fix, s lieciba.Segment, inside, after func(ctx context.Context) error) error {
	if !r.apply || f.Error != "" {
		r.fixes = append(r.fixes, f)
		return nil
	}
	now := lieciba.Micro(r.opt.Now())
	e := lieciba.AuditEntry{ID: lieciba.NewID[lieciba.AuditID](now), At: now, Who: r.who, WhoID: "shell", Act: lieciba.AuditRepair, Object: "segment:" + string(s.ID),
		CameraID: s.CameraID, From: s.From, To: s.To, Outcome: "ok", Detail: fmt.Sprintf("%s: %s; before: %s; after: %s", f.Action, f.Reason, f.Before, f.After)}
	err := r.catalog.Act(ctx, &e, inside)
	if err == nil {
		err = after(ctx)
	}
	if f.Done = err == nil; err != nil {
		f.Error = err.Error()
	}
	r.fixes = append(r.fixes, f)
	if lieciba.CodeOf(err) == lieciba.CodeUnavailable {
		return err
	}
	return nil
}

func nothing(context.Context) error { return nil }

// verifySegments states verified what Media holds, read back and equal.
func (r *repairer) verifySegments(ctx context.Context) error {
	return r.scanSegments(ctx, func(s lieciba.Segment) error {
		if s.State != lieciba.SegmentHashed {
			return nil
		}
		obj, err := r.media.Stat(ctx, lieciba.MediaRef{Key: storage.SegmentKey(s.RecordingID, s.ID)})
		if lieciba.CodeOf(err) == lieciba.CodeNotFound || err == nil && obj.Size != s.Size {
			return nil
		}
		if err != nil {
			return err
		}
		same, err := r.holds(ctx, s, obj.Ref)
		if err != nil || !same {
			return err
		}
		return r.fix(ctx, Fix{Action: FixVerify, Object: "segment " + string(s.ID), Reason: "Media holds its bytes: read back, SHA-256 equal",
			Before: "hashed", After: fmt.Sprintf("verified as version %q of %s", obj.Ref.Version, obj.Ref.Key)}, s,
			func(ctx context.Context) error { return r.catalog.VerifySegment(ctx, s.ID, obj.Ref) }, nothing)
	})
}

// holds reads an object back and compares it with the row.
func (r *repairer) holds(ctx context.Context, s lieciba.Segment, ref lieciba.MediaRef) (bool, error) {
	sum, err := r.media.Sum(ctx, ref)
	switch lieciba.CodeOf(err) {
	case "":
		return sum == s.SHA256, nil
	case lieciba.CodeNotFound, lieciba.CodeInvalid, lieciba.CodeCorrupt:
		return false, nil
	}
	return false, err
}

// scanSegments calls fn for every segment, without fragments, in pages.
func (c *checker) scanSegments(ctx context.Context, fn func(lieciba.Segment) error) error {
	var after lieciba.SegmentID
	for {
		var list []lieciba.Segment
		err := c.catalog.ScanSegments(ctx, after, func(s lieciba.Segment) error {
			s.Fragments = nil
			if list = append(list, s); len(list) == page {
				return errPage
			}
			return nil
		})
		if err != nil && !errors.Is(err, errPage) {
			return err
		}
		for _, s := range list {
			if err := fn(s); err != nil {
				return err
			}
		}
		if err == nil {
			return nil
		}
		after = list[len(list)-1].ID
	}
}

// clearSpool removes files of segments that are verified and logged.
func (r *repairer) clearSpool(ctx context.Context) error {
	files := make([]spoolFile, 0, len(r.spool))
	for _, f := range r.spool {
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b spoolFile) int { return strings.Compare(a.path, b.path) })
	for _, f := range files {
		if f.growing {
			continue
		}
		if err := r.clear(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

func (r *repairer) clear(ctx context.Context, f spoolFile) error {
	s, err := r.catalog.Segment(ctx, f.id)
	switch lieciba.CodeOf(err) {
	case "":
	case lieciba.CodeNotFound, lieciba.CodeInvalid: // an orphan: the recorder adopts it
		return nil
	default:
		return err
	}
	if s.State != lieciba.SegmentVerified {
		return nil
	}
	logged, err := r.catalog.Logged(ctx, lieciba.LeafSegment, []string{string(s.ID)})
	if err != nil || !logged[string(s.ID)] {
		return err
	}
	same, err := r.holds(ctx, s, s.Media)
	if err != nil || !same {
		return err
	}
	fix := Fix{Action: FixSpool, Object: "spool file " + f.path, Before: fmt.Sprintf("%d bytes in the spool", f.size), After: "removed", Error: r.refused,
		Reason: fmt.Sprintf("segment %s is in the evidence log, and Media holds its bytes: read back, SHA-256 equal", s.ID)}
	return r.fix(ctx, fix, s, nothing, func(context.Context) error {
		return errors.Join(durable.OS.Remove(f.path), durable.OS.Remove(strings.TrimSuffix(f.path, ".mp4")+".json"))
	})
}
