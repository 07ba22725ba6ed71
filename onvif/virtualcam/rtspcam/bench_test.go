package rtspcam

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// BenchmarkFrame is one frame period of a camera as many of them run in one
// process: main stream 1080p at 2 Mbit/s, sub stream, G.711; each read over TCP
// in the same process. One second of a camera costs 25 of them.
func BenchmarkFrame(b *testing.B) {
	for _, readers := range [][]lieciba.StreamRole{{lieciba.StreamMain}, {lieciba.StreamMain, lieciba.StreamSub}} {
		b.Run(fmt.Sprint(readers), func(b *testing.B) {
			s, err := Start(Config{Name: "Priekša", Width: 1920, Height: 1080, Bitrate: 2_000_000, Audio: lieciba.PCMA})
			require.NoError(b, err)
			defer func() { require.NoError(b, s.Close()) }()
			for _, role := range readers {
				conn := drain(b, s, role)
				defer func() { _ = conn.Close() }()
			}
			s.Freeze(true) // the benchmark ticks
			b.ReportAllocs()
			now, before := time.Now(), cpuTime(b)
			for b.Loop() {
				now = now.Add(40 * time.Millisecond)
				s.mu.Lock()
				f := s.faults
				for _, st := range s.streams {
					st.frame(now, f)
				}
				s.mu.Unlock()
			}
			b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

// cpuTime is what the process used so far: on a busy machine it says more than
// the time that passed. The readers are part of it.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// drain plays a stream and throws away what comes.
func drain(b *testing.B, s *Server, role lieciba.StreamRole) net.Conn {
	b.Helper()
	conn, err := net.Dial("tcp", s.Address())
	require.NoError(b, err)
	_, err = fmt.Fprintf(conn, "SETUP %s/trackID=0 RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n", s.URL(role))
	require.NoError(b, err)
	r := bufio.NewReader(conn)
	session := ""
	for line := "start"; line != "\r\n"; {
		line, err = r.ReadString('\n')
		require.NoError(b, err)
		_, _ = fmt.Sscanf(line, "Session: %s", &session)
	}
	_, err = fmt.Fprintf(conn, "PLAY %s/ RTSP/1.0\r\nCSeq: 2\r\nSession: %s\r\n\r\n", s.URL(role), session)
	require.NoError(b, err)
	line, err := r.ReadString('\n')
	require.NoError(b, err)
	require.Equal(b, "RTSP/1.0 200 OK\r\n", line)
	go func() { _, _ = io.Copy(io.Discard, r) }() // ends with the connection
	return conn
}
