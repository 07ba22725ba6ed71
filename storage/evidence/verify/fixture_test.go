package verify_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
	"lieciba/storage/evidence/report"
	"lieciba/storage/evidence/zipfile"
	"lieciba/storage/segment"
	"lieciba/storage/sqlite"
)

var start = time.Date(2026, 11, 18, 8, 0, 0, 123456000, time.UTC)

const segmentSeconds = 4

// house is a catalogue with a hash log, its keys, and sessions that were
// recorded, sealed and can be packed.
type house struct {
	t       testing.TB
	ctx     context.Context
	dir     string
	catalog storage.Catalog
	key     *evidence.Key
	keys    []string // of the log, oldest first
	witness *evidence.Key
	unseen  bool // the witness does not cosign
	node    lieciba.NodeID
	clock   time.Time
	bytes   map[lieciba.SegmentID][]byte
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
	h := &house{key: key, witness: witness, t: t, ctx: context.Background(), dir: t.TempDir(), node: lieciba.NewID[lieciba.NodeID](start), clock: start.Add(time.Hour),
		bytes: map[lieciba.SegmentID][]byte{}}
	var err error
	h.catalog, err = sqlite.Open(h.ctx, filepath.Join(h.dir, "catalogue.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.catalog.Close()) })
	h.keys = []string{h.key.VerifierKey()}
	require.NoError(t, h.catalog.StageLeaf(h.ctx, evidence.NewLeaf(lieciba.LeafKey, h.keys[0], h.now(), evidence.FirstKey(h.key, "first"))))
	h.sequence(h.key)
	return h
}

func (h *house) now() time.Time {
	h.clock = h.clock.Add(time.Second)
	return h.clock
}

// sequence gives every staged leaf its place and signs.
func (h *house) sequence(keys ...*evidence.Key) {
	_, err := h.catalog.Sequence(h.ctx, 10_000, func(head storage.LogHead, staged []lieciba.Leaf) (storage.Sequenced, error) {
		g, err := evidence.Grow(head.Checkpoint.Size, staged, evidence.HashReader(head.Hashes))
		if err != nil {
			return storage.Sequenced{}, err
		}
		cp, err := evidence.SignCheckpoint(h.key.Name(), head.Checkpoint.Size+int64(len(staged)), g.Root, keys...)
		cp.At = h.now()
		return storage.Sequenced{Hashes: g.Hashes, Checkpoint: cp}, err
	})
	require.NoError(h.t, err)
}

// exam is one recorded and sealed session.
type exam struct {
	session    lieciba.ExamSession
	site       lieciba.Site
	room       lieciba.Room
	recordings []evidence.RecordingManifest
	runs       []evidence.RunManifest
}

// hold makes a session of cameras with so many segments each; gapAt, if not
// negative, is the place of a gap of 1.5 s in the last camera's recording.
func (h *house) hold(external string, cameras, segments, gapAt int) exam {
	t := h.t
	x := exam{site: lieciba.Site{ID: lieciba.NewID[lieciba.SiteID](start), Code: "site-" + external, Name: "Eksāmenu centrs", State: lieciba.PlaceActive, CreatedAt: start}}
	x.room = lieciba.Room{ID: lieciba.NewID[lieciba.RoomID](start), SiteID: x.site.ID, Code: "room-" + external, Name: "201", State: lieciba.PlaceActive, CreatedAt: start}
	require.NoError(t, h.catalog.PutSite(h.ctx, x.site))
	require.NoError(t, h.catalog.PutRoom(h.ctx, x.room))
	length := time.Duration(segments*segmentSeconds) * time.Second
	end := start.Add(length)
	x.session = lieciba.ExamSession{ID: lieciba.NewID[lieciba.SessionID](start), SessionKey: lieciba.SessionKey{Source: "pizis", ExternalID: external},
		SiteID: x.site.ID, RoomID: x.room.ID, StartsAt: start, EndsAt: end, Seats: 11, State: lieciba.SessionPlanned, CreatedAt: start, UpdatedAt: start,
		Parts: []lieciba.Part{{ID: lieciba.NewID[lieciba.PartID](start), Kind: lieciba.PartSpeaking, StartsAt: start, EndsAt: end, Sound: true, State: lieciba.PartPlanned}}}
	require.NoError(t, h.catalog.ChangeSession(h.ctx, x.session.SessionKey,
		func(*lieciba.ExamSession) (*lieciba.ExamSession, error) { return &x.session, nil }, nil))
	for n := range cameras {
		last := -1
		if n == cameras-1 {
			last = gapAt
		}
		h.record(&x, n, segments, last)
	}
	require.NoError(t, h.catalog.MoveSession(h.ctx, x.session.ID, lieciba.SessionFinished))
	h.sequence(h.key)
	return x
}

// record records one camera of the session and seals it.
func (h *house) record(x *exam, n, segments, gapAt int) {
	t := h.t
	cam := lieciba.Camera{ID: lieciba.NewID[lieciba.CameraID](start), SiteID: x.site.ID, Name: fmt.Sprintf("kamera-%d", n+1), Maker: "M", Model: "X", Serial: fmt.Sprint(n), State: lieciba.CameraEnrolled, CreatedAt: start}
	cam.Address = "10.0.0.1:80/" + string(cam.ID)
	require.NoError(t, h.catalog.PutCamera(h.ctx, cam))
	window := lieciba.Interval{From: x.session.StartsAt, To: x.session.EndsAt}
	rec, err := h.catalog.EnsureRecording(h.ctx, lieciba.Recording{ID: lieciba.NewID[lieciba.RecordingID](start), SessionID: x.session.ID, CameraID: cam.ID,
		RoomID: x.room.ID, NodeID: h.node, Window: window, State: lieciba.RecordingScheduled, CreatedAt: start})
	require.NoError(t, err)
	run := lieciba.Run{ID: lieciba.NewID[lieciba.RunID](start), CameraID: cam.ID, RecordingID: rec.ID, NodeID: h.node, StartedAt: start, Format: format(n == 0)}
	require.NoError(t, h.catalog.PutRun(h.ctx, run))
	x.runs = append(x.runs, evidence.RunManifest{ID: run.ID, RecordingID: rec.ID, StartedAt: evidence.At(start), Video: lieciba.H264, Width: 320, Height: 240})
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
		require.NoError(t, h.catalog.VerifySegment(h.ctx, s.ID, lieciba.MediaRef{Key: "k/" + string(s.ID), Version: "1"}))
	}
	require.NoError(t, h.catalog.MoveRecording(h.ctx, rec.ID, lieciba.RecordingComplete, h.node))
	h.sequence(h.key)
	seal, err := h.catalog.SealRecording(h.ctx, rec.ID, func(r lieciba.Recording, s []lieciba.Segment, g []lieciba.Gap) (lieciba.Seal, error) {
		m, err := evidence.BuildRecording(r, x.session, cam, s, g)
		b := evidence.Encode(m)
		return lieciba.Seal{RecordingID: r.ID, SessionID: x.session.ID, At: h.now(), Manifest: b, SHA256: sha256.Sum256(b)}, err
	})
	require.NoError(t, err)
	var m evidence.RecordingManifest
	require.NoError(t, evidence.Decode(seal.Manifest, &m))
	x.recordings = append(x.recordings, m)
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

func segmentName(s evidence.SegmentDetail) string {
	return "segments/" + string(s.CameraID) + "/" + string(s.ID) + ".mp4"
}

func (h *house) keyring() evidence.Keys {
	return evidence.Keys{Log: h.keys, Witnesses: []string{h.witness.VerifierKey()}, Stamps: []string{}}
}

// manifestOf describes the session; Files is empty.
func (h *house) manifestOf(x exam) evidence.Manifest {
	s := x.session
	at := h.now()
	m := evidence.Manifest{Format: evidence.PackageFormat, Tool: "lieciba test", ExportID: lieciba.NewID[lieciba.ExportID](start),
		CreatedAt: evidence.At(at), CreatedRig: at.In(lieciba.Riga).Format("2006-01-02T15:04:05.000000-07:00"), Log: h.key.Name(),
		Requester: "I. Izskatītāja", Purpose: "apstrīdēšana A-17", Recipient: "Apelācijas komisija",
		Session: evidence.SessionManifest{SessionIdentity: evidence.SessionIdentity{ID: s.ID, Source: s.Source, ExternalID: s.ExternalID},
			Site: x.site.Code, SiteName: x.site.Name, Room: x.room.Code, RoomName: x.room.Name, StartsAt: evidence.At(s.StartsAt), EndsAt: evidence.At(s.EndsAt),
			Seats: s.Seats, State: "finished", Parts: []evidence.PartManifest{{Kind: lieciba.PartSpeaking, StartsAt: evidence.At(s.StartsAt), EndsAt: evidence.At(s.EndsAt), Sound: true}}},
		Recordings: x.recordings, Runs: x.runs,
		Events: []evidence.EventManifest{{Kind: lieciba.EventAppealOpened, At: evidence.At(s.EndsAt), Appeal: "A-17"}},
		Holds: []evidence.HoldDetail{{ID: lieciba.NewID[lieciba.HoldID](start), SessionID: s.ID, Kind: lieciba.HoldAppeal, Reference: "A-17", Reason: "apstrīdēšana",
			PlacedBy: "system", PlacedAt: evidence.At(s.EndsAt)}},
		Access: []evidence.AuditDetail{{ID: lieciba.NewID[lieciba.AuditID](start), At: evidence.At(s.EndsAt), Who: "I. Izskatītāja", WhoID: "u1", Act: "view_archive",
			Object: "session:" + string(s.ID), SessionID: s.ID, From: evidence.At(s.StartsAt), To: evidence.At(s.EndsAt), Outcome: "ok"}},
		Clips: []evidence.ClipManifest{}, Files: []evidence.FileManifest{}}
	return m
}

// contents are the files that the manifest lists, in the container's order.
func (h *house) contents(m *evidence.Manifest) (parts []part) {
	add := func(name string, kind evidence.FileKind, id lieciba.SegmentID, data []byte) {
		parts = append(parts, part{name, data})
		m.Files = append(m.Files, evidence.FileManifest{Name: name, Kind: kind, Segment: id, Size: int64(len(data)), SHA256: sha256.Sum256(data)})
	}
	bare := *m
	for _, r := range m.Recordings {
		for _, s := range r.Segments {
			add(segmentName(s), evidence.FileSegment, s.ID, h.bytes[s.ID])
		}
	}
	for _, r := range m.Recordings {
		add("viewing/"+string(r.Camera.ID)+".mp4", evidence.FileViewing, "", []byte("a derivative of "+r.Camera.Name))
	}
	add(evidence.ReportLVName, evidence.FileReport, "", report.Render(report.Latvian, bare, h.keyring()))
	add(evidence.ReportENName, evidence.FileReport, "", report.Render(report.English, bare, h.keyring()))
	add(evidence.KeysName, evidence.FileKeys, "", evidence.Encode(h.keyring()))
	add(evidence.ReadmeName, evidence.FileText, "", []byte("How to verify.\n"))
	slices.SortFunc(m.Files, func(a, b evidence.FileManifest) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	return parts
}

// pack builds the package of a session.
func (h *house) pack(x exam) parcel {
	m := h.manifestOf(x)
	p := parcel{parts: h.contents(&m)}
	p.manifest = m
	b := evidence.Encode(m)
	p.parts = append(p.parts, part{evidence.ManifestName, b})
	require.NoError(h.t, h.catalog.StageLeaf(h.ctx, evidence.NewLeaf(lieciba.LeafExport, string(m.ExportID), h.now(),
		evidence.ExportDetail{ID: m.ExportID, SessionID: m.Session.ID, Manifest: sha256.Sum256(b)})))
	h.sequence(h.key)
	p.parts = append(p.parts, h.proofs(m)...)
	return p
}

// leavesOf reads the leaves of a package in the order of Proofs.
func (h *house) leavesOf(m evidence.Manifest) (leaves []lieciba.Leaf) {
	add := func(kind lieciba.LeafKind, subject string) {
		l, err := h.catalog.LeafOf(h.ctx, kind, subject)
		require.NoError(h.t, err)
		leaves = append(leaves, l)
	}
	add(lieciba.LeafExport, string(m.ExportID))
	for _, r := range m.Recordings {
		add(lieciba.LeafSeal, string(r.ID))
	}
	for _, r := range m.Recordings {
		for _, s := range r.Segments {
			add(lieciba.LeafSegment, string(s.ID))
		}
		for _, g := range r.Gaps {
			add(lieciba.LeafGap, string(g.ID))
		}
	}
	for _, k := range h.keys {
		add(lieciba.LeafKey, k)
	}
	return leaves
}

// proofs are the files of the folder evidence/, cosigned.
func (h *house) proofs(m evidence.Manifest) []part {
	cp, err := h.catalog.NewestCheckpoint(h.ctx)
	require.NoError(h.t, err)
	list, err := evidence.ProveLeaves(h.leavesOf(m), cp.Size, func(i []int64) ([][32]byte, error) { return h.catalog.LogHashes(h.ctx, i) })
	require.NoError(h.t, err)
	note := cp.Note
	if !h.unseen {
		line, err := h.witness.Cosign(evidence.CheckpointText(cp.Origin, cp.Size, cp.Root), h.now())
		require.NoError(h.t, err)
		note, err = evidence.WithCosignatures(cp.Note, line)
		require.NoError(h.t, err)
	}
	return closed(h.t, h.key, map[string][]byte{evidence.ProofsName: evidence.Encode(evidence.Proofs{Size: cp.Size, Leaves: list}),
		evidence.CheckpointName: note, evidence.StampsName: evidence.Encode(evidence.Stamps{Tokens: []evidence.StampToken{}})})
}

func closed(t testing.TB, key *evidence.Key, files map[string][]byte) []part {
	closing, err := evidence.SignClosing(key, files)
	require.NoError(t, err)
	return []part{{evidence.ProofsName, files[evidence.ProofsName]}, {evidence.CheckpointName, files[evidence.CheckpointName]},
		{evidence.StampsName, files[evidence.StampsName]}, {evidence.ClosingName, closing}}
}
