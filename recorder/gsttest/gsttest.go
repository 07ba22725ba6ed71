// Package gsttest serves cameras that nobody here wrote: GStreamer's RTSP
// server. It is imported by test code only. A machine without it fails the test
// with the cure; nothing is ever skipped.
package gsttest

import (
	"bufio"
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// The pipelines of two cameras, 176x144 at 25 frames a second, a key frame each
// second.
const (
	H264WithAAC = "videotestsrc is-live=1 ! video/x-raw,width=176,height=144,framerate=25/1 ! " +
		"x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 ! rtph264pay name=pay0 pt=96 " +
		"audiotestsrc is-live=1 freq=1000 ! audioconvert ! avenc_aac ! rtpmp4gpay name=pay1 pt=97"
	H265 = "videotestsrc is-live=1 ! video/x-raw,width=176,height=144,framerate=25/1 ! " +
		"x265enc tune=zerolatency speed-preset=ultrafast key-int-max=25 ! rtph265pay name=pay0 pt=96 config-interval=-1"
)

const cure = "run `make setup` (deploy/dev/install.sh), which installs GStreamer's RTSP server"

// The server ends when its standard input does: with the test, or its process.
const script = `
import sys, gi
gi.require_version("Gst", "1.0"); gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer, GLib
Gst.init(None)
server = GstRtspServer.RTSPServer(); server.set_address("127.0.0.1"); server.set_service("0")
factory = GstRtspServer.RTSPMediaFactory(); factory.set_launch("( " + sys.argv[1] + " )"); factory.set_shared(True)
server.get_mount_points().add_factory("/cam", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
loop = GLib.MainLoop()
GLib.io_add_watch(sys.stdin.fileno(), GLib.IO_HUP, lambda *_: loop.quit())
loop.run()`

// Start serves a pipeline until the test ends and returns its RTSP address on
// loopback. The pipeline starts with its first reader, which may take seconds.
func Start(t testing.TB, pipeline string) string {
	t.Helper()
	cmd := exec.Command("/usr/bin/python3", "-c", script, pipeline)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start GStreamer's RTSP server: %v: %s", err, cure)
	}
	t.Cleanup(func() {
		if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
			t.Errorf("end GStreamer's RTSP server: %v", err)
		}
	})
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("GStreamer's RTSP server did not start: %v: %s", err, cure)
	}
	return "rtsp://127.0.0.1:" + strings.TrimSpace(port) + "/cam"
}
