package zipfile_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence/zipfile"
)

// sparse leaves a hole in the file where block, which is all zeros, is written.
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

// TestBeyondFourGiB: an entry of more than 4 GiB, and one whose header stands
// beyond that, in a file of a few KiB on disk.
func TestBeyondFourGiB(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large.zip")
	f, err := os.Create(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	dst := &sparse{f: f, block: make([]byte, 1<<20)}
	z, err := zipfile.NewWriter(dst, nil)
	require.NoError(t, err)
	w, err := z.Create("segments/large.mp4")
	require.NoError(t, err)
	const blocks = 4<<10 + 3 // MiB
	for range blocks {
		_, err = w.Write(dst.block)
		require.NoError(t, err)
	}
	large, err := z.Finish()
	require.NoError(t, err)
	require.Equal(t, int64(blocks)<<20, large.Size)
	w, err = z.Create("after.txt")
	require.NoError(t, err)
	_, err = io.WriteString(w, "after")
	require.NoError(t, err)
	_, err = z.Finish()
	require.NoError(t, err)
	require.NoError(t, z.Close())

	r, err := zipfile.Open(f, dst.at)
	require.NoError(t, err)
	require.Len(t, r.Entries(), 2)
	e := r.Entries()[1]
	require.Greater(t, e.Offset, int64(1)<<32)
	after, err := io.ReadAll(r.Content(e))
	require.NoError(t, err)
	require.Equal(t, "after", string(after))
	c := r.Content(r.Entries()[0])
	n, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{c}, make([]byte, 1<<20))
	require.NoError(t, err)
	require.Equal(t, large.Size, n)
	require.Equal(t, large.SHA256, c.SHA256())

	const program = `
import sys, zipfile
z = zipfile.ZipFile(sys.argv[1])
print(z.getinfo('segments/large.mp4').file_size, z.read('after.txt').decode())
`
	out, err := exec.CommandContext(t.Context(), "python3", "-c", program, path).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, fmt.Sprintf("%d after\n", large.Size), string(out))
	out, err = exec.CommandContext(t.Context(), "unzip", "-p", path, "after.txt").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, "after", string(out))
}

// TestBeyond65535Entries also holds the directory's own bound.
func TestBeyond65535Entries(t *testing.T) {
	const count = 1<<16 + 10
	var b bytes.Buffer
	z, err := zipfile.NewWriter(&b, nil)
	require.NoError(t, err)
	for i := range count {
		w, err := z.Create(fmt.Sprintf("segments/%d.mp4", i))
		require.NoError(t, err)
		_, err = w.Write([]byte{byte(i)})
		require.NoError(t, err)
		_, err = z.Finish()
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	got, err := readAll(b.Bytes())
	require.NoError(t, err)
	require.Len(t, got, count)
	require.Equal(t, file{fmt.Sprintf("segments/%d.mp4", count-1), string([]byte{byte((count - 1) & 0xff)})}, got[count-1])

	path := filepath.Join(t.TempDir(), "many.zip")
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	out, err := exec.CommandContext(t.Context(), "python3", "-c",
		"import sys, zipfile\nprint(len(zipfile.ZipFile(sys.argv[1]).infolist()))", path).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, fmt.Sprintln(count), string(out))
	out, err = exec.CommandContext(t.Context(), "unzip", "-tqq", path).CombinedOutput()
	require.NoError(t, err, string(out))
}

// hollow answers every read with a tail that promises a large directory, and
// counts what is asked of it.
type hollow struct {
	size int64
	tail []byte
}

func (h hollow) ReadAt(p []byte, off int64) (int, error) {
	for i := range p {
		p[i] = 0
		if at := off + int64(i) - (h.size - int64(len(h.tail))); at >= 0 && at < int64(len(h.tail)) {
			p[i] = h.tail[at]
		}
	}
	return len(p), nil
}

// TestAHostileDirectoryCostsNothing: the number of entries that a file claims
// is no reason to make room for them.
func TestAHostileDirectoryCostsNothing(t *testing.T) {
	var b bytes.Buffer
	z, err := zipfile.NewWriter(&b, nil)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	const size, entries = 1 << 40, 1 << 19
	tail := b.Bytes()
	put := func(at int, v uint64) {
		for i := range 8 {
			tail[at+i] = byte(v >> (8 * i))
		}
	}
	directory := uint64(entries * 100)
	offset := size - directory - uint64(len(tail))
	put(24, entries)
	put(32, entries)
	put(40, directory)
	put(48, offset)
	put(56+8, offset+directory)
	allocated := testing.AllocsPerRun(1, func() {
		_, err = zipfile.Open(hollow{size, tail}, size)
	})
	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err))
	require.Contains(t, err.Error(), "name", "it is the directory's first header that is refused")
	require.Less(t, allocated, 100.0)
}
