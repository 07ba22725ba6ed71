package evidence

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"lieciba"
)

// maxSize bounds the size of a log far above any real one, so that no number in
// a forged checkpoint can overflow the arithmetic of trees.
const maxSize = 1 << 48

// CheckpointText writes a checkpoint as C2SP tlog-checkpoint wants it: origin,
// size in decimal, root in base64; three lines and nothing else.
func CheckpointText(origin string, size int64, root [32]byte) string {
	return fmt.Sprintf("%s\n%d\n%s\n", origin, size, base64.StdEncoding.EncodeToString(root[:]))
}

// parseCheckpointText reads what CheckpointText writes and no other spelling.
func parseCheckpointText(text string) (lieciba.Checkpoint, error) {
	bad := lieciba.Errorf(lieciba.CodeCorrupt, "is no checkpoint: it has three lines, origin, size and root")
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || !validName(lines[0]) {
		return lieciba.Checkpoint{}, bad
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || size > maxSize {
		return lieciba.Checkpoint{}, bad
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != 32 {
		return lieciba.Checkpoint{}, bad
	}
	c := lieciba.Checkpoint{Origin: lines[0], Size: size, Root: [32]byte(root)}
	if CheckpointText(c.Origin, c.Size, c.Root) != text {
		return lieciba.Checkpoint{}, bad
	}
	return c, nil
}

// SignCheckpoint makes a checkpoint with the signatures of the log's keys, in
// order: one, or after a rotation the old one and the new one. At is not set.
func SignCheckpoint(origin string, size int64, root [32]byte, keys ...*Key) (lieciba.Checkpoint, error) {
	c, err := parseCheckpointText(CheckpointText(origin, size, root))
	if err != nil {
		return lieciba.Checkpoint{}, lieciba.Wrap(err, lieciba.CodeInternal, "a checkpoint of %q cannot be written", origin)
	}
	c.Note, err = SignNote(CheckpointText(origin, size, root), keys...)
	return c, err
}

// ParseCheckpoint reads a signed checkpoint strictly: any spelling but the
// canonical one is CodeCorrupt, and so is a signature of a given key that does
// not verify. At least one of the keys must have signed, else CodeForbidden.
// Signatures of other keys, such as of witnesses, are not judged; Note holds
// them as they came, At is not set.
func ParseCheckpoint(signed []byte, keys ...Verifier) (lieciba.Checkpoint, error) {
	n, err := ParseNote(signed)
	if err != nil {
		return lieciba.Checkpoint{}, err
	}
	c, err := parseCheckpointText(n.Text)
	if err != nil {
		return lieciba.Checkpoint{}, err
	}
	by, _, err := n.Check(keys...)
	if err != nil {
		return lieciba.Checkpoint{}, err
	}
	if len(by) == 0 {
		return lieciba.Checkpoint{}, lieciba.Errorf(lieciba.CodeForbidden, "none of the expected keys signed the checkpoint")
	}
	c.Note = signed
	return c, nil
}

// UnverifiedCheckpoint reads a checkpoint without judging any signature: for
// telling what somebody claims.
func UnverifiedCheckpoint(signed []byte) (lieciba.Checkpoint, Note, error) {
	n, err := ParseNote(signed)
	if err != nil {
		return lieciba.Checkpoint{}, Note{}, err
	}
	c, err := parseCheckpointText(n.Text)
	c.Note = signed
	return c, n, err
}

// WithCosignatures adds cosignature lines to a checkpoint's note, as it is
// published and packed. A line that is no signature line is CodeCorrupt.
func WithCosignatures(signed []byte, lines ...string) ([]byte, error) {
	n, err := ParseNote(signed)
	if err != nil {
		return nil, err
	}
	for _, line := range lines {
		s, err := ParseSignature(line)
		if err != nil {
			return nil, err
		}
		n = n.With(s)
	}
	return n.Encode(), nil
}
