package api

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// fourEyes is people who signed in, and a request of one of them.
type fourEyes struct {
	*world
	people  map[string]*http.Client
	request map[string]any // as its asker sees it
	second  lieciba.Camera // another camera of the session
	footage lieciba.Segment
}

// newFourEyes: anna reviews and approves, berta approves, carla reviews. anna has
// asked to see four seconds of one camera of a session, for an appeal. A password
// proves who is there, as at a small site.
func newFourEyes(t *testing.T) *fourEyes {
	w := newWorld(t, func(c *Config) { c.ApproveWith = []lieciba.SignInMethod{lieciba.SignInPassword} })
	f := &fourEyes{world: w, people: map[string]*http.Client{
		"anna":  w.person("anna", lieciba.RoleReviewer, lieciba.RoleApprover),
		"berta": w.person("berta", lieciba.RoleApprover),
		"carla": w.person("carla", lieciba.RoleReviewer),
	}}
	f.second = w.own.camera
	f.second.ID, f.second.Name = lieciba.NewID[lieciba.CameraID](start), "back"
	f.second.Address, f.second.EndpointRef = "back.test:80", "urn:uuid:"+lieciba.NewID[string](start)
	require.NoError(t, w.catalog.PutCamera(t.Context(), f.second))
	_, f.footage, _ = w.record(w.own.session, f.second.ID, []byte("what the other camera saw of it"))
	f.request = f.by("anna", "POST", "/v1/requests", f.body(nil)).want(201).json()
	return f
}

// body asks for the first camera and its four seconds on record.
func (f *fourEyes) body(change map[string]any) map[string]any {
	b := f.grantBody(f.own.session)
	b["camera_ids"] = []lieciba.CameraID{f.own.camera.ID}
	b["from"], b["to"] = start.Format(time.RFC3339), start.Add(4*time.Second).Format(time.RFC3339)
	for k, v := range change {
		b[k] = v
	}
	return b
}

func (f *fourEyes) by(who, method, path string, body any) answer {
	f.t.Helper()
	if who == "machine" {
		return f.as(lieciba.RoleApprover, method, path, body)
	}
	return f.do(request{method: method, path: path, body: body, client: f.people[who]})
}

func (f *fourEyes) path(step string) string { return "/v1/requests/" + f.request["id"].(string) + step }

// approve approves what anna sees now.
func (f *fourEyes) approve(who string) answer {
	f.t.Helper()
	return f.by(who, "POST", f.path("/approval"), map[string]any{"digest": f.request["digest"]})
}

// approved is a request that berta has approved.
func (f *fourEyes) approved() *fourEyes {
	f.t.Helper()
	f.approve("berta").want(200)
	return f
}

func (f *fourEyes) use(who string) answer {
	f.t.Helper()
	return f.by(who, "POST", f.path("/use"), nil)
}

// granted is anna's grant in force.
func (f *fourEyes) granted() *fourEyes {
	f.t.Helper()
	f.approved().use("anna").want(200)
	return f
}

func (f *fourEyes) watch(who string, id lieciba.SegmentID) answer {
	f.t.Helper()
	return f.by(who, "GET", "/v1/segments/"+string(id)+"/content", nil)
}

func (f *fourEyes) play(who, query string) answer {
	f.t.Helper()
	return f.do(request{method: "POST", path: "/v1/exam-sessions/" + f.own.session.ExternalID + "/playback" + query, body: "v=0\r\n",
		contentType: "application/sdp", client: f.people[who]})
}

// late proves people's presence again after a long time, and asks a new cookie of each.
func (f *fourEyes) late(d time.Duration) {
	f.t.Helper()
	f.later(d)
	for who, b := range f.people {
		f.signIn(b, who, goodPassword).want(200)
	}
}

// Approving one's own request, approving after the range changed, using a grant
// twice, after expiry, from another sign-in, for another camera: each is refused,
// and each leaves its entry in the audit log.
func TestFourEyesOverHTTP(t *testing.T) {
	t.Parallel()
	watch := string(lieciba.ActWatchArchive)
	for _, c := range []struct {
		name   string
		try    func(f *fourEyes) answer
		status int
		code   lieciba.Code
		act    string // of the audit entry
	}{
		{"approving one's own request", func(f *fourEyes) answer { return f.approve("anna") }, 403, lieciba.CodeForbidden, string(lieciba.ActApproveRequest)},
		{"approving one's own request from another sign-in", func(f *fourEyes) answer {
			f.people["anna"] = f.browser()
			f.signIn(f.people["anna"], "anna", goodPassword).want(200)
			return f.approve("anna")
		}, 403, lieciba.CodeForbidden, string(lieciba.ActApproveRequest)},
		{"approving as a machine", func(f *fourEyes) answer { return f.approve("machine") }, 403, lieciba.CodeForbidden, string(lieciba.ActApproveRequest)},
		{"approving without the role", func(f *fourEyes) answer { return f.approve("carla") }, 403, lieciba.CodeForbidden, string(lieciba.ActApproveRequest)},
		{"approving after the range changed", func(f *fourEyes) answer {
			f.by("anna", "PATCH", f.path(""), f.body(map[string]any{"to": start.Add(5 * time.Second).Format(time.RFC3339)})).want(200)
			return f.approve("berta")
		}, 409, lieciba.CodeConflict, string(lieciba.ActApproveRequest)},
		{"approving after the camera changed", func(f *fourEyes) answer {
			f.by("anna", "PATCH", f.path(""), f.body(map[string]any{"camera_ids": []lieciba.CameraID{f.second.ID}})).want(200)
			return f.approve("berta")
		}, 409, lieciba.CodeConflict, string(lieciba.ActApproveRequest)},
		{"approving without a fresh proof", func(f *fourEyes) answer {
			f.clock.add(lieciba.FreshFor)
			return f.approve("berta")
		}, 403, lieciba.CodeNotFresh, string(lieciba.ActApproveRequest)},
		{"approving twice", func(f *fourEyes) answer { return f.approved().approve("berta") }, 409, lieciba.CodeConflict, string(lieciba.ActApproveRequest)},
		{"approving after a day", func(f *fourEyes) answer {
			f.late(lieciba.RequestLife)
			return f.approve("berta")
		}, 409, lieciba.CodeConflict, string(lieciba.ActApproveRequest)},
		{"refusing one's own request", func(f *fourEyes) answer {
			return f.by("anna", "POST", f.path("/refusal"), map[string]any{"note": "no"})
		}, 403, lieciba.CodeForbidden, string(lieciba.ActRefuseRequest)},
		{"changing what was approved", func(f *fourEyes) answer {
			return f.approved().by("anna", "PATCH", f.path(""), f.body(nil))
		}, 409, lieciba.CodeConflict, lieciba.AuditAmendRequest},
		{"using before the approval", func(f *fourEyes) answer { return f.use("anna") }, 409, lieciba.CodeConflict, lieciba.AuditUseRequest},
		{"using what was refused", func(f *fourEyes) answer {
			f.by("berta", "POST", f.path("/refusal"), map[string]any{"note": "The range is too wide"}).want(200)
			return f.use("anna")
		}, 409, lieciba.CodeConflict, lieciba.AuditUseRequest},
		{"using twice", func(f *fourEyes) answer { return f.granted().use("anna") }, 409, lieciba.CodeConflict, lieciba.AuditUseRequest},
		{"using after expiry", func(f *fourEyes) answer {
			f.approved().late(lieciba.RequestLife)
			return f.use("anna")
		}, 409, lieciba.CodeConflict, lieciba.AuditUseRequest},
		{"using when the grant's own end has come", func(f *fourEyes) answer {
			f.approved().late(time.Hour)
			return f.use("anna")
		}, 409, lieciba.CodeConflict, lieciba.AuditUseRequest},
		{"using from another's sign-in", func(f *fourEyes) answer { return f.approved().use("carla") }, 404, lieciba.CodeNotFound, lieciba.AuditUseRequest},
		{"using from the approver's sign-in", func(f *fourEyes) answer { return f.approved().use("berta") }, 403, lieciba.CodeForbidden, lieciba.AuditUseRequest},
		{"watching without a grant", func(f *fourEyes) answer { return f.watch("anna", f.own.segment.ID) }, 403, lieciba.CodeNeedsGrant, watch},
		{"playing without a grant", func(f *fourEyes) answer { return f.play("anna", "") }, 403, lieciba.CodeNeedsGrant, watch},
		{"watching from another's sign-in", func(f *fourEyes) answer { return f.granted().watch("carla", f.own.segment.ID) }, 403, lieciba.CodeNeedsGrant, watch},
		{"watching another camera", func(f *fourEyes) answer { return f.granted().watch("anna", f.footage.ID) }, 403, lieciba.CodeNeedsGrant, watch},
		{"watching another session", func(f *fourEyes) answer { return f.granted().watch("anna", f.foreign.segment.ID) }, 403, lieciba.CodeNeedsGrant, watch},
		{"playing another time", func(f *fourEyes) answer {
			return f.granted().play("anna", "?at="+start.Add(5*time.Second).Format(time.RFC3339))
		}, 403, lieciba.CodeNeedsGrant, watch},
		{"watching after the grant's end", func(f *fourEyes) answer {
			f.granted().late(time.Hour)
			return f.watch("anna", f.own.segment.ID)
		}, 403, lieciba.CodeNeedsGrant, watch},
		{"watching after it was revoked", func(f *fourEyes) answer {
			f.granted().by("berta", "DELETE", "/v1/grants/"+f.grantID(), nil).want(204)
			return f.watch("anna", f.own.segment.ID)
		}, 403, lieciba.CodeNeedsGrant, watch},
		{"revoking another's grant without the role", func(f *fourEyes) answer {
			return f.granted().by("carla", "DELETE", "/v1/grants/"+f.grantID(), nil)
		}, 404, lieciba.CodeNotFound, string(lieciba.ActRevokeGrant)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFourEyes(t)
			f.ticks = true
			a := c.try(f)
			require.Equal(t, string(c.code), a.want(c.status).json()["error"].(map[string]any)["code"], "%s", a.body)
			entry := f.audited(c.act)[0]
			require.Equal(t, string(c.code), entry.Outcome, "the refusal is audited: %+v", entry)
			require.NotEmpty(t, entry.Detail)
		})
	}
}

// grantID is what came of the request.
func (f *fourEyes) grantID() string {
	f.t.Helper()
	list := f.by("anna", "GET", "/v1/grants?active=true&mine=true", nil).want(200).items()
	require.Len(f.t, list, 1)
	return list[0]["id"].(string)
}

// The whole way, as people go it: asked, seen, approved, used, watched, revoked.
func TestGrantFromEndToEnd(t *testing.T) {
	f := newFourEyes(t)
	f.ticks = true
	require.Equal(t, []any{"withdraw", "amend"}, f.request["can"])
	inbox := f.by("berta", "GET", "/v1/requests?state=requested&mine=false", nil).want(200).items()
	require.Len(t, inbox, 1)
	seen := f.by("berta", "GET", f.path(""), nil).want(200).json()
	require.Equal(t, f.request["digest"], seen["digest"])
	require.Equal(t, []any{"approve", "refuse"}, seen["can"])
	sum := seen["summary"].(map[string]any)
	require.Equal(t, f.own.session.ExternalID, sum["external_id"])
	require.Equal(t, []any{"front"}, sum["cameras"])
	footage := map[string]any{"bytes": float64(f.own.segment.Size), "seconds": 4.0, "segments": 1.0, "cameras": 1.0,
		"from": "2026-11-18T06:30:00Z", "to": "2026-11-18T06:30:04Z"}
	require.Equal(t, footage, sum["footage"])
	require.Equal(t, footage, inbox[0]["summary"].(map[string]any)["footage"], "who can approve sees it in the list")
	require.Nil(t, f.by("anna", "GET", "/v1/requests", nil).items()[0]["summary"].(map[string]any)["footage"])
	f.by("carla", "GET", f.path(""), nil).refused(404, lieciba.CodeNotFound, "")
	require.Empty(t, f.by("carla", "GET", "/v1/requests", nil).want(200).items())

	f.clock.add(lieciba.FreshFor)
	f.approve("berta").refused(403, lieciba.CodeNotFresh, "")
	f.by("berta", "POST", "/v1/me/proof/password", map[string]any{"password": goodPassword}).want(200)
	require.Equal(t, "approved", f.approve("berta").want(200).json()["state"])
	used := f.use("anna").want(200).json()
	require.Equal(t, "grant:"+f.grantID(), used["used_for"])
	require.Equal(t, []any{}, used["can"])

	f.watch("anna", f.own.segment.ID).want(200)
	looked := f.audited("watch_archive")[0]
	require.Contains(t, looked.Detail, "under grant "+f.grantID()+" for appeal "+f.request["asked"].(map[string]any)["appeal"].(string))
	view := f.play("anna", "?at="+start.Format(time.RFC3339)).want(201)
	require.Equal(t, Scope{CameraIDs: []lieciba.CameraID{f.own.camera.ID}, Span: lieciba.Interval{From: start, To: start.Add(4 * time.Second)},
		Until: f.viewer.scope.Until}, f.viewer.scope)
	require.False(t, f.viewer.scope.Until.IsZero())
	id := view.header.Get("Location")[len("/v1/playbacks/"):]
	_, on := f.viewer.Owner(id)
	require.True(t, on)
	f.by("berta", "DELETE", "/v1/grants/"+f.grantID(), nil).want(204)
	_, on = f.viewer.Owner(id)
	require.False(t, on, "the view ends with the grant")
	ended := f.audited("watch_archive")[0]
	require.Contains(t, ended.Detail, "under grant ")
	for _, act := range []string{"ask_grant", string(lieciba.ActApproveRequest), lieciba.AuditUseRequest} {
		e := f.audited(act)[0]
		require.Equal(t, "ok", e.Outcome)
		require.Contains(t, e.Detail, f.request["digest"], act)
		require.Equal(t, f.own.session.ID, e.SessionID)
	}
	require.Contains(t, f.audited("begin_grant")[0].Detail, "asked for by anna, approved by berta")
	require.Contains(t, f.audited(string(lieciba.ActRevokeGrant))[0].Detail, "grant of anna")
	require.Equal(t, "revoked", f.by("anna", "GET", "/v1/grants?mine=true", nil).want(200).items()[0]["state"])
}

// A view ends when its grant does, with nobody there to end it.
func TestViewsEndWithTheirGrant(t *testing.T) {
	f := newFourEyes(t)
	f.granted()
	id := f.play("anna", "").want(201).header.Get("Location")[len("/v1/playbacks/"):]
	f.server.reviewViews(t.Context())
	_, on := f.viewer.Owner(id)
	require.True(t, on)
	f.clock.add(time.Hour)
	f.server.reviewViews(t.Context())
	_, on = f.viewer.Owner(id)
	require.False(t, on)
}

// Nobody's role alone opens the archive, at whichever site.
func TestNoRoleAloneOpensTheArchive(t *testing.T) {
	w := newWorld(t)
	for _, role := range lieciba.Roles() {
		x := w.session("token-citizenship", "bare-"+string(role), w.own.room, start)
		_, seg, _ := w.record(x, w.own.camera.ID, []byte("footage that nobody was granted, "+string(role)))
		a := w.as(role, "GET", "/v1/segments/"+string(seg.ID)+"/content", nil)
		b := w.do(request{method: "POST", path: "/v1/exam-sessions/" + string(x.ID) + "/playback", token: w.tokens[role], body: "v=0\r\n", contentType: "application/sdp"})
		want := lieciba.CodeForbidden
		if lieciba.Allow(w.principal(role), lieciba.ActWatchArchive, w.own.site.ID) == nil {
			want = lieciba.CodeNeedsGrant
		}
		a.refused(403, want, "")
		b.refused(403, want, "")
	}
}
