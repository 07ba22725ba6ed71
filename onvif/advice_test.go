package onvif

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

func TestClockAdvice(t *testing.T) {
	u := 50 * time.Millisecond
	for name, c := range map[string]struct {
		clock Clock
		err   error
		want  string
		text  string
	}{
		"right":              {Clock{Samples: 4, Steady: true, Offset: 200 * time.Millisecond, Uncertainty: u}, nil, "", ""},
		"perhaps off":        {Clock{Samples: 4, Steady: true, Offset: 290 * time.Millisecond, Uncertainty: u}, nil, "", ""},
		"off":                {Clock{Samples: 4, Steady: true, Offset: 400 * time.Millisecond, Uncertainty: u}, nil, AdviceClockOffset, "400ms ahead (± 50ms)"},
		"behind":             {Clock{Samples: 4, Steady: true, Offset: -400 * time.Millisecond, Uncertainty: u}, nil, AdviceClockOffset, "400ms behind"},
		"far off":            {Clock{Samples: 4, Steady: true, Offset: -3 * time.Second, Uncertainty: u}, nil, AdviceClockBad, "3s behind"},
		"jumps":              {Clock{Samples: 4, Offset: time.Millisecond, Uncertainty: u}, nil, AdviceClockBad, "jumps"},
		"untold":             {Clock{}, errNoClock(), AdviceNoClock, "does not tell"},
		"password wanted":    {Clock{}, ErrNeedsCredentials, "", ""},
		"coarse, not blamed": {Clock{Samples: 1, Steady: true, Offset: 400 * time.Millisecond, Uncertainty: 500 * time.Millisecond}, nil, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			list := clockAdvice(c.clock, c.err)
			if c.want == "" {
				require.Empty(t, list)
				return
			}
			require.Len(t, list, 1)
			require.Equal(t, c.want, list[0].Code)
			require.Contains(t, list[0].Text, c.text)
		})
	}
}

func TestStreamAdvice(t *testing.T) {
	stream := func(role lieciba.StreamRole, v lieciba.VideoCodec, a lieciba.AudioCodec) lieciba.CameraStream {
		return lieciba.CameraStream{Role: role, Video: v, Audio: a, ProfileToken: string(role)}
	}
	ask := func(anchor int, list ...lieciba.CameraStream) []string {
		r := Result{Advice: streamAdvice(lieciba.Camera{Streams: list}, list[0], []Profile{{Token: "sub", AnchorDistance: anchor}})}
		for _, a := range r.Advice {
			require.Equal(t, strings.TrimSpace(a.Text), a.Text)
			require.NotEmpty(t, a.Text)
		}
		return codes(r)
	}
	main, sub := lieciba.StreamMain, lieciba.StreamSub
	require.Equal(t, []string{AdviceG711}, ask(1, stream(main, lieciba.H264, lieciba.PCMA), stream(sub, lieciba.H264, "")))
	require.Equal(t, []string{AdviceBFrames, AdviceNoSound}, ask(3, stream(main, lieciba.H264, ""), stream(sub, lieciba.H264, "")))
	require.Equal(t, []string{AdviceH265, AdviceAAC}, ask(0, stream(main, lieciba.H265, lieciba.AAC), stream(sub, lieciba.H264, "")))
	require.Equal(t, []string{AdviceNoLiveView}, ask(0, stream(main, lieciba.H265, lieciba.Opus), stream(sub, lieciba.H265, "")))
	require.Equal(t, []string{AdviceNoSubStream, AdviceNoLiveView, AdviceNoSound}, ask(0, stream(main, lieciba.H265, "")))
}

// Basic would show the password in clear text: it is not answered.
func TestBasicAloneIsNotAnswered(t *testing.T) {
	f := newFake(t)
	f.replies["snap.jpg"] = func(r *http.Request, _ string) (int, string) {
		if r.Header.Get("Authorization") != "" {
			t.Error("a password was shown")
		}
		return http.StatusUnauthorized, ""
	}
	c := f.client(testCredentials)
	_, err := c.Snapshot(context.Background())
	require.Equal(t, lieciba.CodeUnsupported, lieciba.CodeOf(err))
	require.NoError(t, c.KeyFrame(context.Background(), "main"))
}

// Every call ends with its context, and says so.
func TestACancelledContextEndsACall(t *testing.T) {
	f := newFake(t)
	ctx, cancel := context.WithCancel(context.Background())
	f.replies["media2.SetSynchronizationPoint"] = func(r *http.Request, _ string) (int, string) {
		cancel()
		<-r.Context().Done()
		return 200, ""
	}
	err := f.client(Credentials{}).KeyFrame(ctx, "main")
	require.True(t, errors.Is(err, context.Canceled), err)
	_, err = f.client(Credentials{}).Probe(ctx)
	require.True(t, errors.Is(err, context.Canceled), err)
}

func TestClockThatMakesNoSense(t *testing.T) {
	f := newFake(t)
	f.replies["device.GetSystemDateAndTime"] = reply(`<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:UTCDateTime><tt:Date><tt:Year>0</tt:Year></tt:Date></tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>`)
	_, err := f.client(Credentials{}).Clock(context.Background())
	require.Equal(t, lieciba.CodeUnsupported, lieciba.CodeOf(err))
}
