package virtualcam

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"lieciba"
)

var profileToken = regexp.MustCompile(`<(?:[\w-]+:)?ProfileToken[^>]*>([^<]*)<`)

// profile is a media profile of the camera: its token is the stream's role.
type profile struct {
	role          lieciba.StreamRole
	video         lieciba.VideoCodec
	width, height int
	gop           int // frames
}

func (c *Camera) profiles() []profile {
	cfg := c.streams.Config()
	list := []profile{{lieciba.StreamMain, cfg.Video, cfg.Width, cfg.Height, cfg.GOP}}
	if cfg.SubWidth > 0 {
		list = append(list, profile{lieciba.StreamSub, lieciba.H264, cfg.SubWidth, cfg.SubHeight, cfg.GOP})
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
		for _, p := range c.profiles1() {
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
		return `<trt:GetSnapshotUriResponse>` + mediaURI(c.scheme()+c.host()+"/snapshot.jpg") + `</trt:GetSnapshotUriResponse>`, true
	case "GetVideoEncoderConfigurations":
		var b strings.Builder
		for _, p := range c.profiles1() {
			b.WriteString(c.encoder1("trt:Configurations", p))
		}
		return `<trt:GetVideoEncoderConfigurationsResponse>` + b.String() + `</trt:GetVideoEncoderConfigurationsResponse>`, true
	case "SetVideoEncoderConfiguration":
		return `<trt:SetVideoEncoderConfigurationResponse/>`, c.configure(body)
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
		`%[5]s</trt:Profiles>`, p.role, p.width, p.height, sound, c.encoder1("tt:VideoEncoderConfiguration", p))
}

// profiles1 are those that Media1 shows: it has no word for H.265.
func (c *Camera) profiles1() []profile {
	return slices.DeleteFunc(c.profiles(), func(p profile) bool { return p.video == lieciba.H265 && !c.fault().H265Hidden })
}

// encoder1 is a video encoder configuration of Media1 in an element.
func (c *Camera) encoder1(element string, p profile) string {
	return fmt.Sprintf(`<%[1]s token="ve-%[2]s"><tt:Name>%[2]s</tt:Name><tt:UseCount>1</tt:UseCount><tt:Encoding>H264</tt:Encoding><tt:Resolution><tt:Width>%[3]d</tt:Width><tt:Height>%[4]d</tt:Height></tt:Resolution>`+
		`<tt:Quality>5</tt:Quality><tt:RateControl><tt:FrameRateLimit>%[5]d</tt:FrameRateLimit><tt:EncodingInterval>1</tt:EncodingInterval><tt:BitrateLimit>%[6]d</tt:BitrateLimit></tt:RateControl>`+
		`<tt:H264><tt:GovLength>%[7]d</tt:GovLength><tt:H264Profile>Baseline</tt:H264Profile></tt:H264><tt:SessionTimeout>PT60S</tt:SessionTimeout></%[1]s>`,
		element, p.role, p.width, p.height, c.streams.Config().DeclaredFPS, c.bitrateHint(), p.gop)
}

var (
	encoderToken = regexp.MustCompile(`<(?:[\w-]+:)?Configuration\s[^>]*token="ve-(\w+)"`)
	widthValue   = regexp.MustCompile(`<(?:[\w-]+:)?Width[^>]*>(\d+)<`)
	heightValue  = regexp.MustCompile(`<(?:[\w-]+:)?Height[^>]*>(\d+)<`)
)

// configure sets the size of a stream. As with real cameras, what came must be
// the whole configuration.
func (c *Camera) configure(body string) bool {
	for _, element := range []string{"Name", "UseCount", "Encoding", "Quality", "RateControl"} {
		if !strings.Contains(body, element+">") {
			return false
		}
	}
	width, err := strconv.Atoi(first(widthValue, body))
	height, err2 := strconv.Atoi(first(heightValue, body))
	return err == nil && err2 == nil && c.streams.ChangeSize(lieciba.StreamRole(first(encoderToken, body)), width, height) == nil
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
		return `<tr2:GetSnapshotUriResponse><tr2:Uri>` + c.scheme() + c.host() + `/snapshot.jpg</tr2:Uri></tr2:GetSnapshotUriResponse>`, true
	case "GetVideoEncoderConfigurations":
		var b strings.Builder
		for _, p := range c.profiles() {
			b.WriteString(c.encoder2("tr2:Configurations", p))
		}
		return `<tr2:GetVideoEncoderConfigurationsResponse>` + b.String() + `</tr2:GetVideoEncoderConfigurationsResponse>`, true
	case "SetVideoEncoderConfiguration":
		return `<tr2:SetVideoEncoderConfigurationResponse/>`, c.configure(body)
	case "SetSynchronizationPoint":
		c.streams.KeyFrame()
		return `<tr2:SetSynchronizationPointResponse/>`, true
	}
	return "", false
}

func (c *Camera) profile2(p profile) string {
	cfg := c.streams.Config()
	names := map[lieciba.AudioCodec]string{lieciba.AAC: "MP4A-LATM", lieciba.PCMA: "PCMA", lieciba.PCMU: "PCMU", lieciba.Opus: "OPUS"}
	sound := ""
	if n := names[cfg.Audio]; n != "" {
		sound = `<tr2:AudioEncoder token="ae"><tt:Name>sound</tt:Name><tt:UseCount>2</tt:UseCount><tt:Encoding>` + n + `</tt:Encoding><tt:Bitrate>64</tt:Bitrate><tt:SampleRate>8</tt:SampleRate></tr2:AudioEncoder>`
	}
	return fmt.Sprintf(`<tr2:Profiles token="%[1]s" fixed="true"><tr2:Name>%[1]s</tr2:Name><tr2:Configurations>`+
		`<tr2:VideoSource token="vs"><tt:Name>lens</tt:Name><tt:UseCount>2</tt:UseCount><tt:SourceToken>lens</tt:SourceToken><tt:Bounds x="0" y="0" width="%[2]d" height="%[3]d"/></tr2:VideoSource>`+
		`%[4]s%[5]s</tr2:Configurations></tr2:Profiles>`, p.role, p.width, p.height, c.encoder2("tr2:VideoEncoder", p), sound)
}

// encoder2 is a video encoder configuration of Media2 in an element.
func (c *Camera) encoder2(element string, p profile) string {
	encoding, codecProfile := "H264", "Baseline"
	if p.video == lieciba.H265 {
		encoding, codecProfile = "H265", "Main"
	}
	return fmt.Sprintf(`<%[1]s token="ve-%[2]s" GovLength="%[3]d" AnchorFrameDistance="1" Profile="%[4]s"><tt:Name>%[2]s</tt:Name><tt:UseCount>1</tt:UseCount><tt:Encoding>%[5]s</tt:Encoding>`+
		`<tt:Resolution><tt:Width>%[6]d</tt:Width><tt:Height>%[7]d</tt:Height></tt:Resolution><tt:RateControl ConstantBitRate="true"><tt:FrameRateLimit>%[8]d</tt:FrameRateLimit><tt:BitrateLimit>%[9]d</tt:BitrateLimit></tt:RateControl><tt:Quality>5</tt:Quality></%[1]s>`,
		element, p.role, p.gop, codecProfile, encoding, p.width, p.height, c.streams.Config().DeclaredFPS, c.bitrateHint())
}
