package onvif

import (
	"context"
	"slices"
	"strings"

	"github.com/use-go/onvif/media"
	xsd "github.com/use-go/onvif/xsd/onvif"

	"lieciba"
)

// Profile is a media profile with video, as the camera declares it: every value
// is a hint, 0 or empty when it is missing or absurd.
type Profile struct {
	Token   string
	Name    string
	Source  string // video source token: which lens
	Video   lieciba.VideoCodec
	Width   int
	Height  int
	FPS     float64
	Bitrate int // kbit/s
	GOP     int // frames between key frames
	// AnchorDistance is 1 without B-frames, more with them, 0 when not told.
	AnchorDistance int
	Audio          lieciba.AudioCodec
	media1, media2 bool // the services that know it
}

const maxProfiles = 64

// profiles asks Media2 and Media1 and merges by token: Media2 is right about
// H.265, which Media1 shows as H264 or leaves out. An error only when neither
// answers.
func (c *Client) profiles(ctx context.Context) ([]Profile, error) {
	second, err2 := c.profiles2(ctx)
	if signInFailed(err2) {
		return nil, err2
	}
	first, err1 := c.profiles1(ctx)
	if signInFailed(err1) {
		return nil, err1
	}
	list := mergeProfiles(first, second)
	if len(list) > 0 {
		return list, nil
	}
	if err2 != nil {
		return nil, err2
	}
	if err1 != nil {
		return nil, err1
	}
	return nil, lieciba.Errorf(lieciba.CodeUnsupported, "the camera has no media profile with video")
}

// mergeProfiles joins both lists; what Media2 says wins. Only those with video
// that can be recorded stay.
func mergeProfiles(first, second []Profile) []Profile {
	list := slices.Clone(second)
	for _, p := range first {
		i := slices.IndexFunc(list, func(o Profile) bool { return o.Token == p.Token })
		if i < 0 {
			list = append(list, p)
			continue
		}
		o := &list[i]
		o.media1 = true
		if o.Audio == "" {
			o.Audio = p.Audio
		}
		if o.Width == 0 {
			o.Width, o.Height, o.FPS = p.Width, p.Height, p.FPS
		}
		if o.Source == "" {
			o.Source = p.Source
		}
	}
	list = slices.DeleteFunc(list, func(p Profile) bool { return p.Video == "" })
	return list[:min(len(list), maxProfiles)]
}

type xmlVideo struct {
	SourceToken string  `xml:"SourceToken"`
	Encoding    string  `xml:"Encoding"`
	Width       int     `xml:"Resolution>Width"`
	Height      int     `xml:"Resolution>Height"`
	FPS         float64 `xml:"RateControl>FrameRateLimit"`
	Bitrate     float64 `xml:"RateControl>BitrateLimit"`
	GOP1        int     `xml:"H264>GovLength"`
	GOP2        int     `xml:"GovLength,attr"`
	Anchor      int     `xml:"AnchorFrameDistance,attr"`
}

type xmlProfile struct {
	Token string `xml:"token,attr"`
	Name  string `xml:"Name"`
	// Media1
	Source1 xmlVideo `xml:"VideoSourceConfiguration"`
	Video1  xmlVideo `xml:"VideoEncoderConfiguration"`
	Audio1  xmlVideo `xml:"AudioEncoderConfiguration"`
	// Media2
	Source2 xmlVideo `xml:"Configurations>VideoSource"`
	Video2  xmlVideo `xml:"Configurations>VideoEncoder"`
	Audio2  xmlVideo `xml:"Configurations>AudioEncoder"`
}

func (x xmlProfile) profile(v, source, audio xmlVideo) Profile {
	p := Profile{
		Token: x.Token, Name: oneLine(x.Name, 100), Source: source.SourceToken,
		Video: videoCodec(v.Encoding), Audio: audioCodec(audio.Encoding),
		Width: v.Width, Height: v.Height, FPS: v.FPS, GOP: max(v.GOP1, v.GOP2), AnchorDistance: v.Anchor,
	}
	if p.Width < 0 || p.Height < 0 || p.Width > 32768 || p.Height > 32768 {
		p.Width, p.Height = 0, 0
	}
	if !(p.FPS > 0 && p.FPS <= 240) {
		p.FPS = 0
	}
	if v.Bitrate > 0 && v.Bitrate <= 1_000_000 { // 2147483647 has been seen
		p.Bitrate = int(v.Bitrate)
	}
	return p
}

func videoCodec(s string) lieciba.VideoCodec {
	switch strings.ToUpper(strings.TrimSpace(s)) {
	case "H264", "H.264":
		return lieciba.H264
	case "H265", "H.265", "HEVC":
		return lieciba.H265
	}
	return ""
}

// audioCodec maps the names of Media1 and of Media2 (IANA). "G711" does not
// tell which law: µ-law is the common one, and the SDP decides.
func audioCodec(s string) lieciba.AudioCodec {
	switch strings.ToUpper(strings.TrimSpace(s)) {
	case "AAC", "MP4A-LATM", "MPEG4-GENERIC":
		return lieciba.AAC
	case "PCMA", "G711A":
		return lieciba.PCMA
	case "PCMU", "G711", "G711U":
		return lieciba.PCMU
	case "OPUS":
		return lieciba.Opus
	}
	return ""
}

type xmlProfiles struct {
	Profiles []xmlProfile `xml:"Profiles"`
}

func (c *Client) profiles1(ctx context.Context) ([]Profile, error) {
	u, ok, err := c.service(ctx, nsMedia)
	if err != nil || !ok {
		return nil, err
	}
	var out xmlProfiles
	if err := c.call(ctx, u.String(), media.GetProfiles{}, &out); err != nil {
		return nil, err
	}
	var list []Profile
	for _, x := range out.Profiles {
		p := x.profile(x.Video1, x.Source1, x.Audio1)
		p.media1 = true
		list = append(list, p)
	}
	return list, nil
}

func (c *Client) profiles2(ctx context.Context) ([]Profile, error) {
	u, ok, err := c.service(ctx, nsMedia2)
	if err != nil || !ok {
		return nil, err
	}
	var out xmlProfiles
	if err := c.call(ctx, u.String(), rawXML(`<tr2:GetProfiles><tr2:Type>All</tr2:Type></tr2:GetProfiles>`), &out); err != nil {
		return nil, err
	}
	var list []Profile
	for _, x := range out.Profiles {
		p := x.profile(x.Video2, x.Source2, x.Audio2)
		p.media2 = true
		list = append(list, p)
	}
	return list, nil
}

// mainOrder sorts the profiles of one lens by fitness to be recorded: the
// largest picture, then the highest rate.
func mainOrder(list []Profile) []Profile {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b Profile) int {
		if d := b.Width*b.Height - a.Width*a.Height; d != 0 {
			return d
		}
		return int(b.FPS*100) - int(a.FPS*100)
	})
	return list
}

// subOrder sorts the profiles by fitness for the wall: H.264 before H.265, since
// every browser plays it, then the picture nearest to 640×360 from above 320×180.
func subOrder(list []Profile, main Profile) []Profile {
	const ideal = 640 * 360
	cost := func(p Profile) int {
		area := p.Width * p.Height
		d := area - ideal
		if d < 0 {
			d = -2 * d
		}
		if p.Video != lieciba.H264 {
			d += 1 << 30
		}
		return d
	}
	list = slices.DeleteFunc(slices.Clone(list), func(p Profile) bool {
		return p.Token == main.Token || p.Width*p.Height > main.Width*main.Height ||
			p.Width*p.Height == main.Width*main.Height && p.Video == main.Video
	})
	slices.SortStableFunc(list, func(a, b Profile) int { return cost(a) - cost(b) })
	return list
}

// sameLens keeps the profiles of the first profile's video source: a device with
// several lenses is several cameras, and main and sub must show one room.
func sameLens(list []Profile, source string) []Profile {
	if source == "" {
		source = list[0].Source
	}
	return slices.DeleteFunc(slices.Clone(list), func(p Profile) bool { return p.Source != source })
}

// askStreamURI asks the service that knows the profile best for its RTSP URI.
func (c *Client) askStreamURI(ctx context.Context, p Profile) (string, error) {
	var first error
	if p.media2 {
		told, err := c.streamURI2(ctx, p)
		if err == nil {
			return told, nil
		}
		if first = err; signInFailed(err) || !p.media1 {
			return "", err
		}
	}
	told, err := c.streamURI1(ctx, p)
	if err != nil && first != nil {
		return "", first
	}
	return told, err
}

func (c *Client) streamURI2(ctx context.Context, p Profile) (string, error) {
	u, _, err := c.service(ctx, nsMedia2)
	if err != nil {
		return "", err
	}
	var out struct {
		URI string `xml:"Uri"`
	}
	err = c.call(ctx, u.String(), rawXML(`<tr2:GetStreamUri><tr2:Protocol>RTSP</tr2:Protocol><tr2:ProfileToken>`+
		escape(p.Token)+`</tr2:ProfileToken></tr2:GetStreamUri>`), &out)
	return out.URI, err
}

func (c *Client) streamURI1(ctx context.Context, p Profile) (string, error) {
	u, ok, err := c.service(ctx, nsMedia)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", lieciba.Errorf(lieciba.CodeUnsupported, "the camera has no media service")
	}
	var out struct {
		URI string `xml:"MediaUri>Uri"`
	}
	err = c.call(ctx, u.String(), media.GetStreamUri{
		StreamSetup:  xsd.StreamSetup{Stream: "RTP-Unicast", Transport: xsd.Transport{Protocol: "RTSP"}},
		ProfileToken: xsd.ReferenceToken(p.Token),
	}, &out)
	return out.URI, err
}
