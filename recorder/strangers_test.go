package recorder

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/recorder/gsttest"
	"lieciba/storage/segment"
)

// frames reads all video frames of a stored segment.
func (h *house) frames(s lieciba.Segment) []lieciba.Frame {
	h.t.Helper()
	full, err := h.catalog.SegmentAt(ctxb, s.RecordingID, s.From)
	require.NoError(h.t, err)
	head := make([]byte, s.InitSize)
	require.NoError(h.t, h.media.ReadRange(ctxb, s.Media, head, 0))
	in, err := segment.ParseInit(head)
	require.NoError(h.t, err)
	var out []lieciba.Frame
	for _, fr := range full.Fragments {
		b := make([]byte, fr.Size)
		require.NoError(h.t, h.media.ReadRange(ctxb, s.Media, b, fr.Offset))
		frames, err := segment.ParseFragment(b, in)
		require.NoError(h.t, err)
		for _, f := range frames {
			if f.Track == lieciba.TrackVideo {
				out = append(out, f)
			}
		}
	}
	return out
}

// record records one camera at url for d and returns the recording.
func record(t *testing.T, url string, d time.Duration, during func(begin time.Time), edit func(*lieciba.ExamSession), tune ...func(*Config)) (*house, held) {
	t.Helper()
	h := newHouse(t, 0)
	h.room(0)
	h.tune = func(c *Config) {
		c.SegmentLength = 3 * time.Second
		for _, f := range tune {
			f(c)
		}
	}
	cam := h.addCamera(url)
	h.assign(cam, h.rooms[0], h.now().Add(-time.Hour))
	r, stop := h.start()
	ready := time.Now().Add(30 * time.Second)
	for { // a stranger may take seconds to start
		if st, _ := r.CameraStatus(cam.ID); st.Connected {
			break
		}
		require.True(t, time.Now().Before(ready), "no picture from %s: %+v", url, r.Stats().Cameras)
		time.Sleep(50 * time.Millisecond)
	}
	begin := h.now().Add(1500 * time.Millisecond)
	id := h.session(h.rooms[0], begin, begin.Add(d), edit)
	r.Refresh()
	if during != nil {
		during(begin)
	}
	x := h.settled(r, id, 1)[0]
	stop()
	h.checkFiles(t, x)
	return h, x
}

func TestNALUnitsOfTheCameraAreOnRecord(t *testing.T) {
	for _, c := range []struct {
		codec   lieciba.VideoCodec
		bframes int
	}{{lieciba.H264, 0}, {lieciba.H264, 2}, {lieciba.H265, 0}, {lieciba.H265, 2}} {
		t.Run(string(c.codec)+map[int]string{0: "", 2: " with B-frames"}[c.bframes], func(t *testing.T) {
			t.Parallel()
			pictures := order(film(t, c.codec, map[int]string{0: "0", 2: "2"}[c.bframes]), c.bframes, 25)
			cam, url := startFileCamera(t, c.codec, 1, pictures)
			h, x := record(t, url, 8*time.Second, nil, nil)
			require.Empty(t, x.gaps)
			cam.identical(t, h, x)
			last := int64(-1 << 62)
			for _, s := range x.segments {
				for _, f := range h.frames(s) {
					require.Greater(t, f.DTS, last)
					last = f.DTS
				}
			}
		})
	}
}

func TestCameraThatChangesItsSSRC(t *testing.T) {
	t.Parallel()
	_, url := startFileCamera(t, lieciba.H264, 1, order(film(t, lieciba.H264, "0"), 0, 25))
	d := &ssrcDialer{}
	_, x := record(t, url, 8*time.Second, func(begin time.Time) {
		time.Sleep(time.Until(begin.Add(4 * time.Second)))
		d.add.Store(1)
	}, nil, func(c *Config) { c.Dial = d.dial })
	require.Equal(t, []lieciba.GapCause{lieciba.CauseCameraRestarted}, causes(x))
	require.Less(t, x.cover.Missing, 3*time.Second)
}

func TestParameterSetsThatChangeInMidStream(t *testing.T) {
	t.Parallel()
	a := order(film(t, lieciba.H264, "0"), 0, 25)[:100]
	b := order(film(t, lieciba.H264, "2"), 2, 25)[:100] // another profile, so another SPS
	cam, url := startFileCamera(t, lieciba.H264, 1, a, b)
	h, x := record(t, url, 10*time.Second, nil, nil)
	require.Less(t, x.cover.Missing, 200*time.Millisecond, "the key frame that brings the new sets starts the new run")
	runs, err := h.catalog.Runs(ctxb, x.ID)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(runs), 3)
	cam.identical(t, h, x)
}

func TestCameraThatDeclaresAFalseRate(t *testing.T) {
	t.Parallel()
	// Its RTP clock runs at 84 %: a peer shows 10 s of phantom gaps a minute for that.
	_, url := startFileCamera(t, lieciba.H264, 0.84, order(film(t, lieciba.H264, "0"), 0, 25))
	h, x := record(t, url, 45*time.Second, nil, nil)
	// A phantom gap would come every few seconds: 7 in this time.
	require.LessOrEqual(t, len(x.gaps), 4, "one to find out, and more if the machine was too busy to measure well")
	require.Less(t, x.cover.Missing, 15*time.Second)
	last := x.segments[len(x.segments)-2]
	frames := h.frames(last)
	require.InDelta(t, 0.04, frames[len(frames)-1].Time.Sub(frames[0].Time).Seconds()/float64(len(frames)-1), 0.001)
}

func TestGStreamerCameras(t *testing.T) {
	for name, c := range map[string]struct {
		pipeline string
		video    lieciba.VideoCodec
		audio    lieciba.AudioCodec
	}{
		"H.264 with AAC": {"videotestsrc is-live=1 ! video/x-raw,width=320,height=240,framerate=25/1 ! x264enc tune=zerolatency key-int-max=25 ! rtph264pay name=pay0 pt=96 audiotestsrc is-live=1 freq=1000 ! audioconvert ! avenc_aac ! rtpmp4gpay name=pay1 pt=97", lieciba.H264, lieciba.AAC},
		"H.265":          {"videotestsrc is-live=1 ! video/x-raw,width=320,height=240,framerate=25/1 ! x265enc tune=zerolatency speed-preset=ultrafast key-int-max=25 ! rtph265pay name=pay0 pt=96 config-interval=-1", lieciba.H265, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, x := record(t, gsttest.Start(t, c.pipeline), 12*time.Second, nil, func(s *lieciba.ExamSession) {
				s.Parts = []lieciba.Part{{ID: lieciba.NewID[lieciba.PartID](s.StartsAt), Kind: lieciba.PartSpeaking, StartsAt: s.StartsAt, EndsAt: s.EndsAt, Sound: true, State: lieciba.PartPlanned}}
			})
			require.Empty(t, x.gaps)
			require.Equal(t, 12*time.Second, x.cover.Recorded)
			for _, s := range x.segments {
				require.Equal(t, c.video, s.Video)
				require.Equal(t, c.audio, s.Audio)
			}
			last := x.segments[len(x.segments)-1]
			require.Equal(t, lieciba.ClockGood, last.ClockQuality, "its sender reports are understood")
			require.Less(t, last.ClockOffset.Abs(), 250*time.Millisecond, "the same machine's clock")
			frames, total := h.checkFiles(t, x)
			require.InDelta(t, 25, float64(frames)/total.Seconds(), 0.5)
		})
	}
}
