package verify_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba/storage/evidence"
	"lieciba/storage/evidence/verify"
)

// TestByHand runs the commands of EVIDENCE.md, as they stand there, on a package.
func TestByHand(t *testing.T) {
	doc, err := os.ReadFile("../EVIDENCE.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(doc), "## By hand")
	require.True(t, found)
	script := strings.Split(section, "```")[1]
	h := newHouse(t)
	p := h.pack(h.hold("S-1", 2, 3, 1))
	run := func(p parcel) string {
		cmd := exec.CommandContext(t.Context(), "bash", "-euc", script)
		cmd.Dir = p.folder(t)
		cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
		before, err := verify.Verify(t.Context(), cmd.Dir, h.trust())
		require.NoError(t, err)
		out, _ := cmd.CombinedOutput() // a bad signature is a status too
		after, err := verify.Verify(t.Context(), cmd.Dir, h.trust())
		require.NoError(t, err)
		require.Equal(t, before.Verdict, after.Verdict, "the steps leave the package as it is")
		require.Equal(t, codes(before), codes(after))
		return string(out)
	}
	out := run(p)
	require.NotContains(t, out, "BAD")
	require.NotContains(t, out, "Traceback")
	require.Contains(t, out, "manifest True")
	require.Contains(t, out, "fingerprint "+h.key.Fingerprint())
	require.Contains(t, out, "Signature Verified Successfully")
	require.Contains(t, out, "not listed: ['evidence/checkpoint.txt', 'evidence/closing.txt', 'evidence/proofs.json', 'evidence/stamps.json', 'manifest.json']")
	require.Len(t, regexp.MustCompile(`(?m)^ok  segment `).FindAllString(out, -1), 6)

	x := p.clone()
	name := p.parts[0].name
	data := []byte(string(p.parts[0].data))
	data[len(data)/2] ^= 1
	x.set(name, data)
	require.Contains(t, run(x), "BAD "+name)
	x = p.clone()
	proofs := x.proofs(t)
	proofs.Leaves[4].Detail = proofs.Leaves[4].Detail + " "
	x.set("evidence/proofs.json", evidence.Encode(proofs))
	require.Contains(t, run(x), "BAD segment")
	x = p.clone()
	x.set("evidence/checkpoint.txt", []byte(strings.Replace(string(p.get("evidence/checkpoint.txt")), "\n", "x\n", 1)))
	require.NotContains(t, run(x), "Signature Verified Successfully")
}
