package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// go2rtc put cameras' addresses with their passwords into the arguments of the
// programs that it started, where every user of the machine reads them. No flag
// and no argument here takes a secret: files, standard input and the environment do.
func TestGo2rtc_2298_NoArgumentTakesASecret(t *testing.T) {
	parser, err := kong.New(&cli{}, kong.Vars{"roles": roleNames()})
	require.NoError(t, err)
	secret := regexp.MustCompile(`(?i)password|passwd|secret|token|credential|private`)
	seen := 0
	for _, command := range parser.Model.Leaves(false) {
		for _, group := range command.AllFlags(false) {
			for _, flag := range group {
				seen++
				require.False(t, secret.MatchString(flag.Name) && !flag.IsBool() && !strings.HasSuffix(flag.Name, "-file"), "%s --%s", command.FullPath(), flag.Name)
			}
		}
		for _, arg := range command.Positional {
			seen++
			require.False(t, secret.MatchString(arg.Name), "%s %s", command.FullPath(), arg.Name)
		}
	}
	require.Greater(t, seen, 20)
}
