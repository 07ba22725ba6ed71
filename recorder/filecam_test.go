package recorder

import (
	"bytes"
	"net"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph265"
	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/recorder/ingest"
)

// picture is one coded picture of a film: its NAL units and when it is shown.
type picture struct {
	nals [][]byte
	pts  time.Duration
}

// film has ffmpeg encode seconds of test pictures and returns them in decode
// order, with an SEI of our own in each that holds start codes and its number.
func film(t *testing.T, codec lieciba.VideoCodec, bframes string) []picture {
	t.Helper()
	args := []string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x192:r=25", "-t", "20"}
	if codec == lieciba.H264 {
		args = append(args, "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-bf", bframes, "-x264-params", "aud=1:scenecut=0:b-adapt=0:repeat-headers=1", "-pix_fmt", "yuv420p", "-f", "h264", "-")
	} else {
		args = append(args, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:aud=1:keyint=25:scenecut=0:open-gop=0:repeat-headers=1:b-adapt=0:bframes="+bframes, "-pix_fmt", "yuv420p", "-f", "hevc", "-")
	}
	var stderr bytes.Buffer
	cmd := exec.Command("ffmpeg", args...)
	cmd.Stderr = &stderr
	stream, err := cmd.Output()
	require.NoError(t, err, "%s", stderr.String())
	out := cutFilm(codec, stream)
	require.Len(t, out, 500)
	for i := range out {
		sei := []byte{0x06, 5, 0, 0, 1, 0, 0, 0, 1, byte(i >> 8), byte(i), 0x80}
		if codec == lieciba.H265 {
			sei = []byte{39 << 1, 1, 5, 0, 0, 1, 0, 0, 0, 1, byte(i >> 8), byte(i), 0x80}
		}
		nals := out[i].nals
		out[i].nals = append([][]byte{nals[0], sei}, nals[1:]...)
	}
	return out
}

// cutFilm cuts a byte stream at its access unit delimiters.
func cutFilm(codec lieciba.VideoCodec, b []byte) []picture {
	var out []picture
	for _, nal := range bytes.Split(b, []byte{0, 0, 1}) {
		nal = bytes.TrimSuffix(nal, []byte{0}) // of a four-byte start code
		if len(nal) == 0 {
			continue
		}
		if codec == lieciba.H264 && nal[0]&0x1f == 9 || codec == lieciba.H265 && nal[0]>>1&0x3f == 35 {
			out = append(out, picture{})
		}
		at := &out[len(out)-1]
		at.nals = append(at.nals, nal)
	}
	return out
}

// order sets the presentation times of a film that has n B-frames between
// references: decode order I P B B P B B.
func order(film []picture, n, gop int) []picture {
	for start := 0; start < len(film); start += gop {
		for i := range min(gop, len(film)-start) {
			show := i
			if n > 0 && i > 0 {
				group, in := (i-1)/(n+1), (i-1)%(n+1)
				last := min((group+1)*(n+1), gop-1)
				show = last
				if in > 0 {
					show = group*(n+1) + in
				}
			}
			film[start+i].pts = time.Duration(start+show) * 40 * time.Millisecond
		}
	}
	return film
}

// fileCamera is an RTSP camera that plays given pictures in real time.
type fileCamera struct {
	t      *testing.T
	server *gortsplib.Server
	stream *gortsplib.ServerStream
	media  *description.Media
	encode func([][]byte) ([]*rtp.Packet, error)
	stop   chan struct{}
	done   sync.WaitGroup

	mu   sync.Mutex
	sent [][][]byte
	lag  float64 // RTP ticks per tick of real time; 1 for an honest camera
}

func (c *fileCamera) OnDescribe(*gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return &base.Response{StatusCode: base.StatusOK}, c.stream, nil
}

func (c *fileCamera) OnSetup(*gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return &base.Response{StatusCode: base.StatusOK}, c.stream, nil
}

func (c *fileCamera) OnPlay(*gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// startFileCamera plays the films one after the other, for ever.
func startFileCamera(t *testing.T, codec lieciba.VideoCodec, lag float64, films ...[]picture) (*fileCamera, string) {
	t.Helper()
	c := &fileCamera{t: t, stop: make(chan struct{}), lag: lag}
	var f format.Format
	if codec == lieciba.H264 {
		e := &rtph264.Encoder{PayloadType: 96}
		require.NoError(t, e.Init())
		f, c.encode = &format.H264{PayloadTyp: 96, PacketizationMode: 1}, e.Encode
	} else {
		e := &rtph265.Encoder{PayloadType: 96}
		require.NoError(t, e.Init())
		f, c.encode = &format.H265{PayloadTyp: 96}, e.Encode
	}
	c.media = &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{f}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c.server = &gortsplib.Server{Handler: c, RTSPAddress: l.Addr().String(), DisableRTCPSenderReports: true, WriteQueueSize: 1024,
		Listen: func(string, string) (net.Listener, error) { return l, nil }}
	require.NoError(t, c.server.Start())
	c.stream = &gortsplib.ServerStream{Server: c.server, Desc: &description.Session{Medias: []*description.Media{c.media}}}
	require.NoError(t, c.stream.Initialize())
	c.done.Add(1)
	go c.play(films)
	t.Cleanup(func() {
		close(c.stop)
		c.done.Wait()
		c.stream.Close()
		c.server.Close()
	})
	return c, "rtsp://" + l.Addr().String() + "/film"
}

func (c *fileCamera) play(films [][]picture) {
	defer c.done.Done()
	tick := time.NewTicker(40 * time.Millisecond)
	defer tick.Stop()
	var base time.Duration
	for n := 0; ; n++ {
		film := films[n%len(films)]
		for _, p := range film {
			select {
			case <-c.stop:
				return
			case <-tick.C:
			}
			packets, err := c.encode(p.nals)
			if err != nil {
				panic(err)
			}
			c.mu.Lock()
			c.sent = append(c.sent, p.nals)
			lag := c.lag
			c.mu.Unlock()
			for _, pk := range packets {
				pk.Timestamp = uint32(int64((base+p.pts)/40/time.Millisecond) * int64(3600*lag))
				if err := c.stream.WritePacketRTP(c.media, pk); err != nil {
					return
				}
			}
		}
		base += time.Duration(len(film)) * 40 * time.Millisecond
	}
}

// nalsOf joins the NAL units of a picture for comparison, with their lengths.
func nalsOf(nals [][]byte) string {
	var b bytes.Buffer
	for _, n := range nals {
		b.WriteByte(byte(len(n) >> 16))
		b.WriteByte(byte(len(n) >> 8))
		b.WriteByte(byte(len(n)))
		b.Write(n)
	}
	return b.String()
}

// identical checks that the recording's pictures are what the camera sent, one
// after the other, NAL unit by NAL unit.
func (c *fileCamera) identical(t *testing.T, h *house, x held) {
	t.Helper()
	var got []string
	for _, s := range x.segments {
		for _, f := range h.frames(s) {
			require.Equal(t, ingest.IsKey(s.Video, f.Units), f.Key)
			got = append(got, nalsOf(f.Units))
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	first := -1
	for i, nals := range c.sent {
		if nalsOf(nals) == got[0] {
			first = i
			break
		}
	}
	require.GreaterOrEqual(t, first, 0, "the first picture was sent")
	for i, g := range got {
		require.True(t, nalsOf(c.sent[first+i]) == g, "picture %d of %d", i, len(got))
	}
}
