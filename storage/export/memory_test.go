package export_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/durable"
	"lieciba/storage/evidence/verify"
	"lieciba/storage/export"
	"lieciba/storage/segment"
	"lieciba/storage/sequencer"
	"lieciba/storage/sqlite"
	"lieciba/storage/storagetest/footage"
)

// The sizes of TestMemory: LIECIBA_EXPORT_GB sets the package's in GB.
const (
	memoryEnv   = "LIECIBA_EXPORT_MEMORY"
	segmentSize = 40 << 20
	segmentTime = 10 * time.Second
	mostMemory  = 300 << 20
)

// generated is a media store that holds nothing: a segment is made whenever it
// is opened, from its ID and time, the same each time.
type generated struct {
	storage.Media
	dir     string
	format  lieciba.StreamFormat
	picture []byte // one picture; its first bytes differ from frame to frame
	ids     func(n int) segment.IDs
}

const generatedFrames = 250 // 25 a second

// make writes segment n into the folder.
func (g generated) make(n int) (segment.Result, error) {
	quick := durable.OS.With(func(s durable.Step, _ string, do func() error) error {
		if s == durable.StepSync || s == durable.StepSyncDir { // it need not last
			return nil
		}
		return do()
	})
	f, err := os.CreateTemp(g.dir, "segment")
	if err != nil {
		return segment.Result{}, err
	}
	path := f.Name() + ".mp4"
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		return segment.Result{}, err
	}
	w, err := segment.Create(path, segment.Params{IDs: g.ids(n), Format: g.format, Disk: quick})
	if err != nil {
		return segment.Result{}, err
	}
	from := start.Add(time.Duration(n) * segmentTime)
	for i := range generatedFrames {
		unit := append([]byte{0x41}, g.picture...)
		if i%25 == 0 {
			unit[0] = 0x65
		}
		binary.BigEndian.PutUint64(unit[8:], uint64(n)<<32|uint64(i))
		tick := int64(i) * 3600
		_, err := w.WriteFrame(lieciba.Frame{Track: lieciba.TrackVideo, Key: i%25 == 0, PTS: tick, DTS: tick,
			Time: from.Add(time.Duration(i) * 40 * time.Millisecond), Units: [][]byte{unit}})
		if err != nil {
			return segment.Result{}, err
		}
	}
	return w.Close(from.Add(segmentTime))
}

// removing is a file that goes when it is closed.
type removing struct{ *os.File }

func (r removing) Close() error { return errors.Join(r.File.Close(), os.Remove(r.Name())) }

// Open implements storage.Media: the version of a ref is the number.
func (g generated) Open(_ context.Context, ref lieciba.MediaRef) (io.ReadCloser, error) {
	n, err := strconv.Atoi(ref.Version)
	if err != nil {
		return nil, err
	}
	r, err := g.make(n)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(r.Path)
	return removing{f}, err
}

func generator(dir string, rec lieciba.RecordingID, cam lieciba.CameraID, run lieciba.RunID, node lieciba.NodeID, format lieciba.StreamFormat) generated {
	return generated{dir: dir, format: format, picture: bytes.Repeat([]byte{0xa5}, segmentSize/generatedFrames), ids: func(n int) segment.IDs {
		return segment.IDs{Recording: rec, Camera: cam, Run: run, Node: node, Segment: lieciba.SegmentID(fmt.Sprintf("0198c0de-0000-7000-8000-%012d", n))}
	}}
}

// TestMemory builds and verifies a package in a process of its own and reads its
// peak of resident memory. Half of the package are native segments, half their
// viewing copy.
func TestMemory(t *testing.T) {
	gigabytes := 0.6
	if s := os.Getenv("LIECIBA_EXPORT_GB"); s != "" {
		var err error
		gigabytes, err = strconv.ParseFloat(s, 64)
		require.NoError(t, err)
	}
	count := max(3, int(gigabytes*1e9/2/segmentSize))
	path := filepath.Join(t.TempDir(), "c.db")
	cat, err := sqlite.Open(t.Context(), path)
	require.NoError(t, err)
	h := newHouse(t, cat, 1)
	require.NoError(t, cat.SetRecordingWindow(h.ctx, h.recs[0].ID, lieciba.Interval{From: start, To: start.Add(time.Duration(count) * segmentTime)}))
	stream := footage.Encode(t, footage.Spec{Video: lieciba.H264, GOP: 25})
	run := lieciba.Run{ID: id[lieciba.RunID](), CameraID: h.cameras[0].ID, RecordingID: h.recs[0].ID, NodeID: h.node, StartedAt: start, Format: stream.Format}
	require.NoError(t, cat.PutRun(h.ctx, run))
	g := generator(h.dir, h.recs[0].ID, h.cameras[0].ID, run.ID, h.node, stream.Format)
	for n := range count {
		r, err := g.make(n)
		require.NoError(t, err)
		require.NoError(t, os.Remove(r.Path))
		require.NoError(t, cat.AddSegment(h.ctx, r.Segment()))
		require.NoError(t, cat.VerifySegment(h.ctx, r.Segment().ID, lieciba.MediaRef{Key: storage.SegmentKey(h.recs[0].ID, r.IDs.Segment), Version: strconv.Itoa(n)}))
	}
	h.seal()
	e := h.put(h.request())
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+h.dir, memoryEnv+"=1", "LIECIBA_EXPORT_CATALOG="+path, "LIECIBA_EXPORT_ID="+string(e.ID))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	fields := strings.Fields(string(out))
	require.Len(t, fields, 4, string(out))
	size, err := strconv.ParseInt(fields[0], 10, 64)
	require.NoError(t, err)
	for i, what := range []string{"building", "verifying"} {
		peak, err := strconv.ParseInt(fields[1+i], 10, 64)
		require.NoError(t, err)
		t.Logf("%s a package of %.1f GB: at most %d MB of resident memory", what, float64(size)/1e9, peak>>20)
		require.Less(t, peak, int64(mostMemory), what)
	}
	require.Greater(t, float64(size), gigabytes*0.9e9)
	require.Equal(t, string(verify.Complete), fields[3])
}

// measure is the child of TestMemory: it prints the package's size, the peaks
// after building and after verifying, and the verdict.
func measure(dir string) error {
	ctx := context.Background()
	cat, err := sqlite.Open(ctx, os.Getenv("LIECIBA_EXPORT_CATALOG"))
	if err != nil {
		return err
	}
	e, err := cat.Export(ctx, lieciba.ExportID(os.Getenv("LIECIBA_EXPORT_ID")))
	if err != nil {
		return err
	}
	recs, err := cat.SessionRecordings(ctx, e.SessionID)
	if err != nil {
		return err
	}
	runs, err := cat.Runs(ctx, recs[0].ID)
	if err != nil {
		return err
	}
	log := sequencer.New(sequencer.Config{Catalog: cat, KeyFile: filepath.Join(dir, "log.key")})
	if err := log.Start(ctx); err != nil {
		return err
	}
	g := generator(dir, recs[0].ID, recs[0].CameraID, runs[0].ID, runs[0].NodeID, runs[0].Format)
	b := export.New(export.Config{Catalog: cat, Media: g, Log: awaiting{log}, Dir: filepath.Join(dir, "exports"), Node: e.NodeID, Tool: "lieciba test"})
	if e, err = b.Build(ctx, e, nil); err != nil {
		return err
	}
	built, err := peak()
	if err != nil {
		return err
	}
	r, err := verify.Verify(ctx, b.Path(e), verify.Options{Keys: []string{log.Key().Fingerprint()}})
	if err != nil {
		return err
	}
	verified, err := peak()
	fmt.Println(e.Size, built, verified, r.Verdict)
	return err
}

// peak is the process's peak of resident memory in bytes (proc(5), VmHWM).
func peak() (int64, error) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(b), "VmHWM:")
	if !ok {
		return 0, errors.New("no VmHWM")
	}
	n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	return n << 10, err
}
