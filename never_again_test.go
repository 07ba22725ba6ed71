package lieciba_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// faultsOfPeers is what products of this field got wrong, by what the name of its
// test begins with.
var faultsOfPeers = map[string]string{
	"CVE_2017_7921":  "Hikvision: an address with ?auth= was a sign-in",
	"CVE_2018_15517": "D-Link: the camera connected to whatever host a request named",
	"CVE_2018_15745": "Argus: a path with dots read any file",
	"CVE_2021_33044": "Dahua: a sign-in vouched for itself",
	"CVE_2021_36260": "Hikvision: a setting ran in a shell",
	"CVE_2024_29191": "go2rtc: a stream's name ran as a script",
	"CVE_2024_29192": "go2rtc: another origin changed the configuration",
	"CVE_2024_29193": "go2rtc: a stream's name ran as a script, on another page",
	"CVE_2026_25643": "Frigate: a saved configuration ran programs",
	"CVE_2026_33470": "Frigate: the snapshot did not ask whose camera it was",
	"CVE_2026_54258": "ZoneMinder: media by ID skipped the rights",
	"CVE_2026_55863": "motionEye: strangers stopped recordings",
	"Go2rtc_2298":    "go2rtc: the configuration was answered with passwords",
	"MediaMTX_5602":  "MediaMTX: a stream's name was a path",
}

// TestEveryFaultOfPeersHasATest keeps the list and the tests together: each fault
// has a test that bears its name and says in a comment how the peer failed.
func TestEveryFaultOfPeersHasATest(t *testing.T) {
	found := map[string]bool{}
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(f.Name.Name, "Test") {
				continue
			}
			for name := range faultsOfPeers {
				if strings.Contains(f.Name.Name, name) {
					found[name] = true
					require.NotEmpty(t, f.Doc.Text(), "%s says how the peer failed", f.Name.Name)
				}
			}
		}
		return nil
	}))
	for name, fault := range faultsOfPeers {
		require.True(t, found[name], "no test bears the name %s (%s)", name, fault)
	}
}
