package virtualcam_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image/jpeg"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/onvif/virtualcam"
	"lieciba/onvif/virtualcam/picture"
)

// npmFiles pin an ONVIF client that nobody here wrote, and all that it needs.
const npmFiles = "testdata/npm"

// npmFolder installs the client once into the user's cache and returns where. The
// lock file's hash names the folder, so that another version is another one.
func npmFolder(t *testing.T) string {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is missing: install Node.js 20 with npm, which the README asks for (%v)", tool, err)
		}
	}
	lock, err := os.ReadFile(filepath.Join(npmFiles, "package-lock.json"))
	require.NoError(t, err)
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	home := filepath.Join(cache, "lieciba-dev", "npm")
	dir := filepath.Join(home, fmt.Sprintf("virtualcam-%.8x", sha256.Sum256(lock)))
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	require.NoError(t, os.MkdirAll(home, 0o755))
	fresh, err := os.MkdirTemp(home, "new-")
	require.NoError(t, err)
	defer func() { require.NoError(t, os.RemoveAll(fresh)) }()
	require.NoError(t, os.CopyFS(fresh, os.DirFS(npmFiles)))
	out, err := exec.Command("npm", "ci", "--prefix", fresh, "--no-audit", "--no-fund", "--ignore-scripts").CombinedOutput()
	require.NoError(t, err, "npm ci needs npm's registry, or its cache: %s", out)
	if err := os.Rename(fresh, dir); err != nil { // another test may have been quicker
		_, there := os.Stat(dir)
		require.NoError(t, there, err)
	}
	return dir
}

// TestAClientOfOthersIsServed lets the npm package onvif discover two cameras,
// list their profiles, ask for stream and snapshot, and hear an event.
func TestAClientOfOthersIsServed(t *testing.T) {
	cameras := site(t, 2, func(_ int, o *virtualcam.Options) {
		o.Streams.Password = "front-desk" // the package signs passwords as ASCII
	})
	type target struct {
		Port     int    `json:"port"`
		Username string `json:"username"`
		Password string `json:"password"`
	}
	var targets []target
	byPort := map[string]*virtualcam.Camera{}
	for _, c := range cameras {
		_, port, err := net.SplitHostPort(c.Address())
		require.NoError(t, err)
		n, err := strconv.Atoi(port)
		require.NoError(t, err)
		targets = append(targets, target{n, c.Username(), c.Password()})
		byPort[port] = c
	}
	list, err := json.Marshal(targets)
	require.NoError(t, err)

	cmd := exec.CommandContext(t.Context(), "node", "testdata/stranger.js", npmFolder(t), string(list))
	progress, err := cmd.StderrPipe()
	require.NoError(t, err)
	var out bytes.Buffer
	cmd.Stdout = &out
	require.NoError(t, cmd.Start())
	var complaint strings.Builder
	for lines := bufio.NewScanner(progress); lines.Scan(); {
		if port, ok := strings.CutPrefix(lines.Text(), "listening "); ok {
			raiseWhenSubscribed(t, byPort[port])
			continue
		}
		complaint.WriteString(lines.Text() + "\n")
	}
	require.NoError(t, cmd.Wait(), complaint.String())
	requireServed(t, cameras, out.Bytes())
}

// raiseWhenSubscribed raises an event once the client has a pull point.
func raiseWhenSubscribed(t *testing.T, c *virtualcam.Camera) {
	t.Helper()
	require.Eventually(t, func() bool { return c.Subscriptions() > 0 }, 20*time.Second, 20*time.Millisecond)
	c.Raise(virtualcam.TopicTamper, true)
}

func requireServed(t *testing.T, cameras []*virtualcam.Camera, out []byte) {
	t.Helper()
	var answer struct {
		Found []string
		Said  []struct {
			Serial, Stream, Event, Interface string
			Snapshot                         struct {
				Status int
				JPEG   string
			}
			Profiles []struct {
				Token, Encoding string
				Width           int
			}
			Configurations int
		}
	}
	require.NoError(t, json.Unmarshal(out, &answer), string(out))
	require.Len(t, answer.Said, len(cameras))
	for i, said := range answer.Said {
		c := cameras[i]
		require.Contains(t, answer.Found, c.DeviceURL())
		require.Equal(t, strings.TrimPrefix(c.EndpointRef(), "urn:uuid:"), said.Serial)
		require.Equal(t, c.RTSP().URL(lieciba.StreamMain), said.Stream)
		require.Equal(t, virtualcam.TopicTamper, said.Event)
		require.Equal(t, "127.0.0.1", said.Interface)
		require.Equal(t, 2, said.Configurations)
		require.Len(t, said.Profiles, 2)
		require.Equal(t, "main", said.Profiles[0].Token)
		require.Equal(t, "H264", said.Profiles[0].Encoding)
		require.Equal(t, c.RTSP().Config().Width, said.Profiles[0].Width)
		require.Equal(t, 200, said.Snapshot.Status)
		raw, err := base64.StdEncoding.DecodeString(said.Snapshot.JPEG)
		require.NoError(t, err)
		img, err := jpeg.Decode(bytes.NewReader(raw))
		require.NoError(t, err)
		ms, ok := picture.DecodeTimecode(img, 640, 360)
		require.True(t, ok)
		require.WithinDuration(t, time.Now(), time.UnixMilli(ms), time.Minute)
	}
}
