package web

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
)

var (
	groupLine = regexp.MustCompile(`^  (\w+): \{$`)
	codeLine  = regexp.MustCompile(`^ {4}"?([\w.]+)"?:(?: "(.*)",)?$`)
	wordLine  = regexp.MustCompile(`^ {2}(\w+): "(.*)",$`)
)

// readCodes returns the words of a language for the API's codes: by kind, then code.
func readCodes(t *testing.T, name string) map[string]map[string]bool {
	t.Helper()
	text, err := os.ReadFile("src/words/" + name)
	require.NoError(t, err)
	out := map[string]map[string]bool{}
	group := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if m := groupLine.FindStringSubmatch(line); m != nil {
			group = m[1]
			out[group] = map[string]bool{}
		} else if m := codeLine.FindStringSubmatch(line); m != nil {
			out[group][m[1]] = true
		}
	}
	return out
}

func codes[T ~string](list ...T) []string {
	out := make([]string, len(list))
	for i, c := range list {
		out[i] = string(c)
	}
	return out
}

// TestEveryCodeHasItsWords holds the pages to the lists of the domain: what is
// added there needs a sentence here, in both languages.
func TestEveryCodeHasItsWords(t *testing.T) {
	want := map[string][]string{
		"act":      lieciba.AuditActs(),
		"alarm":    codes(lieciba.AlarmKinds()...),
		"cause":    codes(lieciba.GapCauses()...),
		"check":    codes(lieciba.ReadinessChecks()...),
		"incident": codes(lieciba.IncidentKinds()...),
		"notice":   codes(lieciba.NoticeKinds()...),
		"part":     codes(lieciba.PartKinds()...),
		"request":  codes(lieciba.RequestKinds()...),
		"role":     codes(lieciba.Roles()...),
		"appeal":   codes(lieciba.AppealOpened, lieciba.AppealCourt, lieciba.AppealFinal, lieciba.AppealClosed),
		"checked":  codes(lieciba.OutcomePassed, lieciba.OutcomeFailed, lieciba.OutcomeNotNeeded),
		"delivery": codes(lieciba.DeliveryWaiting, lieciba.DeliveryDelivered, lieciba.DeliveryDead),
		"method":   codes(lieciba.SignInPassword, lieciba.SignInPasskey, lieciba.SignInOIDC),
		"ready":    codes(lieciba.ReadinessPassed, lieciba.ReadinessFailed, lieciba.ReadinessOverridden, lieciba.ReadinessUnchecked),
		"ready_at": codes(lieciba.ReadinessT60, lieciba.ReadinessT15, lieciba.ReadinessByHand),
		"state": codes(lieciba.SessionPlanned, lieciba.SessionReady, lieciba.SessionRunning, lieciba.SessionFinished,
			lieciba.SessionCancelled, lieciba.SessionAnchored, lieciba.SessionClosed),
		"step": codes(lieciba.RequestRequested, lieciba.RequestApproved, lieciba.RequestRefused, lieciba.RequestWithdrawn,
			lieciba.RequestUsed, lieciba.RequestExpired),
	}
	for _, name := range []string{"lv.codes.ts", "en.codes.ts"} {
		have := readCodes(t, name)
		for kind, list := range want {
			for _, code := range list {
				require.True(t, have[kind][code], "%s says nothing for %s %q", name, kind, code)
			}
		}
	}
}

// TestWordsThatCountHaveEveryForm: zero, one, other in Latvian, one, other in
// English (Unicode CLDR).
func TestWordsThatCountHaveEveryForm(t *testing.T) {
	counted := map[string]int{}
	for name, forms := range map[string]int{"lv.ts": 3, "en.ts": 2} {
		text, err := os.ReadFile("src/words/" + name)
		require.NoError(t, err)
		joined := strings.ReplaceAll(string(text), ":\n    \"", ": \"") // long ones stand on a line of their own
		for line := range strings.Lines(joined) {
			m := wordLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
			if m == nil || !strings.Contains(m[2], "|") {
				continue
			}
			counted[name]++
			require.Len(t, strings.Split(m[2], "|"), forms, "%s: %s", name, m[1])
		}
	}
	require.Positive(t, counted["lv.ts"])
	require.Equal(t, counted["lv.ts"], counted["en.ts"], "a word that counts in one language counts in the other")
}
