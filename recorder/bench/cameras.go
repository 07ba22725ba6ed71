package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph264"
	"github.com/pion/rtp"
)

// makeFilm has ffmpeg encode ten seconds at 2 Mbit/s that all cameras loop.
func makeFilm(ctx context.Context, path string) error {
	cmd := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=s=1920x1080:r=25", "-t", "10",
		"-c:v", "libx264", "-preset", "superfast", "-bf", "0", "-g", "50", "-b:v", "2M", "-minrate", "2M", "-maxrate", "2M", "-bufsize", "2M",
		"-x264-params", "aud=1:nal-hrd=cbr:scenecut=0", "-pix_fmt", "yuv420p", "-f", "h264", path)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("ffmpeg cannot make the film: %w", err)
	}
	return nil
}

func cameraURL(address string, i int) string { return "rtsp://" + address + "/" + strconv.Itoa(i) }

// site is N cameras on one port.
type site struct {
	streams map[string]*gortsplib.ServerStream
	media   []*description.Media
}

// OnDescribe answers DESCRIBE.
func (s *site) OnDescribe(c *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return s.find(c.Path)
}

// OnSetup answers SETUP.
func (s *site) OnSetup(c *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return s.find(c.Path)
}

func (s *site) find(path string) (*base.Response, *gortsplib.ServerStream, error) {
	st := s.streams[strings.Trim(path, "/")]
	if st == nil {
		return &base.Response{StatusCode: base.StatusNotFound}, nil, nil
	}
	return &base.Response{StatusCode: base.StatusOK}, st, nil
}

// OnPlay answers PLAY.
func (s *site) OnPlay(*gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// serveCameras prints its address and serves until ctx ends.
func serveCameras(ctx context.Context, n int, film string) error {
	pictures, sps, pps, err := readFilm(film)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &site{streams: map[string]*gortsplib.ServerStream{}}
	server := &gortsplib.Server{Handler: s, RTSPAddress: l.Addr().String(), WriteQueueSize: 4096,
		Listen: func(string, string) (net.Listener, error) { return l, nil }}
	if err := server.Start(); err != nil {
		return err
	}
	defer server.Close()
	for i := range n {
		m := &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{&format.H264{PayloadTyp: 96, PacketizationMode: 1, SPS: sps, PPS: pps}}}
		st := &gortsplib.ServerStream{Server: server, Desc: &description.Session{Medias: []*description.Media{m}}}
		if err := st.Initialize(); err != nil {
			return err
		}
		s.streams[strconv.Itoa(i)], s.media = st, append(s.media, m)
	}
	fmt.Println(l.Addr())
	return s.play(ctx, pictures)
}

// play sends each camera's pictures, the cameras spread over the 40 ms.
func (s *site) play(ctx context.Context, pictures [][]*rtp.Packet) error {
	n := len(s.media)
	tick := time.NewTicker(40 * time.Millisecond / time.Duration(n))
	defer tick.Stop()
	began := time.Now()
	sent := make([]int, n)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for i := range n { // whoever is due, so that a late tick loses nothing
			due := int((time.Since(began) - time.Duration(i)*40*time.Millisecond/time.Duration(n)) / (40 * time.Millisecond))
			for ; sent[i] < due; sent[i]++ {
				for _, p := range pictures[(sent[i]+i*7)%len(pictures)] {
					q := *p
					q.Timestamp = uint32(sent[i] * 3600)
					q.SequenceNumber = 0
					if err := s.streams[strconv.Itoa(i)].WritePacketRTP(s.media[i], s.number(i, &q)); err != nil {
						return err
					}
				}
			}
		}
	}
}

var numbers = map[int]uint16{}

// number gives a camera's packets their sequence numbers.
func (s *site) number(i int, p *rtp.Packet) *rtp.Packet {
	p.SequenceNumber = numbers[i]
	numbers[i]++
	return p
}

// readFilm cuts the film at its delimiters and packetises each picture.
func readFilm(path string) (out [][]*rtp.Packet, sps, pps []byte, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, nil, err
	}
	var units [][][]byte
	for _, nal := range bytes.Split(b, []byte{0, 0, 1}) {
		nal = bytes.TrimSuffix(nal, []byte{0})
		if len(nal) == 0 {
			continue
		}
		switch nal[0] & 0x1f {
		case 7:
			sps = nal
		case 8:
			pps = nal
		case 9:
			units = append(units, nil)
		}
		if len(units) == 0 {
			return nil, nil, nil, errors.New("the film has no delimiters")
		}
		units[len(units)-1] = append(units[len(units)-1], nal)
	}
	enc := &rtph264.Encoder{PayloadType: 96, PayloadMaxSize: 1400}
	if err := enc.Init(); err != nil {
		return nil, nil, nil, err
	}
	for _, u := range units {
		packets, err := enc.Encode(u)
		if err != nil {
			return nil, nil, nil, err
		}
		out = append(out, packets)
	}
	return out, sps, pps, nil
}
