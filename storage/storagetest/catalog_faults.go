package storagetest

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

// faultCase is one write, what must hold before it, and what it changes.
type faultCase struct {
	before func(w *world) error
	call   func(ctx context.Context, c storage.Catalog) error
}

// testCatalogFaults fails each write before and after it took effect, repeats
// the same call, and compares the store with one where nothing failed.
func testCatalogFaults(t *testing.T, fresh func(t *testing.T) Opener) {
	names := CatalogWrites()
	require.ElementsMatch(t, names, slices.Collect(maps.Keys(faultCases(newWorld(t, fresh(t))))), "each write has a case")
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fresh(t))
			c := faultCases(w)[name]
			if c.before != nil {
				require.NoError(t, c.before(w))
			}
			f := NewFaultCatalog(w.Catalog)
			was := snapshot(t, w)
			f.FailNext(name, Before)
			requireCode(t, c.call(w.ctx, f), lieciba.CodeUnavailable, "")
			require.Equal(t, was, snapshot(t, w), "not persisted: nothing changed")

			f.FailNext(name, After)
			requireCode(t, c.call(w.ctx, f), lieciba.CodeUnavailable, "")
			done := snapshot(t, w)
			require.NotEqual(t, was, done, "persisted: it took effect")
			require.NoError(t, c.call(w.ctx, f), "the caller repeats it unchanged")
			require.Equal(t, done, snapshot(t, w), "and ends in the same state")
		})
	}
}

func faultCases(w *world) map[string]faultCase {
	cases := faultCasesOfRecordings(w)
	far, hall, cam := newSite("far"), newRoom(w.site, "hall"), newCamera(w.site, "new")
	entry := newAudit("push_session", base)
	user := newUser("anna")
	signIn := newSignIn(user, 7)
	token := lieciba.ClientToken{ID: newID[lieciba.TokenID](), Name: "pizis", TokenHash: [32]byte{8}, CreatedAt: base, ExpiresAt: sec(60)}
	withUser := func(w *world) error { return w.PutUser(w.ctx, user) }
	withSignIn := func(w *world) error {
		if err := withUser(w); err != nil {
			return err
		}
		return w.PutSignIn(w.ctx, signIn)
	}
	maps.Copy(cases, faultCasesOfEvidence(w))
	maps.Copy(cases, faultCasesOfKeeping(w))
	maps.Copy(cases, faultCasesOfAccess(w))
	maps.Copy(cases, faultCasesOfNotices(w))
	maps.Copy(cases, map[string]faultCase{
		"PutSite":   {call: func(ctx context.Context, c storage.Catalog) error { return c.PutSite(ctx, far) }},
		"PutRoom":   {call: func(ctx context.Context, c storage.Catalog) error { return c.PutRoom(ctx, hall) }},
		"PutCamera": {call: func(ctx context.Context, c storage.Catalog) error { return c.PutCamera(ctx, cam) }},
		"SetCameraState": {call: func(ctx context.Context, c storage.Catalog) error {
			return c.SetCameraState(ctx, w.camera.ID, lieciba.CameraOffline, time.Second)
		}},
		"SetCameraSecret": {call: func(ctx context.Context, c storage.Catalog) error {
			return c.SetCameraSecret(ctx, w.camera.ID, []byte("sealed"))
		}},
		"AssignCamera": {
			before: func(w *world) error {
				return w.AssignCamera(w.ctx, lieciba.CameraAssignment{CameraID: w.camera.ID, RoomID: w.room.ID, From: base})
			},
			call: func(ctx context.Context, c storage.Catalog) error {
				return c.AssignCamera(ctx, lieciba.CameraAssignment{CameraID: w.camera.ID, RoomID: w.room.ID, From: sec(9)})
			}},
		"ChangeSession": {call: func(ctx context.Context, c storage.Catalog) error {
			return c.ChangeSession(ctx, w.session.SessionKey, func(cur *lieciba.ExamSession) (*lieciba.ExamSession, error) {
				next := *cur
				next.Seats = 99
				return &next, nil
			}, &entry)
		}},
		"MoveSession": {call: func(ctx context.Context, c storage.Catalog) error {
			return c.MoveSession(ctx, w.session.ID, lieciba.SessionRunning)
		}},
		"PutUser":        {call: func(ctx context.Context, c storage.Catalog) error { return c.PutUser(ctx, user) }},
		"PutSignIn":      {before: withUser, call: func(ctx context.Context, c storage.Catalog) error { return c.PutSignIn(ctx, signIn) }},
		"DeleteSignIn":   {before: withSignIn, call: func(ctx context.Context, c storage.Catalog) error { return c.DeleteSignIn(ctx, signIn.TokenHash) }},
		"DeleteSignIns":  {before: withSignIn, call: func(ctx context.Context, c storage.Catalog) error { return c.DeleteSignIns(ctx, user.ID, base) }},
		"PutClientToken": {call: func(ctx context.Context, c storage.Catalog) error { return c.PutClientToken(ctx, token) }},
		"AppendAudit":    {call: func(ctx context.Context, c storage.Catalog) error { return c.AppendAudit(ctx, entry) }},
	})
	return cases
}

func faultCasesOfRecordings(w *world) map[string]faultCase {
	hall := newRoom(w.site, "annex")
	rec := w.newRecording()
	rec.RoomID = hall.ID
	run := newRun(w.rec)
	seg, gap, open := w.segment(0, 10), w.gap(20, 30), w.gap(40, 0)
	return map[string]faultCase{
		"EnsureRecording": {
			before: func(w *world) error { return w.PutRoom(w.ctx, hall) },
			call: func(ctx context.Context, c storage.Catalog) error {
				_, err := c.EnsureRecording(ctx, rec)
				return err
			}},
		"SetRecordingWindow": {call: func(ctx context.Context, c storage.Catalog) error {
			return c.SetRecordingWindow(ctx, w.rec.ID, lieciba.Interval{From: base, To: sec(9)})
		}},
		"MoveRecording": {call: func(ctx context.Context, c storage.Catalog) error {
			return c.MoveRecording(ctx, w.rec.ID, lieciba.RecordingRecording, nodeB)
		}},
		"PutRun":     {call: func(ctx context.Context, c storage.Catalog) error { return c.PutRun(ctx, run) }},
		"AddSegment": {call: func(ctx context.Context, c storage.Catalog) error { return c.AddSegment(ctx, seg) }},
		"VerifySegment": {
			before: func(w *world) error { return w.AddSegment(w.ctx, seg) },
			call: func(ctx context.Context, c storage.Catalog) error {
				return c.VerifySegment(ctx, seg.ID, lieciba.MediaRef{Key: "k", Version: "v"})
			}},
		"PutGap": {call: func(ctx context.Context, c storage.Catalog) error { return c.PutGap(ctx, gap) }},
		"CloseGap": {
			before: func(w *world) error { return w.PutGap(w.ctx, open) },
			call:   func(ctx context.Context, c storage.Catalog) error { return c.CloseGap(ctx, open.ID, sec(40)) }}, // removes it
		"AcquireLease": {call: func(ctx context.Context, c storage.Catalog) error {
			_, _, err := c.AcquireLease(ctx, w.camera.ID, nodeA, time.Hour)
			return err
		}},
		"ReleaseLease": {
			before: func(w *world) error {
				_, _, err := w.AcquireLease(w.ctx, w.camera.ID, nodeA, time.Hour)
				return err
			},
			call: func(ctx context.Context, c storage.Catalog) error { return c.ReleaseLease(ctx, w.camera.ID, nodeA) }},
		"Beat": {call: func(ctx context.Context, c storage.Catalog) error { return c.Beat(ctx, nodeA, sec(3)) }},
	}
}

// snapshot reads everything that the writes of the cases can change. Who holds
// the lease is asked as a stranger, for no time: the answer changes nothing that
// is compared.
func snapshot(t *testing.T, w *world) []any {
	t.Helper()
	var all []any
	add := func(v any, err error) {
		t.Helper()
		require.NoError(t, err)
		all = append(all, v)
	}
	add2 := func(v any, err error) {
		if lieciba.CodeOf(err) == lieciba.CodeNotFound {
			v, err = nil, nil
		}
		add(v, err)
	}
	sites, err := w.ListSites(w.ctx)
	add(sites, err)
	rooms, err := w.ListRooms(w.ctx, "")
	add(rooms, err)
	cameras, err := w.ListCameras(w.ctx, "")
	add(cameras, err)
	secret, err := w.CameraSecret(w.ctx, w.camera.ID)
	add(secret, err)
	assigned, err := w.Assignments(w.ctx, "", lieciba.Interval{})
	add(assigned, err)
	sessions, err := w.ListSessions(w.ctx, storage.SessionFilter{})
	add(sessions, err)
	recs, err := w.SessionRecordings(w.ctx, w.session.ID)
	add(recs, err)
	runs, err := w.Runs(w.ctx, w.rec.ID)
	add(runs, err)
	segs, err := w.RecordingSegments(w.ctx, w.rec.ID, lieciba.Interval{})
	add(segs, err)
	gaps, err := w.RecordingGaps(w.ctx, w.rec.ID)
	add(gaps, err)
	stranger := newID[lieciba.NodeID]()
	lease, free, err := w.AcquireLease(w.ctx, w.camera.ID, stranger, 0)
	add([]any{free, !free && lease.NodeID == nodeA}, err)
	beat, err := w.LastBeat(w.ctx, nodeA)
	add(beat, err)
	users, err := w.ListUsers(w.ctx)
	add(users, err)
	tokens, err := w.ListClientTokens(w.ctx)
	add(tokens, err)
	audit, err := w.ListAudit(w.ctx, storage.AuditFilter{})
	add(audit, err)
	snapshotEvidence(w, add, add2)
	snapshotAccess(w, add)
	snapshotExam(w, add, add2)
	return all
}
