package readiness

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/onvif/virtualcam/rtspcam"
	"lieciba/recorder"
	"lieciba/storage"
	"lieciba/storage/localfs"
	"lieciba/storage/minio"
	"lieciba/storage/postgres"
	"lieciba/storage/sqlite"
	"lieciba/storage/storagetest"
)

// house is a room with virtual cameras, a real recorder and a checker.
type house struct {
	t        *testing.T
	dir      string
	node     lieciba.NodeID
	catalog  storage.Catalog
	media    storage.Media
	room     lieciba.Room
	session  lieciba.ExamSession
	recorder *recorder.Recorder
	names    map[lieciba.CameraID]string
	acted    chan struct{} // the checker ended an act; capacity 1
}

// telling tells when an act is done: its rows are there then.
type telling struct {
	storage.Catalog
	acted chan struct{}
}

func (c telling) Act(ctx context.Context, e *lieciba.AuditEntry, do func(ctx context.Context) error) error {
	err := c.Catalog.Act(ctx, e, do)
	select {
	case c.acted <- struct{}{}:
	default: // somebody is told already
	}
	return err
}

// camera is a virtual camera with what is wrong with it.
type camera struct {
	name  string
	audio lieciba.AudioCodec
	spoil func(*rtspcam.Server)
	says  []Complaint
	want  map[lieciba.ReadinessCheck]string // facts that differ from a healthy camera's
}

var cameras = []camera{
	{name: "healthy with G.711", audio: lieciba.PCMA},
	{name: "healthy with AAC", audio: lieciba.AAC},
	{name: "dark", audio: lieciba.PCMU, spoil: func(s *rtspcam.Server) { s.SetDark(true) }, want: map[lieciba.ReadinessCheck]string{lieciba.CheckPicture: "dark"}},
	{name: "frozen", audio: lieciba.PCMA, spoil: func(s *rtspcam.Server) { s.FreezePicture(true) }, want: map[lieciba.ReadinessCheck]string{lieciba.CheckPicture: "frozen"}},
	{name: "silent with G.711", audio: lieciba.PCMA, spoil: func(s *rtspcam.Server) { s.SetSilent(true) }, want: map[lieciba.ReadinessCheck]string{lieciba.CheckSound: "silent"}},
	{name: "silent with AAC", audio: lieciba.AAC, spoil: func(s *rtspcam.Server) { s.SetSilent(true) }, want: map[lieciba.ReadinessCheck]string{lieciba.CheckSound: "silent"}},
	{name: "deaf", want: map[lieciba.ReadinessCheck]string{lieciba.CheckSound: "no_sound_track"}},
	{name: "of another time", audio: lieciba.PCMA, spoil: func(s *rtspcam.Server) { s.SetClockSkew(5 * time.Second) }, want: map[lieciba.ReadinessCheck]string{lieciba.CheckClock: "clock_off"}},
	{name: "tampered with", audio: lieciba.PCMA, says: []Complaint{Tampered}, want: map[lieciba.ReadinessCheck]string{lieciba.CheckPicture: "tampered"}},
	{name: "unplugged", audio: lieciba.PCMA, spoil: func(s *rtspcam.Server) { s.Disconnect(time.Hour) },
		want: map[lieciba.ReadinessCheck]string{lieciba.CheckPicture: "no_picture", lieciba.CheckSound: "no_sound", lieciba.CheckTestRecording: "write_failed"}},
}

func newHouse(t *testing.T, cat storage.Catalog, media storage.Media, list []camera) *house {
	t.Helper()
	now := time.Now()
	h := &house{t: t, dir: t.TempDir(), node: lieciba.NewID[lieciba.NodeID](now), catalog: cat, media: media, names: map[lieciba.CameraID]string{}}
	ctx := t.Context()
	site := lieciba.Site{ID: lieciba.NewID[lieciba.SiteID](now), Code: "RIX", Name: "Rīga", State: lieciba.PlaceActive, CreatedAt: lieciba.Micro(now)}
	require.NoError(t, cat.PutSite(ctx, site))
	h.room = lieciba.Room{ID: lieciba.NewID[lieciba.RoomID](now), SiteID: site.ID, Code: "RIX-1", Name: "1", State: lieciba.PlaceActive, CreatedAt: lieciba.Micro(now)}
	require.NoError(t, cat.PutRoom(ctx, h.room))
	for _, c := range list {
		s, err := rtspcam.Start(rtspcam.Config{Name: c.name, Audio: c.audio, Width: 320, Height: 192, SubWidth: -1, FPS: 10, GOP: 10, SenderReports: time.Second})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		if c.spoil != nil {
			c.spoil(s)
		}
		cam := lieciba.Camera{ID: lieciba.NewID[lieciba.CameraID](now), SiteID: site.ID, Name: c.name, Address: s.Address(), Purpose: "exam", LegalBasis: "MK 973",
			Streams: []lieciba.CameraStream{{Role: lieciba.StreamMain, URL: s.URL(lieciba.StreamMain), Video: lieciba.H264, Audio: c.audio, FPS: 10}},
			State:   lieciba.CameraEnrolled, CreatedAt: lieciba.Micro(now)}
		require.NoError(t, cat.PutCamera(ctx, cam))
		require.NoError(t, cat.AssignCamera(ctx, lieciba.CameraAssignment{CameraID: cam.ID, RoomID: h.room.ID, From: lieciba.Micro(now.Add(-time.Hour))}))
		h.names[cam.ID] = c.name
	}
	starts := lieciba.Micro(now.Add(14 * time.Minute))
	h.session = lieciba.ExamSession{ID: lieciba.NewID[lieciba.SessionID](now), SessionKey: lieciba.SessionKey{Source: "sim", ExternalID: "S-1"}, SourceVersion: 1,
		SiteID: site.ID, RoomID: h.room.ID, StartsAt: starts, EndsAt: starts.Add(time.Hour), State: lieciba.SessionPlanned, CreatedAt: lieciba.Micro(now), UpdatedAt: lieciba.Micro(now),
		Parts: []lieciba.Part{{ID: lieciba.NewID[lieciba.PartID](now), Kind: lieciba.PartSpeaking, StartsAt: starts, EndsAt: starts.Add(time.Hour), Sound: true, State: lieciba.PartPlanned}}}
	require.NoError(t, cat.ChangeSession(ctx, h.session.SessionKey, func(*lieciba.ExamSession) (*lieciba.ExamSession, error) { return &h.session, nil }, nil))
	return h
}

// record starts the recorder.
func (h *house) record() {
	h.t.Helper()
	r, err := recorder.New(recorder.Config{Catalog: h.catalog, Media: h.media, Node: h.node, SpoolDir: filepath.Join(h.dir, "spool"), Log: slog.New(slog.DiscardHandler)})
	require.NoError(h.t, err)
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { done <- r.Run(ctx) }()
	h.t.Cleanup(func() {
		cancel()
		require.NoError(h.t, <-done)
		require.NoError(h.t, r.Close())
	})
	h.recorder = r
}

// checker is wired as the server wires it.
func (h *house) checker(list []camera) *Checker {
	says := map[string][]Complaint{}
	for _, c := range list {
		says[c.name] = c.says
	}
	h.acted = make(chan struct{}, 1)
	return New(Config{Catalog: telling{h.catalog, h.acted}, Media: h.media, Live: h.recorder, Node: h.node, TrialDir: filepath.Join(h.dir, "trial"),
		Look: 4 * time.Second, Patience: 16 * time.Second, Every: 100 * time.Millisecond, Parallel: len(list), Log: slog.New(slog.DiscardHandler),
		Cameras: func(id lieciba.CameraID) CameraNow {
			st, ok := h.recorder.CameraStatus(id)
			return CameraNow{Mine: ok && h.recorder.Mine(id), Bitrate: int64(st.Bitrate), Complaints: says[h.names[id]]}
		},
		Clock: func(_ context.Context, c lieciba.Camera) ClockFacts {
			st, _ := h.recorder.CameraStatus(c.ID)
			return ClockFacts{Known: st.ClockQuality != lieciba.ClockUnknown, Offset: st.ClockOffset, Source: "rtcp"}
		},
		Spool: func() Spool {
			free, shut := h.recorder.Room()
			return Spool{Free: free, Trouble: string(shut)}
		}})
}

// run runs the checker until the session has n rows, and returns them.
func (h *house) run(c *Checker, n int) []lieciba.Readiness {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	defer func() {
		cancel()
		require.NoError(h.t, <-done)
	}()
	late := time.After(2 * time.Minute)
	for {
		rows, err := h.catalog.SessionReadiness(h.t.Context(), h.session.ID)
		require.NoError(h.t, err)
		if len(rows) >= n {
			return rows
		}
		select {
		case <-h.acted:
		case <-late:
			require.Fail(h.t, "too few rows", "%d of %d", len(rows), n)
		}
	}
}

// clean holds that no test recording is left anywhere.
func (h *house) clean() {
	h.t.Helper()
	require.NoError(h.t, h.media.List(h.t.Context(), storage.TrialKey("")[:len(storage.TrialKey(""))-len(".mp4")], func(o storage.Object) error {
		require.Fail(h.t, "an object is left", o.Ref.Key)
		return nil
	}))
	require.NoError(h.t, h.media.List(h.t.Context(), "segments/", func(o storage.Object) error {
		require.Fail(h.t, "a check is no recording", o.Ref.Key)
		return nil
	}))
	left, err := os.ReadDir(filepath.Join(h.dir, "trial"))
	require.NoError(h.t, err)
	require.Empty(h.t, left)
}

func facts(r lieciba.Readiness) map[lieciba.ReadinessCheck]string {
	out := map[lieciba.ReadinessCheck]string{}
	for _, i := range r.Items {
		if i.Outcome == lieciba.OutcomeFailed {
			out[i.Check] = i.Fact
		}
	}
	return out
}

func folderHouse(t *testing.T, list []camera) *house {
	t.Helper()
	dir := t.TempDir()
	cat, err := sqlite.Open(t.Context(), filepath.Join(dir, "catalog.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cat.Close()) })
	media, err := localfs.Open(filepath.Join(dir, "media"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, media.Close()) })
	return newHouse(t, cat, media, list)
}

// Each camera fails by name, at T-15, over real RTSP, and what a crash left of
// an earlier test recording is gone.
func TestEachFaultIsFoundByName(t *testing.T) {
	h := folderHouse(t, cameras)
	trial := filepath.Join(h.dir, "trial")
	require.NoError(t, os.MkdirAll(trial, 0o750))
	for _, name := range []string{lieciba.NewID[string](time.Now()) + ".mp4.part", lieciba.NewID[string](time.Now()) + ".mp4", "stray"} {
		require.NoError(t, os.WriteFile(filepath.Join(trial, name), []byte("of a crash"), 0o640))
	}
	h.record()
	c := h.checker(cameras)
	rows := h.run(c, len(cameras))
	require.Len(t, rows, len(cameras))
	want := map[string]camera{}
	for _, x := range cameras {
		want[x.name] = x
	}
	for _, r := range rows {
		x, once := want[h.names[r.CameraID]]
		require.True(t, once, "%s was checked twice", h.names[r.CameraID])
		delete(want, x.name)
		if x.want == nil {
			x.want = map[lieciba.ReadinessCheck]string{}
		}
		require.Equal(t, x.want, facts(r), "%s: %+v", x.name, r.Items)
		require.Equal(t, len(x.want) > 0, r.State == lieciba.ReadinessFailed, x.name)
		require.Equal(t, []any{lieciba.ReadinessT15, h.node, "system"}, []any{r.When, r.NodeID, r.By})
		require.Len(t, r.Items, len(lieciba.ReadinessChecks()))
	}
	h.clean()
	audit, err := h.catalog.ListAudit(t.Context(), storage.AuditFilter{Act: string(lieciba.ActCheckReadiness), SessionID: h.session.ID})
	require.NoError(t, err)
	require.Len(t, audit, len(cameras))
	for _, e := range audit {
		require.Equal(t, []string{"system", "ok"}, []string{e.Who, e.Outcome})
		require.Contains(t, e.Detail, "t15: ")
	}
	require.NoError(t, c.lookForDue(t.Context()))
	require.Equal(t, len(cameras)-2, c.Failed())
	require.Error(t, c.Start(h.session, nil), "closed")
}

// On PostgreSQL and MinIO with object lock: the test recording is not locked and
// nothing of it stays, by any version. A sign-off that came before the last
// camera passed makes the session ready with it.
func TestAReadyRoomOnServers(t *testing.T) {
	server := storagetest.MinIO(t)
	cat, err := postgres.Open(t.Context(), storagetest.Postgres(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cat.Close()) })
	media, err := minio.Open(t.Context(), minio.Config{Endpoint: server.Endpoint, Bucket: server.Bucket, AccessKey: server.AccessKey, SecretKey: server.SecretKey, LockDays: 1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, media.Close()) })
	require.True(t, media.WriteOnce())
	two := cameras[:2]
	h := newHouse(t, cat, media, two)
	now := lieciba.Micro(time.Now())
	require.NoError(t, cat.AddReadiness(t.Context(), lieciba.Readiness{ID: lieciba.NewID[lieciba.ReadinessID](now), SessionID: h.session.ID, NodeID: h.node,
		When: lieciba.ReadinessByHand, At: now, State: lieciba.ReadinessFailed, Reason: "before the checks", By: "uzraugs", ByID: "u"}))
	h.record()
	rows := h.run(h.checker(two), 3)
	for _, r := range rows[1:] {
		require.Equal(t, lieciba.ReadinessPassed, r.State, "%+v", r.Items)
	}
	h.clean()
	s, err := cat.Session(t.Context(), h.session.ID)
	require.NoError(t, err)
	require.Equal(t, lieciba.SessionReady, s.State)
}
