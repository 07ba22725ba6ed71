package segment

import (
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"

	"lieciba"
)

// fragment is a fragment's index entry with what sidx and Close need.
type fragment struct {
	lieciba.Fragment
	ticks int64 // sum of its video durations
	sap   byte  // stream access point type of the first frame (ISO/IEC 14496-12, Annex I); 0: none
	audio int   // sound frames
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const (
	runBoxSize = 8 + 16 + 4 + 4 + 2*8
	prftSize   = 32

	flagsSync    = 0x02000000 // sample depends on no other
	flagsNonSync = 0x01010000
	baseIsMoof   = 0x020000 // tfhd flags
	defaultFlags = 0x000020
	trunOffset   = 0x000001 // trun flags
	trunFirst    = 0x000004
	trunDuration = 0x000100
	trunSize     = 0x000200
	trunComposed = 0x000800
)

// origin ties the file's time to the run's: both are of the first key frame.
type origin struct {
	from time.Time
	dts  int64
}

// content is one fragment to be encoded. All times are of the run.
type content struct {
	sequence  uint32
	origin    origin
	video     []lieciba.Frame // at least one
	endDTS    int64           // of the frame after the last
	audio     []lieciba.Frame
	audioTick int64 // file time of the first sound frame
	audioEnd  int64 // PTS after the last
	audioRate int64
}

// appendTo encodes the fragment to the end of w. It copies each payload once.
func (c *content) appendTo(w *boxWriter) {
	start := len(w.b)
	first := &c.video[0]
	prft(w, videoTrack, first.Time, first.PTS-c.origin.dts)
	if len(c.audio) > 0 {
		prft(w, audioTrack, c.audio[0].Time, c.audioTick)
	}
	moof := w.open("moof")
	x := w.full("mfhd", 0, 0)
	w.u32(c.sequence)
	w.end(x)
	videoOffset := c.videoTraf(w)
	audioOffset := 0
	if len(c.audio) > 0 {
		audioOffset = c.audioTraf(w)
	}
	x = w.uuid(&runBox)
	crcAt := len(w.b)
	w.u32(0)
	w.u64(uint64(first.DTS))
	if len(c.audio) > 0 {
		w.u64(uint64(c.audio[0].PTS))
	} else {
		w.u64(0)
	}
	w.end(x)
	w.end(moof)
	mdat := w.open("mdat")
	binary.BigEndian.PutUint32(w.b[videoOffset:], uint32(len(w.b)-moof))
	for i := range c.video {
		for _, u := range c.video[i].Units {
			if len(u) > 0 {
				w.u32(uint32(len(u)))
				w.bytes(u)
			}
		}
	}
	if audioOffset > 0 {
		binary.BigEndian.PutUint32(w.b[audioOffset:], uint32(len(w.b)-moof))
	}
	for i := range c.audio {
		w.bytes(c.audio[i].Units[0])
	}
	w.end(mdat)
	binary.BigEndian.PutUint32(w.b[crcAt:], crc32.Checksum(w.b[start:], castagnoli))
}

// prft writes a producer reference time (ISO/IEC 14496-12, 8.16.5).
func prft(w *boxWriter, track uint32, t time.Time, tick int64) {
	x := w.full("prft", 1, 24)
	w.u32(track)
	w.u64(toNTP(t))
	w.u64(uint64(tick))
	w.end(x)
}

// videoTraf writes the video's traf and returns where its data offset stands.
func (c *content) videoTraf(w *boxWriter) int {
	first := &c.video[0]
	composed := false
	for i := range c.video {
		composed = composed || c.video[i].PTS != c.video[i].DTS
	}
	traf := w.open("traf")
	x := w.full("tfhd", 0, baseIsMoof|defaultFlags)
	w.u32(videoTrack)
	w.u32(flagsNonSync)
	w.end(x)
	tfdt(w, first.DTS-c.origin.dts)
	flags := uint32(trunOffset | trunDuration | trunSize)
	if first.Key {
		flags |= trunFirst
	}
	if composed {
		flags |= trunComposed
	}
	x = w.full("trun", 1, flags)
	w.u32(uint32(len(c.video)))
	offset := len(w.b)
	w.u32(0)
	if first.Key {
		w.u32(flagsSync)
	}
	for i := range c.video {
		next := c.endDTS
		if i+1 < len(c.video) {
			next = c.video[i+1].DTS
		}
		w.u32(uint32(next - c.video[i].DTS))
		w.u32(uint32(sampleSize(&c.video[i])))
		if composed {
			w.u32(uint32(int32(c.video[i].PTS - c.video[i].DTS)))
		}
	}
	w.end(x)
	w.end(traf)
	return offset
}

func (c *content) audioTraf(w *boxWriter) int {
	traf := w.open("traf")
	x := w.full("tfhd", 0, baseIsMoof|defaultFlags)
	w.u32(audioTrack)
	w.u32(flagsSync)
	w.end(x)
	tfdt(w, c.audioTick)
	x = w.full("trun", 1, trunOffset|trunDuration|trunSize)
	w.u32(uint32(len(c.audio)))
	offset := len(w.b)
	w.u32(0)
	for i := range c.audio {
		next := c.audioEnd
		if i+1 < len(c.audio) {
			next = c.audio[i+1].PTS
		}
		w.u32(uint32(next - c.audio[i].PTS))
		w.u32(uint32(len(c.audio[i].Units[0])))
	}
	w.end(x)
	w.end(traf)
	return offset
}

func tfdt(w *boxWriter, tick int64) {
	x := w.full("tfdt", 1, 0)
	w.u64(uint64(tick))
	w.end(x)
}

// sampleSize is what a video frame takes in mdat.
func sampleSize(f *lieciba.Frame) int {
	n := 0
	for _, u := range f.Units {
		if len(u) > 0 {
			n += 4 + len(u)
		}
	}
	return n
}

// nominalTicks is how long a sound frame lasts by its codec; 0 if that cannot be told.
func nominalTicks(f *lieciba.AudioFormat, unit []byte) int64 {
	switch f.Codec {
	case lieciba.AAC:
		return 1024
	case lieciba.PCMA, lieciba.PCMU:
		return int64(len(unit) / max(1, f.Channels))
	case lieciba.Opus:
		return opus.PacketDuration2(unit)
	}
	return 0
}

// sapType tells how a GOP that starts with this access unit can be entered.
func sapType(codec lieciba.VideoCodec, units [][]byte) byte {
	if codec == lieciba.H265 {
		for _, u := range units {
			if len(u) == 0 {
				continue
			}
			switch u[0] >> 1 & 0x3f { // H.265, table 7-1
			case 19: // IDR_W_RADL
				return 2
			case 16, 17, 18, 21: // BLA, CRA
				return 3
			}
		}
	}
	return 1
}
