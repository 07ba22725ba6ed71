package verify_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
	"lieciba/storage/evidence/zipfile"
	"lieciba/storage/export"
	"lieciba/storage/localfs"
	"lieciba/storage/segment"
	"lieciba/storage/sequencer"
	"lieciba/storage/sqlite"
)

var start = time.Date(2026, 11, 18, 8, 0, 0, 123456000, time.UTC)

const segmentSeconds = 4

// house is a catalogue with a hash log, its keys, and sessions that were
// recorded, sealed and can be packed.
type house struct {
	t         testing.TB
	ctx       context.Context
	dir       string
	catalog   storage.Catalog
	media     storage.Media
	log       *sequencer.Sequencer
	builder   *export.Builder
	authority authority
	key       *evidence.Key
	keys      []string // of the log, oldest first
	witness   *evidence.Key
	unseen    bool // the witness does not cosign
	node      lieciba.NodeID
	mu        sync.Mutex
	clock     time.Time
	bytes     map[lieciba.SegmentID][]byte
}

func newHouse(t testing.TB) *house {
	dir := t.TempDir()
	key, _, err := evidence.OpenKey(filepath.Join(dir, "log.key"))
	require.NoError(t, err)
	witness, _, err := evidence.OpenWitnessKey(filepath.Join(dir, "witness.key"), "")
	require.NoError(t, err)
	return newHouseOf(t, key, witness)
}

// newHouseOf begins a log with keys that are there.
func newHouseOf(t testing.TB, key, witness *evidence.Key) *house {
	h := &house{authority: newAuthority(t), key: key, witness: witness, t: t, ctx: context.Background(), dir: t.TempDir(), node: lieciba.NewID[lieciba.NodeID](start), clock: start.Add(time.Hour),
		bytes: map[lieciba.SegmentID][]byte{}}
	var err error
	h.catalog, err = sqlite.Open(h.ctx, filepath.Join(h.dir, "catalogue.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.catalog.Close()) })
	h.media, err = localfs.Open(filepath.Join(h.dir, "media"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.media.Close()) })
	h.log = sequencer.New(sequencer.Config{Catalog: h.catalog, Key: key, Now: h.now})
	h.builder = export.New(export.Config{Catalog: h.catalog, Media: h.media, Log: h, Dir: filepath.Join(h.dir, "exports"), Node: h.node,
		Tool: "lieciba test", Witnesses: []string{witness.VerifierKey()}, WitnessWait: time.Nanosecond, StampCertificates: []*x509.Certificate{h.authority.root}, Now: h.now})
	h.keys = []string{key.VerifierKey()}
	require.NoError(t, h.log.Start(h.ctx))
	return h
}

func (h *house) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock = h.clock.Add(time.Second)
	return h.clock
}

// sequence gives every staged leaf its place.
func (h *house) sequence() {
	_, err := h.log.Once(h.ctx)
	require.NoError(h.t, err)
}

// The house is the builder's log: each time it waits, the sequencer takes its
// turn at once, and the witness comes by.

func (h *house) Await(ctx context.Context, kind lieciba.LeafKind, subject string) (lieciba.Leaf, error) {
	if _, err := h.log.Once(ctx); err != nil {
		return lieciba.Leaf{}, err
	}
	if !h.unseen {
		if err := h.cosign(ctx); err != nil {
			return lieciba.Leaf{}, err
		}
	}
	return h.log.Await(ctx, kind, subject)
}

func (h *house) Refresh(ctx context.Context) error { return h.log.Refresh(ctx) }

func (h *house) Key() *evidence.Key { return h.log.Key() }

func (h *house) Stamp(ctx context.Context, size int64) ([]lieciba.TimeStamp, error) {
	list, err := h.catalog.Checkpoints(ctx, size-1)
	if err != nil {
		return nil, err
	}
	q, err := evidence.NewStampRequest(list[0].Note)
	if err != nil {
		return nil, err
	}
	at := h.now()
	token, err := h.authority.stamp(q.Query, at)
	return []lieciba.TimeStamp{{Size: size, Authority: "tsa.example", At: at, Token: token}}, err
}

// cosign is the witness's visit.
func (h *house) cosign(ctx context.Context) error {
	cp, err := h.catalog.NewestCheckpoint(ctx)
	if err != nil {
		return err
	}
	at := h.now()
	line, err := h.witness.Cosign(evidence.CheckpointText(cp.Origin, cp.Size, cp.Root), at)
	if err != nil {
		return err
	}
	return h.catalog.PutCosignature(ctx, lieciba.Cosignature{Size: cp.Size, Witness: h.witness.Name(), At: at.Truncate(time.Second), Line: line})
}

// exam is one recorded and sealed session.
type exam struct {
	session lieciba.ExamSession
	site    lieciba.Site
	room    lieciba.Room
	cameras []lieciba.CameraID
}

// hold makes a session of cameras with so many segments each; gapAt, if not
// negative, is the place of a gap of 1.5 s in the last camera's recording.
func (h *house) hold(external string, cameras, segments, gapAt int) exam {
	t := h.t
	x := exam{site: lieciba.Site{ID: lieciba.NewID[lieciba.SiteID](start), Code: "site-" + external, Name: "Eksāmenu centrs", State: lieciba.PlaceActive, CreatedAt: start}}
	x.room = lieciba.Room{ID: lieciba.NewID[lieciba.RoomID](start), SiteID: x.site.ID, Code: "room-" + external, Name: "201", State: lieciba.PlaceActive, CreatedAt: start}
	require.NoError(t, h.catalog.PutSite(h.ctx, x.site))
	require.NoError(t, h.catalog.PutRoom(h.ctx, x.room))
	length := time.Duration(max(1, segments)*segmentSeconds) * time.Second
	end := start.Add(length)
	x.session = lieciba.ExamSession{ID: lieciba.NewID[lieciba.SessionID](start), SessionKey: lieciba.SessionKey{Source: "pizis", ExternalID: external},
		SiteID: x.site.ID, RoomID: x.room.ID, StartsAt: start, EndsAt: end, Seats: 11, State: lieciba.SessionPlanned, CreatedAt: start, UpdatedAt: start,
		Parts: []lieciba.Part{{ID: lieciba.NewID[lieciba.PartID](start), Kind: lieciba.PartSpeaking, StartsAt: start, EndsAt: end, Sound: true, State: lieciba.PartPlanned}}}
	require.NoError(t, h.catalog.ChangeSession(h.ctx, x.session.SessionKey,
		func(*lieciba.ExamSession) (*lieciba.ExamSession, error) { return &x.session, nil }, nil))
	var seals []func()
	for n := range cameras {
		last := -1
		if n == cameras-1 {
			last = gapAt
		}
		seals = append(seals, h.record(&x, n, segments, last))
	}
	h.live(x)
	for _, seal := range seals {
		seal()
	}
	require.NoError(t, h.catalog.MoveSession(h.ctx, x.session.ID, lieciba.SessionFinished))
	_, err := h.catalog.PlaceHold(h.ctx, lieciba.Hold{ID: lieciba.NewID[lieciba.HoldID](start), SessionID: x.session.ID, Kind: lieciba.HoldAppeal, Reference: "A-17",
		Reason: "apstrīdēšana", PlacedBy: "system", PlacedAt: end})
	require.NoError(t, err)
	_, _, err = h.catalog.AddSessionEvent(h.ctx, lieciba.SessionEvent{ID: lieciba.NewID[lieciba.EventID](start), SessionID: x.session.ID, Source: "pizis",
		ExternalID: "E-" + string(x.session.ID), Kind: lieciba.EventAppealOpened, At: end, Appeal: "A-17", ReceivedAt: end})
	require.NoError(t, err)
	require.NoError(t, h.catalog.AppendAudit(h.ctx, lieciba.AuditEntry{ID: lieciba.NewID[lieciba.AuditID](start), At: end, Who: "I. Izskatītāja", WhoID: "u1", Act: "view_archive",
		Object: "session:" + string(x.session.ID), SessionID: x.session.ID, From: start, To: end, Outcome: "ok"}))
	h.sequence()
	return x
}

// record records one camera of the session and returns what seals it.
func (h *house) record(x *exam, n, segments, gapAt int) (seal func()) {
	t := h.t
	cam := lieciba.Camera{ID: lieciba.NewID[lieciba.CameraID](start), SiteID: x.site.ID, Name: fmt.Sprintf("kamera-%d", n+1), Maker: "M", Model: "X", Serial: fmt.Sprint(n), State: lieciba.CameraEnrolled, CreatedAt: start}
	cam.Address = "10.0.0.1:80/" + string(cam.ID)
	require.NoError(t, h.catalog.PutCamera(h.ctx, cam))
	x.cameras = append(x.cameras, cam.ID)
	window := lieciba.Interval{From: x.session.StartsAt, To: x.session.EndsAt}
	if segments == 0 { // cancelled before it began
		window.To = window.From
	}
	rec, err := h.catalog.EnsureRecording(h.ctx, lieciba.Recording{ID: lieciba.NewID[lieciba.RecordingID](start), SessionID: x.session.ID, CameraID: cam.ID,
		RoomID: x.room.ID, NodeID: h.node, Window: window, State: lieciba.RecordingScheduled, CreatedAt: start.Add(time.Duration(n) * time.Second)})
	require.NoError(t, err)
	run := lieciba.Run{ID: lieciba.NewID[lieciba.RunID](start), CameraID: cam.ID, RecordingID: rec.ID, NodeID: h.node, StartedAt: start, Format: format(n == 0)}
	require.NoError(t, h.catalog.PutRun(h.ctx, run))
	for i := range segments {
		from := start.Add(time.Duration(i*segmentSeconds) * time.Second)
		to := from.Add(segmentSeconds * time.Second)
		if i == gapAt {
			g := lieciba.Gap{ID: lieciba.NewID[lieciba.GapID](start), RecordingID: rec.ID, CameraID: cam.ID, NodeID: h.node,
				From: from, To: from.Add(1520 * time.Millisecond), Cause: lieciba.CauseNetworkLoss, Detail: "no packet for 1 s"}
			require.NoError(t, h.catalog.PutGap(h.ctx, g))
			from = g.To
		}
		s := h.write(segment.IDs{Recording: rec.ID, Camera: cam.ID, Run: run.ID, Segment: lieciba.NewID[lieciba.SegmentID](start), Node: h.node}, run.Format, from, to)
		s.ClockOffset, s.ClockQuality = time.Duration(i*3-4)*time.Millisecond, lieciba.ClockGood
		require.NoError(t, h.catalog.AddSegment(h.ctx, s))
		b := h.bytes[s.ID]
		o, err := h.media.Put(h.ctx, storage.SegmentKey(rec.ID, s.ID), bytes.NewReader(b), int64(len(b)), s.SHA256)
		require.NoError(t, err)
		require.NoError(t, h.catalog.VerifySegment(h.ctx, s.ID, o.Ref))
	}
	require.NoError(t, h.catalog.MoveRecording(h.ctx, rec.ID, lieciba.RecordingComplete, h.node))
	h.sequence()
	return func() {
		all, err := h.catalog.SessionRecordings(h.ctx, x.session.ID)
		require.NoError(t, err)
		_, err = h.catalog.SealRecording(h.ctx, rec.ID, func(r lieciba.Recording, s []lieciba.Segment, g []lieciba.Gap) (lieciba.Seal, error) {
			m, err := evidence.BuildRecording(r, x.session, cam, s, g)
			require.NoError(t, err)
			err = m.Among(all)
			b := evidence.Encode(m)
			return lieciba.Seal{RecordingID: r.ID, SessionID: x.session.ID, At: h.now(), Manifest: b, SHA256: sha256.Sum256(b)}, err
		})
		require.NoError(t, err)
	}
}

func format(sound bool) lieciba.StreamFormat {
	f := lieciba.StreamFormat{Video: lieciba.VideoFormat{Codec: lieciba.H264, Width: 320, Height: 240,
		SPS: []byte{0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x47, 0xfe, 0x88}, PPS: []byte{0x68, 0xce, 0x3c, 0x80}}}
	if sound {
		f.Audio = &lieciba.AudioFormat{Codec: lieciba.PCMA, SampleRate: 8000, Channels: 1}
	}
	return f
}

// write writes a segment of small pictures with the recorder's own writer.
func (h *house) write(ids segment.IDs, f lieciba.StreamFormat, from, to time.Time) lieciba.Segment {
	path := filepath.Join(h.dir, string(ids.Segment)+".mp4")
	w, err := segment.Create(path, segment.Params{IDs: ids, Format: f})
	require.NoError(h.t, err)
	for n := 0; ; n++ {
		at := from.Add(time.Duration(n) * 40 * time.Millisecond)
		if !at.Before(to) {
			break
		}
		slice := slices.Repeat([]byte{0x41, byte(n), ids.Segment[35], byte(at.UnixMilli())}, 8)
		frame := lieciba.Frame{Track: lieciba.TrackVideo, Key: n%25 == 0, PTS: at.Sub(start).Microseconds() * 9 / 100, Time: at, Units: [][]byte{slice}}
		if frame.Key {
			frame.Units = [][]byte{f.Video.SPS, f.Video.PPS, append([]byte{0x65}, slice...)}
		}
		frame.DTS = frame.PTS
		_, err := w.WriteFrame(frame)
		require.NoError(h.t, err)
		if f.Audio != nil && n%5 == 0 {
			pts := at.Sub(start).Microseconds() * 8 / 1000
			_, err := w.WriteFrame(lieciba.Frame{Track: lieciba.TrackAudio, Key: true, PTS: pts, DTS: pts, Time: at, Units: [][]byte{make([]byte, 160)}})
			require.NoError(h.t, err)
		}
	}
	r, err := w.Close(to)
	require.NoError(h.t, err)
	b, err := os.ReadFile(path)
	require.NoError(h.t, err)
	require.NoError(h.t, os.Remove(path))
	h.bytes[ids.Segment] = b
	return r.Segment()
}

// part is one file of a package.
type part struct {
	name string
	data []byte
}

// parcel is a package taken apart: what a test changes before it is put
// together again.
type parcel struct {
	manifest evidence.Manifest
	parts    []part
}

func (p parcel) clone() parcel {
	var m evidence.Manifest
	if err := evidence.Decode(evidence.Encode(p.manifest), &m); err != nil {
		panic(err)
	}
	return parcel{m, slices.Clone(p.parts)}
}

func (p parcel) find(name string) int {
	return slices.IndexFunc(p.parts, func(x part) bool { return x.name == name })
}

func (p parcel) get(name string) []byte { return p.parts[p.find(name)].data }

func (p parcel) set(name string, data []byte) { p.parts[p.find(name)].data = data }

// zip puts the parcel together in the container's form.
func (p parcel) zip(t testing.TB) []byte {
	var b bytes.Buffer
	z, err := zipfile.NewWriter(&b, nil)
	require.NoError(t, err)
	for _, x := range p.parts {
		w, err := z.Create(x.name)
		require.NoError(t, err)
		_, err = w.Write(x.data)
		require.NoError(t, err)
		_, err = z.Finish()
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}

func (p parcel) folder(t testing.TB) string {
	dir := t.TempDir()
	for _, x := range p.parts {
		path := filepath.Join(dir, filepath.FromSlash(x.name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, x.data, 0o600))
	}
	return dir
}

func (h *house) keyring() evidence.Keys {
	return evidence.Keys{Log: h.keys, Witnesses: []string{h.witness.VerifierKey()}, Stamps: []string{evidence.Hash(sum(h.authority.root.Raw)).String()}}
}

func segmentName(s evidence.SegmentDetail) string {
	return "segments/" + string(s.CameraID) + "/" + string(s.ID) + ".mp4"
}

// pack has the package of a session built.
func (h *house) pack(x exam, cameras ...lieciba.CameraID) parcel {
	e := lieciba.Export{ID: lieciba.NewID[lieciba.ExportID](start), SessionID: x.session.ID, CameraIDs: cameras, Purpose: "apstrīdēšana A-17", RecipientName: "Apelācijas komisija",
		From: start.Add(time.Second), To: start.Add(3 * time.Second), RequestedBy: "I. Izskatītāja", RequestedByID: "u1", RequestedAt: h.now(), NodeID: h.node, State: lieciba.ExportRequested}
	e = h.allow(e)
	require.NoError(h.t, h.catalog.PutExport(h.ctx, e))
	e, err := h.builder.Build(h.ctx, e, nil)
	require.NoError(h.t, err)
	b, err := os.ReadFile(h.builder.Path(e))
	require.NoError(h.t, err)
	p := unpack(h.t, b)
	require.Equal(h.t, b, p.zip(h.t), "the form is one")
	return p
}

// unpack takes a package apart.
func unpack(t testing.TB, b []byte) (p parcel) {
	z, err := zipfile.Open(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	for _, e := range z.Entries() {
		data, err := io.ReadAll(z.Content(e))
		require.NoError(t, err)
		p.parts = append(p.parts, part{e.Name, data})
	}
	require.NoError(t, evidence.Decode(p.get(evidence.ManifestName), &p.manifest))
	return p
}
