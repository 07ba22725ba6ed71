package ingest

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph265"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"lieciba"
)

// collect feeds packets and returns the access units and the number of errors.
func collect(d *depacketizer, packets []*rtp.Packet) (units []accessUnit, errs int) {
	for i, p := range packets {
		if d.add(p, int64(i), func(au accessUnit) { units = append(units, au) }) != nil {
			errs++
		}
	}
	return units, errs
}

// nal makes a NAL unit of a type with random bytes, start codes among them.
func nal264(typ byte, size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(rand.IntN(4)) // many 00 00 01 and 00 00 00 01
	}
	b[0] = 0x60 | typ
	return b
}

func TestNALUnitsStayByteForByte(t *testing.T) {
	enc := &rtph264.Encoder{PayloadType: 96, PayloadMaxSize: 1200}
	require.NoError(t, enc.Init())
	d := &depacketizer{codec: lieciba.H264}
	for n := range 200 {
		// Delimiter, SEI with start codes inside, parameter sets, slices of many sizes.
		want := [][]byte{{9, 0x10}, nal264(6, 1+rand.IntN(4000)), nal264(7, 30), nal264(8, 6), nal264(5, 1+rand.IntN(60_000)), nal264(5, 2+rand.IntN(3000)), nal264(12, 900)}
		packets, err := enc.Encode(want)
		require.NoError(t, err)
		for _, p := range packets {
			p.Timestamp = uint32(n * 3600)
		}
		units, errs := collect(d, packets)
		require.Zero(t, errs)
		require.Len(t, units, 1)
		require.Equal(t, want, units[0].nals)
		require.False(t, units[0].damaged)
		require.Equal(t, uint32(n*3600), units[0].rtp)
		require.Zero(t, units[0].arrival)
		require.True(t, IsKey(lieciba.H264, units[0].nals))
	}
}

func TestNALUnitsStayByteForByte265(t *testing.T) {
	enc := &rtph265.Encoder{PayloadType: 96, PayloadMaxSize: 1200}
	require.NoError(t, enc.Init())
	d := &depacketizer{codec: lieciba.H265}
	nal := func(typ byte, size int) []byte {
		b := nal264(0, size)
		b[0], b[1] = typ<<1|0x01, 0x0a // layer and temporal ID with bits set
		return b
	}
	for range 200 {
		want := [][]byte{nal(35, 3), nal(32, 20), nal(33, 40), nal(34, 9), nal(39, 2+rand.IntN(4000)), nal(19, 2+rand.IntN(60_000)), nal(40, 700)}
		packets, err := enc.Encode(want)
		require.NoError(t, err)
		units, errs := collect(d, packets)
		require.Zero(t, errs)
		require.Len(t, units, 1)
		require.Equal(t, want, units[0].nals)
		require.True(t, IsKey(lieciba.H265, units[0].nals))
	}
}

func packet(seq uint16, ts uint32, marker bool, payload ...byte) *rtp.Packet {
	return &rtp.Packet{Header: rtp.Header{SequenceNumber: seq, Timestamp: ts, Marker: marker}, Payload: payload}
}

func TestAccessUnitBoundaries(t *testing.T) {
	for name, c := range map[string]struct {
		packets []*rtp.Packet
		want    [][]int // lengths of the NAL units
		damaged []bool
		errs    int
	}{
		"no marker: the timestamp decides":             {[]*rtp.Packet{packet(1, 10, false, 0x65, 1), packet(2, 20, false, 0x41, 1, 2), packet(3, 30, false, 0x41)}, [][]int{{2}, {3}}, []bool{false, false}, 0},
		"parameter sets with a marker of their own":    {[]*rtp.Packet{packet(1, 10, true, 0x67, 1), packet(2, 10, true, 0x68, 1), packet(3, 10, true, 0x65, 1, 2)}, [][]int{{2, 2, 3}}, []bool{false}, 0},
		"parameter sets with a timestamp of their own": {[]*rtp.Packet{packet(1, 10, true, 0x67, 1), packet(2, 20, true, 0x65, 1, 2)}, [][]int{{2, 3}}, []bool{false}, 0},
		"STAP-A with padding":                          {[]*rtp.Packet{packet(1, 10, true, 0x78, 0, 2, 0x67, 1, 0, 3, 0x65, 1, 2, 0, 0)}, [][]int{{2, 3}}, []bool{false}, 0},
		"STAP-A that is cut":                           {[]*rtp.Packet{packet(1, 10, true, 0x78, 0, 2, 0x65, 1, 0, 9, 0x65)}, [][]int{{2}}, []bool{true}, 1},
		"fragment lost in the middle":                  {[]*rtp.Packet{packet(1, 10, false, 0x7c, 0x85, 1), packet(3, 10, true, 0x7c, 0x45, 3), packet(4, 20, true, 0x41, 9)}, [][]int{{2}}, []bool{true}, 1},
		"start and end in one fragment":                {[]*rtp.Packet{packet(1, 10, true, 0x7c, 0xc5, 7, 7)}, [][]int{{3}}, []bool{false}, 0},
		"loss between two units":                       {[]*rtp.Packet{packet(1, 10, true, 0x65), packet(3, 20, true, 0x41)}, [][]int{{1}, {1}}, []bool{false, true}, 0},
		"sequence numbers wrap":                        {[]*rtp.Packet{packet(65535, 10, false, 0x65), packet(0, 10, true, 0x65)}, [][]int{{1, 1}}, []bool{false}, 0},
		"interleaved mode, empty payload":              {[]*rtp.Packet{packet(1, 10, true, 0x79, 1), packet(2, 20, true), packet(3, 30, true, 0x65)}, [][]int{{1}}, []bool{true}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			units, errs := collect(&depacketizer{codec: lieciba.H264}, c.packets)
			var lens [][]int
			var damaged []bool
			for _, u := range units {
				var l []int
				for _, n := range u.nals {
					l = append(l, len(n))
				}
				lens, damaged = append(lens, l), append(damaged, u.damaged)
			}
			require.Equal(t, c.want, lens)
			require.Equal(t, c.damaged, damaged)
			require.Equal(t, c.errs, errs)
		})
	}
}

func TestDepacketizerIsBounded(t *testing.T) {
	d := &depacketizer{codec: lieciba.H264}
	body := make([]byte, 60_000)
	errs := 0
	for i := range 1000 {
		fu := byte(0x05)
		if i == 0 {
			fu = 0x85
		}
		if d.add(packet(uint16(i), 10, false, append([]byte{0x7c, fu}, body...)...), 0, func(accessUnit) {}) != nil {
			errs++
		}
		require.LessOrEqual(t, d.fragSize, maxUnitSize)
	}
	require.Positive(t, errs)
	for i := range 5000 {
		_ = d.add(packet(uint16(1000+i), 10, false, 0x65), 0, func(accessUnit) {})
		require.LessOrEqual(t, len(d.nals), maxNALs)
	}
}

func FuzzDepacketizer(f *testing.F) {
	f.Add([]byte{0x7c, 0x85, 1, 2}, true, false)
	f.Add([]byte{0x78, 0, 2, 0x65, 1}, true, true)
	f.Fuzz(func(t *testing.T, b []byte, marker, h265 bool) {
		codec := lieciba.H264
		if h265 {
			codec = lieciba.H265
		}
		d := &depacketizer{codec: codec}
		for i := range 3 {
			_ = d.add(packet(uint16(i), uint32(i/2), marker, b...), 0, func(au accessUnit) {
				_, _ = WithParameters(lieciba.VideoFormat{Codec: codec}, au.nals)
			})
		}
	})
}

func TestSenderReportFromBytesBuiltByHand(t *testing.T) {
	// RFC 3550 section 6.4.1, without report blocks.
	for fraction, want := range map[uint32]uint64{0x1999999a: 100_000_000, 0x80000000: 500_000_000, 0xffbe76c9: 999_000_000} {
		b := []byte{0x80, 200, 0, 6, 0, 0, 0, 7}
		b = binary.BigEndian.AppendUint32(b, 4_000_000_000) // seconds since 1900
		b = binary.BigEndian.AppendUint32(b, fraction)
		b = binary.BigEndian.AppendUint32(b, 12345)
		b = append(b, make([]byte, 8)...)
		list, err := rtcp.Unmarshal(b)
		require.NoError(t, err)
		r := ReportOf(lieciba.TrackVideo, list[0].(*rtcp.SenderReport))
		require.EqualValues(t, 12345, r.RTP)
		at := r.NTP.Time(r.NTP.Time(timeOf(1_791_011_200)))
		require.EqualValues(t, 4_000_000_000-2_208_988_800, at.Unix())
		require.InDelta(t, float64(want), float64(at.Nanosecond()), 1000)
	}
}

func TestParametersInTheStreamWin(t *testing.T) {
	old := lieciba.VideoFormat{Codec: lieciba.H264, SPS: []byte{0x67, 1}, PPS: []byte{0x68, 1}}
	got, changed := WithParameters(old, [][]byte{{0x67, 1}, {0x68, 1}, {0x68, 2}, {0x65}})
	require.False(t, changed, "the first of each counts")
	require.Equal(t, old, got)
	src := []byte{0x67, 9}
	got, changed = WithParameters(old, [][]byte{src})
	require.True(t, changed)
	src[1] = 0
	require.Equal(t, []byte{0x67, 9}, got.SPS, "copied")
	require.True(t, bytes.Equal(old.SPS, []byte{0x67, 1}))
}
