package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"

	"lieciba"
	"lieciba/viewer"
	"lieciba/viewer/viewertest"
)

const (
	loadViewers = 20
	loadWarm    = 3 * time.Second
	loadSpan    = 15 * time.Second
	watchFlag   = "watch" // this program as the viewers, in a process of its own
)

// load measures what live viewers of one camera cost this process. The viewers
// are another process, so that their work is not counted.
func load(h *harness, v *viewer.Viewer, cam *viewertest.LiveCamera) error {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		offer, err := io.ReadAll(r.Body)
		if err == nil {
			var answer string
			if _, answer, err = v.Live(r.Context(), cam.ID, lieciba.StreamMain, string(offer), "load"); err == nil {
				_, err = io.WriteString(w, answer)
			}
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	}))
	defer srv.Close()
	cmd := exec.Command(os.Args[0], watchFlag, srv.URL, strconv.Itoa(loadViewers))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ready := make([]byte, 6)
	if _, err := io.ReadFull(out, ready); err != nil {
		return errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	time.Sleep(loadWarm)
	before, bytes, start := cpu(), v.Stats().Bytes, time.Now()
	time.Sleep(loadSpan)
	used, took := cpu()-before, time.Since(start)
	mbit := float64(v.Stats().Bytes-bytes) * 8 / took.Seconds() / 1e6
	killed := cmd.Process.Kill()
	_ = cmd.Wait() // killed: always an error
	fmt.Printf("\nlive load: %d viewers, %.1f Mbit/s, %.2f %% of a core a viewer (with the simulated camera's own share)\n",
		loadViewers, mbit, 100*used.Seconds()/took.Seconds()/loadViewers)
	return killed
}

// cpu is the time that this process has computed.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// watch is n viewers that throw away what they get, until they are killed.
func watch(url string, n int) error {
	for range n {
		if err := watchOne(url); err != nil {
			return err
		}
	}
	fmt.Print("ready\n")
	select {}
}

func watchOne(url string) error {
	s := webrtc.SettingEngine{}
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetIncludeLoopbackCandidate(true)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(s)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return err
	}
	connected := make(chan struct{})
	pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		close(connected)
		buf := make([]byte, 1500)
		for {
			if _, _, err := t.Read(buf); err != nil {
				return
			}
		}
	})
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		return err
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		return err
	}
	<-gathered
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, strings.NewReader(pc.LocalDescription().SDP))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return errors.New(string(body))
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(body)}); err != nil {
		return err
	}
	<-connected
	return nil
}
