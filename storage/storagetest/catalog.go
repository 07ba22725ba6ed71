package storagetest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

// Opener opens the same store each time it is called: as a second node beside
// the first, or again after a Close. The caller closes what it got.
type Opener func() storage.Catalog

// TestCatalog runs the contract of storage.Catalog. fresh makes an empty store
// that lasts as long as its test and returns what opens it.
func TestCatalog(t *testing.T, fresh func(t *testing.T) Opener) {
	for _, group := range []map[string]func(*testing.T, *world){
		placeTests, sessionTests, recordingTests, segmentTests, gapTests, accountTests, sharedTests,
		identityTests, requestTests, grantTests, appealTests, actTests, logTests, sealTests, policyTests, holdTests, deletionTests,
		noticeTests, toldTests, examTests, linkTests, alarmTests,
	} {
		for name, test := range group {
			t.Run(name, func(t *testing.T) { test(t, newWorld(t, fresh(t))) })
		}
	}
	t.Run("Faults", func(t *testing.T) { testCatalogFaults(t, fresh) })
	t.Run("ActJoinsEveryWrite", func(t *testing.T) { testActJoins(t, fresh) })
}

// base is the instant that the tests' facts are placed around.
var base = time.Date(2026, 11, 18, 7, 0, 0, 123456000, time.UTC)

func sec(n float64) time.Time { return base.Add(time.Duration(n * float64(time.Second))) }

func newID[T ~string]() T { return lieciba.NewID[T](base) }

// world is an open catalogue with one object of each kind that others refer to.
type world struct {
	storage.Catalog
	ctx     context.Context
	open    Opener
	other   storage.Catalog // a second node, if the test asked for one
	site    lieciba.Site
	room    lieciba.Room
	camera  lieciba.Camera
	session lieciba.ExamSession
	rec     lieciba.Recording
	run     lieciba.Run
}

func newWorld(t *testing.T, open Opener) *world {
	t.Helper()
	w := &world{Catalog: open(), ctx: t.Context(), open: open}
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	w.site = newSite("riga")
	require.NoError(t, w.PutSite(w.ctx, w.site))
	w.room = newRoom(w.site, "riga-1")
	require.NoError(t, w.PutRoom(w.ctx, w.room))
	w.camera = newCamera(w.site, "front")
	require.NoError(t, w.PutCamera(w.ctx, w.camera))
	w.session = w.newSession("exam-1", base)
	require.NoError(t, w.store(w.session))
	w.rec = w.newRecording()
	got, err := w.EnsureRecording(w.ctx, w.rec)
	require.NoError(t, err)
	require.Equal(t, w.rec, got)
	w.run = newRun(w.rec)
	require.NoError(t, w.PutRun(w.ctx, w.run))
	return w
}

// store puts a session through ChangeSession without looking at the stored one.
func (w *world) store(s lieciba.ExamSession) error {
	return w.ChangeSession(w.ctx, s.SessionKey, func(*lieciba.ExamSession) (*lieciba.ExamSession, error) { return &s, nil }, nil)
}

func newSite(code string) lieciba.Site {
	return lieciba.Site{ID: newID[lieciba.SiteID](), Code: code, Name: "Eksāmenu centrs " + code, Mobile: true,
		State: lieciba.PlaceActive, CreatedAt: base}
}

func newRoom(s lieciba.Site, code string) lieciba.Room {
	return lieciba.Room{ID: newID[lieciba.RoomID](), SiteID: s.ID, Code: code, Name: "Telpa " + code,
		State: lieciba.PlaceActive, CreatedAt: base}
}

func newCamera(s lieciba.Site, name string) lieciba.Camera {
	id := newID[lieciba.CameraID]()
	return lieciba.Camera{ID: id, SiteID: s.ID, Name: name, Address: "10.0.0.1:80/" + string(id), ONVIF: true,
		DeviceURL: "http://10.0.0.1/onvif/device_service", EndpointRef: "urn:uuid:" + string(id), Maker: "M", Model: "X",
		Firmware: "1.2", Serial: "S", SnapshotURL: "http://10.0.0.1/snap.jpg",
		Streams: []lieciba.CameraStream{
			{Role: lieciba.StreamMain, URL: "rtsp://10.0.0.1/main", ProfileToken: "p1", Video: lieciba.H264, Audio: lieciba.PCMA, Width: 1920, Height: 1080, FPS: 25},
			{Role: lieciba.StreamSub, URL: "rtsp://10.0.0.1/sub", Video: lieciba.H265, FPS: 12.5},
		},
		TLSPin: "ab12", Purpose: "eksāmena uzraudzība", LegalBasis: "MK 973", State: lieciba.CameraEnrolled,
		ClockOffset: -1500 * time.Microsecond, CreatedAt: base}
}

func (w *world) newSession(external string, start time.Time) lieciba.ExamSession {
	end := start.Add(3 * time.Hour)
	return lieciba.ExamSession{ID: newID[lieciba.SessionID](), SessionKey: lieciba.SessionKey{Source: "pizis", ExternalID: external},
		SourceVersion: 7, DocumentHash: [32]byte{1, 2, 3}, SiteID: w.site.ID, RoomID: w.room.ID, StartsAt: start, EndsAt: end, Seats: 12,
		Parts: []lieciba.Part{{ID: newID[lieciba.PartID](), Kind: lieciba.PartSpeaking, StartsAt: start.Add(time.Hour), EndsAt: end,
			Sound: true, State: lieciba.PartPlanned}},
		State: lieciba.SessionPlanned, CreatedAt: base, UpdatedAt: base}
}

func (w *world) newRecording() lieciba.Recording {
	return lieciba.Recording{ID: newID[lieciba.RecordingID](), SessionID: w.session.ID, CameraID: w.camera.ID, RoomID: w.room.ID,
		NodeID: nodeA, Window: lieciba.Interval{From: base, To: sec(3600)}, State: lieciba.RecordingScheduled, CreatedAt: base}
}

var nodeA, nodeB = newID[lieciba.NodeID](), newID[lieciba.NodeID]()

func newRun(r lieciba.Recording) lieciba.Run {
	return lieciba.Run{ID: newID[lieciba.RunID](), CameraID: r.CameraID, RecordingID: r.ID, NodeID: nodeA, StartedAt: base,
		Format: lieciba.StreamFormat{
			Video: lieciba.VideoFormat{Codec: lieciba.H264, Width: 1920, Height: 1080, SPS: []byte{0x67, 1, 0}, PPS: []byte{0x68, 2}},
			Audio: &lieciba.AudioFormat{Codec: lieciba.AAC, SampleRate: 48000, Channels: 1, Config: []byte{0x11, 0x88}},
		}}
}

// segment is a closed segment of the world's run over [from, to) seconds.
func (w *world) segment(from, to float64) lieciba.Segment {
	id := newID[lieciba.SegmentID]()
	s := lieciba.Segment{ID: id, RecordingID: w.rec.ID, CameraID: w.camera.ID, RunID: w.run.ID, NodeID: nodeA,
		From: sec(from), To: sec(to), Size: 1 << 20, SHA256: [32]byte{byte(from), 9}, InitSize: 800, Video: lieciba.H264, Audio: lieciba.AAC,
		Frames: int(25 * (to - from)), LostPackets: 3, ClockOffset: 40 * time.Millisecond, ClockQuality: lieciba.ClockGood,
		State: lieciba.SegmentHashed}
	off := s.InitSize
	for at := from; at < to; at++ {
		s.Fragments = append(s.Fragments, lieciba.Fragment{From: sec(at), PTS: int64(at * 90000), Offset: off, Size: 90_000, Frames: 25, Key: true})
		off += 90_000
	}
	return s
}

func (w *world) gap(from, to float64) lieciba.Gap {
	g := lieciba.Gap{ID: newID[lieciba.GapID](), RecordingID: w.rec.ID, CameraID: w.camera.ID, NodeID: nodeA, From: sec(from),
		Cause: lieciba.CauseCameraOffline, Detail: "dial: refused"}
	if to > 0 {
		g.To = sec(to)
	}
	return g
}

func bare(s lieciba.Segment) lieciba.Segment {
	s.Fragments = nil
	return s
}

// requireCode checks the error's code and, if field is not empty, its field.
func requireCode(t *testing.T, err error, code lieciba.Code, field string) {
	t.Helper()
	var e *lieciba.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, code, e.Code, "%v", err)
	if field != "" {
		require.Equal(t, field, e.Field, "%v", err)
	}
}
