package virtualcam

import (
	"fmt"
	"regexp"
	"strings"

	"lieciba"
)

var profileToken = regexp.MustCompile(`<(?:[\w-]+:)?ProfileToken[^>]*>([^<]*)<`)

// profile is a media profile of the camera: its token is the stream's role.
type profile struct {
	role          lieciba.StreamRole
	width, height int
}

func (c *Camera) profiles() []profile {
	cfg := c.streams.Config()
	list := []profile{{lieciba.StreamMain, cfg.Width, cfg.Height}}
	if cfg.SubWidth > 0 {
		list = append(list, profile{lieciba.StreamSub, cfg.SubWidth, cfg.SubHeight})
	}
	return list
}

// asked returns the profile that a request names; false if there is none such.
func (c *Camera) asked(body string) (profile, bool) {
	token := first(profileToken, body)
	for _, p := range c.profiles() {
		if string(p.role) == token {
			return p, true
		}
	}
	return profile{}, false
}

// media1 answers the Media service (ver10/media/wsdl).
func (c *Camera) media1(op, body string) (string, bool) {
	switch op {
	case "GetProfiles":
		var b strings.Builder
		for _, p := range c.profiles() {
			b.WriteString(c.profile1(p))
		}
		if c.fault().BadHints { // a profile without video, as cameras list them
			b.WriteString(`<trt:Profiles token="metadata"><tt:Name>metadata only</tt:Name></trt:Profiles>`)
		}
		return `<trt:GetProfilesResponse>` + b.String() + `</trt:GetProfilesResponse>`, true
	case "GetStreamUri":
		if p, ok := c.asked(body); ok {
			return `<trt:GetStreamUriResponse>` + mediaURI(c.streamURL(p.role)) + `</trt:GetStreamUriResponse>`, true
		}
	case "GetSnapshotUri":
		return `<trt:GetSnapshotUriResponse>` + mediaURI("http://"+c.host()+"/snapshot.jpg") + `</trt:GetSnapshotUriResponse>`, true
	case "SetSynchronizationPoint":
		c.streams.KeyFrame()
		return `<trt:SetSynchronizationPointResponse/>`, true
	case "GetVideoSources":
		return `<trt:GetVideoSourcesResponse><trt:VideoSources token="lens"><tt:Framerate>25</tt:Framerate><tt:Resolution><tt:Width>1920</tt:Width><tt:Height>1080</tt:Height></tt:Resolution></trt:VideoSources></trt:GetVideoSourcesResponse>`, true
	}
	return "", false
}

func mediaURI(u string) string {
	return `<trt:MediaUri><tt:Uri>` + escape(u) + `</tt:Uri><tt:InvalidAfterConnect>false</tt:InvalidAfterConnect><tt:InvalidAfterReboot>false</tt:InvalidAfterReboot><tt:Timeout>PT0S</tt:Timeout></trt:MediaUri>`
}

func (c *Camera) bitrateHint() int {
	if c.fault().BadHints {
		return 2147483647
	}
	return max(512, c.streams.Config().Bitrate/1000)
}

func (c *Camera) profile1(p profile) string {
	cfg := c.streams.Config()
	sound := ""
	if cfg.Audio != "" {
		name := "G711"
		if cfg.Audio == lieciba.AAC {
			name = "AAC"
		}
		sound = `<tt:AudioSourceConfiguration token="as"><tt:Name>sound</tt:Name><tt:UseCount>2</tt:UseCount><tt:SourceToken>microphone</tt:SourceToken></tt:AudioSourceConfiguration>` +
			`<tt:AudioEncoderConfiguration token="ae"><tt:Name>sound</tt:Name><tt:UseCount>2</tt:UseCount><tt:Encoding>` + name + `</tt:Encoding><tt:Bitrate>64</tt:Bitrate><tt:SampleRate>8</tt:SampleRate></tt:AudioEncoderConfiguration>`
	}
	return fmt.Sprintf(`<trt:Profiles token="%[1]s" fixed="true"><tt:Name>%[1]s</tt:Name>`+
		`<tt:VideoSourceConfiguration token="vs"><tt:Name>lens</tt:Name><tt:UseCount>2</tt:UseCount><tt:SourceToken>lens</tt:SourceToken><tt:Bounds x="0" y="0" width="%[2]d" height="%[3]d"/></tt:VideoSourceConfiguration>`+
		`%[4]s`+
		`<tt:VideoEncoderConfiguration token="ve-%[1]s"><tt:Name>%[1]s</tt:Name><tt:UseCount>1</tt:UseCount><tt:Encoding>H264</tt:Encoding><tt:Resolution><tt:Width>%[2]d</tt:Width><tt:Height>%[3]d</tt:Height></tt:Resolution>`+
		`<tt:Quality>5</tt:Quality><tt:RateControl><tt:FrameRateLimit>%[5]d</tt:FrameRateLimit><tt:EncodingInterval>1</tt:EncodingInterval><tt:BitrateLimit>%[6]d</tt:BitrateLimit></tt:RateControl>`+
		`<tt:H264><tt:GovLength>%[7]d</tt:GovLength><tt:H264Profile>Baseline</tt:H264Profile></tt:H264></tt:VideoEncoderConfiguration></trt:Profiles>`,
		p.role, p.width, p.height, sound, cfg.DeclaredFPS, c.bitrateHint(), cfg.GOP)
}

// media2 answers the Media2 service (ver20/media/wsdl).
func (c *Camera) media2(op, body string) (string, bool) {
	if c.fault().NoMedia2 {
		return "", false
	}
	switch op {
	case "GetProfiles":
		var b strings.Builder
		for _, p := range c.profiles() {
			b.WriteString(c.profile2(p))
		}
		return `<tr2:GetProfilesResponse>` + b.String() + `</tr2:GetProfilesResponse>`, true
	case "GetStreamUri":
		if p, ok := c.asked(body); ok {
			return `<tr2:GetStreamUriResponse><tr2:Uri>` + escape(c.streamURL(p.role)) + `</tr2:Uri></tr2:GetStreamUriResponse>`, true
		}
	case "GetSnapshotUri":
		return `<tr2:GetSnapshotUriResponse><tr2:Uri>http://` + c.host() + `/snapshot.jpg</tr2:Uri></tr2:GetSnapshotUriResponse>`, true
	case "SetSynchronizationPoint":
		c.streams.KeyFrame()
		return `<tr2:SetSynchronizationPointResponse/>`, true
	}
	return "", false
}

func (c *Camera) profile2(p profile) string {
	cfg := c.streams.Config()
	names := map[lieciba.AudioCodec]string{lieciba.AAC: "MP4A-LATM", lieciba.PCMA: "PCMA", lieciba.PCMU: "PCMU"}
	sound := ""
	if n := names[cfg.Audio]; n != "" {
		sound = `<tr2:AudioEncoder token="ae"><tt:Name>sound</tt:Name><tt:UseCount>2</tt:UseCount><tt:Encoding>` + n + `</tt:Encoding><tt:Bitrate>64</tt:Bitrate><tt:SampleRate>8</tt:SampleRate></tr2:AudioEncoder>`
	}
	return fmt.Sprintf(`<tr2:Profiles token="%[1]s" fixed="true"><tr2:Name>%[1]s</tr2:Name><tr2:Configurations>`+
		`<tr2:VideoSource token="vs"><tt:Name>lens</tt:Name><tt:UseCount>2</tt:UseCount><tt:SourceToken>lens</tt:SourceToken><tt:Bounds x="0" y="0" width="%[2]d" height="%[3]d"/></tr2:VideoSource>`+
		`<tr2:VideoEncoder token="ve-%[1]s" GovLength="%[4]d" AnchorFrameDistance="1" Profile="Baseline"><tt:Name>%[1]s</tt:Name><tt:UseCount>1</tt:UseCount><tt:Encoding>H264</tt:Encoding>`+
		`<tt:Resolution><tt:Width>%[2]d</tt:Width><tt:Height>%[3]d</tt:Height></tt:Resolution><tt:RateControl ConstantBitRate="true"><tt:FrameRateLimit>%[5]d</tt:FrameRateLimit><tt:BitrateLimit>%[6]d</tt:BitrateLimit></tt:RateControl><tt:Quality>5</tt:Quality></tr2:VideoEncoder>`+
		`%[7]s</tr2:Configurations></tr2:Profiles>`,
		p.role, p.width, p.height, cfg.GOP, cfg.DeclaredFPS, c.bitrateHint(), sound)
}
