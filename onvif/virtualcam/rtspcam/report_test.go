package rtspcam

import (
	"bufio"
	"encoding/binary"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// unixNano turns the 64 bits of an NTP time (RFC 5905 section 6) into Unix time:
// the low half counts units of 2^-32 s.
func unixNano(ntp uint64) int64 {
	const since1900 = 2_208_988_800
	return (int64(ntp>>32)-since1900)*1e9 + int64(ntp&0xffffffff*1_000_000_000>>32)
}

// TestSenderReportsOfVideoAndSound reads the bytes of reports (RFC 3550 section
// 6.4.1) from the connection: their clock is the wall clock and the skew, and it
// runs with the RTP clock through every fraction of a second.
func TestSenderReportsOfVideoAndSound(t *testing.T) {
	for codec, rate := range map[lieciba.AudioCodec]float64{lieciba.PCMA: 8000, lieciba.AAC: 48_000} {
		for _, skew := range []time.Duration{0, -25 * time.Hour, 3*time.Second + 700*time.Millisecond} {
			t.Run(string(codec)+" "+skew.String(), func(t *testing.T) {
				t.Parallel()
				s := start(t, Config{Name: "Front", Width: 320, Height: 180, Audio: codec, SenderReports: time.Millisecond})
				s.SetClockSkew(skew)
				compareReports(t, s, skew, [2]float64{90_000, rate})
			})
		}
	}
}

func compareReports(t *testing.T, s *Server, skew time.Duration, rates [2]float64) {
	t.Helper()
	conn, err := net.Dial("tcp", s.Address())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	w := &wire{t: t, conn: conn, r: bufio.NewReader(conn)}
	main := s.URL(lieciba.StreamMain)
	require.Equal(t, 200, w.ask("SETUP", main+"/trackID=0", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"))
	require.Equal(t, 200, w.ask("SETUP", main+"/trackID=1", "Transport: RTP/AVP/TCP;unicast;interleaved=2-3"))
	began := time.Now()
	require.Equal(t, 200, w.ask("PLAY", main+"/"))

	var first, pair [2]report
	var rtp [2]uint32 // time of the last packet
	var heard [2]bool
	for seen := [2]int{}; seen[0] < 30 || seen[1] < 30; {
		channel, b := w.next()
		now, track := time.Now(), channel/2
		if channel%2 == 0 {
			rtp[track], heard[track] = binary.BigEndian.Uint32(b[4:]), true
			continue
		}
		require.Equal(t, []byte{0x80, 200, 0, 6}, b[:4], "version 2, SR, 28 bytes")
		require.Len(t, b, 28)
		r := report{ssrc: binary.BigEndian.Uint32(b[4:]), ntp: binary.BigEndian.Uint64(b[8:]), time: binary.BigEndian.Uint32(b[16:])}
		told := time.Unix(0, unixNano(r.ntp)).Add(-skew)
		require.False(t, told.After(now.Add(time.Millisecond)), "%v is later than %v", told, now)
		require.False(t, told.Before(began.Add(-time.Second)), "%v is earlier than the PLAY at %v", told, began)
		if seen[track]++; seen[track] == 1 {
			first[track] = r
		}
		passed := float64(unixNano(r.ntp)-unixNano(first[track].ntp)) / 1e9
		require.InDelta(t, passed, float64(int32(r.time-first[track].time))/rates[track], 0.0005, "RTP clock of track %d", track)
		if heard[track] { // a packet stands within a second before its report
			behind := float64(int32(r.time-rtp[track])) / rates[track]
			require.True(t, behind > -0.001 && behind < 1, "a packet %f s before its report", behind)
		}
		if pair[track] = r; track == 1 {
			require.Equal(t, pair[0].ntp, r.ntp, "both tracks are told of one instant")
			require.NotEqual(t, pair[0].ssrc, r.ssrc)
		}
	}
}
