package viewer

import (
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"lieciba"
)

const (
	maxOffer   = 64 << 10 // bytes
	maxMLines  = 34       // 32 cameras, sound, data channel
	maxFormats = 128      // payload types of a media line: they have 7 bits
)

// playoutDelay is the RTP header extension by which a sender bounds how long a
// receiver may hold a frame back.
const playoutDelay = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"

// offer is what matters of a browser's SDP offer.
type offer struct {
	sdp   string // without the browser's candidates: an ICE lite server needs none
	video []mline
	audio *mline // the first one; nil: none
	lines int
}

type mline struct {
	mid    string
	codecs []codec
}

// codec is one payload type of an offer.
type codec struct {
	pt       uint8
	name     string // lower case, such as "h264"
	clock    uint32
	channels uint16
	fmtp     string
}

func badOffer(format string, args ...any) error {
	return lieciba.Invalid("offer", format, args...)
}

// parseOffer checks bounds and shape. Every error is CodeInvalid, field "offer".
func parseOffer(text string) (offer, error) {
	if len(text) > maxOffer {
		return offer{}, badOffer("is longer than %d bytes: send one SDP offer", maxOffer)
	}
	var desc sdp.SessionDescription
	if err := desc.UnmarshalString(text); err != nil {
		return offer{}, &lieciba.Error{Code: lieciba.CodeInvalid, Field: "offer", Cause: err,
			Message: "is not SDP: send the offer of an RTCPeerConnection as application/sdp"}
	}
	if n := len(desc.MediaDescriptions); n == 0 || n > maxMLines {
		return offer{}, badOffer("has %d media lines: 1 to %d are taken", n, maxMLines)
	}
	o := offer{lines: len(desc.MediaDescriptions)}
	strip := func(list []sdp.Attribute) []sdp.Attribute {
		kept := list[:0]
		for _, a := range list {
			if a.Key != "candidate" && a.Key != "end-of-candidates" {
				kept = append(kept, a)
			}
		}
		return kept
	}
	desc.Attributes = strip(desc.Attributes)
	for _, m := range desc.MediaDescriptions {
		m.Attributes = strip(m.Attributes)
		if err := o.add(m); err != nil {
			return offer{}, err
		}
	}
	clean, err := desc.Marshal()
	if err != nil {
		return offer{}, &lieciba.Error{Code: lieciba.CodeInvalid, Field: "offer", Message: "is not SDP", Cause: err}
	}
	o.sdp = string(clean)
	return o, nil
}

func (o *offer) add(m *sdp.MediaDescription) error {
	kind := m.MediaName.Media
	if kind == "application" {
		return nil
	}
	if kind != "video" && kind != "audio" {
		return badOffer("has a media line of kind %q: video, audio and one data channel are taken", kind)
	}
	if len(m.MediaName.Formats) > maxFormats { // looking each of them up takes pion long
		return badOffer("has a media line with %d payload types: there are %d", len(m.MediaName.Formats), maxFormats)
	}
	if _, ok := m.Attribute("recvonly"); !ok {
		if _, ok := m.Attribute("sendonly"); ok {
			return badOffer("wants to send %s: use recvonly", kind)
		}
	}
	mid, ok := m.Attribute("mid")
	if !ok || mid == "" {
		return badOffer("has a media line without a=mid")
	}
	line := mline{mid: mid, codecs: codecsOf(m)}
	switch {
	case kind == "video":
		o.video = append(o.video, line)
	case o.audio == nil:
		o.audio = &line
	default:
		return badOffer("has more than one audio line")
	}
	return nil
}

// staticAudio are the payload types that need no rtpmap (RFC 3551 table 4).
var staticAudio = map[uint8]codec{
	0: {pt: 0, name: "pcmu", clock: 8000, channels: 1},
	8: {pt: 8, name: "pcma", clock: 8000, channels: 1},
	9: {pt: 9, name: "g722", clock: 8000, channels: 1},
}

// codecsOf lists the payload types of a media line in the browser's order.
// Lines that make no sense are left out: nothing can be sent on them.
func codecsOf(m *sdp.MediaDescription) []codec {
	byPT := map[uint8]codec{}
	fmtp := map[uint8]string{}
	for _, a := range m.Attributes {
		head, rest, _ := strings.Cut(a.Value, " ")
		pt, err := strconv.ParseUint(head, 10, 7)
		if err != nil {
			continue
		}
		switch a.Key {
		case "rtpmap":
			if c, ok := parseRTPMap(uint8(pt), rest); ok {
				byPT[c.pt] = c
			}
		case "fmtp":
			fmtp[uint8(pt)] = rest
		}
	}
	var out []codec
	for _, f := range m.MediaName.Formats {
		pt, err := strconv.ParseUint(f, 10, 7)
		if err != nil {
			continue
		}
		c, ok := byPT[uint8(pt)]
		if !ok {
			c, ok = staticAudio[uint8(pt)]
		}
		if ok {
			c.fmtp = fmtp[c.pt]
			out = append(out, c)
		}
	}
	return out
}

func parseRTPMap(pt uint8, s string) (codec, bool) {
	parts := strings.Split(s, "/")
	if len(parts) < 2 {
		return codec{}, false
	}
	clock, err := strconv.ParseUint(parts[1], 10, 32)
	if err != nil {
		return codec{}, false
	}
	c := codec{pt: pt, name: strings.ToLower(parts[0]), clock: uint32(clock)}
	if len(parts) > 2 {
		n, err := strconv.ParseUint(parts[2], 10, 8)
		if err != nil {
			return codec{}, false
		}
		c.channels = uint16(n)
	}
	return c, true
}

// param returns one fmtp parameter, lower case; "" if it is not there.
func (c codec) param(key string) string {
	for p := range strings.SplitSeq(c.fmtp, ";") {
		if k, v, ok := strings.Cut(strings.TrimSpace(p), "="); ok && strings.EqualFold(k, key) {
			return strings.ToLower(strings.TrimSpace(v))
		}
	}
	return ""
}

// pickVideo returns the payload type for a stream. H.264: packetization-mode 1
// and the profile of the SPS if it is offered; else a baseline payload type,
// under which Chromium and Firefox decode Main and High too.
func (m mline) pickVideo(f lieciba.VideoFormat) (codec, bool) {
	best, rank := codec{}, -1
	for _, c := range m.codecs {
		if c.name != string(f.Codec) || c.clock != lieciba.VideoClockRate {
			continue
		}
		r := 0
		if f.Codec == lieciba.H264 {
			if c.param("packetization-mode") != "1" {
				continue
			}
			r = profileRank(c.param("profile-level-id"), f.SPS)
		}
		if r > rank {
			best, rank = c, r
		}
	}
	return best, rank >= 0
}

// profileRank says how well an offered profile-level-id suits an SPS.
func profileRank(id string, sps []byte) int {
	if len(id) != 6 {
		return 0
	}
	if len(sps) > 2 {
		v, err := strconv.ParseUint(id[:4], 16, 16)
		if err == nil && byte(v>>8) == sps[1] && byte(v) == sps[2] {
			return 4
		}
	}
	switch id[:4] {
	case "42e0":
		return 3
	case "4200":
		return 2
	}
	return 1
}

// pickAudio returns the payload type of a codec by name.
func (m *mline) pickAudio(name string) (codec, bool) {
	if m == nil {
		return codec{}, false
	}
	for _, c := range m.codecs {
		if c.name == name && (name != "opus" || c.clock == 48000) && (name == "opus" || c.clock == 8000) {
			return c, true
		}
	}
	return codec{}, false
}

// mediaEngine registers exactly the codecs that will be sent, under the
// browser's own payload types.
func mediaEngine(video, audio []codec) (*webrtc.MediaEngine, error) {
	m := &webrtc.MediaEngine{}
	register := func(list []codec, kind webrtc.RTPCodecType, feedback []webrtc.RTCPFeedback) error {
		seen := map[uint8]bool{}
		for _, c := range list {
			if seen[c.pt] {
				continue
			}
			seen[c.pt] = true
			if err := m.RegisterCodec(webrtc.RTPCodecParameters{
				RTPCodecCapability: c.capability(kind, feedback), PayloadType: webrtc.PayloadType(c.pt),
			}, kind); err != nil {
				return err
			}
		}
		return nil
	}
	if err := register(video, webrtc.RTPCodecTypeVideo, []webrtc.RTCPFeedback{
		{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"},
	}); err != nil {
		return nil, err
	}
	if err := register(audio, webrtc.RTPCodecTypeAudio, nil); err != nil {
		return nil, err
	}
	return m, m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: playoutDelay}, webrtc.RTPCodecTypeVideo)
}

func (c codec) capability(kind webrtc.RTPCodecType, feedback []webrtc.RTCPFeedback) webrtc.RTPCodecCapability {
	return webrtc.RTPCodecCapability{
		MimeType: kind.String() + "/" + c.name, ClockRate: c.clock, Channels: c.channels,
		SDPFmtpLine: c.fmtp, RTCPFeedback: feedback,
	}
}
