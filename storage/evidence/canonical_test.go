package evidence_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba/storage/evidence"
)

// FuzzCanonicalText: whatever bytes a string holds, what was written is read
// back, and written the same again.
func FuzzCanonicalText(f *testing.F) {
	for _, s := range []string{"", "Not\x00Found \xff", "\xff\xfe", "\uFFFD", `\ufffd`, `\\ufffd`, "\\\xff", "\xff\\", `\u00e4"`, "\u2028\u2029", "<&>\r\n\t\x7f", "\xed\xa0\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := evidence.Encode(evidence.GapDetail{Detail: s})
		var g evidence.GapDetail
		require.NoError(t, evidence.Decode(b, &g))
		require.Equal(t, []rune(s), []rune(g.Detail))
		require.Equal(t, b, evidence.Encode(g))
	})
}
