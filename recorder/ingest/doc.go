// Package ingest is the recorder's boundary to gortsplib: it connects to one
// RTSP stream over TCP and hands out access units with their RTP timestamps
// and arrival times. One Stream is one connection; it never reconnects. Time
// is not interpreted here (package clock does), nothing is decoded, and NAL
// units leave byte for byte as they came.
package ingest

import (
	"time"

	"lieciba"
	"lieciba/recorder/clock"
)

// Unit is one video access unit or one audio frame as it came from the camera.
type Unit struct {
	Track   lieciba.Track
	Key     bool // video: holds an IDR (H.264) or IRAP (H.265) slice; audio: always
	RTP     uint32
	Arrival time.Time // of its first packet, on the time line
	NALs    [][]byte  // audio: exactly one frame. Never changed again by anyone
	Damaged bool      // packets of it were lost on the way
}

// Report is a sender report (RFC 3550 section 6.4.1) of a track.
type Report struct {
	Track lieciba.Track
	NTP   clock.NTP
	RTP   uint32
}

// Handler receives what a Stream reads, on its read path: it must not block.
// A panic of it ends the stream with an error, not the process.
type Handler interface {
	// Format is called once, before anything else: what the description (SDP)
	// says. Parameter sets may be missing or stale there, the ones in the stream
	// decide.
	Format(lieciba.StreamFormat)
	Unit(Unit)
	Report(Report)
	// Lost tells of RTP packets that the network lost.
	Lost(packets uint64)
}
