package lieciba_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
)

func TestCheckSentence(t *testing.T) {
	for _, s := range []string{"Apelācija A420-117/26", strings.Repeat("ā", lieciba.MaxSentence)} {
		require.NoError(t, lieciba.CheckSentence("purpose", s), "%q", s)
	}
	for s, want := range map[string]string{
		"":               "must not be empty",
		" \t":            "must not be empty",
		"two\nlines":     "control characters",
		"not UTF-8 \xff": "characters",
		strings.Repeat("ā", lieciba.MaxSentence+1): "at most 500",
		"asked by 150685-11111":                    "personal code",
	} {
		err := lieciba.CheckSentence("purpose", s)
		require.ErrorContains(t, err, want, "%q", s)
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err))
	}
	require.ErrorContains(t, lieciba.CheckName("name", strings.Repeat("x", lieciba.MaxName+1)), "at most 200")
	require.ErrorContains(t, lieciba.CheckName("name", "15068511111"), "personal code")
}
