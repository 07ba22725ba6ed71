package evidence

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// sealable is a recording of a minute in two segments and a gap between them.
func sealable() (rec lieciba.Recording, s lieciba.ExamSession, c lieciba.Camera, segments []lieciba.Segment, gaps []lieciba.Gap) {
	from := time.Date(2026, 11, 22, 10, 0, 0, 123456000, time.UTC)
	at := func(n int) time.Time { return from.Add(time.Duration(n) * time.Second) }
	s = lieciba.ExamSession{ID: "s", SessionKey: lieciba.SessionKey{Source: "pizis", ExternalID: "e1"}}
	c = lieciba.Camera{ID: "c", Name: "front", Maker: "M", Model: "X", Serial: "1", Firmware: "2"}
	rec = lieciba.Recording{ID: "r", SessionID: "s", CameraID: "c", RoomID: "room", Window: lieciba.Interval{From: from, To: at(60)}}
	segment := func(id lieciba.SegmentID, a, b int) lieciba.Segment {
		return lieciba.Segment{ID: id, RecordingID: "r", CameraID: "c", From: at(a), To: at(b), Size: 10, SHA256: [32]byte{byte(a)}, State: lieciba.SegmentVerified}
	}
	segments = []lieciba.Segment{segment("b", 30, 60), segment("a", -1, 20)} // unsorted, with the GOP before the window
	gaps = []lieciba.Gap{{ID: "g", RecordingID: "r", CameraID: "c", From: at(20), To: at(30), Cause: lieciba.CauseNetworkLoss}}
	return rec, s, c, segments, gaps
}

func TestBuildRecording(t *testing.T) {
	rec, s, c, segments, gaps := sealable()
	m, err := BuildRecording(rec, s, c, segments, gaps)
	require.NoError(t, err)
	require.Equal(t, RecordingFormat, m.Format)
	require.Equal(t, []lieciba.SegmentID{"a", "b"}, []lieciba.SegmentID{m.Segments[0].ID, m.Segments[1].ID})
	require.Equal(t, int64(50e6), m.RecordedU)
	require.Equal(t, int64(10e6), m.MissingU)
	require.Equal(t, SessionIdentity{"s", "pizis", "e1"}, m.Session)
	require.Equal(t, CameraIdentity{"c", "front", "M", "X", "1", "2"}, m.Camera)
	segments[0], segments[1] = segments[1], segments[0]
	again, err := BuildRecording(rec, s, c, segments, gaps)
	require.NoError(t, err)
	require.Equal(t, Encode(m), Encode(again), "the order of the rows does not matter")
	var back RecordingManifest
	require.NoError(t, Decode(Encode(m), &back))
	require.Equal(t, m, back)
	segments[0].SHA256[31] ^= 1
	other, err := BuildRecording(rec, s, c, segments, gaps)
	require.NoError(t, err)
	require.NotEqual(t, Encode(m), Encode(other))
}

func TestBuildRecordingRefuses(t *testing.T) {
	type parts struct {
		rec      *lieciba.Recording
		segments *[]lieciba.Segment
		gaps     *[]lieciba.Gap
	}
	for name, c := range map[string]struct {
		change func(parts)
		code   lieciba.Code
		says   string
	}{
		"hole": {func(p parts) { *p.gaps = nil }, lieciba.CodeConflict, "nothing accounts for 2026-11-22T10:00:20.123456Z"},
		"hole of a microsecond": {func(p parts) { (*p.gaps)[0].To = (*p.gaps)[0].To.Add(-time.Microsecond) },
			lieciba.CodeConflict, "nothing accounts for"},
		"overlap":         {func(p parts) { (*p.gaps)[0].To = (*p.gaps)[0].To.Add(time.Microsecond) }, lieciba.CodeConflict, "accounted for twice"},
		"hole at the end": {func(p parts) { p.rec.Window.To = p.rec.Window.To.Add(time.Second) }, lieciba.CodeConflict, "nothing accounts for"},
		"open gap":        {func(p parts) { (*p.gaps)[0].To = time.Time{} }, lieciba.CodeConflict, "gap g is open"},
		"not verified":    {func(p parts) { (*p.segments)[0].State = lieciba.SegmentHashed }, lieciba.CodeConflict, "segment b is hashed"},
		"deleted":         {func(p parts) { (*p.segments)[0].State = lieciba.SegmentDeleted }, lieciba.CodeConflict, "segment b is deleted"},
		"other's segment": {func(p parts) { (*p.segments)[0].RecordingID = "x" }, lieciba.CodeCorrupt, "segment b"},
		"other's camera":  {func(p parts) { (*p.segments)[0].CameraID = "x" }, lieciba.CodeCorrupt, "segment b"},
		"other's gap":     {func(p parts) { (*p.gaps)[0].CameraID = "x" }, lieciba.CodeCorrupt, "gap g"},
		"other session":   {func(p parts) { p.rec.SessionID = "x" }, lieciba.CodeCorrupt, "another session"},
	} {
		rec, s, cam, segments, gaps := sealable()
		c.change(parts{&rec, &segments, &gaps})
		_, err := BuildRecording(rec, s, cam, segments, gaps)
		require.Equal(t, c.code, lieciba.CodeOf(err), name)
		require.ErrorContains(t, err, c.says, name)
	}
}

// TestAmong: the seal of one recording names all of its session.
func TestAmong(t *testing.T) {
	rec, s, c, segments, gaps := sealable()
	m, err := BuildRecording(rec, s, c, segments, gaps)
	require.NoError(t, err)
	self := RecordingRef{rec.ID, rec.CameraID}
	require.Equal(t, []RecordingRef{self}, m.SessionRecordings)

	a, z := rec, rec
	a.ID, a.CameraID, z.ID, z.CameraID = "0", "a", "z", "z"
	require.NoError(t, m.Among([]lieciba.Recording{z, rec, a}))
	require.Equal(t, []RecordingRef{{"0", "a"}, self, {"z", "z"}}, m.SessionRecordings)

	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(m.Among([]lieciba.Recording{a})), "without itself")
	a.SessionID = "other"
	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(m.Among([]lieciba.Recording{rec, a})))
	require.Len(t, m.SessionRecordings, 3, "unchanged")
}
