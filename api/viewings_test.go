package api

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// tellingViewer says which views are hung up, and does something while one opens.
type tellingViewer struct {
	*seamViewer
	hung    chan string
	opening func()
}

func (v *tellingViewer) Hangup(id string) error {
	err := v.seamViewer.Hangup(id)
	v.hung <- id
	return err
}

func (v *tellingViewer) Live(ctx context.Context, c lieciba.CameraID, role lieciba.StreamRole, offer string, who lieciba.Principal) (string, string, error) {
	if v.opening != nil {
		v.opening()
	}
	return v.seamViewer.Live(ctx, c, role, offer, who)
}

func (w *world) underway() int {
	w.viewer.mu.Lock()
	defer w.viewer.mu.Unlock()
	return len(w.viewer.owners)
}

// Who may look no longer sees the picture end, not only the next request refused.
func TestViewsEndWithTheRight(t *testing.T) {
	w := newWorld(t)
	w.ticks = true
	live := "/v1/cameras/" + string(w.own.camera.ID) + "/whep"
	archive := "/v1/exam-sessions/" + string(w.own.session.ID) + "/playback"
	w.offer("supervisor", live, false).want(201)
	w.offer("reviewer", archive, false).want(201)
	w.as("admin", "DELETE", "/v1/client-tokens/"+string(w.ids["reviewer"]), nil).want(204)
	require.Equal(t, 1, w.underway(), "the other token's view goes on")
	require.Contains(t, w.audited("watch_archive")[0].Detail, "nothing was shown", "its end is audited")

	u := w.user("anna", goodPassword, []lieciba.SiteID{w.own.site.ID}, lieciba.RoleSupervisor)
	open := func() (out func()) {
		b := w.browser()
		w.signIn(b, "anna", goodPassword).want(200)
		w.do(request{method: "POST", path: live, body: "v=0\r\n", contentType: "application/sdp", client: b}).want(201)
		return func() { w.do(request{method: "POST", path: "/v1/sign-out", client: b}).want(204) }
	}
	out := open()
	open()
	require.Equal(t, 3, w.underway())
	out()
	require.Equal(t, 2, w.underway(), "signing out ends what was opened with this sign-in")
	w.as("admin", "PATCH", "/v1/users/"+string(u.ID), map[string]any{"disabled": true}).want(200)
	require.Equal(t, 1, w.underway())
}

// A right can end where no request tells: it runs out, or is taken away by
// another process.
func TestViewsAreReviewed(t *testing.T) {
	v := &tellingViewer{seamViewer: newSeamViewer(), hung: make(chan string, 1)}
	w := newWorld(t, func(c *Config) { c.Live, c.ReviewEvery = v, time.Millisecond })
	a := w.offer("supervisor", "/v1/cameras/"+string(w.own.camera.ID)+"/whep", false).want(201)
	w.clock.add(25 * time.Hour) // past the token's end
	require.Equal(t, a.header.Get("Location"), "/v1/whep/"+<-v.hung)
}

func TestRightLostWhileAViewOpens(t *testing.T) {
	v := &tellingViewer{seamViewer: newSeamViewer(), hung: make(chan string, 1)}
	w := newWorld(t, func(c *Config) { c.Live = v })
	v.opening = func() {
		w.as("admin", "DELETE", "/v1/client-tokens/"+string(w.ids["supervisor"]), nil).want(204)
	}
	w.offer("supervisor", "/v1/cameras/"+string(w.own.camera.ID)+"/whep", false).refused(401, "unauthenticated", "")
	<-v.hung
	require.Empty(t, v.owners)
}

// A catalogue that is away for a moment must not end everybody's picture.
func TestViewsOutliveACatalogueThatIsAway(t *testing.T) {
	w := newWorld(t)
	w.offer("supervisor", "/v1/cameras/"+string(w.own.camera.ID)+"/whep", false).want(201)
	gone, cancel := context.WithCancel(t.Context())
	cancel() // so every question fails
	w.server.reviewViews(gone)
	require.Equal(t, 1, w.underway())
	w.server.reviewViews(t.Context())
	require.Equal(t, 1, w.underway())
}
