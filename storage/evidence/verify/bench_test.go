package verify_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence"
	"lieciba/storage/evidence/zipfile"
	"lieciba/storage/segment"
)

var benchSize = flag.Float64("gb", 2, "size of BenchmarkVerify's package in GB")

// BenchmarkVerify runs the command beside sha256sum over the same bytes, each
// bound to one and the same core, and reports both rates by processor time,
// their ratio, and the peak memory of the command.
func BenchmarkVerify(b *testing.B) {
	dir := b.TempDir()
	binary, archive := filepath.Join(dir, "lieciba"), filepath.Join(dir, "p.zip")
	out, err := exec.CommandContext(b.Context(), "go", "build", "-o", binary, "lieciba/cmd/lieciba").CombinedOutput()
	require.NoError(b, err, string(out))
	key := largePackage(b, archive, int64(*benchSize*1e9))
	info, err := os.Stat(archive)
	require.NoError(b, err)
	var verify, sum usage
	for b.Loop() {
		sum.add(b, exec.CommandContext(b.Context(), "taskset", "-c", "0", "sha256sum", archive))
		verify.add(b, exec.CommandContext(b.Context(), "taskset", "-c", "0", binary, "verify", archive, "--key", key.Fingerprint()))
	}
	bytes := float64(info.Size()) * float64(b.N)
	b.ReportMetric(bytes/1e6/verify.cpu.Seconds(), "verify-MB/s")
	b.ReportMetric(bytes/1e6/sum.cpu.Seconds(), "sha256sum-MB/s")
	b.ReportMetric(sum.cpu.Seconds()/verify.cpu.Seconds(), "ratio-cpu")
	b.ReportMetric(sum.wall.Seconds()/verify.wall.Seconds(), "ratio-wall")
	b.ReportMetric(float64(verify.rss)/1e3, "peak-MB")
	b.ReportMetric(float64(info.Size())/1e9, "package-GB")
}

// usage is what a command took.
type usage struct {
	cpu, wall time.Duration
	rss       int64 // KB, the largest
}

func (u *usage) add(b *testing.B, cmd *exec.Cmd) {
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	start := time.Now()
	out, err := cmd.CombinedOutput()
	require.NoError(b, err, string(out))
	u.wall += time.Since(start)
	u.cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	u.rss = max(u.rss, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
}

// sparse leaves holes in the file where its block of zeros is written.
type sparse struct {
	f     *os.File
	at    int64
	block []byte
}

func (s *sparse) Write(p []byte) (int, error) {
	if len(p) > 0 && &p[0] == &s.block[0] {
		s.at += int64(len(p))
		return len(p), nil
	}
	n, err := s.f.WriteAt(p, s.at)
	s.at += int64(n)
	return n, err
}

// largePackage writes a package of segments of 15 MB, the size of a minute at 2
// Mbit/s: true heads, then zeros. It returns the key that signed it.
func largePackage(t testing.TB, path string, size int64) *evidence.Key {
	const segmentSize = 15_000_000
	h := newHouse(t)
	f, err := os.Create(path)
	require.NoError(t, err)
	dst := &sparse{f: f, block: make([]byte, 1<<20)}
	z, err := zipfile.NewWriter(dst, nil)
	require.NoError(t, err)
	n := int(max(1, size/segmentSize))
	rec := evidence.RecordingManifest{Format: evidence.RecordingFormat, ID: lieciba.NewID[lieciba.RecordingID](start),
		Camera: evidence.CameraIdentity{ID: lieciba.NewID[lieciba.CameraID](start), Name: "priekša"}, RoomID: lieciba.NewID[lieciba.RoomID](start),
		Session: evidence.SessionIdentity{ID: lieciba.NewID[lieciba.SessionID](start), Source: "pizis", ExternalID: "large"},
		From:    evidence.At(start), To: evidence.At(start.Add(time.Duration(n) * time.Second)), Gaps: []evidence.GapDetail{}, RecordedU: int64(n) * 1e6}
	rec.SessionRecordings = []evidence.RecordingRef{{ID: rec.ID, CameraID: rec.Camera.ID}}
	run := lieciba.NewID[lieciba.RunID](start)
	var files []evidence.FileManifest
	for i := range n {
		from := start.Add(time.Duration(i) * time.Second)
		s := h.write(segment.IDs{Recording: rec.ID, Camera: rec.Camera.ID, Run: run, Segment: lieciba.NewID[lieciba.SegmentID](start), Node: h.node}, format(false), from, from.Add(time.Second))
		d := evidence.DetailOfSegment(s)
		w, err := z.Create(segmentName(d))
		require.NoError(t, err)
		_, err = w.Write(h.bytes[s.ID])
		require.NoError(t, err)
		for left := segmentSize - len(h.bytes[s.ID]); left > 0; left -= len(dst.block) {
			_, err = w.Write(dst.block[:min(left, len(dst.block))])
			require.NoError(t, err)
		}
		e, err := z.Finish()
		require.NoError(t, err)
		d.Size, d.SHA256 = e.Size, e.SHA256
		rec.Segments = append(rec.Segments, d)
		files = append(files, evidence.FileManifest{Name: e.Name, Kind: evidence.FileSegment, Segment: d.ID, Size: e.Size, SHA256: e.SHA256})
		delete(h.bytes, s.ID)
	}
	for _, x := range largePapers(t, h, rec, run, files).parts {
		w, err := z.Create(x.name)
		require.NoError(t, err)
		_, err = w.Write(x.data)
		require.NoError(t, err)
		_, err = z.Finish()
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	require.NoError(t, f.Truncate(dst.at))
	require.NoError(t, f.Close())
	return h.key
}

// largePapers are the small files, signed by the house's key over a log that
// holds nothing else.
func largePapers(t testing.TB, h *house, rec evidence.RecordingManifest, run lieciba.RunID, files []evidence.FileManifest) parcel {
	p := parcel{manifest: evidence.Manifest{Format: evidence.PackageFormat, Tool: "bench", ExportID: lieciba.NewID[lieciba.ExportID](start), CreatedAt: evidence.At(start), Log: h.key.Name(),
		Session: evidence.SessionManifest{SessionIdentity: rec.Session, Parts: []evidence.PartManifest{}}, Recordings: []evidence.RecordingManifest{rec},
		Runs: []evidence.RunManifest{{ID: run, RecordingID: rec.ID}}, Events: []evidence.EventManifest{}, Holds: []evidence.HoldDetail{}, Access: []evidence.AuditDetail{},
		Clips: []evidence.ClipManifest{}, Files: files}}
	kinds := map[string]evidence.FileKind{evidence.ReportLVName: evidence.FileReport, evidence.ReportENName: evidence.FileReport, evidence.KeysName: evidence.FileKeys, evidence.ReadmeName: evidence.FileText}
	for _, name := range []string{evidence.ReportLVName, evidence.ReportENName, evidence.KeysName, evidence.ReadmeName, evidence.ManifestName,
		evidence.ProofsName, evidence.CheckpointName, evidence.StampsName, evidence.ClosingName} {
		p.parts = append(p.parts, part{name, []byte(name)})
		if kind, ok := kinds[name]; ok {
			p.manifest.Files = append(p.manifest.Files, evidence.FileManifest{Name: name, Kind: kind})
		}
	}
	slices.SortFunc(p.manifest.Files, func(a, b evidence.FileManifest) int { return strings.Compare(a.Name, b.Name) })
	p.set(evidence.ProofsName, evidence.Encode(evidence.Proofs{Leaves: []evidence.LeafProof{}}))
	p.set(evidence.StampsName, evidence.Encode(evidence.Stamps{Tokens: []evidence.StampToken{}}))
	p.resign(t, &scene{house: h, forger: h.key})
	return p
}
