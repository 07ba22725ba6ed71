package lieciba_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// floors gives every package its floor: it may import only floors below. The
// longest matching prefix decides. Packages under one entry are one room and
// may import each other.
var floors = []struct {
	room  string
	floor int
}{
	{"lieciba", 0},
	{"lieciba/storage", 1},
	{"lieciba/storage/durable", 1},
	{"lieciba/storage/secret", 1},
	{"lieciba/storage/segment", 1},
	{"lieciba/storage/evidence", 1},
	{"lieciba/storage/sqlite", 2},
	{"lieciba/storage/postgres", 2},
	{"lieciba/storage/localfs", 2},
	{"lieciba/storage/minio", 2},
	{"lieciba/storage/sequencer", 2},
	{"lieciba/storage/seal", 2},
	{"lieciba/storage/export", 2},
	{"lieciba/storage/retention", 2},
	{"lieciba/storage/pressure", 2},
	{"lieciba/storage/fsck", 2},
	{"lieciba/storage/alarm", 2},
	{"lieciba/storage/webhook", 2},
	{"lieciba/storage/storagetest", 2},
	{"lieciba/recorder", 3},
	{"lieciba/viewer", 3},
	{"lieciba/viewer/viewertest", 4}, // for tests and the benchmark: shows virtual pictures
	{"lieciba/viewer/bench", 5},
	{"lieciba/onvif", 3},
	{"lieciba/api", 3},
	{"lieciba/cmd", 4},
}

// sameFloor lists the few imports inside one floor that are meant: the helper
// on the left serves its whole floor.
var sameFloor = map[string][]string{
	"lieciba/storage":         {"lieciba/storage/segment", "lieciba/storage/evidence"},
	"lieciba/storage/segment": {"lieciba/storage/evidence"},
	"lieciba/storage/durable": {"lieciba/storage/segment", "lieciba/storage/secret", "lieciba/storage/evidence"},
}

// onlyHere names the one place that may import a module. Tests are free.
var onlyHere = map[string][]string{
	"github.com/bluenviron/gortsplib/": {"lieciba/recorder", "lieciba/onvif/virtualcam"},
	"github.com/pion/webrtc/":          {"lieciba/viewer"},
	"github.com/use-go/onvif":          {"lieciba/onvif"},
	"github.com/gin-gonic/gin":         {"lieciba/api"},
	"github.com/minio/minio-go/":       {"lieciba/storage/minio"},
	"github.com/jackc/pgx/":            {"lieciba/storage/postgres", "lieciba/storage/storagetest"},
	"modernc.org/sqlite":               {"lieciba/storage/sqlite"},
	"golang.org/x/mod/":                {"lieciba/storage/evidence", "lieciba/storage/storagetest"},
	"filippo.io/age":                   {"lieciba/storage/evidence", "lieciba/storage/export"},
	"github.com/digitorus/timestamp":   {"lieciba/storage/evidence"},
	"github.com/coreos/go-oidc/":       {"lieciba/api/oidc"},
	"golang.org/x/oauth2":              {"lieciba/api/oidc"},
	"github.com/go-webauthn/":          {"lieciba/api/passkey"},
}

type goPackage struct {
	ImportPath string
	Imports    []string
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	require.NoError(t, err)
	var list []goPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else {
			require.NoError(t, err)
		}
		list = append(list, p)
	}
}

// roomOf finds the entry of floors that a package belongs to.
func roomOf(path string) (room string, floor int, ok bool) {
	for _, f := range floors {
		inside := path == f.room || f.floor > 0 && strings.HasPrefix(path, f.room+"/")
		if inside && len(f.room) > len(room) {
			room, floor, ok = f.room, f.floor, true
		}
	}
	return room, floor, ok
}

func TestLayersFloors(t *testing.T) {
	packages := listPackages(t)
	require.NotEmpty(t, packages)
	for _, p := range packages {
		room, floor, ok := roomOf(p.ImportPath)
		if !ok {
			t.Errorf("%s stands on no floor: add it to floors or move it", p.ImportPath)
			continue
		}
		for _, imp := range p.Imports {
			other, below, ok := roomOf(imp)
			if !ok || other == room || below < floor || slices.Contains(sameFloor[other], room) {
				continue
			}
			t.Errorf("%s (floor %d) imports %s (floor %d): only floors below are allowed", p.ImportPath, floor, imp, below)
		}
	}
}

func TestLayersRootIsStandardLibraryOnly(t *testing.T) {
	for _, p := range listPackages(t) {
		if p.ImportPath != "lieciba" {
			continue
		}
		for _, imp := range p.Imports {
			if strings.Contains(strings.SplitN(imp, "/", 2)[0], ".") || strings.HasPrefix(imp, "lieciba/") {
				t.Errorf("the root package imports %s: standard library only", imp)
			}
		}
	}
}

func TestLayersOnlyHere(t *testing.T) {
	for _, p := range listPackages(t) {
		for _, imp := range p.Imports {
			for module, rooms := range onlyHere {
				if !strings.HasPrefix(imp+"/", strings.TrimSuffix(module, "/")+"/") {
					continue
				}
				at := func(room string) bool { return p.ImportPath == room || strings.HasPrefix(p.ImportPath, room+"/") }
				if !slices.ContainsFunc(rooms, at) {
					t.Errorf("%s imports %s: only %v may", p.ImportPath, imp, rooms)
				}
			}
		}
	}
}
