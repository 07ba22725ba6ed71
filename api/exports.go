package api

import (
	"context"
	"encoding/hex"
	"slices"
	"time"

	"lieciba"
	"lieciba/storage"
)

type exportView struct {
	ID             lieciba.ExportID    `json:"id"`
	SessionID      lieciba.SessionID   `json:"session_id"`
	CameraIDs      []lieciba.CameraID  `json:"camera_ids"`
	ClipFrom       *stamp              `json:"clip_from"` // of the copy for watching; the package holds all footage of its cameras
	ClipTo         *stamp              `json:"clip_to"`
	Purpose        string              `json:"purpose"`
	RecipientName  string              `json:"recipient_name"`
	Recipient      string              `json:"recipient"`
	RequestedBy    string              `json:"requested_by"`
	RequestedAt    stamp               `json:"requested_at"`
	RequestID      *lieciba.RequestID  `json:"request_id"` // null: from before packages took two people
	ApprovedBy     string              `json:"approved_by"`
	NodeID         lieciba.NodeID      `json:"node_id"`
	State          lieciba.ExportState `json:"state"`
	DoneBytes      int64               `json:"done_bytes"`
	TotalBytes     int64               `json:"total_bytes"`
	Size           int64               `json:"size"`
	SHA256         *string             `json:"sha256"`
	ManifestSHA256 *string             `json:"manifest_sha256"`
	SealedAt       *stamp              `json:"sealed_at"`
	CollectedAt    *stamp              `json:"collected_at"`
	Error          string              `json:"error"`
}

// optionalHash is null for a hash that is not known yet.
func optionalHash(h [32]byte) *string {
	if h == [32]byte{} {
		return nil
	}
	s := hex.EncodeToString(h[:])
	return &s
}

func viewExport(e lieciba.Export) exportView {
	return exportView{ID: e.ID, SessionID: e.SessionID, CameraIDs: orEmpty(e.CameraIDs), ClipFrom: optionalStamp(e.From), ClipTo: optionalStamp(e.To),
		Purpose: e.Purpose, RecipientName: e.RecipientName, Recipient: e.Recipient, RequestedBy: e.RequestedBy,
		RequestedAt: stamp(e.RequestedAt), RequestID: optional(e.RequestID), ApprovedBy: e.ApprovedBy, NodeID: e.NodeID, State: e.State, DoneBytes: e.DoneBytes, TotalBytes: e.TotalBytes,
		Size: e.Size, SHA256: optionalHash(e.SHA256), ManifestSHA256: optionalHash(e.Manifest),
		SealedAt: optionalStamp(e.SealedAt), CollectedAt: optionalStamp(e.CollectedAt), Error: e.Error}
}

func exportTarget(e lieciba.Export, site lieciba.SiteID) target {
	return target{site: site, what: "export", id: string(e.ID), session: e.SessionID}
}

// maxRecipient bounds an age public key, in bytes: a post-quantum one has about 2000.
const maxRecipient = 4096

// exportable refuses a package that could not be whole.
func exportable(e lieciba.Export, recs []lieciba.Recording) error {
	var window []lieciba.Interval
	cameras := map[lieciba.CameraID]bool{}
	for _, r := range recs {
		switch r.State {
		case lieciba.RecordingSealed:
		case lieciba.RecordingExpired, lieciba.RecordingDeleted:
			return lieciba.Errorf(lieciba.CodeConflict, "the footage of this session was deleted under its retention policy: see GET /v1/deletions")
		default:
			return lieciba.Errorf(lieciba.CodeConflict, "the recording of camera %s is %s, not sealed yet: ask again when all are sealed", r.CameraID, r.State)
		}
		cameras[r.CameraID] = true
		window = append(window, r.Window)
	}
	if len(recs) == 0 {
		return lieciba.Errorf(lieciba.CodeConflict, "nothing was recorded of this session")
	}
	for _, id := range e.CameraIDs {
		if !cameras[id] {
			return lieciba.Invalid("camera_ids", "camera %s did not record this session", id)
		}
	}
	clip := lieciba.Interval{From: e.From, To: e.To}
	if clip.Empty() || slices.ContainsFunc(lieciba.Merge(window), clip.Overlaps) {
		return nil
	}
	return lieciba.Invalid("clip_from", "the clip lies outside of what was recorded")
}

// notHere is the answer of a node that lacks a part.
func notHere(what string) error {
	return lieciba.Errorf(lieciba.CodeUnavailable, "%s on this server: ask another node", what)
}

func (s *Server) listExports(c *call) error {
	var f storage.ExportFilter
	err := c.onlyQuery("session", "state", "limit", "before")
	if err != nil {
		return err
	}
	if f.SessionID, err = s.querySession(c, lieciba.ActExport, "session"); err != nil {
		return err
	}
	if f.States, err = queryStates(c, []lieciba.ExportState{lieciba.ExportRequested, lieciba.ExportBuilding, lieciba.ExportSealed,
		lieciba.ExportCollected, lieciba.ExportPurged, lieciba.ExportFailed}); err != nil {
		return err
	}
	if f.Limit, f.Before, err = page[lieciba.ExportID](c); err != nil {
		return err
	}
	list, err := s.cfg.Catalog.ListExports(c.ctx(), f)
	if err != nil {
		return err
	}
	visible := s.visibleSessions(c, lieciba.ActExport)
	out := pageOf[exportView](list, f.Limit, func(e lieciba.Export) lieciba.ExportID { return e.ID })
	for _, e := range list {
		ok, err := visible(e.SessionID)
		if err != nil {
			return err
		}
		if ok {
			out.Items = append(out.Items, viewExport(e))
		}
	}
	return c.ok(out)
}

// visibleSessions tells of sessions whether the caller may do act at their site.
func (s *Server) visibleSessions(c *call, act lieciba.Act) func(lieciba.SessionID) (bool, error) {
	all, _ := lieciba.AllowedSites(c.who, act)
	seen := map[lieciba.SessionID]bool{}
	return func(id lieciba.SessionID) (bool, error) {
		if all {
			return true, nil
		}
		if ok, known := seen[id]; known {
			return ok, nil
		}
		x, err := s.cfg.Catalog.Session(c.ctx(), id)
		if err != nil {
			return false, err
		}
		seen[id] = lieciba.Allow(c.who, act, x.SiteID) == nil
		return seen[id], nil
	}
}

// exportByID resolves the session of an export, because its site decides.
func (s *Server) exportByID(c *call) (lieciba.Export, target, error) {
	id, err := lieciba.ParseID[lieciba.ExportID]("id", c.gin.Param("id"))
	if err != nil {
		return lieciba.Export{}, target{}, err
	}
	e, err := s.cfg.Catalog.Export(c.ctx(), id)
	if err != nil {
		return e, target{}, asNotFound(err, "export")
	}
	x, err := s.cfg.Catalog.Session(c.ctx(), e.SessionID)
	return e, exportTarget(e, x.SiteID), err
}

func (s *Server) getExport(c *call, e lieciba.Export) error { return c.ok(viewExport(e)) }

// fetchable says why a package cannot be fetched.
func fetchable(e lieciba.Export) error {
	switch e.State {
	case lieciba.ExportSealed, lieciba.ExportCollected:
		return nil
	case lieciba.ExportPurged:
		return lieciba.Errorf(lieciba.CodeNotFound, "this package was removed after its time; its hash stays in the log: ask for a new one")
	case lieciba.ExportFailed:
		return lieciba.Errorf(lieciba.CodeConflict, "building this package failed and is tried again: see its error")
	}
	return lieciba.Errorf(lieciba.CodeConflict, "this package is not built yet: see its state")
}

// collected notes the first whole download. It does not ask for rights again, unlike
// record: the bytes are out, and who lost a right meanwhile has them all the same.
func (s *Server) collected(c *call, id lieciba.ExportID, t target) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx()), endTimeout)
	defer cancel()
	e := c.entry(string(lieciba.ActExport), t)
	e.At = lieciba.Micro(s.cfg.Now()) // a download may take hours
	e.Detail = "package collected: all of it was sent"
	return s.cfg.Catalog.Act(ctx, &e, func(ctx context.Context) error {
		x, err := s.cfg.Catalog.Export(ctx, id)
		if err != nil || x.State != lieciba.ExportSealed {
			return err // collected before
		}
		x.State, x.CollectedAt = lieciba.ExportCollected, e.At
		return s.cfg.Catalog.PutExport(ctx, x)
	})
}

// packageName is a name that says whose package it is and holds nothing that a
// header or a file system could misread.
func packageName(x lieciba.ExamSession, e lieciba.Export) string {
	name := "lieciba-" + x.ExternalID + "-" + e.RequestedAt.In(lieciba.Riga).Format(time.DateOnly) + "-" + string(e.ID[len(e.ID)-6:]) + ".zip"
	if e.Recipient != "" {
		name += ".age"
	}
	return name
}
