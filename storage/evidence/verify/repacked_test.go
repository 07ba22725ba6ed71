package verify_test

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba/storage/evidence"
	"lieciba/storage/evidence/verify"
)

// foreignZIP packs a parcel as another program does.
func (p parcel) foreignZIP(t testing.TB, method uint16, prefix string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, x := range p.parts {
		w, err := z.CreateHeader(&zip.FileHeader{Name: prefix + x.name, Method: method})
		require.NoError(t, err)
		_, err = w.Write(x.data)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}

// TestPackedAgain: a container of another program is altered, and nothing
// untrue is said of what is in it.
func TestPackedAgain(t *testing.T) {
	h := newHouse(t)
	p := h.pack(h.hold("S-1", 2, 3, 1))
	name := p.parts[1].name
	for _, method := range []uint16{zip.Store, zip.Deflate} {
		for _, prefix := range []string{"", "pakotne/"} {
			r := judge(t, p.foreignZIP(t, method, prefix), h.trust())
			require.Equal(t, []verify.Code{verify.CodeRepacked}, codes(r), "%v", brief(r))
			require.Equal(t, verify.Altered, r.Verdict)
		}
		x := p.clone()
		x.parts = slices.Delete(x.parts, 1, 2)
		r := judge(t, x.foreignZIP(t, method, ""), h.trust())
		require.Equal(t, []verify.Code{verify.CodeRepacked, verify.CodeMissing}, codes(r))
		require.Equal(t, name, r.Findings[1].File)

		x = p.clone()
		data := bytes.Clone(x.parts[1].data)
		data[len(data)/2] ^= 1
		x.parts[1].data = data
		x.parts = append(x.parts, part{"extra.txt", []byte("x")}, part{"__MACOSX/._x", []byte("x")})
		r = judge(t, x.foreignZIP(t, method, ""), h.trust())
		want := verify.CodeSegment
		if method == zip.Deflate {
			want = verify.CodeChanged
		}
		require.Equal(t, []verify.Code{verify.CodeLeftover, verify.CodeRepacked, want, verify.CodeExtra}, codes(r))
		require.Equal(t, idOf(name)[0], r.Findings[2].SegmentID)

		raw := p.foreignZIP(t, method, "")
		r = judge(t, raw[:len(raw)-200], h.trust())
		require.Equal(t, []verify.Code{verify.CodeContainer}, codes(r), "without its directory nothing is known of the contents")
	}
	r, err := verify.Verify(t.Context(), p.folder(t), h.trust())
	require.NoError(t, err)
	require.Empty(t, r.Findings, "as the finding says")
}

// TestAnEntryDeletedByAnotherProgram: the headers of the other entries stay as
// the builder wrote them.
func TestAnEntryDeletedByAnotherProgram(t *testing.T) {
	h := newHouse(t)
	p := h.pack(h.hold("S-1", 2, 3, 1))
	raw := p.zip(t)
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	require.NoError(t, err)
	var b bytes.Buffer
	out := zip.NewWriter(&b)
	for i, f := range z.File {
		if i != 1 {
			require.NoError(t, out.Copy(f))
		}
	}
	require.NoError(t, out.Close())
	r := judge(t, b.Bytes(), h.trust())
	require.Equal(t, []verify.Code{verify.CodeRepacked, verify.CodeMissing}, codes(r), "%v", brief(r))
	require.Equal(t, idOf(p.parts[1].name)[0], r.Findings[1].SegmentID)
}

// TestAHostileForeignZIP: one that unpacks to more than any recording is not unpacked.
func TestAHostileForeignZIP(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(evidence.ManifestName)
	require.NoError(t, err)
	_, err = io.CopyN(w, zeros{}, 300<<20)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	r := judge(t, b.Bytes(), verify.Options{Progress: func(int64, int64) { t.Error("it was unpacked") }})
	require.Equal(t, verify.Altered, r.Verdict)
	require.Equal(t, []verify.Code{verify.CodeContainer}, codes(r))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestForeignFoldersAndZIPs(t *testing.T) {
	foreign := parcel{parts: []part{{"README.md", []byte("hello")}, {"u/x.txt", []byte("x")}}}
	empty := (parcel{}).zip(t)
	for name, b := range map[string][]byte{"foreign": foreign.foreignZIP(t, zip.Deflate, ""), "none": (parcel{}).foreignZIP(t, 0, ""), "empty": empty} {
		r := judge(t, b, verify.Options{})
		require.Equal(t, []verify.Code{verify.CodeNoPackage}, codes(r), name)
		require.Equal(t, 2, r.Verdict.ExitCode())
	}
	dir := foreign.folder(t)
	look := func() verify.Report {
		r, err := verify.Verify(t.Context(), dir, verify.Options{})
		require.NoError(t, err)
		require.Equal(t, []verify.Code{verify.CodeNoPackage}, codes(r))
		require.Equal(t, 2, r.Verdict.ExitCode())
		return r
	}
	require.Contains(t, look().Findings[0].Message, "this is no evidence package: neither manifest.json")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "u", evidence.ManifestName), []byte("{}"), 0o600))
	r := look()
	require.Contains(t, r.Findings[0].Message, "the sub-folder u holds manifest.json")
	require.Contains(t, r.Findings[0].Text("lv"), "manifest.json ir apakšmapē u")
}

// TestLeftovers: what operating systems leave in a folder is no finding against it.
func TestLeftovers(t *testing.T) {
	h := newHouse(t)
	p := h.pack(h.hold("S-1", 1, 1, -1))
	dir := p.folder(t)
	put := func(name string) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
	}
	for _, name := range []string{".DS_Store", "segments/.DS_Store", "Thumbs.db", "viewing/desktop.ini", "__MACOSX/._manifest.json"} {
		put(name)
	}
	r, err := verify.Verify(t.Context(), dir, h.trust())
	require.NoError(t, err)
	require.Equal(t, verify.Complete, r.Verdict)
	require.Equal(t, slices.Repeat([]verify.Code{verify.CodeLeftover}, 5), codes(r))
	x := p.clone()
	x.parts = append(x.parts, part{"Thumbs.db", []byte("x")})
	require.Equal(t, verify.Altered, judge(t, x.zip(t), h.trust()).Verdict, "only in a folder")
	put("thumbs.DB")
	r, err = verify.Verify(t.Context(), dir, h.trust())
	require.NoError(t, err)
	require.Equal(t, verify.Altered, r.Verdict)
}
