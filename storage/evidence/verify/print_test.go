package verify

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba/storage/evidence"
)

// TestNamesCannotDriveATerminal: what a package calls itself neither moves the
// cursor nor hides or reorders the words around it.
func TestNamesCannotDriveATerminal(t *testing.T) {
	for _, mark := range []string{"\x1b[2J", "\n", "\r", "\u009b2J", "\u202e", "\u2066", "\u200b", "\u200f", "\u061c", "\u2028", "\ufeff", "\U000e0041", "\xff", "\u00ad"} {
		r := newReport("p.zip")
		r.judge()
		r.Package = &Package{Session: evidence.SessionIdentity{ExternalID: "S" + mark + "1"}, Purpose: "āžņ – „A-17”"}
		var b strings.Builder
		require.NoError(t, r.Print(&b, "lv"))
		require.NotContains(t, b.String(), "S"+mark+"1", "%q", mark)
		require.Contains(t, b.String(), "S?", "%q", mark)
		require.Contains(t, b.String(), "āžņ – „A-17”")
	}
}
