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

func TestCheckCode(t *testing.T) {
	require.NoError(t, lieciba.CheckCode("name", "pizis-2.a_B"))
	for _, s := range []string{"", "-a", "a b", "ā", "../x", strings.Repeat("x", 65)} {
		err := lieciba.CheckCode("name", s)
		require.Equal(t, lieciba.Invalid("name", "must be 1 to 64 of A-Z a-z 0-9 . _ - and start with a letter or digit"), err, "%q", s)
	}
}

// Nobody writes entries under a name that reads as the server's own.
func TestNobodyBearsTheServersNames(t *testing.T) {
	require.NoError(t, lieciba.CheckPrincipalName("login", "anna"))
	for _, s := range []string{"shell", "system", "provider", "unknown", "by-hand", "ad-hoc", "Shell", "SYSTEM"} {
		require.True(t, lieciba.ReservedName(s), s)
		err := lieciba.CheckPrincipalName("login", s)
		require.ErrorContains(t, err, "login: \""+s+"\" is kept for what the server does itself", s)
	}
	require.ErrorContains(t, lieciba.CheckPrincipalName("login", "a b"), "must be 1 to 64")
}
