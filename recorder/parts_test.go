package recorder

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/onvif/virtualcam/rtspcam"
)

// press puts what somebody did with a part on record, as the API does.
func (h *house) press(id lieciba.SessionID, step lieciba.PartStep) time.Time {
	h.t.Helper()
	at := lieciba.Micro(h.now())
	require.NoError(h.t, h.catalog.AddPartEvent(ctxb, id, func(s lieciba.ExamSession, _ []lieciba.PartEvent) (*lieciba.PartEvent, error) {
		return &lieciba.PartEvent{ID: lieciba.NewID[lieciba.PartEventID](at), SessionID: id, PartID: s.Parts[0].ID, Step: step, At: at, By: "uzraugs", ByID: "u", RecordedAt: at}, nil
	}))
	return at
}

// A speaking part that was planned for the session's last seconds is started
// early and ended early: sound is on record from the press to the press.
func TestSoundFollowsThePress(t *testing.T) {
	t.Parallel()
	h, _ := realHouse(t, small(rtspcam.Config{Audio: lieciba.PCMA}))
	h.tune = func(c *Config) { c.SegmentLength = 2 * time.Second }
	r, stop := h.start()
	<-r.Ready()
	begin := h.now().Add(3 * time.Second)
	end := begin.Add(60 * time.Second)
	id := h.session(h.rooms[0], begin, end, func(s *lieciba.ExamSession) {
		s.Parts = []lieciba.Part{{ID: lieciba.NewID[lieciba.PartID](begin), Kind: lieciba.PartSpeaking, StartsAt: lieciba.Micro(end.Add(-time.Second)), EndsAt: lieciba.Micro(end), Sound: true, State: lieciba.PartPlanned}}
	})
	r.Refresh()
	heard := func(sound bool, since time.Time) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) { // polls what has no event
			for _, x := range h.recordings(id) {
				if s, ok := r.Growing(x.ID); ok && s.From.After(since) && (s.Audio != "") == sound {
					return
				}
			}
			require.True(t, time.Now().Before(deadline), "no segment with sound %v", sound)
		}
	}
	heard(false, begin.Add(-time.Minute))
	started := h.press(id, lieciba.StepStarted)
	r.Refresh()
	heard(true, started.Add(-2*time.Second))
	over := h.press(id, lieciba.StepEnded)
	r.Refresh()
	heard(false, over)
	for _, x := range h.recordings(id) {
		for _, s := range x.segments {
			if s.Audio != "" {
				require.True(t, s.To.After(started) && s.From.Before(over), "sound outside of the part: %s to %s", s.From, s.To)
			}
		}
	}
	stop()
}
