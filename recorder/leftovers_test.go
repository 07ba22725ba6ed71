package recorder

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/recorder/ingest"
	"lieciba/storage"
	"lieciba/storage/durable"
	"lieciba/storage/segment"
	"lieciba/storage/storagetest"
)

// A picture that no segment can hold is a loss with a cause, wherever it comes:
// inside a GOP, as the key frame that a segment would start with, or as that of
// the GOP that reaches over the window's start.
func TestPictureThatCannotBeStoredIsAGap(t *testing.T) {
	for _, c := range []struct {
		key  bool
		when time.Duration
	}{{false, 30 * time.Second}, {true, 30 * time.Second}, {true, -2500 * time.Millisecond}} {
		sim(t, 1, func(t *testing.T, h *house) {
			h.tune = func(c *Config) { c.SegmentLength = 2 * time.Second } // each key frame starts a segment
			cat := storagetest.NewFaultCatalog(h.catalog)
			h.wrap = func(storage.Catalog) storage.Catalog { return cat }
			h.start()
			cam := h.sims[h.cameras[0].Streams[0].URL]
			begin := time.Now().Add(12 * time.Second)
			id := h.session(h.rooms[0], begin, begin.Add(2*time.Minute), nil)
			at(begin.Add(c.when))
			huge := make([]byte, 17<<20)
			cam.mu.Lock()
			huge[0] = cam.p[0]
			if c.key {
				huge[0] = cam.idr[0]
			}
			cam.odd, cam.oddKey = huge, c.key
			cam.mu.Unlock()
			at(begin.Add(4 * time.Minute))
			x := h.only(id)
			require.Equal(t, []lieciba.GapCause{lieciba.CauseDecodeError}, causes(x))
			puts := 0
			for _, w := range cat.Writes() {
				if w.Method == "PutGap" {
					puts++
				}
			}
			require.Equal(t, 1, puts, "the disk is never blamed, not for a moment")
			require.Positive(t, x.cover.Missing)
			require.LessOrEqual(t, x.cover.Missing, 2100*time.Millisecond, "until the next key frame")
			require.Equal(t, lieciba.RecordingComplete, x.State)
			h.intact(x)
		})
	}
}

// tornFile leaves a growing file of a recording in the spool, as a crash does,
// and returns its path and its fragments.
func (h *house) tornFile(e *env, rec lieciba.Recording, from time.Time) (string, []lieciba.Fragment) {
	id := lieciba.NewID[lieciba.SegmentID](from)
	run := lieciba.Run{ID: lieciba.NewID[lieciba.RunID](from), CameraID: rec.CameraID, RecordingID: rec.ID, NodeID: h.node, StartedAt: from}
	cam := h.sims[h.cameras[0].Streams[0].URL]
	run.Format = lieciba.StreamFormat{Video: lieciba.VideoFormat{Codec: lieciba.H264, Width: 64, Height: 64, SPS: cam.sps, PPS: cam.pps}}
	path, err := e.spool.prepare(rec.CameraID, id, sidecar{Recording: rec, Run: run})
	require.NoError(h.t, err)
	w, err := segment.Create(path, segment.Params{Format: run.Format,
		IDs: segment.IDs{Recording: rec.ID, Camera: rec.CameraID, Run: run.ID, Segment: id, Node: h.node}})
	require.NoError(h.t, err)
	for n := range 126 { // five fragments of a second, and a frame of the sixth
		unit := cam.p
		if n%25 == 0 {
			unit = cam.idr
		}
		_, err := w.WriteFrame(lieciba.Frame{Track: lieciba.TrackVideo, Key: n%25 == 0, Time: from.Add(time.Duration(n) * 40 * time.Millisecond),
			PTS: int64(n) * 3600, DTS: int64(n) * 3600, Units: [][]byte{unit}})
		require.NoError(h.t, err)
	}
	frags := w.Fragments()
	require.Len(h.t, frags, 5)
	raw, err := os.ReadFile(path + segment.PartSuffix)
	require.NoError(h.t, err)
	require.NoError(h.t, w.Abort())
	require.NoError(h.t, os.WriteFile(path+segment.PartSuffix, raw, 0o640))
	return path, frags
}

// recording puts a recording of an hour on record.
func (h *house) recording(state lieciba.RecordingState, from time.Time) lieciba.Recording {
	id := h.session(h.rooms[0], from, from.Add(time.Hour), nil)
	rec, err := h.catalog.EnsureRecording(ctxb, lieciba.Recording{ID: lieciba.NewID[lieciba.RecordingID](from), SessionID: id, CameraID: h.cameras[0].ID,
		RoomID: h.rooms[0].ID, NodeID: h.node, State: state, CreatedAt: from, Window: lieciba.Interval{From: lieciba.Micro(from), To: lieciba.Micro(from.Add(time.Hour))}})
	require.NoError(h.t, err)
	return rec
}

func (h *house) idle(tune func(*Config)) *Recorder {
	cfg := Config{Catalog: h.catalog, Media: h.media, Node: h.node, SpoolDir: filepath.Join(h.dir, "spool"), Log: quiet()}
	if tune != nil {
		tune(&cfg)
	}
	r, err := New(cfg)
	require.NoError(h.t, err)
	h.t.Cleanup(func() { require.NoError(h.t, r.Close()) })
	return r
}

// Damage in the middle of a torn file: what is before it is filed, what stands
// behind it is kept byte for byte, and the hole is spool_corrupt.
func TestDamageInMidFileThrowsNothingAway(t *testing.T) {
	h := newHouse(t, 1)
	r := h.idle(nil)
	start := lieciba.Micro(time.Now())
	rec := h.recording(lieciba.RecordingRecording, start)
	path, frags := h.tornFile(r.env, rec, start)
	raw, err := os.ReadFile(path + segment.PartSuffix)
	require.NoError(t, err)
	raw[frags[2].Offset+200] ^= 0xff
	require.NoError(t, os.WriteFile(path+segment.PartSuffix, raw, 0o640))
	to, err := r.env.recoverFile(ctxb, path+segment.PartSuffix)
	require.NoError(t, err)
	require.Equal(t, start.Add(2*time.Second), to.UTC())
	tails, err := filepath.Glob(filepath.Join(h.dir, "spool", "aside", "*.tail-*"))
	require.NoError(t, err)
	require.Len(t, tails, 1)
	kept, err := os.ReadFile(tails[0])
	require.NoError(t, err)
	require.Equal(t, raw[frags[2].Offset:], kept)
	require.True(t, strings.HasPrefix(filepath.Base(tails[0]), strings.TrimSuffix(filepath.Base(path), ".mp4")))
	require.Equal(t, lieciba.CauseSpoolCorrupt, r.env.holeCause(rec.ID))
}

// The first fragment is damaged: nothing can be filed, and nothing is removed.
func TestDamageInTheFirstFragmentIsKept(t *testing.T) {
	h := newHouse(t, 1)
	r := h.idle(nil)
	start := lieciba.Micro(time.Now())
	rec := h.recording(lieciba.RecordingRecording, start)
	path, frags := h.tornFile(r.env, rec, start)
	raw, err := os.ReadFile(path + segment.PartSuffix)
	require.NoError(t, err)
	raw[frags[0].Offset+200] ^= 0xff
	require.NoError(t, os.WriteFile(path+segment.PartSuffix, raw, 0o640))
	_, err = r.env.recoverFile(ctxb, path+segment.PartSuffix)
	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err))
	kept, err := os.ReadFile(filepath.Join(h.dir, "spool", "aside", filepath.Base(path)+segment.PartSuffix))
	require.NoError(t, err)
	require.Equal(t, raw, kept)
	require.Equal(t, lieciba.CauseSpoolCorrupt, r.env.holeCause(rec.ID))
}

// A full disk has no room for the end of a damaged file: the whole of it is put
// aside, which needs none.
func TestDamageOnAFullDisk(t *testing.T) {
	h := newHouse(t, 1)
	full := false
	r := h.idle(func(c *Config) {
		c.Disk = durable.OS.With(func(s durable.Step, path string, do func() error) error {
			if full && s == durable.StepWrite && strings.Contains(path, "aside") {
				return &lieciba.Error{Code: lieciba.CodeFull, Message: "no space left"}
			}
			return do()
		})
	})
	start := lieciba.Micro(time.Now())
	rec := h.recording(lieciba.RecordingRecording, start)
	path, frags := h.tornFile(r.env, rec, start)
	raw, err := os.ReadFile(path + segment.PartSuffix)
	require.NoError(t, err)
	raw[frags[2].Offset+200] ^= 0xff
	require.NoError(t, os.WriteFile(path+segment.PartSuffix, raw, 0o640))
	full = true
	_, err = r.env.recoverFile(ctxb, path+segment.PartSuffix)
	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err))
	kept, err := os.ReadFile(filepath.Join(h.dir, "spool", "aside", filepath.Base(path)+segment.PartSuffix))
	require.NoError(t, err)
	require.Equal(t, raw, kept)
}

// The session has another recording of this camera already: the file is kept
// for a person and does not stay in the spool for ever.
func TestFileOfAnotherRecordingIsPutAside(t *testing.T) {
	h := newHouse(t, 1)
	r := h.idle(nil)
	start := lieciba.Micro(time.Now())
	rec := h.recording(lieciba.RecordingRecording, start)
	rec.ID = lieciba.NewID[lieciba.RecordingID](start)
	path, _ := h.tornFile(r.env, rec, start)
	_, err := r.env.recoverFile(ctxb, path+segment.PartSuffix)
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err))
	require.NoFileExists(t, path)
	require.FileExists(t, filepath.Join(h.dir, "spool", "aside", filepath.Base(path)))
	require.FileExists(t, filepath.Join(h.dir, "spool", "aside", strings.TrimSuffix(filepath.Base(path), ".mp4")+".json"))
}

// More sessions than one page are open: all of them are seen.
func TestMoreOpenSessionsThanAPage(t *testing.T) {
	h := newHouse(t, 1)
	r := h.idle(nil)
	begin := time.Now()
	for i := range sessionPage + 5 {
		h.session(h.rooms[0], begin.Add(time.Duration(i)*time.Second), begin.Add(time.Duration(i)*time.Second+time.Minute), nil)
	}
	w, err := r.read(ctxb)
	require.NoError(t, err)
	require.Len(t, w.Sessions, sessionPage+5)
	seen := map[lieciba.SessionID]bool{}
	for _, s := range w.Sessions {
		seen[s.ID] = true
	}
	require.Len(t, seen, sessionPage+5)
}

// A beat from the future was made before the clock was set back: it does not
// prove that anybody lived until now.
func TestBeatInTheFutureProvesNothing(t *testing.T) {
	sim(t, 1, func(t *testing.T, h *house) {
		cat := &awayCatalog{FaultCatalog: storagetest.NewFaultCatalog(h.catalog)}
		h.wrap = func(storage.Catalog) storage.Catalog { return cat }
		cam := h.sims[h.cameras[0].Streams[0].URL]
		_, stop := h.start()
		begin := time.Now().Add(20 * time.Second)
		id := h.session(h.rooms[0], begin, begin.Add(5*time.Minute), nil)
		at(begin.Add(time.Minute))
		cam.fail(&ingest.Error{Cause: lieciba.CauseCameraOffline, Err: errors.New("refused")})
		at(begin.Add(70 * time.Second))
		cat.set(true)
		h.crash(stop)
		cat.set(false)
		require.NoError(t, h.catalog.Beat(ctxb, h.node, begin.Add(24*time.Hour)))
		at(begin.Add(3 * time.Minute))
		cam.fail(nil)
		h.start()
		at(begin.Add(6 * time.Minute))
		x := h.only(id)
		for _, g := range x.gaps {
			if g.Cause != lieciba.CauseServerDown {
				require.LessOrEqual(t, g.To.Sub(begin), 71*time.Second, "the time that the server was down is blamed on %s", g.Cause)
			}
		}
		require.Contains(t, causes(x), lieciba.CauseServerDown)
	})
}

// crash ends a recorder as a power cut does: of the spool stays what is there
// now, and the catalogue, which must be away, hears no last word.
func (h *house) crash(stop func()) {
	spool := filepath.Join(h.dir, "spool")
	image := spool + "-image"
	require.NoError(h.t, os.CopyFS(image, os.DirFS(spool)))
	stop()
	require.NoError(h.t, os.RemoveAll(spool))
	require.NoError(h.t, os.Rename(image, spool))
}

// A camera that is retired and used again in mid-session is recorded again.
func TestCameraUsedAgainInMidSession(t *testing.T) {
	sim(t, 1, func(t *testing.T, h *house) {
		h.start()
		begin := time.Now().Add(12 * time.Second)
		id := h.session(h.rooms[0], begin, begin.Add(5*time.Minute), nil)
		at(begin.Add(time.Minute))
		cam := h.cameras[0]
		cam.State = lieciba.CameraRetired
		require.NoError(t, h.catalog.PutCamera(ctxb, cam))
		at(begin.Add(2 * time.Minute))
		cam.State = lieciba.CameraReady
		require.NoError(t, h.catalog.PutCamera(ctxb, cam))
		at(begin.Add(7 * time.Minute))
		x := h.only(id)
		require.Equal(t, []lieciba.GapCause{lieciba.CauseNotAssigned}, causes(x))
		require.InDelta(t, 60, x.cover.Missing.Seconds(), 6)
		require.Equal(t, lieciba.RecordingComplete, x.State)
		h.intact(x)
	})
}

// A stream that a camera no longer has is not pulled any more; the camera's
// other stream goes on.
func TestRemovedStreamIsNotPulled(t *testing.T) {
	sim(t, 1, func(t *testing.T, h *house) {
		cam := h.cameras[0]
		sub := lieciba.CameraStream{Role: lieciba.StreamSub, URL: cam.Streams[0].URL + "/sub", Video: lieciba.H264}
		h.sims[sub.URL] = newSimCamera(t, 64)
		cam.Streams = append(cam.Streams, sub)
		require.NoError(t, h.catalog.PutCamera(ctxb, cam))
		r, _ := h.start()
		time.Sleep(5 * time.Second)
		feed, err := r.Join(ctxb, cam.ID, lieciba.StreamSub)
		require.NoError(t, err)
		cam.Streams = cam.Streams[:1]
		require.NoError(t, h.catalog.PutCamera(ctxb, cam))
		time.Sleep(3 * time.Second)
		for err == nil {
			_, err = feed.Next(ctxb)
		}
		require.ErrorIs(t, err, io.EOF)
		feed.Close()
		require.Nil(t, r.stream(cam.ID, lieciba.StreamSub))
		opened := h.sims[sub.URL].attempts()
		time.Sleep(time.Minute)
		require.Equal(t, opened, h.sims[sub.URL].attempts())
		st, ok := r.CameraStatus(cam.ID)
		require.True(t, ok)
		require.True(t, st.Connected)
	})
}

// A spool file stays until the evidence log holds its segment's leaf, also over
// a restart, and whatever the log answers, uploads go on (invariant 3).
func TestSpoolFileWaitsForItsLeaf(t *testing.T) {
	sim(t, 1, func(t *testing.T, h *house) {
		var open atomic.Bool
		var mu sync.Mutex
		asked := map[lieciba.SegmentID]int{}
		h.tune = func(c *Config) {
			c.SegmentLength = 10 * time.Second
			c.Logged = func(_ context.Context, id lieciba.SegmentID) (bool, error) {
				mu.Lock()
				defer mu.Unlock()
				if asked[id]++; asked[id]%2 == 0 {
					return false, storagetest.Outage()
				}
				return open.Load(), nil
			}
		}
		files := func() []string {
			list, err := filepath.Glob(filepath.Join(h.dir, "spool", "*", "*.mp4"))
			require.NoError(t, err)
			return list
		}
		_, stop := h.start()
		begin := time.Now().Add(12 * time.Second)
		id := h.session(h.rooms[0], begin, begin.Add(time.Minute), nil)
		at(begin.Add(2 * time.Minute))
		x := h.only(id)
		require.Equal(t, lieciba.RecordingComplete, x.State, "all is uploaded and verified")
		require.Len(t, files(), len(x.segments), "and all of it is still in the spool")
		stop()
		_, stop = h.start()
		time.Sleep(time.Minute)
		require.Len(t, files(), len(x.segments))
		open.Store(true)
		time.Sleep(time.Minute)
		require.Empty(t, files())
		h.intact(x)
		stop()
	})
}

// A log that does not go on fills the spool beyond its bound and stops no
// recording; it is asked little meanwhile.
func TestLogThatStandsStopsNoRecording(t *testing.T) {
	sim(t, 1, func(t *testing.T, h *house) {
		var open atomic.Bool
		var asked atomic.Int64
		h.tune = func(c *Config) {
			c.SegmentLength, c.MaxSpoolBytes = 6*time.Second, 100_000
			c.Logged = func(context.Context, lieciba.SegmentID) (bool, error) {
				asked.Add(1)
				return open.Load(), nil
			}
		}
		r, stop := h.start()
		begin := time.Now().Add(12 * time.Second)
		id := h.session(h.rooms[0], begin, begin.Add(10*time.Minute), nil)
		at(begin.Add(11 * time.Minute))
		x := h.only(id)
		require.Empty(t, x.gaps, "nothing is lost")
		require.Greater(t, r.up.spareBytes(), r.env.cfg.MaxSpoolBytes)
		require.Equal(t, r.env.spool.usage(), r.up.spareBytes(), "what the spool holds waits for the log alone")
		before := asked.Load()
		time.Sleep(time.Minute)                                            // of the bubble's clock
		require.LessOrEqual(t, asked.Load()-before, int64(61*sweepMisses)) // both ends of the minute
		open.Store(true)
		time.Sleep(time.Minute)
		require.Zero(t, r.up.spareBytes())
		require.Zero(t, r.env.spool.usage())
		h.intact(x)
		stop()
	})
}

// A gap that waits for the catalogue keeps its cause over a crash.
func TestGapKeepsItsCauseOverACrash(t *testing.T) {
	for _, ended := range []bool{false, true} {
		sim(t, 1, func(t *testing.T, h *house) {
			cat := &awayCatalog{FaultCatalog: storagetest.NewFaultCatalog(h.catalog)}
			h.wrap = func(storage.Catalog) storage.Catalog { return cat }
			cam := h.sims[h.cameras[0].Streams[0].URL]
			_, stop := h.start()
			begin := time.Now().Add(12 * time.Second)
			id := h.session(h.rooms[0], begin, begin.Add(5*time.Minute), nil)
			at(begin.Add(30 * time.Second))
			cat.set(true)
			at(begin.Add(60 * time.Second))
			cam.fail(&ingest.Error{Cause: lieciba.CauseCameraOffline, Err: errors.New("refused")})
			at(begin.Add(90 * time.Second))
			if ended {
				cam.fail(nil)
			}
			at(begin.Add(150 * time.Second))
			h.crash(stop)
			cam.fail(nil)
			cat.set(false)
			at(begin.Add(200 * time.Second))
			h.start()
			at(begin.Add(7 * time.Minute))
			x := h.only(id)
			require.Equal(t, []lieciba.GapCause{lieciba.CauseNetworkLoss, lieciba.CauseServerDown}, causes(x))
			lost := x.gaps[0]
			require.WithinDuration(t, begin.Add(60*time.Second), lost.From, 100*time.Millisecond)
			end := begin.Add(150 * time.Second)
			if ended {
				end = begin.Add(90 * time.Second)
			}
			require.WithinDuration(t, end, lost.To, 6*time.Second)
			require.Equal(t, lieciba.RecordingComplete, x.State)
			h.intact(x)
			left, err := filepath.Glob(filepath.Join(h.dir, "spool", "pending", "*"))
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}
