package packet

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/pion/rtp/codecs"
	"github.com/stretchr/testify/require"

	"lieciba"
)

func unit(header []byte, size int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	u := make([]byte, size)
	for i := range u {
		u[i] = byte(r.Uint32())
	}
	copy(u, header)
	return u
}

// unpack264 depacketises with a depacketiser that is not ours.
func unpack264(t *testing.T, f Frame) []byte {
	t.Helper()
	var d codecs.H264Packet
	var out []byte
	for _, p := range f.Payloads {
		require.LessOrEqual(t, len(p), MaxPayload)
		b, err := d.Unmarshal(p)
		require.NoError(t, err)
		out = append(out, b...)
	}
	return out
}

func annexB(units ...[]byte) []byte {
	var out []byte
	for _, u := range units {
		out = append(append(out, 0, 0, 0, 1), u...)
	}
	return out
}

func TestH264RoundTrip(t *testing.T) {
	sps, pps := unit([]byte{0x67}, 20, 1), unit([]byte{0x68}, 6, 2)
	p := New(lieciba.VideoFormat{Codec: lieciba.H264, SPS: sps, PPS: pps})
	for _, size := range []int{2, 900, MaxPayload - 1, MaxPayload, MaxPayload + 1, 2*MaxPayload - 3, 2*MaxPayload - 2, 90_000} {
		slice := unit([]byte{0x65}, size, uint64(size))
		sei := unit([]byte{0x06}, 40, 9)
		got := p.Packetize(lieciba.Frame{Key: true, Units: [][]byte{{0x09, 0xf0}, sei, slice, {0x0c, 0xff, 0x80}}})
		require.Equal(t, annexB(sps, pps, sei, slice), unpack264(t, got), "slice of %d bytes", size)
		got = p.Packetize(lieciba.Frame{Units: [][]byte{unit([]byte{0x61}, size, 3)}})
		require.Equal(t, annexB(unit([]byte{0x61}, size, 3)), unpack264(t, got))
	}
}

func TestH264NewestParameterSets(t *testing.T) {
	p := New(lieciba.VideoFormat{Codec: lieciba.H264, SPS: []byte{0x67, 1}, PPS: []byte{0x68, 1}})
	slice := unit([]byte{0x65}, 50, 1)
	got := p.Packetize(lieciba.Frame{Key: true, Units: [][]byte{{0x67, 2}, {0x68, 2}, slice}})
	require.Equal(t, annexB([]byte{0x67, 2}, []byte{0x68, 2}, slice), unpack264(t, got))
	got = p.Packetize(lieciba.Frame{Key: true, Units: [][]byte{slice}})
	require.Equal(t, annexB([]byte{0x67, 2}, []byte{0x68, 2}, slice), unpack264(t, got), "sets of the stream win over those of the SDP")
	got = p.Packetize(lieciba.Frame{Key: true, Units: [][]byte{{0x68, 3}, slice}})
	require.Equal(t, annexB([]byte{0x67, 2}, []byte{0x68, 3}, slice), unpack264(t, got), "a lone PPS is completed")
}

func TestH265RoundTrip(t *testing.T) {
	vps, sps, pps := unit([]byte{0x40, 1}, 24, 1), unit([]byte{0x42, 1}, 40, 2), unit([]byte{0x44, 1}, 8, 3)
	p := New(lieciba.VideoFormat{Codec: lieciba.H265, VPS: vps, SPS: sps, PPS: pps})
	for _, size := range []int{3, 1100, MaxPayload, MaxPayload + 1, 60_000} {
		slice := unit([]byte{0x26, 1}, size, uint64(size))
		f := p.Packetize(lieciba.Frame{Key: true, Units: [][]byte{{0x46, 1, 0x50}, slice}})
		var units [][]byte
		for _, payload := range f.Payloads {
			require.LessOrEqual(t, len(payload), MaxPayload)
			units = unpack265(t, units, payload)
		}
		require.Equal(t, [][]byte{vps, sps, pps, slice}, units, "slice of %d bytes", size)
	}
}

// unpack265 follows RFC 7798 by the letter, apart from the code under test.
func unpack265(t *testing.T, units [][]byte, p []byte) [][]byte {
	t.Helper()
	switch p[0] >> 1 & 0x3f {
	case 48:
		for p = p[2:]; len(p) > 0; {
			n := int(p[0])<<8 | int(p[1])
			units = append(units, p[2:2+n])
			p = p[2+n:]
		}
	case 49:
		if p[2]&0x80 != 0 {
			units = append(units, []byte{p[0]&0x81 | p[2]&0x3f<<1, p[1]})
		}
		last := &units[len(units)-1]
		*last = append(bytes.Clone(*last), p[3:]...)
	default:
		units = append(units, p)
	}
	return units
}

func TestBFramesAreLeftOut(t *testing.T) {
	p := New(lieciba.VideoFormat{Codec: lieciba.H264})
	frame := func(header byte, pts int64) int {
		return len(p.Packetize(lieciba.Frame{Key: header == 0x65, PTS: pts, DTS: pts, Units: [][]byte{unit([]byte{header}, 100, 1)}}).Payloads)
	}
	require.Equal(t, 1, frame(0x65, 0))
	require.Equal(t, 1, frame(0x01, 3600), "without B-frames every frame is sent, referred to or not")
	require.Equal(t, 1, frame(0x61, 14400))
	require.Equal(t, 0, frame(0x01, 7200), "goes back in time: a B-frame")
	require.Equal(t, 0, frame(0x01, 10800))
	require.Equal(t, 1, frame(0x61, 25200))
	require.Equal(t, 1, frame(0x65, 28800))
}

func TestEmptyUnits(t *testing.T) {
	p := New(lieciba.VideoFormat{Codec: lieciba.H264})
	require.Empty(t, p.Packetize(lieciba.Frame{Key: true, Units: [][]byte{nil, {0x09, 0x10}}}).Payloads)
}

func BenchmarkPacketize(b *testing.B) {
	p := New(lieciba.VideoFormat{Codec: lieciba.H264, SPS: []byte{0x67, 1}, PPS: []byte{0x68, 1}})
	f := lieciba.Frame{Units: [][]byte{unit([]byte{0x61}, 10_000, 1)}}
	b.ReportAllocs()
	for b.Loop() {
		p.Packetize(f)
	}
}
