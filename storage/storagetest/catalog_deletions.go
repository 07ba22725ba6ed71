package storagetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

var deletionTests = map[string]func(*testing.T, *world){
	"RetentionFacts": func(t *testing.T, w *world) {
		got, err := w.RetentionFacts(w.ctx, w.rec.ID)
		require.NoError(t, err)
		require.Equal(t, lieciba.RetentionFacts{Recording: w.rec, Session: w.session}, got)
		_, err = w.RetentionFacts(w.ctx, newID[lieciba.RecordingID]())
		requireCode(t, err, lieciba.CodeNotFound, "")

		require.NoError(t, w.seal(w.rec))
		want := w.fillFacts(t)
		got, err = w.RetentionFacts(w.ctx, w.rec.ID)
		require.NoError(t, err)
		require.Equal(t, want, got)
	},

	"BeginDeletion": func(t *testing.T, w *world) {
		require.NoError(t, w.seal(w.rec))
		begin := func(d *lieciba.Deletion, err error) (*lieciba.Deletion, error) {
			return w.BeginDeletion(w.ctx, w.rec.ID, func(f lieciba.RetentionFacts) (*lieciba.Deletion, error) {
				facts, ferr := w.RetentionFacts(w.ctx, w.rec.ID)
				require.NoError(t, ferr)
				require.Equal(t, facts, f)
				return d, err
			})
		}
		was := snapshot(t, w)
		got, err := begin(nil, nil)
		require.NoError(t, err)
		require.Nil(t, got)
		refused := errors.New("not due")
		_, err = begin(nil, refused)
		require.True(t, err == refused, "%v", err)
		for name, spoil := range map[string]func(*lieciba.Deletion){
			"recording": func(d *lieciba.Deletion) { d.RecordingID = newID[lieciba.RecordingID]() },
			"session":   func(d *lieciba.Deletion) { d.SessionID = newID[lieciba.SessionID]() },
			"state":     func(d *lieciba.Deletion) { d.State = lieciba.DeletionDone },
		} {
			bad := newDeletion(w.rec)
			spoil(bad)
			_, err := begin(bad, nil)
			require.Equal(t, lieciba.CodeInternal, lieciba.CodeOf(err), "%s: %v", name, err)
		}
		early := newDeletion(w.rec)
		early.DueAt = early.DecidedAt.Add(1000)
		_, err = begin(early, nil)
		requireCode(t, err, lieciba.CodeConflict, "due_at")
		require.Equal(t, was, snapshot(t, w))

		d := newDeletion(w.rec)
		got, err = begin(d, nil)
		require.NoError(t, err)
		require.Equal(t, d, got)
		r, err := w.Recording(w.ctx, w.rec.ID)
		require.NoError(t, err)
		require.Equal(t, lieciba.RecordingExpired, r.State)
		stored, err := w.Deletion(w.ctx, d.ID)
		require.NoError(t, err)
		require.Equal(t, *d, stored)
		got, err = w.BeginDeletion(w.ctx, w.rec.ID, func(lieciba.RetentionFacts) (*lieciba.Deletion, error) {
			t.Error("decided twice")
			return nil, nil
		})
		require.NoError(t, err)
		require.Equal(t, d, got, "the one that was decided before")
		_, err = w.BeginDeletion(w.ctx, newID[lieciba.RecordingID](), func(lieciba.RetentionFacts) (*lieciba.Deletion, error) { return nil, nil })
		requireCode(t, err, lieciba.CodeNotFound, "")
	},

	"WhatForbidsADeletion": func(t *testing.T, w *world) {
		requireCode(t, w.beginDeletion(newDeletion(w.rec)), lieciba.CodeConflict, "state") // it is not complete
		require.NoError(t, w.seal(w.rec))
		h, e := w.newHold(), w.newExport()
		_, err := w.PlaceHold(w.ctx, h)
		require.NoError(t, err)
		requireCode(t, w.beginDeletion(newDeletion(w.rec)), lieciba.CodeConflict, "hold")
		_, err = w.ChangeHold(w.ctx, h.ID, release)
		require.NoError(t, err)
		require.NoError(t, w.PutExport(w.ctx, e))
		for _, s := range []lieciba.ExportState{lieciba.ExportRequested, lieciba.ExportBuilding, lieciba.ExportFailed} {
			e.State = s
			require.NoError(t, w.PutExport(w.ctx, e))
			requireCode(t, w.beginDeletion(newDeletion(w.rec)), lieciba.CodeConflict, "export")
		}
		e.State = lieciba.ExportSealed
		require.NoError(t, w.PutExport(w.ctx, e))
		at := newDeletion(w.rec).DecidedAt.Sub(base).Seconds()
		r := w.ask(lieciba.RequestGrant, at-10)
		require.NoError(t, w.PutRequest(w.ctx, r))
		requireCode(t, w.beginDeletion(newDeletion(w.rec)), lieciba.CodeConflict, "request")
		r, err = w.change(r.ID, func(r lieciba.Request) (*lieciba.Request, error) { return approve(r, at-9) })
		require.NoError(t, err)
		g := grantOf(r, at-8)
		require.NoError(t, w.PutGrant(w.ctx, g))
		requireCode(t, w.beginDeletion(newDeletion(w.rec)), lieciba.CodeConflict, "grant")
		_, err = w.RevokeGrant(w.ctx, g.ID, "berta", sec(at-7))
		require.NoError(t, err)
		requireCode(t, w.beginDeletion(newDeletion(w.rec)), lieciba.CodeConflict, "request")
		_, err = w.change(r.ID, func(r lieciba.Request) (*lieciba.Request, error) {
			out, err := r.Withdraw(anna, sec(at-6))
			return &out, err
		})
		require.NoError(t, err)
		require.NoError(t, w.beginDeletion(newDeletion(w.rec)))
	},

	"NobodyChangesTheFactsMeanwhile": testFactsAreExcluded,

	"DeletionInSteps": testDeletionInSteps,

	"HoldStopsADeletion":     testHoldStopsADeletion,
	"LateSegmentOfADeletion": testLateSegmentOfADeletion,

	"HoldAndClaimTakeTurns": testHoldAndClaim,

	"ListDeletions": func(t *testing.T, w *world) {
		var all []lieciba.Deletion
		for i := range 3 {
			rec := w.anotherRecording(t, fmt.Sprint("hall-", i))
			require.NoError(t, w.seal(rec))
			d := newDeletion(rec)
			d.DecidedAt = sec(9000 - float64(i))
			require.NoError(t, w.beginDeletion(d))
			all = append(all, *d)
		}
		claimed, err := w.ClaimSegments(w.ctx, all[1].ID, 10)
		require.NoError(t, err)
		require.NoError(t, w.SegmentsDeleted(w.ctx, all[1].ID, []lieciba.SegmentID{claimed[0].ID}))
		all[1], err = w.FinishDeletion(w.ctx, all[1].ID, sec(9500), []byte("{}\n"))
		require.NoError(t, err)
		for name, q := range map[string]struct {
			limit  int
			before lieciba.DeletionID
			states []lieciba.DeletionState
			want   []lieciba.Deletion
		}{
			"all":    {0, "", nil, all},
			"limit":  {1, "", nil, all[:1]},
			"before": {0, all[0].ID, nil, all[1:]},
			"open":   {0, "", []lieciba.DeletionState{lieciba.DeletionOpen, lieciba.DeletionHeld}, []lieciba.Deletion{all[0], all[2]}},
			"done":   {0, "", []lieciba.DeletionState{lieciba.DeletionDone}, all[1:2]},
			"after":  {0, all[0].ID, []lieciba.DeletionState{lieciba.DeletionOpen}, all[2:]},
		} {
			got, err := w.ListDeletions(w.ctx, q.limit, q.before, q.states...)
			require.NoError(t, err, name)
			require.Equal(t, q.want, got, name)
		}
		_, err = w.ListDeletions(w.ctx, 0, newID[lieciba.DeletionID]())
		requireCode(t, err, lieciba.CodeNotFound, "")
	},

	"ScanRecordings": func(t *testing.T, w *world) {
		want := []lieciba.Recording{w.rec}
		for i := range 4 {
			want = append(want, w.anotherRecording(t, fmt.Sprint("hall-", i)))
		}
		sortByID(want)
		var got []lieciba.Recording
		require.NoError(t, w.ScanRecordings(w.ctx, "", func(r lieciba.Recording) error {
			got = append(got, r)
			return w.SetRecordingWindow(w.ctx, r.ID, r.Window) // fn may use the catalogue
		}))
		require.Equal(t, want, got)
		got = nil
		stop := errors.New("enough")
		require.True(t, w.ScanRecordings(w.ctx, want[1].ID, func(r lieciba.Recording) error {
			if got = append(got, r); len(got) == 2 {
				return stop
			}
			return nil
		}) == stop)
		require.Equal(t, want[2:4], got)
	},
}

func release(h lieciba.Hold) (*lieciba.Hold, error) {
	h.ReleasedBy, h.ReleasedAt = "Berta", sec(9000)
	return &h, nil
}

// anotherRecording is one of the world's session and camera, in a new room.
func (w *world) anotherRecording(t *testing.T, code string) lieciba.Recording {
	t.Helper()
	room := newRoom(w.site, code)
	require.NoError(t, w.PutRoom(w.ctx, room))
	rec := w.newRecording()
	rec.RoomID = room.ID
	rec, err := w.EnsureRecording(w.ctx, rec)
	require.NoError(t, err)
	return rec
}

// fillFacts stores one of everything that decides about the world's recording,
// and what does not: another session's, and exports that are built.
func (w *world) fillFacts(t *testing.T) lieciba.RetentionFacts {
	t.Helper()
	other := w.newSession("exam-2", base)
	require.NoError(t, w.store(other))
	f := lieciba.RetentionFacts{Session: w.session}
	for _, s := range []lieciba.SessionID{w.session.ID, other.ID} {
		e, h, x, built := w.newEvent("e-"+string(s)), w.newHold(), w.newExport(), w.newExport()
		e.SessionID, h.SessionID, x.SessionID, built.SessionID = s, s, s, s
		_, _, err := w.AddSessionEvent(w.ctx, e)
		require.NoError(t, err)
		_, err = w.PlaceHold(w.ctx, h)
		require.NoError(t, err)
		require.NoError(t, w.PutExport(w.ctx, x))
		built.State = lieciba.ExportSealed
		require.NoError(t, w.PutExport(w.ctx, built))
		if s == w.session.ID {
			f.Events, f.Holds, f.Exports = []lieciba.SessionEvent{e}, []lieciba.Hold{h}, []lieciba.Export{x}
		}
	}
	waits, over := w.ask(lieciba.RequestExport, 1), w.ask(lieciba.RequestGrant, 2)
	for _, r := range []lieciba.Request{waits, over, w.ask(lieciba.RequestHoldRelease, 3)} {
		require.NoError(t, w.PutRequest(w.ctx, r))
	}
	_, err := w.change(over.ID, func(r lieciba.Request) (*lieciba.Request, error) {
		out, err := r.Withdraw(anna, sec(4))
		return &out, err
	})
	require.NoError(t, err)
	approved, err := w.approved(lieciba.RequestGrant, 5)
	require.NoError(t, err)
	g := grantOf(approved, 7)
	require.NoError(t, w.PutGrant(w.ctx, g))
	f.Requests = []lieciba.Request{waits, approved}
	g, err = w.RevokeGrant(w.ctx, g.ID, "berta", sec(8))
	require.NoError(t, err)
	f.Grants = []lieciba.Grant{g}
	for i := range 2 {
		require.NoError(t, w.PutPolicy(w.ctx, newPolicy("default", i+1)))
	}
	f.Policies, err = w.Policies(w.ctx)
	require.NoError(t, err)
	require.Len(t, f.Policies, 2)
	f.Recording, err = w.Recording(w.ctx, w.rec.ID)
	require.NoError(t, err)
	seal, err := w.Seal(w.ctx, w.rec.ID)
	require.NoError(t, err)
	seal.Manifest = nil // is left out
	f.Seal = &seal
	return f
}

// testFactsAreExcluded changes each of the facts from a second node while
// BeginDeletion decides on them: the change must wait.
func testFactsAreExcluded(t *testing.T, w *world) {
	require.NoError(t, w.seal(w.rec))
	placed, draft := w.newHold(), newPolicy("default", 1)
	_, err := w.PlaceHold(w.ctx, placed)
	require.NoError(t, err)
	require.NoError(t, w.PutPolicy(w.ctx, draft))
	asked, err := w.approved(lieciba.RequestGrant, 0)
	require.NoError(t, err)
	grant := grantOf(asked, 2)
	second := w.second(t)
	for name, change := range map[string]func(ctx context.Context) error{
		"PlaceHold": func(ctx context.Context) error {
			_, err := second.PlaceHold(ctx, w.newHold())
			return err
		},
		"ChangeHold": func(ctx context.Context) error {
			_, err := second.ChangeHold(ctx, placed.ID, release)
			return err
		},
		"PutExport": func(ctx context.Context) error { return second.PutExport(ctx, w.newExport()) },
		"AddSessionEvent": func(ctx context.Context) error {
			_, _, err := second.AddSessionEvent(ctx, w.newEvent("e-1"))
			return err
		},
		"ApprovePolicy": func(ctx context.Context) error {
			_, err := second.ApprovePolicy(ctx, draft.ID, "Berta", "u2", sec(1))
			return err
		},
		"PutRequest":  func(ctx context.Context) error { return second.PutRequest(ctx, w.ask(lieciba.RequestGrant, 1)) },
		"PutGrant":    func(ctx context.Context) error { return second.PutGrant(ctx, grant) },
		"MoveSession": func(ctx context.Context) error { return second.MoveSession(ctx, w.session.ID, lieciba.SessionFinished) },
		"BeginDeletion": func(ctx context.Context) error {
			_, err := second.BeginDeletion(ctx, w.rec.ID, func(lieciba.RetentionFacts) (*lieciba.Deletion, error) { return nil, nil })
			return err
		},
	} {
		stop := errors.New("stop")
		_, err := w.BeginDeletion(w.ctx, w.rec.ID, func(lieciba.RetentionFacts) (*lieciba.Deletion, error) {
			w.short(t, change)
			return nil, stop
		})
		require.True(t, err == stop, "%s: %v", name, err)
		require.NoError(t, change(w.ctx), "%s: and it goes on afterwards", name)
	}
}

func testDeletionInSteps(t *testing.T, w *world) {
	var segs []lieciba.Segment
	for i := range 5 {
		s := w.segment(float64(10*i+20), float64(10*i+30))
		s.RecordingID = w.rec.ID
		require.NoError(t, w.AddSegment(w.ctx, s))
		s.State, s.Media = lieciba.SegmentVerified, lieciba.MediaRef{Key: storage.SegmentKey(w.rec.ID, s.ID), Version: "v"}
		require.NoError(t, w.VerifySegment(w.ctx, s.ID, s.Media))
		segs = append(segs, bare(s))
	}
	require.NoError(t, w.MoveRecording(w.ctx, w.rec.ID, lieciba.RecordingComplete, ""))
	_, err := w.SealRecording(w.ctx, w.rec.ID, buildSeal)
	require.NoError(t, err)
	d := newDeletion(w.rec)
	require.NoError(t, w.beginDeletion(d))
	claim := func(limit, want int) []lieciba.Segment {
		t.Helper()
		got, err := w.ClaimSegments(w.ctx, d.ID, limit)
		require.NoError(t, err)
		require.Len(t, got, want)
		for i, s := range got {
			require.Equal(t, lieciba.SegmentDeleting, s.State)
			s.State = lieciba.SegmentVerified
			require.Contains(t, segs, s, "%d: with its object", i)
		}
		return got
	}
	require.Empty(t, claim(0, 0))
	first := claim(2, 2)
	require.Equal(t, segs[0].ID, first[0].ID, "by time")
	requireCode(t, w.SegmentsDeleted(w.ctx, d.ID, []lieciba.SegmentID{first[0].ID, segs[4].ID}), lieciba.CodeConflict, "segments")
	claim(0, 2) // none of them was moved
	require.NoError(t, w.SegmentsDeleted(w.ctx, d.ID, []lieciba.SegmentID{first[0].ID}))
	require.NoError(t, w.SegmentsDeleted(w.ctx, d.ID, []lieciba.SegmentID{first[0].ID, first[1].ID}), "again, and one more")
	requireCode(t, w.SegmentsDeleted(w.ctx, d.ID, []lieciba.SegmentID{newID[lieciba.SegmentID]()}), lieciba.CodeNotFound, "")
	_, err = w.FinishDeletion(w.ctx, d.ID, sec(9000), []byte("{}\n"))
	requireCode(t, err, lieciba.CodeConflict, "state")

	require.NoError(t, w.Close())
	w.Catalog = w.open()
	rest := claim(10, 3)
	require.Equal(t, segs[2].ID, rest[0].ID)
	require.NoError(t, w.SegmentsDeleted(w.ctx, d.ID, []lieciba.SegmentID{rest[0].ID, rest[1].ID, rest[2].ID}))
	require.Empty(t, claim(10, 0))
	_, err = w.FinishDeletion(w.ctx, d.ID, sec(9000), nil)
	requireCode(t, err, lieciba.CodeInvalid, "certificate")
	done, err := w.FinishDeletion(w.ctx, d.ID, sec(9000), []byte("{}\n"))
	require.NoError(t, err)
	d.State, d.DoneAt, d.Certificate = lieciba.DeletionDone, sec(9000), []byte("{}\n")
	require.Equal(t, *d, done)
	again, err := w.FinishDeletion(w.ctx, d.ID, sec(9999), []byte(`{"another":1}`))
	require.NoError(t, err)
	require.Equal(t, done, again, "one certificate")
	require.Empty(t, claim(10, 0))
	r, err := w.Recording(w.ctx, w.rec.ID)
	require.NoError(t, err)
	require.Equal(t, lieciba.RecordingDeleted, r.State)
	list, err := w.RecordingSegments(w.ctx, w.rec.ID, lieciba.Interval{})
	require.NoError(t, err)
	for i, s := range list {
		require.Equal(t, lieciba.SegmentDeleted, s.State)
		require.Equal(t, segs[i].SHA256, s.SHA256, "hash outlives the bytes")
	}
	testDeletionRefuses(t, w, segs[0].ID)
}

// testDeletionRefuses asks for deletions that are not there, and for a segment
// of another recording.
func testDeletionRefuses(t *testing.T, w *world, others lieciba.SegmentID) {
	t.Helper()
	for _, err := range []error{
		func() error { _, err := w.ClaimSegments(w.ctx, newID[lieciba.DeletionID](), 1); return err }(),
		w.SegmentsDeleted(w.ctx, newID[lieciba.DeletionID](), nil),
		func() error {
			_, err := w.FinishDeletion(w.ctx, newID[lieciba.DeletionID](), base, []byte("{}"))
			return err
		}(),
		func() error { _, err := w.Deletion(w.ctx, newID[lieciba.DeletionID]()); return err }(),
	} {
		requireCode(t, err, lieciba.CodeNotFound, "")
	}
	foreign := w.anotherRecording(t, "hall")
	require.NoError(t, w.seal(foreign))
	theirs := newDeletion(foreign)
	require.NoError(t, w.beginDeletion(theirs))
	requireCode(t, w.SegmentsDeleted(w.ctx, theirs.ID, []lieciba.SegmentID{others}), lieciba.CodeConflict, "segments")
}

// testLateSegmentOfADeletion: recovery finds a segment of a complete recording,
// and it arrives in the store only when the deletion of all was decided. Then its
// object must be known to go too.
func testLateSegmentOfADeletion(t *testing.T, w *world) {
	require.NoError(t, w.complete(w.rec))
	late := w.segment(3600, 3610)
	require.NoError(t, w.AddSegment(w.ctx, late))
	d := newDeletion(w.rec)
	require.NoError(t, w.beginDeletion(d))
	ref := lieciba.MediaRef{Key: "late", Version: "v1"}
	require.NoError(t, w.VerifySegment(w.ctx, late.ID, ref))
	require.NoError(t, w.VerifySegment(w.ctx, late.ID, ref), "again")
	requireCode(t, w.VerifySegment(w.ctx, late.ID, lieciba.MediaRef{Key: "other"}), lieciba.CodeConflict, "state")
	claimed, err := w.ClaimSegments(w.ctx, d.ID, 1000)
	require.NoError(t, err)
	var ids []lieciba.SegmentID
	for _, s := range claimed {
		ids = append(ids, s.ID)
		if s.ID == late.ID {
			require.Equal(t, ref, s.Media)
		}
	}
	require.Contains(t, ids, late.ID)
	require.NoError(t, w.SegmentsDeleted(w.ctx, d.ID, ids))
	_, err = w.FinishDeletion(w.ctx, d.ID, sec(9000), []byte("{}\n"))
	require.NoError(t, err)
	requireCode(t, w.VerifySegment(w.ctx, late.ID, ref), lieciba.CodeConflict, "state")
}
