package zipfile_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence/zipfile"
)

type file struct{ name, content string }

var files = []file{
	{"segments/0198c0de-0000-7000-8000-000000000002/0198c0de-0000-7000-8000-000000000004.mp4", strings.Repeat("media", 5000)},
	{"README.txt", "how to verify\n"},
	{"manifest.json", "{}\n"},
	{"evidence/empty.txt", ""},
}

func build(t testing.TB, files []file) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := zipfile.NewWriter(&b, nil)
	require.NoError(t, err)
	for _, f := range files {
		w, err := z.Create(f.name)
		require.NoError(t, err)
		n, err := io.WriteString(w, f.content)
		require.NoError(t, err)
		require.Equal(t, len(f.content), n)
		before := z.Pending()
		e, err := z.Finish()
		require.NoError(t, err)
		require.Equal(t, before, e)
		require.Equal(t, sha256.Sum256([]byte(f.content)), e.SHA256)
	}
	require.NoError(t, z.Close())
	require.Equal(t, zipfile.Size(z.Entries()), int64(b.Len()))
	return b.Bytes()
}

// readAll opens an archive and reads every content.
func readAll(b []byte) (out []file, err error) {
	z, err := zipfile.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	for _, e := range z.Entries() {
		c := z.Content(e)
		content, err := io.ReadAll(c)
		if err != nil {
			return nil, err
		}
		if c.SHA256() != sha256.Sum256(content) {
			return nil, errors.New("the SHA-256 is not that of the content")
		}
		out = append(out, file{e.Name, string(content)})
	}
	return out, nil
}

func TestRoundTrip(t *testing.T) {
	for n := range len(files) + 1 {
		got, err := readAll(build(t, files[:n]))
		require.NoError(t, err)
		require.Equal(t, n, len(got))
		require.Equal(t, files[:n:n], append([]file{}, got...))
	}
	require.Equal(t, build(t, files), build(t, files), "the form is one")
}

func TestOtherReadersOpenIt(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "p.zip")
	require.NoError(t, os.WriteFile(path, build(t, files), 0o600))
	openWithOtherReaders(t, path, files)
}

func openWithOtherReaders(t *testing.T, path string, files []file) {
	out, err := exec.CommandContext(t.Context(), "unzip", "-t", path).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "No errors detected")
	const program = `
import sys, zipfile
z = zipfile.ZipFile(sys.argv[1])
assert z.testzip() is None
assert z.comment == b''
for i in z.infolist():
    assert i.date_time == (1980, 1, 1, 0, 0, 0), i.date_time
    assert i.compress_type == 0 and not i.comment
    print(i.filename, len(z.read(i)))
`
	out, err = exec.CommandContext(t.Context(), "python3", "-c", program, path).CombinedOutput()
	require.NoError(t, err, string(out))
	want := ""
	for _, f := range files {
		want += fmt.Sprintln(f.name, len(f.content))
	}
	require.Equal(t, want, string(out))
	z, err := zip.OpenReader(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, z.Close()) }()
	require.Len(t, z.File, len(files))
	for i, f := range z.File {
		r, err := f.Open()
		require.NoError(t, err)
		b, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, files[i], file{f.Name, string(b)})
	}
}

// TestEveryByteCounts changes every byte of an archive, one at a time, in two
// ways: none of them may pass.
func TestEveryByteCounts(t *testing.T) {
	small := []file{{"a/b.txt", "content of b"}, {"c.txt", "c"}, {"d", ""}}
	b := build(t, small)
	for i := range b {
		for _, flip := range []byte{1, 0x80} {
			m := bytes.Clone(b)
			m[i] ^= flip
			_, err := readAll(m)
			require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err), "byte %d", i)
		}
		_, err := readAll(b[:i])
		require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err), "cut at %d", i)
		longer := append(append(bytes.Clone(b[:i]), 0), b[i:]...)
		_, err = readAll(longer)
		require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err), "a byte more at %d", i)
	}
	_, err := readAll(append(bytes.Clone(b), 0))
	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err))
}

// TestForeignArchives: what another writer makes of the same files is refused.
func TestForeignArchives(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Store})
		require.NoError(t, err)
		_, err = io.WriteString(w, f.content)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	_, err := readAll(b.Bytes())
	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err))
}

func TestNames(t *testing.T) {
	for _, name := range []string{
		"", ".", "..", "/a", "a/", "a//b", "a/../b", "./a", `a\b`, "a\x00b", "a b", "ā", "a.", "a./b", "-a", "a/-b", "C:a",
		"con", "AUX.txt", "a/nul.mp4", "lpt1", strings.Repeat("a", 256), "a\n",
	} {
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(zipfile.CheckName(name)), "%q", name)
		z, err := zipfile.NewWriter(io.Discard, nil)
		require.NoError(t, err)
		_, err = z.Create(name)
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err), "%q", name)
	}
	for _, name := range []string{"a", "a/b-c_D.mp4", "console", "com10", "..a", strings.Repeat("a", 255)} {
		require.NoError(t, zipfile.CheckName(name), name)
	}
	for _, pair := range [][2]string{{"a", "a"}, {"a/B.txt", "A/b.TXT"}, {"a", "a/b"}, {"a/b", "a"}, {"A", "a/b"}, {"a/b/c", "A/B"}} {
		z, err := zipfile.NewWriter(io.Discard, nil)
		require.NoError(t, err)
		_, err = z.Create(pair[0])
		require.NoError(t, err)
		_, err = z.Finish()
		require.NoError(t, err)
		_, err = z.Create(pair[1])
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err), "%q", pair)
	}
}

// TestUnsafeNamesInAnArchive: a reader refuses them too, whoever wrote them.
func TestUnsafeNamesInAnArchive(t *testing.T) {
	good := build(t, []file{{"aaaa", "1"}, {"bbbb", "2"}})
	_, err := readAll(good)
	require.NoError(t, err)
	for _, name := range []string{"../b", "/etc", `a\.b`, "AAAA", "aaaa", "b/..", "b//c"} {
		bad := bytes.ReplaceAll(good, []byte("bbbb"), []byte(name))
		if len(bad) != len(good) {
			require.Len(t, name, 4, "the test's name")
		}
		_, err := readAll(bad)
		require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err), name)
	}
}

type failing struct{ left int }

var errFull = errors.New("full")

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// TestAFailedWriteStays: no later call pretends that all is well.
func TestAFailedWriteStays(t *testing.T) {
	whole := len(build(t, files))
	for left := 0; left < whole; left += 97 {
		z, err := zipfile.NewWriter(&failing{left}, nil)
		require.NoError(t, err)
		for _, f := range files {
			w, err := z.Create(f.name)
			if err == nil {
				_, err = io.WriteString(w, f.content)
			}
			if err == nil {
				_, err = z.Finish()
			}
			if err != nil {
				require.ErrorIs(t, err, errFull)
				break
			}
		}
		require.ErrorIs(t, z.Close(), errFull)
		_, err = z.Create("more")
		require.ErrorIs(t, err, errFull)
	}
}

func TestWriterIsUsedInOrder(t *testing.T) {
	z, err := zipfile.NewWriter(io.Discard, nil)
	require.NoError(t, err)
	_, err = z.Finish()
	require.Error(t, err)
	w, err := z.Create("a")
	require.NoError(t, err)
	_, err = z.Create("b")
	require.Error(t, err)
	require.Error(t, z.Close())
	_, err = z.Finish()
	require.NoError(t, err)
	_, err = w.Write([]byte("late"))
	require.Error(t, err)
	require.NoError(t, z.Close())
	require.NoError(t, z.Close())
	_, err = z.Create("c")
	require.Error(t, err)
}

func FuzzOpen(f *testing.F) {
	f.Add(build(f, nil))
	f.Add(build(f, files[1:]))
	f.Add(build(f, []file{{"a", "b"}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := readAll(b)
		if err != nil {
			require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err))
			return
		}
		require.Equal(t, build(t, got), b, "what is accepted is what the writer writes")
	})
}
