package verify

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// counted counts the bytes that are read.
type counted struct {
	io.ReaderAt
	n int64
}

func (c *counted) ReadAt(p []byte, at int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, at)
	c.n += int64(n)
	return n, err
}

// TestMarksWithoutEnd: a file full of the marks that salvage looks for costs a
// few readings of it, not one for each mark.
func TestMarksWithoutEnd(t *testing.T) {
	head := slices.Concat([]byte(localSignature), []byte(localFixed), binary.LittleEndian.AppendUint16(nil, 1), binary.LittleEndian.AppendUint16(nil, localExtra), []byte("a"), make([]byte, localExtra))
	for name, b := range map[string][]byte{
		"headers":     []byte(strings.Repeat(localSignature, 700_000)),
		"descriptors": append(bytes.Clone(head), strings.Repeat(descriptorSignature, 700_000)...),
		"both":        bytes.Repeat(slices.Concat(head, []byte(descriptorSignature), make([]byte, 20)), 40_000),
	} {
		r := &counted{ReaderAt: bytes.NewReader(b)}
		s, f := salvage(r, int64(len(b)), lieciba.Errorf(lieciba.CodeCorrupt, "broken"))
		require.Less(t, r.n, int64(3*len(b)), name)
		if name == "headers" {
			require.Nil(t, s)
			require.Equal(t, CodeNoPackage, f.Code)
			continue
		}
		require.Nil(t, f, name)
		require.NotEmpty(t, s.files, name)
	}
}
