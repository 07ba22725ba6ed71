package onvif

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"lieciba"
)

// Advice is one sentence to whoever adopts the camera. Code is for programs.
type Advice struct {
	Code string
	Text string
}

// The codes of advice.
const (
	AdviceBFrames        = "b_frames"
	AdviceH265           = "h265"
	AdviceNoLiveView     = "no_live_view"
	AdviceNoSubStream    = "no_sub_stream"
	AdviceNoSound        = "no_sound"
	AdviceG711           = "sound_g711"
	AdviceAAC            = "sound_aac"
	AdviceClockOffset    = "clock_offset"
	AdviceClockBad       = "clock_unreliable"
	AdviceNoClock        = "no_clock"
	AdvicePlainHTTP      = "plain_http"
	AdviceServiceFailed  = "service_failed"
	AdviceProfileSkipped = "profile_skipped"
)

// Offsets of the camera's clock that are worth a word (design.md, Time).
const (
	clockNotable = 250 * time.Millisecond
	clockBad     = time.Second
)

func (p *prober) advise(code, text string) {
	p.result.Advice = append(p.result.Advice, Advice{code, text})
}

// advice says what the findings mean for recording and viewing.
func (p *prober) advice() []Advice {
	list := clockAdvice(p.result.Clock, p.clockErr)
	cam := p.result.Camera
	if main, ok := cam.Stream(lieciba.StreamMain); ok {
		list = append(list, streamAdvice(cam, main, p.result.Profiles)...)
	}
	return list
}

func clockAdvice(c Clock, err error) []Advice {
	if c.Samples == 0 {
		if err == nil || signInFailed(err) || errors.Is(err, context.Canceled) {
			return nil
		}
		return []Advice{{AdviceNoClock, "the camera does not tell its time: its clock cannot be checked"}}
	}
	if !c.Steady {
		return []Advice{{AdviceClockBad, "the camera's clock jumps while it is read: its time is unreliable"}}
	}
	off := c.Offset.Abs() - c.Uncertainty // what is certain
	text := describeOffset(c)
	switch {
	case off > clockBad:
		return []Advice{{AdviceClockBad, text + ": its time is unreliable, set NTP on it"}}
	case off > clockNotable:
		return []Advice{{AdviceClockOffset, text + ": set NTP on it"}}
	}
	return nil
}

func describeOffset(c Clock) string {
	way := "ahead"
	if c.Offset < 0 {
		way = "behind"
	}
	return fmt.Sprintf("the camera's clock is %s %s (± %s)", c.Offset.Abs().Round(10*time.Millisecond), way, c.Uncertainty.Round(10*time.Millisecond))
}

func streamAdvice(cam lieciba.Camera, main lieciba.CameraStream, profiles []Profile) []Advice {
	var list []Advice
	add := func(code, text string) { list = append(list, Advice{code, text}) }
	for _, s := range cam.Streams {
		for _, p := range profiles {
			if p.Token == s.ProfileToken && p.AnchorDistance > 1 {
				add(AdviceBFrames, fmt.Sprintf("the %s stream has B-frames: live view will stutter; set them off", s.Role))
			}
		}
	}
	sub, hasSub := cam.Stream(lieciba.StreamSub)
	switch {
	case !hasSub:
		add(AdviceNoSubStream, "there is no small stream: the wall shows the main stream and needs more bandwidth")
	case main.Video == lieciba.H265 && sub.Video == lieciba.H264:
		add(AdviceH265, "the main stream is H.265: it is recorded as such, live view uses the small H.264 stream")
	}
	if main.Video == lieciba.H265 && sub.Video != lieciba.H264 {
		add(AdviceNoLiveView, "every stream is H.265: browsers without H.265 show no live picture; set the small stream to H.264")
	}
	switch main.Audio {
	case "":
		add(AdviceNoSound, "there is no sound: switch the microphone on if the room needs it")
	case lieciba.PCMA, lieciba.PCMU:
		add(AdviceG711, "the sound is G.711: it plays in every browser at telephone quality; AAC records speech more clearly")
	case lieciba.AAC:
		add(AdviceAAC, "the sound is AAC: it is recorded as it comes and re-coded for browsers")
	}
	if strings.HasPrefix(cam.DeviceURL, "http:") {
		add(AdvicePlainHTTP, "the camera is reached without TLS: switch HTTPS on where the camera has it")
	}
	return list
}
