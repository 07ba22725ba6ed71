package evidence

import (
	"crypto/sha256"
	"strings"

	"lieciba"
)

const closingLabel = "lieciba-closing/v1"

// ClosedFiles are the files that evidence/closing.txt covers, in its order.
func ClosedFiles() []string { return []string{CheckpointName, ProofsName, StampsName} }

// closingText lists the SHA-256 and name of each closed file.
func closingText(files map[string][]byte) (string, error) {
	var b strings.Builder
	b.WriteString(closingLabel + "\n")
	for _, name := range ClosedFiles() {
		content, ok := files[name]
		if !ok {
			return "", lieciba.Errorf(lieciba.CodeCorrupt, "%s is missing", name)
		}
		b.WriteString(Hash(sha256.Sum256(content)).String() + " " + name + "\n")
	}
	return b.String(), nil
}

// SignClosing makes evidence/closing.txt over the content of ClosedFiles, by name.
func SignClosing(k *Key, files map[string][]byte) ([]byte, error) {
	text, err := closingText(files)
	if err != nil {
		return nil, err
	}
	return k.Sign(text)
}

// CheckClosing verifies evidence/closing.txt: it names the SHA-256 of each of
// ClosedFiles, and the key alone signed it. CodeCorrupt names the file that does
// not fit.
func CheckClosing(closing []byte, k Verifier, files map[string][]byte) error {
	n, err := ParseNote(closing)
	if err != nil {
		return err
	}
	by, unknown, err := n.Check(k)
	if err != nil {
		return err
	}
	if len(by) != 1 || len(unknown) != 0 {
		return lieciba.Errorf(lieciba.CodeCorrupt, "%s is not signed by the log's key alone", ClosingName)
	}
	want, err := closingText(files)
	if err != nil {
		return err
	}
	if n.Text == want {
		return nil
	}
	for _, line := range strings.Split(want, "\n") {
		if !strings.Contains(n.Text, line+"\n") {
			return lieciba.Errorf(lieciba.CodeCorrupt, "%s is not the file that was closed", line[strings.IndexByte(line, ' ')+1:])
		}
	}
	return lieciba.Errorf(lieciba.CodeCorrupt, "%s lists other files than it should", ClosingName)
}
