package rtspcam

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph265"
	"github.com/pion/rtp"

	"lieciba"
	"lieciba/onvif/virtualcam/h264gen"
	"lieciba/onvif/virtualcam/picture"
	"lieciba/onvif/virtualcam/rtspcam/hevc"
)

// video is where a stream's pictures come from.
type video interface {
	// format is for the session description.
	format() format.Format
	// unit makes the access unit of now; index counts from a key frame.
	unit(now time.Time, index int) [][]byte
	// packer starts a new sequence of RTP packets.
	packer() (packer, error)
}

// packer splits access units into RTP packets (RFC 6184, RFC 7798).
type packer interface {
	Encode(unit [][]byte) ([]*rtp.Packet, error)
}

const videoType = 96 // RTP payload type

func newVideo(c Config, width, height, bitrate int) (video, error) {
	if c.Video == lieciba.H265 {
		return recorded{}, nil
	}
	scene, err := picture.New(picture.Config{Width: width, Height: height, DeclaredRate: c.DeclaredFPS, Name: c.Name})
	return &drawn{scene: scene, gop: c.GOP, name: c.Name, size: bitrate / 8 / c.FPS}, err
}

// drawn is H.264 of a room as it is now.
type drawn struct {
	scene *picture.Scene
	gop   int
	name  string
	size  int // bytes that filler brings an access unit to

	filler []byte // reused: a unit is sent before the next is made
	last   int    // of the filler's bytes that were used, the last
}

func (d *drawn) format() format.Format {
	return &format.H264{PayloadTyp: videoType, PacketizationMode: 1, SPS: d.scene.Encoder.SPS(), PPS: d.scene.Encoder.PPS()}
}

func (d *drawn) unit(now time.Time, index int) [][]byte {
	slice := d.scene.P
	if index%d.gop == 0 {
		slice = d.scene.IDR
	}
	out := slice(now)
	out = slices.Insert(out, len(out)-1, Label(d.name, now)) // SEI stands before the slice
	size := d.size
	for _, u := range out {
		size -= len(u)
	}
	if size >= 3 {
		out = append(out, d.fill(size))
	}
	return out
}

// fill makes a filler NAL unit of size bytes.
func (d *drawn) fill(size int) []byte {
	if size > len(d.filler) {
		d.filler, d.last = h264gen.Filler(2*size), 2*size-1
	}
	d.filler[d.last] = 0xff
	d.last = size - 1
	d.filler[d.last] = 0x80 // rbsp_trailing_bits
	return d.filler[:size]
}

func (d *drawn) packer() (packer, error) {
	e := &rtph264.Encoder{PayloadType: videoType, PacketizationMode: 1, PayloadMaxSize: payload}
	return e, e.Init()
}

// labelUUID marks the SEI messages of virtual cameras.
var labelUUID = [16]byte([]byte("lieciba-camera-1"))

// Label is the SEI message user_data_unregistered that stands in every access
// unit of a drawn stream: after its UUID come 8 bytes of Unix milliseconds, big
// endian, whose first bytes need emulation prevention, and the camera's name.
func Label(name string, at time.Time) []byte {
	return h264gen.UserDataSEI(labelUUID, append(binary.BigEndian.AppendUint64(nil, uint64(at.UnixMilli())), name...))
}

// recorded is the H.265 loop. Its pictures do not tell their instant.
type recorded struct{}

func (recorded) format() format.Format {
	l := hevc.Room()
	return &format.H265{PayloadTyp: videoType, VPS: l.VPS, SPS: l.SPS, PPS: l.PPS}
}

func (recorded) unit(_ time.Time, index int) [][]byte {
	units := hevc.Room().Units
	return units[index%len(units)]
}

func (recorded) packer() (packer, error) {
	e := &rtph265.Encoder{PayloadType: videoType, PayloadMaxSize: payload}
	return e, e.Init()
}
