package rtspcam

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// wire is an RTSP client by hand, so that what cameras send is not read by the
// library that sent it.
type wire struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
	seq  int
	id   string // of the session
}

// play asks for the video of a stream over TCP and starts it.
func play(t *testing.T, s *Server, role lieciba.StreamRole) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", s.Address())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	w := &wire{t: t, conn: conn, r: bufio.NewReader(conn)}
	require.Equal(t, 200, w.ask("SETUP", s.URL(role)+"/trackID=0", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"))
	require.Equal(t, 200, w.ask("PLAY", s.URL(role)+"/"))
	return w
}

// ask sends a request and returns the status of the answer.
func (w *wire) ask(method, url string, headers ...string) int {
	w.t.Helper()
	w.seq++
	if w.id != "" {
		headers = append(headers, "Session: "+w.id)
	}
	_, err := fmt.Fprintf(w.conn, "%s %s RTSP/1.0\r\nCSeq: %d\r\n%s\r\n\r\n", method, url, w.seq, strings.Join(headers, "\r\n"))
	require.NoError(w.t, err)
	line, err := w.r.ReadString('\n')
	require.NoError(w.t, err)
	header, err := textproto.NewReader(w.r).ReadMIMEHeader()
	require.NoError(w.t, err)
	size, _ := strconv.Atoi(header.Get("Content-Length")) // none is 0
	_, err = w.r.Discard(size)
	require.NoError(w.t, err)
	w.id, _, _ = strings.Cut(header.Get("Session"), ";")
	status, err := strconv.Atoi(strings.Fields(line)[1])
	require.NoError(w.t, err)
	return status
}

// next is the next interleaved frame (RFC 2326 section 10.12).
func (w *wire) next() (channel byte, b []byte) {
	w.t.Helper()
	var head [4]byte
	_, err := io.ReadFull(w.r, head[:])
	require.NoError(w.t, err)
	require.EqualValues(w.t, '$', head[0])
	b = make([]byte, binary.BigEndian.Uint16(head[2:]))
	_, err = io.ReadFull(w.r, b)
	require.NoError(w.t, err)
	return head[1], b
}

// rtpPacket and report are what the tests look at (RFC 3550 sections 5.1, 6.4.1).
type rtpPacket struct {
	marker  bool
	seq     uint16
	time    uint32
	ssrc    uint32
	payload []byte
}

type report struct {
	ssrc, time uint32
	ntp        uint64
}

// read returns the next RTP packet or sender report; the other is nil.
func (w *wire) read() (*rtpPacket, *report) {
	w.t.Helper()
	channel, b := w.next()
	be := binary.BigEndian
	if channel == 1 {
		require.EqualValues(w.t, 200, b[1], "a sender report")
		return nil, &report{ssrc: be.Uint32(b[4:]), ntp: be.Uint64(b[8:]), time: be.Uint32(b[16:])}
	}
	require.EqualValues(w.t, 0x80, b[0])
	return &rtpPacket{marker: b[1]&0x80 != 0, seq: be.Uint16(b[2:]), time: be.Uint32(b[4:]), ssrc: be.Uint32(b[8:]), payload: b[12:]}, nil
}

// instant finds the label of a picture in a packet, alone or in a STAP-A (RFC
// 6184 section 5.7.1): its Unix milliseconds, and whether an SPS stands beside it.
func instant(payload []byte) (ms int64, sps, ok bool) {
	units := [][]byte{payload}
	if payload[0]&0x1f == 24 {
		units = nil
		for b := payload[1:]; len(b) > 2; {
			n := int(binary.BigEndian.Uint16(b))
			units = append(units, b[2:2+n])
			b = b[2+n:]
		}
	}
	for _, u := range units {
		if u[0]&0x1f == 7 {
			sps = true
		}
		if u[0]&0x1f == 6 {
			raw := bytes.ReplaceAll(u, []byte{0, 0, 3}, []byte{0, 0})
			ms, ok = int64(binary.BigEndian.Uint64(raw[3+len(labelUUID):])), true
		}
	}
	return ms, sps, ok
}

// TestSenderReportsTellTheCamerasClock compares what a report maps a picture's
// RTP time to with the instant in the picture's label, over many fractions of a
// second: read as nanoseconds, a fraction is wrong by up to 3.29 s.
func TestSenderReportsTellTheCamerasClock(t *testing.T) {
	const skew = 90*time.Minute + 123*time.Millisecond
	s := start(t, Config{Name: "Front", SenderReports: time.Millisecond, Width: 320, Height: 180, Audio: lieciba.PCMA})
	s.SetClockSkew(skew)
	w := play(t, s, lieciba.StreamMain)
	var last *report
	for compared := 0; compared < 30; {
		p, r := w.read()
		if r != nil {
			last = r
			continue
		}
		ms, _, ok := instant(p.payload)
		if !ok || last == nil {
			continue
		}
		require.Equal(t, last.ssrc, p.ssrc)
		since1900 := float64(last.ntp>>32) + float64(uint32(last.ntp))/(1<<32)
		mapped := since1900 - 2_208_988_800 + float64(int32(p.time-last.time))/90_000
		require.InDelta(t, float64(ms)/1000+skew.Seconds(), mapped, 0.0015)
		compared++
	}
}

func TestNoReportsWhenTurnedOff(t *testing.T) {
	s := start(t, Config{Name: "Front", SenderReports: time.Millisecond, Width: 320, Height: 180})
	s.SetReports(false)
	w := play(t, s, lieciba.StreamMain)
	for range 20 {
		_, r := w.read()
		require.Nil(t, r)
	}
	s.SetReports(true)
	for r := (*report)(nil); r == nil; {
		_, r = w.read()
	}
}

func TestSSRCChangesInMidStream(t *testing.T) {
	s := start(t, Config{Name: "Front", Width: 320, Height: 180, SenderReports: time.Millisecond})
	w := play(t, s, lieciba.StreamMain)
	var before *rtpPacket
	for before == nil {
		before, _ = w.read()
	}
	s.ChangeSSRC()
	for {
		p, r := w.read()
		if r != nil || p.ssrc == before.ssrc {
			continue
		}
		_, sps, _ := instant(p.payload)
		require.True(t, sps, "a key frame comes first")
		require.NotEqual(t, before.time, p.time)
		for r == nil {
			_, r = w.read()
		}
		require.Equal(t, p.ssrc, r.ssrc, "reports follow")
		return
	}
}

func TestLossAndReorderAreSeenInTheNumbers(t *testing.T) {
	s := start(t, Config{Name: "Front", Width: 320, Height: 180, Bitrate: 2_000_000})
	s.SetLoss(0.2)
	s.SetReorder(0.3)
	w := play(t, s, lieciba.StreamMain)
	seen := map[uint16]bool{}
	var first, back, last uint16
	for range 300 {
		p, _ := w.read()
		if p == nil {
			continue
		}
		if len(seen) == 0 {
			first, last = p.seq, p.seq
		}
		if int16(p.seq-last) < 0 {
			back++
		}
		if int16(p.seq-last) > 0 {
			last = p.seq
		}
		seen[p.seq] = true
	}
	missing := int(last-first) + 1 - len(seen)
	require.Greater(t, back, uint16(10), "packets came after later ones")
	require.Greater(t, missing, 20, "packets are missing")
}

func TestLockoutRefusesTheRightPasswordToo(t *testing.T) {
	s := start(t, Config{Name: "Front", Username: "u", Password: "p"})
	s.SetLockout(1)
	conn, err := net.Dial("tcp", s.Address())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	w := &wire{t: t, conn: conn, r: bufio.NewReader(conn)}
	require.Equal(t, 401, w.ask("DESCRIBE", s.URL(lieciba.StreamMain), `Authorization: Digest username="u", realm="x", nonce="x", uri="x", response="x"`))
	require.Equal(t, 1, s.Failures())
	out := ffprobe(s)
	require.Contains(t, out, "401")
	s.SetLockout(0)
	require.NotContains(t, ffprobe(s), "401")
}

func TestEveryUnitIsLabelled(t *testing.T) {
	s := start(t, Config{Name: "Rīga", Width: 320, Height: 180})
	raw := ffmpeg(t, "tcp", withUser(s, lieciba.StreamMain), "-frames:v", "20", "-c", "copy", "-f", "h264", "-")
	require.Equal(t, 20, bytes.Count(raw, append([]byte{0, 0, 1, 6, 5, byte(16 + 8 + len("Rīga"))}, labelUUID[:]...)))
	require.Contains(t, string(raw), "\x00\x00\x03\x01", "an emulation prevention byte that must survive")
}

func TestJunkIsSent(t *testing.T) {
	s := start(t, Config{Name: "Front", Width: 320, Height: 180})
	w := play(t, s, lieciba.StreamMain)
	w.read()
	s.SendJunk()
	for {
		if _, b := w.next(); string(b) == "junk" {
			return
		}
	}
}
