package recorder

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/onvif/virtualcam/rtspcam"
	"lieciba/storage/segment"
)

// realHouse is a house with virtual cameras that speak RTSP.
func realHouse(t *testing.T, configs ...rtspcam.Config) (*house, []*rtspcam.Server) {
	t.Helper()
	h := newHouse(t, 0)
	return h, h.move(t, configs...)
}

// move puts real virtual cameras into one room each.
func (h *house) move(t *testing.T, configs ...rtspcam.Config) []*rtspcam.Server {
	t.Helper()
	h.sims = nil
	h.tune = func(c *Config) { c.SegmentLength = 3 * time.Second }
	var cams []*rtspcam.Server
	for i, c := range configs {
		s, err := rtspcam.Start(c)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		cams = append(cams, s)
		h.room(i)
		cam := h.addCamera(s.URL(lieciba.StreamMain))
		cam.Streams = append(cam.Streams, lieciba.CameraStream{Role: lieciba.StreamSub, URL: s.URL(lieciba.StreamSub)})
		require.NoError(t, h.catalog.PutCamera(ctxb, cam))
		h.assign(cam, h.rooms[i], h.now().Add(-time.Hour))
	}
	return cams
}

// room makes the i-th room if it is missing.
func (h *house) room(i int) {
	for len(h.rooms) <= i {
		code := "R-" + strconv.Itoa(len(h.rooms))
		r := lieciba.Room{ID: lieciba.NewID[lieciba.RoomID](h.now()), SiteID: h.site.ID, Code: code, Name: code, State: lieciba.PlaceActive, CreatedAt: lieciba.Micro(h.now())}
		require.NoError(h.t, h.catalog.PutRoom(ctxb, r))
		h.rooms = append(h.rooms, r)
	}
}

// small is a camera that costs little to simulate.
func small(c rtspcam.Config) rtspcam.Config {
	c.Width, c.Height, c.SubWidth, c.SubHeight, c.GOP = 320, 192, 320, 192, 25
	return c
}

// settled waits until the session's recordings are complete.
func (h *house) settled(r *Recorder, id lieciba.SessionID, n int) []held {
	h.t.Helper()
	late := time.After(60 * time.Second)
	for {
		list := h.recordings(id)
		done := len(list) == n
		for _, x := range list {
			done = done && x.State == lieciba.RecordingComplete
		}
		if done {
			for _, x := range list {
				x.exact(h.t)
			}
			return list
		}
		poke(r.env.uploads)
		select {
		case <-h.written:
		case <-late:
			require.Fail(h.t, "recordings did not complete", "%+v", list)
		}
	}
}

// fetch copies a segment out of the store.
func (h *house) fetch(s lieciba.Segment) string {
	h.t.Helper()
	src, err := h.media.Open(ctxb, s.Media)
	require.NoError(h.t, err)
	defer src.Close() //nolint:errcheck // read only
	path := filepath.Join(h.t.TempDir(), string(s.ID)+".mp4")
	f, err := os.Create(path)
	require.NoError(h.t, err)
	n, err := f.ReadFrom(src)
	require.NoError(h.t, err)
	require.NoError(h.t, f.Close())
	require.Equal(h.t, s.Size, n)
	return path
}

// probe is what ffprobe says of a file.
type probe struct {
	Streams []struct {
		Type     string `json:"codec_type"`
		Codec    string `json:"codec_name"`
		Frames   string `json:"nb_read_packets"`
		Duration string `json:"duration"`
		Width    int    `json:"width"`
	} `json:"streams"`
}

func ffprobe(t *testing.T, path string) probe {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "fatal", "-count_packets", "-show_streams", "-of", "json", path).Output()
	require.NoError(t, err)
	var p probe
	require.NoError(t, json.Unmarshal(out, &p), "%s", out)
	return p
}

// checkFiles opens each segment with ffprobe and holds it against its row.
func (h *house) checkFiles(t *testing.T, x held) (frames int, total time.Duration) {
	t.Helper()
	for _, s := range x.segments {
		p := ffprobe(t, h.fetch(s))
		require.NotEmpty(t, p.Streams)
		v := p.Streams[0]
		require.Equal(t, "video", v.Type)
		n, err := strconv.Atoi(v.Frames)
		require.NoError(t, err)
		require.Equal(t, s.Frames, n)
		d, err := strconv.ParseFloat(v.Duration, 64)
		require.NoError(t, err)
		require.InDelta(t, s.To.Sub(s.From).Seconds(), d, 0.001)
		frames += n
		total += s.To.Sub(s.From)
	}
	return frames, total
}

func TestTwoRealCamerasWithSoundAndAnOutage(t *testing.T) {
	t.Parallel()
	h, cams := realHouse(t, small(rtspcam.Config{Audio: lieciba.AAC, Username: "admin", Password: "p@ss:/w%rd ā"}), small(rtspcam.Config{Audio: lieciba.PCMU}))
	h.assign(h.cameras[1], h.rooms[0], h.now().Add(-time.Hour/2)) // both watch one room
	secrets := &secretBox{password: "p@ss:/w%rd ā"}
	h.tune = func(c *Config) { c.SegmentLength, c.Secrets = 3*time.Second, secrets.get }
	cams[1].SetClockSkew(1500 * time.Millisecond)
	r, stop := h.start()
	<-r.Ready()
	begin := h.now().Add(3 * time.Second)
	id := h.session(h.rooms[0], begin, begin.Add(14*time.Second), func(s *lieciba.ExamSession) {
		s.Parts = []lieciba.Part{{ID: lieciba.NewID[lieciba.PartID](begin), Kind: lieciba.PartSpeaking, StartsAt: lieciba.Micro(begin), EndsAt: lieciba.Micro(begin.Add(5 * time.Second)), Sound: true, State: lieciba.PartPlanned}}
	})
	r.Refresh()
	time.Sleep(time.Until(begin.Add(6 * time.Second)))
	cams[0].Disconnect(3 * time.Second)
	list := h.settled(r, id, 2)
	for _, x := range list {
		h.checkFiles(t, x)
		if x.CameraID == h.cameras[0].ID {
			require.Len(t, x.gaps, 1)
			require.Contains(t, []lieciba.GapCause{lieciba.CauseNetworkLoss, lieciba.CauseCameraOffline}, x.gaps[0].Cause)
			d := x.gaps[0].To.Sub(x.gaps[0].From).Seconds()
			require.Greater(t, d, 2.5, "3 s were cut")
			require.Less(t, d, 15.0, "and the next attempt and key frame, on a machine that may be busy")
		} else {
			require.Empty(t, x.gaps)
			require.Equal(t, 14*time.Second, x.cover.Recorded)
		}
		withSound := 0
		for _, s := range x.segments {
			if s.Audio != "" {
				withSound++
				require.True(t, s.From.Before(begin.Add(5*time.Second)), "sound only while a part asks for it")
			}
		}
		require.Positive(t, withSound)
		last := x.segments[len(x.segments)-1]
		if x.CameraID == h.cameras[1].ID {
			require.Equal(t, lieciba.ClockGood, last.ClockQuality)
			require.InDelta(t, 1.5, last.ClockOffset.Seconds(), 0.040)
		}
	}
	st := r.Stats()
	require.Zero(t, st.SpoolBytes)
	require.Zero(t, st.UploadWaiting)
	require.Len(t, st.Cameras, 2)
	stop()
}

func TestCameraRestartsWithAnotherSPS(t *testing.T) {
	t.Parallel()
	h, cams := realHouse(t, small(rtspcam.Config{}))
	r, stop := h.start()
	begin := h.now().Add(2 * time.Second)
	id := h.session(h.rooms[0], begin, begin.Add(10*time.Second), nil)
	time.Sleep(time.Until(begin.Add(5 * time.Second)))
	require.NoError(t, cams[0].Restart(640, 384))
	x := h.settled(r, id, 1)[0]
	require.Len(t, x.gaps, 1)
	require.Less(t, x.gaps[0].To.Sub(x.gaps[0].From), 3*time.Second)
	runs, err := h.catalog.Runs(ctxb, x.ID)
	require.NoError(t, err)
	require.Len(t, runs, 2)
	require.Equal(t, []int{320, 640}, []int{runs[0].Format.Video.Width, runs[1].Format.Video.Width})
	for _, s := range x.segments {
		want := runs[0].Format.Video.Width
		if s.RunID == runs[1].ID {
			want = runs[1].Format.Video.Width
		}
		require.Equal(t, want, ffprobe(t, h.fetch(s)).Streams[0].Width)
	}
	stop()
}

func TestLiveFeedStartsWithTheCurrentGOP(t *testing.T) {
	t.Parallel()
	h, cams := realHouse(t, small(rtspcam.Config{}))
	h.tune = func(c *Config) { c.Linger = 300 * time.Millisecond }
	r, stop := h.start()
	ctx, cancel := context.WithTimeout(ctxb, 20*time.Second)
	defer cancel()
	<-r.Ready()
	var feed lieciba.LiveFeed
	for _, role := range []lieciba.StreamRole{lieciba.StreamMain, lieciba.StreamSub} {
		var err error
		for { // until the scheduler has seen the camera
			if feed, err = r.Join(ctx, h.cameras[0].ID, role); lieciba.CodeOf(err) != lieciba.CodeNotFound {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		require.NoError(t, err)
		require.Equal(t, 320, feed.Format().Video.Width)
		f, err := feed.Next(ctx)
		require.NoError(t, err)
		require.True(t, f.Key)
		require.True(t, f.Backlog)
		last := f
		for range 60 {
			f, err = feed.Next(ctx)
			require.NoError(t, err)
			require.Greater(t, f.DTS, last.DTS)
			require.True(t, f.Time.After(last.Time))
			require.False(t, f.Restart || f.Skipped)
			last = f
		}
		require.WithinDuration(t, time.Now(), last.Time, time.Second)
		if role == lieciba.StreamMain {
			feed.Close()
		}
	}
	// The sub stream restarts: the feed goes on and says so.
	require.NoError(t, cams[0].Restart(0, 0))
	for {
		f, err := feed.Next(ctx)
		require.NoError(t, err)
		if f.Restart {
			require.True(t, f.Key)
			break
		}
	}
	feed.Close()
	_, err := feed.Next(ctx)
	require.Error(t, err)
	s := r.stream(h.cameras[0].ID, lieciba.StreamSub)
	for s.current() != nil {
		require.NoError(t, ctx.Err(), "the sub stream is not pulled any more")
		time.Sleep(20 * time.Millisecond)
	}
	st, ok := r.CameraStatus(h.cameras[0].ID)
	require.True(t, ok)
	require.True(t, st.Connected)
	stop()
}

func TestGrowingSegmentCanBeRead(t *testing.T) {
	t.Parallel()
	h, _ := realHouse(t, small(rtspcam.Config{}))
	h.tune = func(c *Config) { c.SegmentLength = time.Hour }
	r, stop := h.start()
	begin := h.now().Add(2 * time.Second)
	id := h.session(h.rooms[0], begin, begin.Add(8*time.Second), nil)
	time.Sleep(time.Until(begin.Add(5 * time.Second)))
	rec := h.recordings(id)[0]
	s, ok := r.Growing(rec.ID)
	require.True(t, ok)
	require.Greater(t, len(s.Fragments), 2)
	head := make([]byte, s.InitSize)
	require.NoError(t, r.ReadSegment(ctxb, s, head, 0))
	in, err := segment.ParseInit(head)
	require.NoError(t, err)
	f := s.Fragments[len(s.Fragments)-1]
	body := make([]byte, f.Size)
	require.NoError(t, r.ReadSegment(ctxb, s, body, f.Offset))
	frames, err := segment.ParseFragment(body, in)
	require.NoError(t, err)
	require.Equal(t, f.From, frames[0].Time)

	x := h.settled(r, id, 1)[0]
	_, ok = r.Growing(rec.ID)
	require.False(t, ok)
	require.Len(t, x.segments, 1)
	again := make([]byte, f.Size)
	require.NoError(t, r.ReadSegment(ctxb, s, again, f.Offset), "with the row of before, from the store now")
	require.Equal(t, body, again)
	stop()
}
