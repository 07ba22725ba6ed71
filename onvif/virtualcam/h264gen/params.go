package h264gen

// NAL unit headers: nal_ref_idc and nal_unit_type (Table 7-1).
const (
	headerSlice  = 0x61
	headerIDR    = 0x65
	headerSEI    = 0x06
	headerSPS    = 0x67
	headerPPS    = 0x68
	headerFiller = 0x0c
)

const (
	log2FrameNum = 8
	lumaQP       = 28 // at this quantiser one luma DC step is one sample step
	chromaOffset = -6 // and with QPc = 22 one chroma DC step is one too
)

// levelFor names the lowest common level (Table A-1) for a picture of that
// many macroblocks at up to 30 frames a second.
func levelFor(macroblocks int) uint32 {
	switch {
	case macroblocks <= 1620:
		return 30
	case macroblocks <= 3600:
		return 31
	case macroblocks <= 8192:
		return 40
	default:
		return 51
	}
}

// sps codes a sequence parameter set (7.3.2.1.1) with a VUI that declares the
// frame rate and that no picture is ever reordered.
func sps(width, height, declaredRate int) []byte {
	mbWidth, mbHeight := (width+15)/16, (height+15)/16
	w := &bitWriter{}
	w.u(8, 66)   // Baseline
	w.u(8, 0xc0) // constraint_set0 and 1: Constrained Baseline
	w.u(8, levelFor(mbWidth*mbHeight))
	w.ue(0) // seq_parameter_set_id
	w.ue(log2FrameNum - 4)
	w.ue(2) // pic_order_cnt_type: output order is decode order
	w.ue(1) // max_num_ref_frames
	w.flag(false)
	w.ue(uint32(mbWidth - 1))
	w.ue(uint32(mbHeight - 1))
	w.flag(true) // frame_mbs_only
	w.flag(true) // direct_8x8_inference
	right, bottom := (mbWidth*16-width)/2, (mbHeight*16-height)/2
	w.flag(right > 0 || bottom > 0)
	if right > 0 || bottom > 0 {
		for _, crop := range []int{0, right, 0, bottom} {
			w.ue(uint32(crop))
		}
	}
	w.flag(true) // vui_parameters_present
	vui(w, declaredRate)
	w.trailing()
	return nalUnit(headerSPS, w.buf)
}

// vui codes E.1.1: BT.709 in studio range, the frame rate, no reordering.
func vui(w *bitWriter, declaredRate int) {
	w.flag(true) // aspect ratio
	w.u(8, 1)    // square
	w.flag(false)
	w.flag(true) // video signal type
	w.u(3, 5)
	w.flag(false) // studio range
	w.flag(true)
	for range 3 {
		w.u(8, 1) // BT.709
	}
	w.flag(false) // chroma location
	w.flag(true)  // timing
	w.u(32, 1)
	w.u(32, uint32(2*declaredRate))
	w.flag(false) // the rate is not promised
	w.flag(false)
	w.flag(false)
	w.flag(false) // pic_struct
	w.flag(true)  // bitstream restriction
	w.flag(true)
	w.ue(0)
	w.ue(0)
	w.ue(0)
	w.ue(0)
	w.ue(0) // max_num_reorder_frames
	w.ue(1) // max_dec_frame_buffering
}

// pps codes a picture parameter set (7.3.2.2).
func pps() []byte {
	w := &bitWriter{}
	w.ue(0)
	w.ue(0)
	w.flag(false) // CAVLC
	w.flag(false)
	w.ue(0) // one slice group
	w.ue(0)
	w.ue(0)
	w.flag(false)
	w.u(2, 0)
	w.se(lumaQP - 26)
	w.se(0)
	w.se(chromaOffset)
	w.flag(true)  // deblocking is controlled in the slice header
	w.flag(false) // not constrained_intra_pred
	w.flag(false)
	w.trailing()
	return nalUnit(headerPPS, w.buf)
}

// UserDataSEI is a supplemental enhancement message of type
// user_data_unregistered (D.1.7) as a NAL unit.
func UserDataSEI(uuid [16]byte, data []byte) []byte {
	rbsp := []byte{5}
	size := len(uuid) + len(data)
	for ; size >= 255; size -= 255 {
		rbsp = append(rbsp, 255)
	}
	rbsp = append(rbsp, byte(size))
	rbsp = append(append(append(rbsp, uuid[:]...), data...), 0x80)
	return nalUnit(headerSEI, rbsp)
}

// Filler is a filler data NAL unit (7.3.2.7) of size bytes, at least 2. It
// belongs after the last slice of an access unit.
func Filler(size int) []byte {
	out := make([]byte, max(size, 2))
	for i := range out {
		out[i] = 0xff
	}
	out[0], out[len(out)-1] = headerFiller, 0x80
	return out
}
