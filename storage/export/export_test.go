package export_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
	"lieciba/storage/evidence/verify"
	"lieciba/storage/evidence/zipfile"
	"lieciba/storage/export"
	"lieciba/storage/storagetest/footage"
)

func sumOf(t testing.TB, path string) [32]byte {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return sha256.Sum256(b)
}

// entry reads one file of a package.
func entry(t testing.TB, path, name string) []byte {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	info, err := f.Stat()
	require.NoError(t, err)
	z, err := zipfile.Open(f, info.Size())
	require.NoError(t, err)
	for _, e := range z.Entries() {
		if e.Name == name {
			b, err := io.ReadAll(z.Content(e))
			require.NoError(t, err)
			return b
		}
	}
	require.Fail(t, "no "+name)
	return nil
}

func manifest(t testing.TB, path string) (m evidence.Manifest) {
	t.Helper()
	require.NoError(t, evidence.Decode(entry(t, path, evidence.ManifestName), &m))
	return m
}

func TestPackage(t *testing.T) {
	for name, open := range map[string]func(testing.TB, int) *house{"sqlite": sqliteHouse, "postgres": postgresHouse} {
		t.Run(name, func(t *testing.T) {
			h := filled(open(t, 2))
			b := export.New(h.config())
			e := h.request()
			e.From, e.To = start.Add(4*time.Second), start.Add(22*time.Second)
			h.put(e)
			var done, total int64
			got, err := b.Build(h.ctx, e, func(d, all int64) {
				require.GreaterOrEqual(t, d, done)
				require.LessOrEqual(t, d, all)
				done, total = d, all
			})
			require.NoError(t, err)
			require.Positive(t, total)
			require.Equal(t, lieciba.ExportSealed, got.State)
			stored, err := h.catalog.Export(h.ctx, e.ID)
			require.NoError(t, err)
			require.Equal(t, storage.MicroExport(got), stored)
			require.Equal(t, sumOf(t, b.Path(got)), got.SHA256)
			r := h.requireVerdict(verify.CompleteWithGaps, b.Path(got), verify.Options{})
			require.Equal(t, 4, r.Totals.Gaps)
			require.False(t, r.Witnessed)

			m := manifest(t, b.Path(got))
			require.Equal(t, sha256.Sum256(entry(t, b.Path(got), evidence.ManifestName)), got.Manifest)
			require.Len(t, m.Recordings, 2)
			require.Len(t, m.Clips, 2)
			require.Equal(t, "push_session", m.Access[0].Act, "oldest first")
			require.Equal(t, "seal_recording", m.Access[len(m.Access)-1].Act)
			require.Equal(t, "EX-2026-11", m.Session.ExternalID)
			requirePlays(t, b.Path(got), m)
			files, err := os.ReadDir(filepath.Dir(b.Path(got)))
			require.NoError(t, err)
			require.Len(t, files, 3, "nothing is left but the package, its result and the lock")

			// Again: nothing happens.
			again, err := b.Build(h.ctx, got, nil)
			require.NoError(t, err)
			require.Equal(t, got, again)
		})
	}
}

// requirePlays unpacks the package with unzip and lets ffprobe look at each copy.
func requirePlays(t *testing.T, path string, m evidence.Manifest) {
	dir := t.TempDir()
	out, err := exec.Command("unzip", "-q", path, "-d", dir).CombinedOutput()
	require.NoError(t, err, string(out))
	copies := 0
	for _, f := range m.Files {
		if f.Kind != evidence.FileViewing {
			continue
		}
		copies++
		out, err := exec.Command("ffmpeg", "-v", "error", "-xerror", "-i", filepath.Join(dir, f.Name), "-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "null", "-").CombinedOutput()
		require.NoError(t, err, string(out))
		require.Empty(t, string(out), f.Name)
		out, err = exec.Command("ffprobe", "-v", "error", "-show_entries", "format=duration:format_tags=comment", "-of", "csv=p=0", filepath.Join(dir, f.Name)).CombinedOutput()
		require.NoError(t, err, string(out))
		want := "60.0"
		if strings.Contains(f.Name, "clip") {
			want = "18.0"
		}
		require.Contains(t, string(out), "viewing copy, not evidence; session EX-2026-11; camera kamera ")
		require.Contains(t, string(out), want)
	}
	require.Equal(t, 4, copies)
	readme, err := os.ReadFile(filepath.Join(dir, evidence.ReadmeName))
	require.NoError(t, err)
	require.Contains(t, string(readme), "lieciba verify")
	var k evidence.Keys
	b, err := os.ReadFile(filepath.Join(dir, evidence.KeysName))
	require.NoError(t, err)
	require.NoError(t, evidence.Decode(b, &k))
	groups := evidence.FingerprintGroups(evidence.Fingerprint(k.Log[0]))
	require.Equal(t, 2, strings.Count(string(readme), groups))
	byHand := regexp.MustCompile(`(?s)python3 -c .*?\]\]"`).FindAllString(string(readme), -1)
	require.Len(t, byHand, 2)
	for _, script := range byHand {
		cmd := exec.Command("bash", "-euc", script)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		require.Len(t, regexp.MustCompile(`(?m)^True `).FindAllString(string(out), -1), len(m.Files), string(out))
	}
}

func TestSomeCamerasOnly(t *testing.T) {
	h := filled(sqliteHouse(t, 2))
	e := h.request()
	e.CameraIDs = []lieciba.CameraID{h.cameras[1].ID}
	b := export.New(h.config())
	got, err := b.Build(h.ctx, h.put(e), nil)
	require.NoError(t, err)
	h.requireVerdict(verify.CompleteWithGaps, b.Path(got), verify.Options{})
	m := manifest(t, b.Path(got))
	require.Len(t, m.Recordings, 1)
	require.Equal(t, h.cameras[1].ID, m.Recordings[0].Camera.ID)
}

// TestCodecChangeInASession: the second half of the exam is in another codec.
func TestCodecChangeInASession(t *testing.T) {
	h := sqliteHouse(t, 1)
	h.gap(0, 0, 10*time.Second)
	end := h.record(0, camera, 10*time.Second, time.Minute)
	h.gap(0, end, 30*time.Second)
	end = h.record(0, footage.Spec{Video: lieciba.H265, GOP: 25, Seconds: 6}, 30*time.Second, time.Minute)
	h.gap(0, end, time.Minute)
	h.seal()
	e := h.request()
	e.From, e.To = start.Add(14*time.Second), start.Add(32*time.Second)
	b := export.New(h.config())
	got, err := b.Build(h.ctx, h.put(e), nil)
	require.NoError(t, err)
	h.requireVerdict(verify.CompleteWithGaps, b.Path(got), verify.Options{})
	m := manifest(t, b.Path(got))
	require.Len(t, m.Clips, 2)
	require.Equal(t, start.Add(30*time.Second).UTC(), m.Clips[0].To.Time.UTC(), "the first clip ends where the codec changes")
	var names []string
	for _, f := range m.Files {
		if f.Kind == evidence.FileViewing {
			names = append(names, f.Name)
		}
	}
	first := "viewing/" + string(h.cameras[0].ID)
	require.Equal(t, []string{first + "-2.mp4", first + ".mp4", "viewing/clip-1.mp4", "viewing/clip-2.mp4"}, names)
}

func TestEncrypted(t *testing.T) {
	classic, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	hybrid, err := age.GenerateHybridIdentity()
	require.NoError(t, err)
	h := filled(sqliteHouse(t, 1))
	for name, x := range map[string]struct {
		recipient string
		identity  age.Identity
	}{"x25519": {classic.Recipient().String(), classic}, "hybrid": {hybrid.Recipient().String(), hybrid}} {
		t.Run(name, func(t *testing.T) {
			e := h.request()
			e.Recipient = x.recipient
			b := export.New(h.config())
			got, err := b.Build(h.ctx, h.put(e), nil)
			require.NoError(t, err)
			require.Equal(t, "package.zip.age", filepath.Base(b.Path(got)))
			require.Equal(t, sumOf(t, b.Path(got)), got.SHA256)
			r := h.requireVerdict(verify.CompleteWithGaps, b.Path(got), verify.Options{Identities: []age.Identity{x.identity}})
			require.True(t, r.Encrypted)
			require.Equal(t, verify.Unverifiable, h.verified(b.Path(got), verify.Options{}).Verdict)
			files, err := os.ReadDir(filepath.Dir(b.Path(got)))
			require.NoError(t, err)
			require.Len(t, files, 3, "nothing in clear is left")
		})
	}
	_, err = export.ParseRecipient("recipient", classic.String())
	require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err))
	require.NotContains(t, err.Error(), classic.String())
	_, err = export.ParseRecipient("recipient", "age1nonsense")
	require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err))
}

// TestOnlySealedSessions: no package without seals.
func TestOnlySealedSessions(t *testing.T) {
	h := sqliteHouse(t, 1)
	b := export.New(h.config())
	e := h.put(h.request())
	got, err := b.Build(h.ctx, e, nil)
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err))
	require.Contains(t, err.Error(), string(h.recs[0].ID))
	require.Contains(t, err.Error(), "is recording")
	require.Equal(t, lieciba.ExportFailed, got.State)
	stored, err := h.catalog.Export(h.ctx, e.ID)
	require.NoError(t, err)
	require.Equal(t, lieciba.ExportFailed, stored.State)
	require.Contains(t, stored.Error, "only sealed recordings")
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(export.Ready(h.ctx, h.catalog, h.session.ID)))
	filled(h)
	require.NoError(t, export.Ready(h.ctx, h.catalog, h.session.ID))
	got, err = b.Build(h.ctx, stored, nil)
	require.NoError(t, err, "a failed export can be built again")
	require.Empty(t, got.Error)
}

// TestOtherBytesInTheStore: a swapped object never becomes a package, and the
// error names the segment and its time.
func TestOtherBytesInTheStore(t *testing.T) {
	h := filled(sqliteHouse(t, 1))
	rows, err := h.catalog.RecordingSegments(h.ctx, h.recs[0].ID, lieciba.Interval{})
	require.NoError(t, err)
	bad := rows[2]
	path := filepath.Join(h.dir, "media", filepath.FromSlash(bad.Media.Key))
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	b := export.New(h.config())
	e := h.put(h.request())
	flipped := bytes.Clone(good)
	flipped[len(flipped)-5] ^= 1
	for name, content := range map[string][]byte{"flipped": flipped, "cut": good[:len(good)-1], "longer": append(bytes.Clone(good), 0), "gone": nil} {
		require.NoError(t, os.Chmod(path, 0o600))
		if content == nil {
			require.NoError(t, os.Remove(path))
		} else {
			require.NoError(t, os.WriteFile(path, content, 0o600))
		}
		e, err = b.Build(h.ctx, e, nil)
		require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err), name)
		require.Contains(t, err.Error(), string(bad.ID), name)
		require.Contains(t, err.Error(), bad.From.UTC().Format("2006-01-02T15:04:05.000000Z"), name)
		require.Equal(t, lieciba.ExportFailed, e.State)
		require.NoFileExists(t, b.Path(e))
		_, err = h.catalog.LeafOf(h.ctx, lieciba.LeafExport, string(e.ID))
		require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(err), "nothing was logged")
		require.NoError(t, os.WriteFile(path, good, 0o600))
	}
	e, err = b.Build(h.ctx, e, nil)
	require.NoError(t, err)
	h.requireVerdict(verify.CompleteWithGaps, b.Path(e), verify.Options{})
}

func TestFullDisk(t *testing.T) {
	h := filled(sqliteHouse(t, 1))
	c := h.config()
	free := int64(10 << 20)
	c.Reserve, c.Free = 8<<20, func(string) (int64, error) { return free, nil }
	b := export.New(c)
	e, err := b.Build(h.ctx, h.put(h.request()), nil)
	require.Equal(t, lieciba.CodeFull, lieciba.CodeOf(err))
	require.Contains(t, err.Error(), "export.dir")
	require.Equal(t, lieciba.ExportFailed, e.State)
	free = 100 << 20
	_, err = b.Build(h.ctx, e, nil)
	require.NoError(t, err)
}

// TestWitnessed waits for the cosignature and packs it.
func TestWitnessed(t *testing.T) {
	h := filled(sqliteHouse(t, 1))
	w, _, err := evidence.OpenWitnessKey(filepath.Join(t.TempDir(), "w.key"), "witness.example/1")
	require.NoError(t, err)
	c := h.config()
	c.Witnesses = []string{w.VerifierKey()}
	c.Log = cosigning{awaiting{h.log}, h, w}
	b := export.New(c)
	e, err := b.Build(h.ctx, h.put(h.request()), nil)
	require.NoError(t, err)
	r := h.requireVerdict(verify.CompleteWithGaps, b.Path(e), verify.Options{Witnesses: []string{w.Fingerprint()}})
	require.True(t, r.Witnessed)

	// Without a witness that answers, the wait is bounded and the package says so.
	c = h.config()
	c.Witnesses, c.WitnessWait = []string{w.VerifierKey()}, time.Nanosecond
	b = export.New(c)
	e, err = b.Build(h.ctx, h.put(h.request()), nil)
	require.NoError(t, err)
	require.False(t, h.requireVerdict(verify.CompleteWithGaps, b.Path(e), verify.Options{}).Witnessed)
}

// cosigning is a sequencer with a witness that cosigns each checkpoint.
type cosigning struct {
	awaiting
	h *house
	w *evidence.Key
}

func (c cosigning) Await(ctx context.Context, kind lieciba.LeafKind, subject string) (lieciba.Leaf, error) {
	l, err := c.awaiting.Await(ctx, kind, subject)
	if err != nil {
		return l, err
	}
	head, err := c.h.catalog.NewestCheckpoint(ctx)
	if err != nil {
		return l, err
	}
	at := start.Add(2 * time.Hour)
	line, err := c.w.Cosign(evidence.CheckpointText(head.Origin, head.Size, head.Root), at)
	if err != nil {
		return l, err
	}
	return l, c.h.catalog.PutCosignature(ctx, lieciba.Cosignature{Size: head.Size, Witness: c.w.Name(), At: at.Truncate(time.Second), Line: line})
}

// TestAfterARotation: the package holds the chain of keys.
func TestAfterARotation(t *testing.T) {
	h := filled(sqliteHouse(t, 1))
	old := h.log.Key().Fingerprint()
	_, err := sequencerRotate(h)
	require.NoError(t, err)
	b := export.New(h.config())
	e, err := b.Build(h.ctx, h.put(h.request()), nil)
	require.NoError(t, err)
	h.requireVerdict(verify.CompleteWithGaps, b.Path(e), verify.Options{})
	r, err := verify.Verify(h.ctx, b.Path(e), verify.Options{Keys: []string{old}})
	require.NoError(t, err)
	require.Equal(t, verify.CompleteWithGaps, r.Verdict, "who knows the old key can verify too")
}

// TestRunAndPurge: Run builds what is open, serves it, and removes it when it
// was collected long enough ago.
func TestRunAndPurge(t *testing.T) {
	h := filled(sqliteHouse(t, 1))
	c := h.config()
	now := time.Now()
	c.Now = func() time.Time { return now }
	b := export.New(c)
	e := h.put(h.request())
	other := h.request()
	other.NodeID = id[lieciba.NodeID]()
	h.put(other)
	_, _, err := b.Open(h.ctx, e.ID)
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err))
	require.NoError(t, b.Once(h.ctx))
	e, err = h.catalog.Export(h.ctx, e.ID)
	require.NoError(t, err)
	require.Equal(t, lieciba.ExportSealed, e.State)
	other, err = h.catalog.Export(h.ctx, other.ID)
	require.NoError(t, err)
	require.Equal(t, lieciba.ExportRequested, other.State, "another node's")
	r, size, err := b.Open(h.ctx, e.ID)
	require.NoError(t, err)
	require.Equal(t, e.Size, size)
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.Equal(t, e.SHA256, sha256.Sum256(got))

	e.State, e.CollectedAt = lieciba.ExportCollected, lieciba.Micro(now)
	h.put(e)
	now = now.Add(29 * 24 * time.Hour)
	require.NoError(t, b.Once(h.ctx))
	require.FileExists(t, b.Path(e))
	now = now.Add(2 * 24 * time.Hour)
	require.NoError(t, b.Once(h.ctx))
	require.NoDirExists(t, filepath.Dir(b.Path(e)))
	e, err = h.catalog.Export(h.ctx, e.ID)
	require.NoError(t, err)
	require.Equal(t, lieciba.ExportPurged, e.State)
	_, _, err = b.Open(h.ctx, e.ID)
	require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(err))
}

// TestRunIsJoined: it ends with its context and leaves nothing behind.
func TestRunIsJoined(t *testing.T) {
	h := filled(sqliteHouse(t, 1))
	c := h.config()
	told := telling{h.catalog, make(chan struct{})}
	c.Catalog = told
	b := export.New(c)
	h.put(h.request())
	ctx, cancel := context.WithCancel(h.ctx)
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	<-told.sealed
	b.Poke()
	cancel()
	require.NoError(t, <-done)
}

// telling closes sealed when an export is.
type telling struct {
	storage.Catalog
	sealed chan struct{}
}

func (c telling) PutExport(ctx context.Context, e lieciba.Export) error {
	err := c.Catalog.PutExport(ctx, e)
	if err == nil && e.State == lieciba.ExportSealed {
		close(c.sealed)
	}
	return err
}
