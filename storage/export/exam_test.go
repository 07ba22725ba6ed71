package export_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence"
	"lieciba/storage/evidence/verify"
	"lieciba/storage/export"
)

// late adds an incident, a part event and a sign-off and sequences none of them.
func (h *house) late() (lieciba.Incident, lieciba.PartEvent, lieciba.Readiness) {
	at := lieciba.Micro(start.Add(2 * time.Hour))
	i := lieciba.Incident{ID: id[lieciba.IncidentID](), SessionID: h.session.ID, At: start.Add(time.Second), Seat: 2, Kind: lieciba.IncidentCrib, Step: lieciba.IncidentRaised, By: "observer", ByID: "u3", RecordedAt: at}
	require.NoError(h.t, h.catalog.AddIncident(h.ctx, i))
	e := lieciba.PartEvent{ID: id[lieciba.PartEventID](), SessionID: h.session.ID, PartID: h.session.Parts[0].ID, Step: lieciba.StepStarted, At: start, By: "supervisor", ByID: "u4", RecordedAt: at}
	require.NoError(h.t, h.catalog.AddPartEvent(h.ctx, h.session.ID, func(lieciba.ExamSession, []lieciba.PartEvent) (*lieciba.PartEvent, error) { return &e, nil }))
	r := lieciba.Readiness{ID: id[lieciba.ReadinessID](), SessionID: h.session.ID, NodeID: h.node, When: lieciba.ReadinessByHand, At: at, State: lieciba.ReadinessPassed, By: "supervisor", ByID: "u4"}
	require.NoError(h.t, h.catalog.AddReadiness(h.ctx, r))
	return i, e, r
}

// TestRowsThatAreNotSequencedYet: an incident that was marked just before the
// package was built leaves with its proof; PostgreSQL returns what was written.
func TestRowsThatAreNotSequencedYet(t *testing.T) {
	for name, h := range map[string]*house{"sqlite": filled(sqliteHouse(t, 1)), "postgres": filled(postgresHouse(t, 1))} {
		t.Run(name, func(t *testing.T) {
			i, e, r := h.late()
			b := export.New(h.config())
			x, err := b.Build(h.ctx, h.put(h.request()), nil)
			require.NoError(t, err)
			h.requireVerdict(verify.CompleteWithGaps, b.Path(x), verify.Options{})
			for kind, subject := range map[lieciba.LeafKind]string{lieciba.LeafIncident: string(i.ID), lieciba.LeafPart: string(e.ID), lieciba.LeafReadiness: string(r.ID)} {
				l, err := h.catalog.LeafOf(h.ctx, kind, subject)
				require.NoError(t, err)
				mine, err := h.catalog.LeafOf(h.ctx, lieciba.LeafExport, string(x.ID))
				require.NoError(t, err)
				require.Less(t, l.Index, mine.Index)
			}
		})
	}
}

// asked is a request for the export, approved and used for it.
func asked(e lieciba.Export) lieciba.Request {
	who := lieciba.Principal{ID: e.RequestedByID, Name: e.RequestedBy}
	r, err := lieciba.NewRequest(lieciba.RequestExport, lieciba.Asked{SessionID: e.SessionID}, e.Purpose, who, e.RequestedAt)
	if err != nil {
		panic(err)
	}
	r.State, r.UsedFor, r.UsedAt = lieciba.RequestUsed, "export:"+string(e.ID), e.RequestedAt
	r.DecidedBy, r.DecidedByID, r.DecidedAt = "berta", "u2", e.RequestedAt
	return r
}

// changed is a catalogue in which somebody changed a request past the program.
type changed struct {
	export.Catalog
	r   lieciba.Request
	err error
}

func (c changed) Request(context.Context, lieciba.RequestID) (lieciba.Request, error) {
	return c.r, c.err
}

// TestNothingLeavesOnAnotherApproval: a request that does not allow just this
// export stops the building before a file is written.
func TestNothingLeavesOnAnotherApproval(t *testing.T) {
	h := filled(sqliteHouse(t, 1))
	base := h.request()
	lost := errors.New("the database is gone")
	for name, x := range map[string]struct {
		edit func(r *lieciba.Request)
		says string
		err  error
	}{
		"of another kind":    {func(r *lieciba.Request) { r.Kind = lieciba.RequestGrant; r.Digest = r.DigestOf() }, "asks for a grant", nil},
		"not used":           {func(r *lieciba.Request) { r.State = lieciba.RequestApproved }, "was not used for it", nil},
		"used for another":   {func(r *lieciba.Request) { r.UsedFor = "export:other" }, "was not used for it", nil},
		"changed afterwards": {func(r *lieciba.Request) { r.Asked.Recipient = "age1x" }, "was changed after it was approved", nil},
		"another session":    {func(r *lieciba.Request) { r.Asked.SessionID = id[lieciba.SessionID](); r.Digest = r.DigestOf() }, "another session", nil},
		"another approver":   {func(r *lieciba.Request) { r.DecidedBy = "X" }, "other people", nil},
		"another reason":     {func(r *lieciba.Request) { r.Reason = "X"; r.Digest = r.DigestOf() }, "another reason", nil},
		"unreadable":         {func(*lieciba.Request) {}, "", lost},
	} {
		t.Run(name, func(t *testing.T) {
			e := base
			e.ID = id[lieciba.ExportID]()
			r := asked(e)
			e.RequestID, e.ApprovedBy = r.ID, r.DecidedBy
			x.edit(&r)
			c := h.config()
			c.Catalog = changed{rowless{h.catalog}, r, x.err}
			b := export.New(c)
			_, err := b.Build(h.ctx, e, nil)
			require.Error(t, err)
			if x.err != nil {
				require.ErrorIs(t, err, lost)
			} else {
				require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err))
				require.Contains(t, err.Error(), x.says)
			}
			require.NoFileExists(t, filepath.Join(filepath.Dir(b.Path(e)), "plan.json"))
		})
	}
	e := base
	r := asked(e)
	e.RequestID, e.ApprovedBy = r.ID, r.DecidedBy
	c := h.config()
	c.Catalog = changed{rowless{h.catalog}, r, nil}
	b := export.New(c)
	e, err := b.Build(h.ctx, e, nil)
	require.NoError(t, err)
	h.requireVerdict(verify.CompleteWithGaps, b.Path(e), verify.Options{})
}

// rowless keeps no export: its row would need the request's.
type rowless struct{ export.Catalog }

func (rowless) PutExport(context.Context, lieciba.Export) error { return nil }

// TestClipOfAnIncident: what was asked for is cut around the incident as it was
// last corrected; one that was retracted since has no clip, and its rows stay.
// Without one that was asked for each incident has its clip.
func TestClipOfAnIncident(t *testing.T) {
	h := filled(sqliteHouse(t, 1))
	i, _, _ := h.late()
	row := func(step lieciba.IncidentStep, at time.Time) {
		n := i
		n.ID, n.Follows, n.Step, n.At, n.RecordedAt = id[lieciba.IncidentID](), i.ID, step, at, i.RecordedAt.Add(time.Minute)
		require.NoError(t, h.catalog.AddIncident(h.ctx, n))
		i.RecordedAt = n.RecordedAt
	}
	build := func(only lieciba.IncidentID) (m evidence.Manifest, path string) {
		e := h.request()
		e.From, e.To = start, start.Add(time.Second)
		r := asked(e)
		r.Asked.IncidentID = only
		r.Digest = r.DigestOf()
		e.RequestID, e.ApprovedBy = r.ID, r.DecidedBy
		c := h.config()
		c.Catalog = changed{rowless{h.catalog}, r, nil}
		b := export.New(c)
		e, err := b.Build(h.ctx, e, nil)
		require.NoError(t, err)
		h.requireVerdict(verify.CompleteWithGaps, b.Path(e), verify.Options{})
		return manifest(t, b.Path(e)), b.Path(e)
	}
	row(lieciba.IncidentCorrected, start.Add(51*time.Second))
	other := i
	other.ID, other.At, other.RecordedAt = id[lieciba.IncidentID](), start.Add(5*time.Second), i.RecordedAt.Add(2*time.Minute)
	require.NoError(t, h.catalog.AddIncident(h.ctx, other))
	m, path := build(i.ID)
	require.Equal(t, i.ID, m.Approval.IncidentID)
	require.Len(t, m.Clips, 2)
	require.Equal(t, "viewing/clip-1.mp4", m.Clips[0].File)
	require.Empty(t, m.Clips[0].IncidentID, "the range comes first")
	c := m.Clips[1]
	require.Equal(t, evidence.ClipManifest{CameraID: h.cameras[0].ID, From: evidence.At(start.Add(21 * time.Second)), To: evidence.At(start.Add(time.Minute)),
		File: "viewing/clip-2.mp4", IncidentID: i.ID}, c, "30 s before; the window ends sooner than 60 s after")
	file := filepath.Join(t.TempDir(), "clip.mp4")
	require.NoError(t, os.WriteFile(file, entry(t, path, c.File), 0o600))
	out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-show_entries", "format=duration:format_tags=comment", "-of", "csv=p=0", file).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "starts 2026-05-22T10:00:21.123456Z; ends 2026-05-22T10:01:00.123456Z")

	m, _ = build("")
	require.Empty(t, m.Approval.IncidentID)
	var of []lieciba.IncidentID
	for _, c := range m.Clips {
		of = append(of, c.IncidentID)
	}
	require.Equal(t, []lieciba.IncidentID{"", other.ID, i.ID}, of)

	row(lieciba.IncidentRetracted, start.Add(51*time.Second))
	m, _ = build(i.ID)
	require.Len(t, m.Clips, 1)
	require.Len(t, m.Incidents, 4)
	m, _ = build("")
	require.Len(t, m.Clips, 2, "of the one that stands")
}
