package fsck_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/fsck"
	"lieciba/storage/storagetest"
)

func TestAWholeRecordingIsClean(t *testing.T) {
	onStores(t, func(s *site) {
		s.verified(0, 20)
		s.gap(20, 23)
		s.verified(23, 40)
		_, path := s.hashed(40, 60)
		s.opt.Progress = func(p fsck.Progress) { require.Positive(t, p.Done) }
		r := s.clean()
		c := r.Checked
		require.Equal(t, []int{1, 3, 1, 2, 1, 0}, []int{c.Recordings, c.Segments, c.Gaps, c.Objects, c.SpoolFiles, c.Growing})
		require.InDelta(t, 57, c.Recorded, 1e-6)
		require.InDelta(t, 3, c.Missing, 1e-6)
		require.InDelta(t, 60, c.Expected, 1e-6)
		require.Positive(t, c.Fragments)
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Greater(t, c.Bytes, info.Size())
		b, err := json.Marshal(r)
		require.NoError(t, err)
		require.Contains(t, string(b), `"violations":[]`)
		require.Contains(t, string(b), `"checked":{`)
		s.opt.Quick = true
		require.Zero(t, s.clean().Checked.Bytes)
	})
}

func TestCoverage(t *testing.T) {
	onStores(t, func(s *site) {
		rec := string(s.recording.ID)
		s.broken(rec, "nothing accounts for 2026-11-22T10:00:00.123456Z to 2026-11-22T10:01:00.123456Z", fsck.RuleCoverage)
		s.verified(0, 20)
		s.verified(21, 60)
		s.broken(rec, "2026-11-22T10:00:20.123456Z to 2026-11-22T10:00:21.123456Z (1s)", fsck.RuleCoverage)
		late := s.gap(20.000001, 21)
		s.broken(rec, "(1µs)", fsck.RuleCoverage)
		require.NoError(t, s.catalog.CloseGap(t.Context(), late.ID, at(21)))
		s.gap(20, 20.000001)
		s.clean()
		s.gap(30, 30.5)
		s.broken(rec, "(500ms) is accounted for twice", fsck.RuleOverlap)
	})
}

// TestASettledRecordingIsCheckedToItsEnd: no settle time once it is finalising.
func TestASettledRecordingIsCheckedToItsEnd(t *testing.T) {
	s := localSite(t)
	s.opt.Now = func() time.Time { return at(60) }
	s.verified(0, 59)
	s.clean()
	require.NoError(t, s.catalog.MoveRecording(t.Context(), s.recording.ID, lieciba.RecordingFinalising, s.node))
	s.broken(string(s.recording.ID), "nothing accounts for 2026-11-22T10:00:59.123456Z", fsck.RuleCoverage)
}

// TestARunningRecording counts a growing file and an open gap as what they are.
func TestARunningRecording(t *testing.T) {
	onStores(t, func(s *site) {
		now := at(30)
		s.opt.Now = func() time.Time { return now }
		s.opt.Settle = 5 * time.Second
		s.verified(0, 10)
		w, seg := s.record(10, 28)
		path := filepath.Join(s.spool, string(s.recording.ID), string(seg)+".mp4.part")
		touch := func(when time.Time) { require.NoError(t, os.Chtimes(path, when, when)) }
		touch(now)
		r := s.clean()
		require.Equal(t, 1, r.Checked.Growing)
		require.InDelta(t, 25, r.Checked.Expected, 1e-6, "up to now minus settle")
		require.InDelta(t, 25, r.Checked.Recorded, 1e-6)

		now = at(50) // the camera died at 28, nobody declared it
		touch(now)
		s.broken(string(s.recording.ID), "nothing accounts for", fsck.RuleCoverage)

		result, err := w.Close(at(28))
		require.NoError(t, err)
		require.NoError(t, s.catalog.AddSegment(t.Context(), result.Segment()))
		s.gap(28, 0)
		r = s.clean()
		require.InDelta(t, 17, r.Checked.Missing, 1e-6, "the open gap, up to now minus settle")

		_, seg = s.record(50, 51) // a growing file that stood still for minutes
		path = filepath.Join(s.spool, string(s.recording.ID), string(seg)+".mp4.part")
		touch(now.Add(-10 * time.Minute))
		s.broken(path, "its writer is dead", fsck.RuleSpool)
	})
}

func TestBytes(t *testing.T) {
	onStores(t, func(s *site) {
		_, lost := s.hashed(0, 10)
		gone := s.verified(10, 20)
		s.verified(20, 60)
		s.clean()

		require.NoError(t, os.Rename(lost, lost+".aside"))
		s.broken("segment", "neither in the spool nor in Media", fsck.RuleBytes)
		s.opt.SpoolDir, s.opt.Quick = "", true
		require.Equal(t, 1, s.clean().Checked.Elsewhere, "without a spool it may be elsewhere")
		s.opt.SpoolDir, s.opt.Quick = s.spool, false
		require.NoError(t, os.Rename(lost+".aside", lost))

		s.flip(lost, -10)
		s.broken("segment", "do not have the SHA-256", fsck.RuleBytes, fsck.RuleIndex)
		s.opt.Quick = true
		s.clean()
		require.NoError(t, os.Truncate(lost, 5000))
		s.broken("segment", "has 5000 bytes in the spool", fsck.RuleBytes)
		s.opt.Quick = false
		s.exec("UPDATE segments SET state = 'deleted' WHERE from_at = (SELECT min(from_at) FROM segments)")
		require.NoError(t, os.Remove(lost))
		s.broken(string(s.recording.ID), "is deleted, and no deletion of the recording was decided", fsck.RuleDeletion)
		s.exec("DELETE FROM segments WHERE state = 'deleted'")
		s.exec("DELETE FROM leaves WHERE kind = 'segment' AND NOT EXISTS (SELECT 1 FROM segments WHERE CAST(segments.id AS text) = subject)")
		s.gap(0, 10)
		s.clean()

		row, err := s.catalog.Segment(t.Context(), gone.ID)
		require.NoError(t, err)
		require.NoError(t, s.media.Remove(t.Context(), row.Media))
		s.broken(string(gone.ID), "Media does not hold version", fsck.RuleBytes)
	})
}

// flip changes one byte, counted from the end.
func (s *site) flip(path string, fromEnd int) {
	b, err := os.ReadFile(path)
	require.NoError(s.t, err)
	b[len(b)+fromEnd] ^= 1
	require.NoError(s.t, os.WriteFile(path, b, 0o600))
}

func TestOtherBytesInMedia(t *testing.T) {
	onStores(t, func(s *site) {
		s.verified(0, 50)
		row, path := s.hashed(50, 60)
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.Remove(path))
		b[len(b)/2] ^= 1
		s.verify(row, b)
		s.broken(string(row.ID), "its bytes in Media do not have the SHA-256", fsck.RuleBytes, fsck.RuleIndex)
	})
}

func TestIndexMustDescribeTheBytes(t *testing.T) {
	for name, c := range map[string]struct {
		change func(r *lieciba.Segment)
		words  string
	}{
		"offset":       {func(r *lieciba.Segment) { r.Fragments[1].Offset++ }, "does not follow"},
		"beyond":       {func(r *lieciba.Segment) { r.Fragments[len(r.Fragments)-1].Size++ }, "leaves the file"},
		"tail":         {func(r *lieciba.Segment) { r.Fragments[len(r.Fragments)-1].Size-- }, "end at byte"},
		"none":         {func(r *lieciba.Segment) { r.Fragments = nil }, "has 0 fragments"},
		"key":          {func(r *lieciba.Segment) { r.Fragments[0].Key = false }, "key frame"},
		"frames":       {func(r *lieciba.Segment) { r.Frames++ }, "the row says"},
		"moved frames": {func(r *lieciba.Segment) { r.Fragments[0].Frames++; r.Fragments[1].Frames-- }, "fragment 0: holds 10 frames"},
		"time": {func(r *lieciba.Segment) { r.Fragments[1].From = r.Fragments[1].From.Add(time.Millisecond) },
			"fragment 1: holds"},
		"order": {func(r *lieciba.Segment) { r.Fragments[1].From = r.Fragments[0].From }, "out of order"},
		"pts":   {func(r *lieciba.Segment) { r.Fragments[2].PTS++ }, "fragment 2: holds"},
		"init":  {func(r *lieciba.Segment) { r.InitSize-- }, "the head has"},
		"to":    {func(r *lieciba.Segment) { r.To = r.To.Add(-time.Microsecond) }, "the file covers"},
		"codec": {func(r *lieciba.Segment) { r.Video = lieciba.H265 }, "the row says h265"},
		"sound": {func(r *lieciba.Segment) { r.Audio = lieciba.AAC }, "the row says h264 aac"},
	} {
		t.Run(name, func(t *testing.T) {
			s := localSite(t)
			row, _ := s.closed(0, 60)
			c.change(&row)
			require.NoError(t, s.catalog.AddSegment(t.Context(), row))
			s.opt.Now = func() time.Time { return at(60) } // the last microseconds are not settled
			s.broken(string(row.ID), c.words, fsck.RuleIndex)
		})
	}
}

func TestOrphans(t *testing.T) {
	onStores(t, func(s *site) {
		s.verified(0, 60)
		_, stray := s.closed(100, 101)
		s.broken(stray, "has no segment row", fsck.RuleOrphan)
		odd := filepath.Join(s.spool, "odd.mp4")
		require.NoError(t, os.Rename(stray, odd))
		s.broken(odd, "has no segment row", fsck.RuleOrphan)
		require.NoError(t, os.Remove(odd))
		require.NoError(t, os.WriteFile(filepath.Join(s.spool, ".lock"), nil, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(s.spool, "x.tmp"), nil, 0o600))
		s.clean()
		require.NoError(t, os.Mkdir(filepath.Join(s.spool, "aside"), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(s.spool, "aside", "torn.mp4"), nil, 0o600))
		require.Equal(t, 1, s.clean().Checked.Aside)

		b := []byte("nobody's")
		for key, words := range map[string]string{
			storage.SegmentKey(s.recording.ID, id[lieciba.SegmentID]()): "has no segment row",
			"segments/readme.txt": "is not the key of a segment",
		} {
			obj, err := s.media.Put(t.Context(), key, bytes.NewReader(b), int64(len(b)), sha256.Sum256(b))
			require.NoError(t, err)
			s.broken(key, words, fsck.RuleOrphan)
			require.NoError(t, s.media.Remove(t.Context(), obj.Ref))
		}
		s.clean()
		s.exec("UPDATE segments SET state = 'deleted'")
		s.broken("object", "should be gone", fsck.RuleOrphan, fsck.RuleDeletion)
	})
}

func TestSpoolFileOfAVerifiedSegmentMustBeGone(t *testing.T) {
	onStores(t, func(s *site) {
		row, path := s.hashed(0, 60)
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		s.verify(row, b)
		s.clean() // it waits for its leaf
		s.sequence(1000)
		s.broken(path, "should be gone: the segment is verified and in the evidence log", fsck.RuleSpool)
		require.NoError(t, os.Rename(path, path+".part"))
		s.broken(path, "still growing", fsck.RuleSpool)
	})
}

func TestAFinishedRecordingIsFinished(t *testing.T) {
	onStores(t, func(s *site) {
		_, path := s.hashed(0, 30)
		s.gap(30, 0)
		s.clean()
		s.exec("UPDATE recordings SET state = 'sealed'")
		s.broken(string(s.recording.ID), "is not verified", fsck.RuleSealed, fsck.RuleAudit)
		s.broken(string(s.recording.ID), "is open", fsck.RuleSealed, fsck.RuleAudit)
		s.broken(string(s.recording.ID), "its seal is gone", fsck.RuleSealed, fsck.RuleAudit)
		s.exec("UPDATE recordings SET state = 'deleted'")
		s.broken(string(s.recording.ID), "is deleted, and its segment", fsck.RuleSealed, fsck.RuleDeletion, fsck.RuleAudit)
		require.FileExists(t, path, "fsck only reads")
	})
}

func TestReferences(t *testing.T) {
	onStores(t, func(s *site) {
		s.verified(0, 50)
		s.gap(50, 60)
		other := string(id[lieciba.CameraID]())
		s.exec("UPDATE recordings SET session_id = '%s'", other)
		s.broken(string(s.recording.ID), "refers to session "+other, fsck.RuleReference)
		s.exec("UPDATE recordings SET session_id = '%s', room_id = '%s'", s.session.ID, other)
		s.broken(string(s.recording.ID), "refers to room "+other, fsck.RuleReference)
		s.exec("UPDATE recordings SET room_id = '%s', camera_id = '%s'", s.session.RoomID, other)
		s.broken(string(s.recording.ID), "refers to camera "+other, fsck.RuleReference)
		s.broken(string(s.recording.ID), "run "+string(s.run.ID)+" is of camera", fsck.RuleReference)
		s.broken(string(s.recording.ID), "gap", fsck.RuleReference)
		s.exec("UPDATE recordings SET camera_id = '%s'", s.camera.ID)
		s.clean()
		s.exec("DELETE FROM runs")
		s.broken(string(s.recording.ID), "refers to run "+string(s.run.ID), fsck.RuleReference)
	})
}

// TestDoubtsAreLookedAtAgain: what is in the middle of a step at the first look
// and done at the second is no violation.
func TestDoubtsAreLookedAtAgain(t *testing.T) {
	onStores(t, func(s *site) {
		s.verified(0, 40)
		row, path := s.closed(40, 60) // closed, its row not committed yet
		once := false
		s.opt.Progress = func(p fsck.Progress) {
			if p.Stage == "spool" && !once {
				once = true
				require.NoError(t, s.catalog.AddSegment(t.Context(), row))
				b, err := os.ReadFile(path)
				require.NoError(t, err)
				s.verify(row, b)
				require.NoError(t, os.Remove(path))
			}
		}
		s.clean()
		require.True(t, once)
	})
}

// TestBesideARecorder checks again and again while segments are written, added,
// uploaded and cleared away: never a false alarm.
func TestBesideARecorder(t *testing.T) {
	onStores(t, func(s *site) {
		// A clock that stands at the end of what the recorder has accounted for.
		clock := make(chan time.Time, 1)
		clock <- at(0)
		s.opt.Now = func() time.Time {
			now := <-clock
			clock <- now
			return now.Add(s.opt.Settle)
		}
		s.opt.Settle = time.Second
		stop, checked := make(chan struct{}), make(chan error, 1)
		steps := make(chan struct{}) // one receive is the end of a whole step
		s.opt.Pause = func(ctx context.Context) error {
			select {
			case <-steps:
			case <-stop:
			}
			return ctx.Err()
		}
		go func() { checked <- s.checkUntil(stop) }()
		for n := range 20 {
			s.verified(float64(n*3), float64(n*3+3))
			<-clock
			clock <- at(float64(n*3 + 3))
			select {
			case steps <- struct{}{}: // a check waits for it
			default:
			}
		}
		close(stop)
		require.NoError(t, <-checked)
		require.Equal(t, 20, s.clean().Checked.Segments)
	})
}

// checkUntil checks at least once and until stop, and returns what went wrong.
func (s *site) checkUntil(stop <-chan struct{}) error {
	for {
		r, err := fsck.Check(s.t.Context(), s.catalog, s.media, s.opt)
		if err != nil || len(r.Violations) > 0 {
			return errors.Join(err, fmt.Errorf("false alarm: %+v", r.Violations))
		}
		select {
		case <-stop:
			return nil
		default:
		}
	}
}

func TestAnOutageIsNoVerdict(t *testing.T) {
	s := localSite(t)
	s.verified(0, 60)
	faulty := storagetest.NewFaultMedia(s.media)
	for _, step := range []storagetest.MediaStep{storagetest.MediaStat, storagetest.MediaOpen, storagetest.MediaList} {
		faulty.FailBefore(step, 1, storagetest.Outage())
		_, err := fsck.Check(t.Context(), s.catalog, faulty, s.opt)
		require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(err), "%s: %v", step, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := fsck.Check(ctx, s.catalog, s.media, s.opt)
	require.Error(t, err)
	s.opt.SpoolDir = filepath.Join(s.spool, "none")
	_, err = fsck.Check(t.Context(), s.catalog, s.media, s.opt)
	require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(err), "a spool that is not there is a mistake in the call")
	s.opt.SpoolDir = s.spool
	s.clean()
}
