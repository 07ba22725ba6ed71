package segment

import (
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"lieciba"
)

// videoEntry returns the sample entry of a video format
// (ISO/IEC 14496-15, 5.4.2 and 8.4.1).
func videoEntry(f lieciba.VideoFormat) ([]byte, error) {
	switch f.Codec {
	case lieciba.H264:
		return avc3(f)
	case lieciba.H265:
		return hev1(f)
	}
	return nil, lieciba.Errorf(lieciba.CodeUnsupported, "video codec %q cannot be stored: use h264 or h265", f.Codec)
}

func avc3(f lieciba.VideoFormat) ([]byte, error) {
	if len(f.SPS) < 4 || len(f.PPS) == 0 || len(f.SPS) > 0xffff || len(f.PPS) > 0xffff {
		return nil, lieciba.Invalid("format.video", "H.264 needs an SPS and a PPS of sensible size")
	}
	var sps h264.SPS
	width, height := f.Width, f.Height
	chroma, luma8, chroma8 := byte(1), byte(0), byte(0)
	if err := sps.Unmarshal(f.SPS); err == nil {
		width, height = sps.Width(), sps.Height()
		chroma, luma8, chroma8 = byte(sps.ChromaFormatIdc), byte(sps.BitDepthLumaMinus8), byte(sps.BitDepthChromaMinus8)
	} else if width == 0 || height == 0 {
		return nil, lieciba.Wrap(err, lieciba.CodeUnsupported, "the H.264 SPS cannot be read")
	}
	w := &boxWriter{}
	at := visual(w, "avc3", width, height)
	x := w.open("avcC")
	w.bytes([]byte{1, f.SPS[1], f.SPS[2], f.SPS[3], 0xff, 0xe1}) // lengths of 4 bytes, 1 SPS
	w.u16(uint16(len(f.SPS)))
	w.bytes(f.SPS)
	w.u8(1)
	w.u16(uint16(len(f.PPS)))
	w.bytes(f.PPS)
	switch f.SPS[1] {
	case 100, 110, 122, 144:
		w.bytes([]byte{0xfc | chroma&3, 0xf8 | luma8&7, 0xf8 | chroma8&7, 0})
	}
	w.end(x)
	w.end(at)
	return w.b, nil
}

func hev1(f lieciba.VideoFormat) ([]byte, error) {
	const most = 0xffff
	if len(f.VPS) == 0 || len(f.SPS) < 15 || len(f.PPS) == 0 || len(f.VPS) > most || len(f.SPS) > most || len(f.PPS) > most {
		return nil, lieciba.Invalid("format.video", "H.265 needs a VPS, an SPS and a PPS of sensible size")
	}
	plain := h264.EmulationPreventionRemove(f.SPS)
	if len(plain) < 15 {
		return nil, lieciba.Invalid("format.video", "the H.265 SPS is too short")
	}
	var sps h265.SPS
	width, height := f.Width, f.Height
	chroma, luma8, chroma8 := byte(1), byte(0), byte(0)
	if err := sps.Unmarshal(f.SPS); err == nil {
		width, height = sps.Width(), sps.Height()
		chroma, luma8, chroma8 = byte(sps.ChromaFormatIdc), byte(sps.BitDepthLumaMinus8), byte(sps.BitDepthChromaMinus8)
	} else if width == 0 || height == 0 {
		return nil, lieciba.Wrap(err, lieciba.CodeUnsupported, "the H.265 SPS cannot be read")
	}
	w := &boxWriter{}
	at := visual(w, "hev1", width, height)
	x := w.open("hvcC")
	w.u8(1)
	w.bytes(plain[3:15]) // general profile, compatibility, constraints, level (H.265, 7.3.3)
	w.u16(0xf000)        // min_spatial_segmentation 0: unknown
	w.u8(0xfc)           // parallelismType 0: unknown
	w.u8(0xfc | chroma&3)
	w.u8(0xf8 | luma8&7)
	w.u8(0xf8 | chroma8&7)
	w.u16(0) // avgFrameRate 0: unknown
	layers, nested := plain[2]>>1&7+1, plain[2]&1
	w.u8(layers<<3 | nested<<2 | 3) // lengths of 4 bytes
	w.u8(3)
	for _, u := range [][]byte{f.VPS, f.SPS, f.PPS} {
		w.u8(u[0] >> 1 & 0x3f) // array_completeness 0: more may follow in band
		w.u16(1)
		w.u16(uint16(len(u)))
		w.bytes(u)
	}
	w.end(x)
	w.end(at)
	return w.b, nil
}

// visual starts a VisualSampleEntry (ISO/IEC 14496-12, 12.1.3).
func visual(w *boxWriter, typ string, width, height int) int {
	at := w.open(typ)
	w.zero(6)
	w.u16(1) // data reference
	w.zero(16)
	w.u16(uint16(width))
	w.u16(uint16(height))
	w.u32(0x480000) // 72 dpi
	w.u32(0x480000)
	w.u32(0)
	w.u16(1) // frame count
	w.zero(32)
	w.u16(0x18) // depth
	w.u16(0xffff)
	return at
}

// audioEntry returns the sample entry of an audio format.
func audioEntry(f lieciba.AudioFormat) ([]byte, error) {
	if f.SampleRate <= 0 || f.SampleRate > 1<<20 || f.Channels < 0 || f.Channels > 255 {
		return nil, lieciba.Invalid("format.audio", "a sample rate of %d Hz and %d channels cannot be", f.SampleRate, f.Channels)
	}
	w := &boxWriter{}
	at := 0
	switch f.Codec {
	case lieciba.AAC:
		if len(f.Config) < 2 || len(f.Config) > 64 {
			return nil, lieciba.Invalid("format.audio", "AAC needs an AudioSpecificConfig of 2 to 64 bytes, not %d", len(f.Config))
		}
		at = audioSample(w, "mp4a", f)
		esds(w, f.Config)
	case lieciba.PCMA:
		at = audioSample(w, "alaw", f)
	case lieciba.PCMU:
		at = audioSample(w, "ulaw", f)
	case lieciba.Opus:
		if f.SampleRate != 48_000 {
			return nil, lieciba.Invalid("format.audio", "the clock of Opus is 48000 Hz, not %d", f.SampleRate)
		}
		at = audioSample(w, "Opus", f)
		x := w.open("dOps")
		w.bytes([]byte{0, byte(f.Channels), 0, 0}) // version, channels, pre-skip
		w.u32(48_000)
		w.zero(3) // gain, mapping family
		w.end(x)
	default:
		return nil, lieciba.Errorf(lieciba.CodeUnsupported, "audio codec %q cannot be stored: use aac, pcma, pcmu or opus", f.Codec)
	}
	w.end(at)
	return w.b, nil
}

// audioSample starts an AudioSampleEntry (ISO/IEC 14496-12, 12.2.3).
func audioSample(w *boxWriter, typ string, f lieciba.AudioFormat) int {
	at := w.open(typ)
	w.zero(6)
	w.u16(1) // data reference
	w.zero(8)
	w.u16(uint16(f.Channels))
	w.u16(16) // sample size
	w.u32(0)
	if f.SampleRate <= 0xffff { // else the 16.16 field cannot say it, and 0 does
		w.u32(uint32(f.SampleRate) << 16)
	} else {
		w.u32(0)
	}
	return at
}

// esds writes the ES descriptor of AAC (ISO/IEC 14496-1, 7.2.6).
func esds(w *boxWriter, config []byte) {
	x := w.full("esds", 0, 0)
	n := byte(len(config))
	w.bytes([]byte{3, 3 + 2 + 13 + 2 + n + 3, 0, audioTrack, 0}) // ES_ID, flags
	w.bytes([]byte{4, 13 + 2 + n, 0x40, 0x15})                   // AAC, audio stream
	w.zero(11)                                                   // buffer size and bit rates: unknown
	w.bytes([]byte{5, n})
	w.bytes(config)
	w.bytes([]byte{6, 1, 2}) // SL: as MP4 has it
	w.end(x)
}
