package export

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/durable"
	"lieciba/storage/evidence"
)

// Ready tells whether all recordings of a session are sealed, so that it can be
// exported: CodeConflict names the first that is not, and its state.
func Ready(ctx context.Context, c Catalog, session lieciba.SessionID) error {
	_, err := sealed(ctx, c, session)
	return err
}

func sealed(ctx context.Context, c Catalog, session lieciba.SessionID) ([]lieciba.Recording, error) {
	list, err := c.SessionRecordings(ctx, session)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, lieciba.Errorf(lieciba.CodeConflict, "the session has no recording: there is nothing to export")
	}
	cameras := map[lieciba.CameraID]bool{}
	for _, r := range list {
		if r.State != lieciba.RecordingSealed {
			return nil, lieciba.Errorf(lieciba.CodeConflict, "recording %s of camera %s is %s: only sealed recordings can be exported", r.ID, r.CameraID, r.State)
		}
		if cameras[r.CameraID] {
			return nil, lieciba.Errorf(lieciba.CodeUnsupported, "camera %s has two recordings of this session: a package holds one for each camera", r.CameraID)
		}
		cameras[r.CameraID] = true
	}
	return list, nil
}

// plan returns what the package says, without clips and files: as it was fixed
// when the building began, else now.
func (b *Builder) plan(ctx context.Context, e lieciba.Export) (evidence.Manifest, error) {
	var m evidence.Manifest
	path := filepath.Join(b.folder(e.ID), planName)
	known, err := os.ReadFile(path)
	if err == nil {
		err = evidence.Decode(known, &m)
		if err == nil && m.ExportID != e.ID {
			err = lieciba.Errorf(lieciba.CodeCorrupt, "it is of export %s", m.ExportID)
		}
		return m, lieciba.Wrap(err, lieciba.CodeCorrupt, "the plan %s is damaged: remove the folder and ask for the package again", path)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return m, durable.Error(err)
	}
	if m, err = b.collect(ctx, e); err != nil {
		return m, err
	}
	return m, b.c.Disk.WriteFile(path, evidence.Encode(m), 0o600)
}

// collect reads the facts of the session.
func (b *Builder) collect(ctx context.Context, e lieciba.Export) (m evidence.Manifest, err error) {
	cat := b.c.Catalog
	recordings, err := sealed(ctx, cat, e.SessionID)
	if err != nil {
		return m, err
	}
	head, err := cat.NewestCheckpoint(ctx)
	if err != nil {
		return m, err
	}
	now := b.c.Now()
	m = evidence.Manifest{Format: evidence.PackageFormat, Tool: b.c.Tool, ExportID: e.ID, CreatedAt: evidence.At(now),
		CreatedRig: now.In(lieciba.Riga).Format("2006-01-02 15:04:05 -07:00"), Log: head.Origin,
		Requester: e.RequestedBy, Purpose: e.Purpose, Recipient: e.RecipientName,
		Recordings: []evidence.RecordingManifest{}, LeftOut: []evidence.LeftOutManifest{}, Runs: []evidence.RunManifest{}, Events: []evidence.EventManifest{},
		Holds: []evidence.HoldDetail{}, Incidents: []evidence.IncidentDetail{}, PartEvents: []evidence.PartDetail{}, Readiness: []evidence.ReadinessDetail{}, Access: []evidence.AuditDetail{}, Clips: []evidence.ClipManifest{}, Files: []evidence.FileManifest{}}
	if m.Session, err = b.session(ctx, e.SessionID); err != nil {
		return m, err
	}
	for _, r := range recordings {
		rm, runs, err := b.recording(ctx, r)
		if err != nil {
			return m, err
		}
		if len(e.CameraIDs) > 0 && !slices.Contains(e.CameraIDs, r.CameraID) {
			m.LeftOut = append(m.LeftOut, evidence.LeftOutManifest{RecordingRef: evidence.RecordingRef{ID: rm.ID, CameraID: rm.Camera.ID}, Camera: rm.Camera.Name})
			continue
		}
		m.Recordings, m.Runs = append(m.Recordings, rm), append(m.Runs, runs...)
	}
	if len(m.Recordings) == 0 {
		return m, lieciba.Errorf(lieciba.CodeConflict, "none of the cameras that were asked for has a recording of the session")
	}
	slices.SortFunc(m.LeftOut, func(x, y evidence.LeftOutManifest) int { return cmp.Compare(x.ID, y.ID) })
	if m.Approval, err = b.approval(ctx, e); err != nil {
		return m, err
	}
	if err := b.exam(ctx, e.SessionID, &m); err != nil {
		return m, err
	}
	return m, b.around(ctx, e.SessionID, &m)
}

func (b *Builder) session(ctx context.Context, id lieciba.SessionID) (m evidence.SessionManifest, err error) {
	s, err := b.c.Catalog.Session(ctx, id)
	if err != nil {
		return m, err
	}
	site, err := b.c.Catalog.Site(ctx, s.SiteID)
	if err != nil {
		return m, err
	}
	room, err := b.c.Catalog.Room(ctx, s.RoomID)
	if err != nil {
		return m, err
	}
	m = evidence.SessionManifest{SessionIdentity: evidence.SessionIdentity{ID: s.ID, Source: s.Source, ExternalID: s.ExternalID},
		Site: site.Code, SiteName: site.Name, Room: room.Code, RoomName: room.Name,
		StartsAt: evidence.At(s.StartsAt), EndsAt: evidence.At(s.EndsAt), Seats: s.Seats, State: string(s.State), Parts: []evidence.PartManifest{}}
	for _, p := range s.Parts {
		m.Parts = append(m.Parts, evidence.PartManifest{ID: p.ID, Kind: p.Kind, StartsAt: evidence.At(p.StartsAt), EndsAt: evidence.At(p.EndsAt), Sound: p.Sound})
	}
	return m, nil
}

// recording takes the manifest exactly as it was sealed.
func (b *Builder) recording(ctx context.Context, r lieciba.Recording) (m evidence.RecordingManifest, runs []evidence.RunManifest, err error) {
	seal, err := b.c.Catalog.Seal(ctx, r.ID)
	if err != nil {
		return m, nil, err
	}
	if sha256.Sum256(seal.Manifest) != seal.SHA256 {
		return m, nil, lieciba.Errorf(lieciba.CodeCorrupt, "the seal of recording %s does not have its SHA-256: somebody changed it in the database", r.ID)
	}
	if err := evidence.Decode(seal.Manifest, &m); err != nil {
		return m, nil, lieciba.Wrap(err, lieciba.CodeCorrupt, "the seal of recording %s cannot be read", r.ID)
	}
	if m.ID != r.ID {
		return m, nil, lieciba.Errorf(lieciba.CodeCorrupt, "the seal of recording %s is of recording %s", r.ID, m.ID)
	}
	used := map[lieciba.RunID]bool{}
	for _, s := range m.Segments {
		used[s.RunID] = true
	}
	list, err := b.c.Catalog.Runs(ctx, r.ID)
	if err != nil {
		return m, nil, err
	}
	slices.SortFunc(list, func(x, y lieciba.Run) int { return cmp.Or(x.StartedAt.Compare(y.StartedAt), cmp.Compare(x.ID, y.ID)) })
	for _, x := range list {
		if !used[x.ID] {
			continue
		}
		run := evidence.RunManifest{ID: x.ID, RecordingID: r.ID, StartedAt: evidence.At(x.StartedAt),
			Video: x.Format.Video.Codec, Width: x.Format.Video.Width, Height: x.Format.Video.Height}
		if x.Format.Audio != nil {
			run.Audio = x.Format.Audio.Codec
		}
		runs = append(runs, run)
	}
	return m, runs, nil
}

// around adds what happened around the session.
func (b *Builder) around(ctx context.Context, id lieciba.SessionID, m *evidence.Manifest) error {
	events, err := b.c.Catalog.SessionEvents(ctx, id)
	if err != nil {
		return err
	}
	for _, x := range events {
		m.Events = append(m.Events, evidence.EventManifest{Kind: x.Kind, At: evidence.At(x.At), Appeal: x.Appeal})
	}
	holds, err := b.c.Catalog.SessionHolds(ctx, id)
	if err != nil {
		return err
	}
	for _, x := range holds {
		m.Holds = append(m.Holds, evidence.DetailOfHold(x))
	}
	f := storage.AuditFilter{SessionID: id, Limit: 1000}
	for {
		page, err := b.c.Catalog.ListAudit(ctx, f)
		if err != nil {
			return err
		}
		for _, x := range page {
			m.Access = append(m.Access, evidence.DetailOfAudit(x))
		}
		if len(page) < f.Limit {
			break
		}
		f.Before = page[len(page)-1].ID
	}
	slices.Reverse(m.Access) // oldest first
	return nil
}

// native is one segment that goes into the package.
type native struct {
	evidence.SegmentDetail
	name string
	ref  lieciba.MediaRef
}

// natives finds where the bytes of the manifest's segments are, in the order of
// the package.
func (b *Builder) natives(ctx context.Context, m evidence.Manifest) (out []native, err error) {
	for _, r := range m.Recordings {
		rows, err := b.c.Catalog.RecordingSegments(ctx, r.ID, lieciba.Interval{})
		if err != nil {
			return nil, err
		}
		byID := map[lieciba.SegmentID]lieciba.Segment{}
		for _, x := range rows {
			byID[x.ID] = x
		}
		for _, s := range r.Segments {
			row, ok := byID[s.ID]
			if !ok || !bytes.Equal(evidence.Encode(evidence.DetailOfSegment(row)), evidence.Encode(s)) {
				return nil, lieciba.Errorf(lieciba.CodeCorrupt, "%s is not in the catalogue as it was sealed", where(s))
			}
			if row.State != lieciba.SegmentVerified {
				return nil, lieciba.Errorf(lieciba.CodeConflict, "%s is %s", where(s), row.State)
			}
			out = append(out, native{s, "segments/" + string(r.Camera.ID) + "/" + string(s.ID) + ".mp4", row.Media})
		}
	}
	return out, nil
}

// where names a segment for people.
func where(s evidence.SegmentDetail) string {
	const layout = "2006-01-02T15:04:05.000000Z"
	return "segment " + string(s.ID) + " of camera " + string(s.CameraID) + ", " + s.From.UTC().Format(layout) + " to " + s.To.UTC().Format(layout)
}
