package password

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
)

func TestHashIsArgon2idInPHCFormat(t *testing.T) {
	a, err := Hash("correct horse battery")
	require.NoError(t, err)
	b, err := Hash("correct horse battery")
	require.NoError(t, err)
	require.NotEqual(t, a, b, "the salt must be fresh")
	require.Regexp(t, `^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`, a)
	ok, err := Verify("correct horse battery", a)
	require.NoError(t, err)
	require.True(t, ok)
	ok, err = Verify("correct horse batterz", a)
	require.NoError(t, err)
	require.False(t, ok)
}

// The vector is of the reference implementation's own test (phc-winner-argon2,
// src/test.c: argon2id, version 19, t=2, m=2^16, p=1).
func TestVerifyReferenceVector(t *testing.T) {
	ok, err := Verify("password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	require.NoError(t, err)
	require.True(t, ok)
}

func TestVerifyRefusesBrokenHashes(t *testing.T) {
	good, err := Hash("correct horse battery")
	require.NoError(t, err)
	for name, phc := range map[string]string{
		"empty":        "",
		"argon2i":      strings.Replace(good, "argon2id", "argon2i", 1),
		"version":      strings.Replace(good, "v=19", "v=16", 1),
		"memory bomb":  strings.Replace(good, "m=19456", "m=4294967295", 1),
		"pass bomb":    strings.Replace(good, "t=2", "t=4294967295", 1),
		"zero passes":  strings.Replace(good, "t=2", "t=0", 1),
		"zero lanes":   strings.Replace(good, "p=1", "p=0", 1),
		"short key":    good[:len(good)-30],
		"plain text":   "correct horse battery",
		"no base64":    good[:len(good)-1] + "!",
		"extra fields": good + "$x",
	} {
		ok, err := Verify("correct horse battery", phc)
		require.False(t, ok, name)
		require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err), name)
	}
}

func TestCheck(t *testing.T) {
	require.NoError(t, Check("ēēēēēēēēēēēē"), "twelve characters, not bytes")
	for _, bad := range []string{"", "eleven char", strings.Repeat("x", 257), "\xff\xfe567890123456"} {
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(Check(bad)), "%q", bad)
		_, err := Hash(bad)
		require.Error(t, err)
	}
}

func TestGenerate(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		p := Generate()
		require.Regexp(t, regexp.MustCompile(`^[a-z2-7]{6}(-[a-z2-7]{6}){3}$`), p)
		require.NoError(t, Check(p))
		require.False(t, seen[p])
		seen[p] = true
	}
}

func TestDecoyDoesNotPanic(t *testing.T) { Decoy("any") }
