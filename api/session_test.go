package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

// document0 is a good session document; change changes it.
func sessionDocument(change map[string]any) map[string]any {
	d := map[string]any{"source_version": 1, "room": "riga-201", "starts_at": "2026-11-18T09:00:00+02:00",
		"ends_at": "2026-11-18T12:00:00+02:00", "seats": 12, "parts": []any{map[string]any{"kind": "listening"}, map[string]any{"kind": "speaking"}}}
	for k, v := range change {
		if v == nil {
			delete(d, k)
			continue
		}
		d[k] = v
	}
	return d
}

const pushPath = "/v1/exam-sessions/2026-11-18.R201"

func TestPushSession(t *testing.T) {
	w := newWorld(t)
	a := w.as("citizenship", "PUT", pushPath, sessionDocument(nil)).want(201).json()
	require.Equal(t, "2026-11-18T07:00:00Z", a["starts_at"], "UTC inside")
	require.Equal(t, "token-citizenship", a["source"])
	require.Equal(t, "planned", a["state"])
	parts := a["parts"].([]any)
	require.Equal(t, false, parts[0].(map[string]any)["sound"])
	require.Equal(t, true, parts[1].(map[string]any)["sound"], "speaking asks for sound")
	require.Equal(t, 1, w.refresh.count())
	e := w.audited("push_session")[0]
	require.Equal(t, "created", e.Detail)
	require.Equal(t, a["id"], string(e.SessionID))
	require.Equal(t, "token-citizenship", e.Who)

	same := w.as("citizenship", "PUT", pushPath, sessionDocument(nil)).want(200).json()
	require.Equal(t, a, same, "same version, same body: nothing changes")
	require.Equal(t, 1, w.refresh.count())
	reordered := `{"parts":[{"kind":"listening"},{"kind":"speaking"}],"seats":12,"ends_at":"2026-11-18T12:00:00+02:00",
		"starts_at":"2026-11-18T09:00:00+02:00","room":"riga-201","source_version":1}`
	require.Equal(t, a, w.as("citizenship", "PUT", pushPath, reordered).want(200).json())

	w.as("citizenship", "PUT", pushPath, sessionDocument(map[string]any{"seats": 13})).refused(409, "conflict", "source_version")
	w.as("citizenship", "PUT", pushPath, sessionDocument(map[string]any{"source_version": 3, "seats": 13})).want(200)
	w.as("citizenship", "PUT", pushPath, sessionDocument(map[string]any{"source_version": 2})).refused(409, "conflict", "source_version")
	got := w.as("reviewer", "GET", pushPath, nil).want(200).json()
	require.Equal(t, float64(13), got["seats"])
	require.Equal(t, a["id"], got["id"])
	require.Equal(t, got, w.as("reviewer", "GET", "/v1/exam-sessions/"+a["id"].(string), nil).want(200).json())
}

// What a source may get wrong, each with the field that the answer names.
func TestPushSessionBadInput(t *testing.T) {
	w := newWorld(t)
	doc := func(change map[string]any) string {
		b, err := json.Marshal(sessionDocument(change))
		require.NoError(t, err)
		return string(b)
	}
	part := func(m map[string]any) map[string]any { return map[string]any{"parts": []any{m}} }
	for name, c := range map[string]struct {
		body, field, says string
		status            int
		code              lieciba.Code
	}{
		"offset disagrees with Riga": {body: doc(map[string]any{"starts_at": "2026-11-18T09:00:00+03:00"}), field: "starts_at", says: "+02:00"},
		"Z":                          {body: doc(map[string]any{"starts_at": "2026-11-18T07:00:00Z"}), field: "starts_at", says: "Europe/Riga"},
		"local time does not exist":  {body: doc(map[string]any{"starts_at": "2026-03-29T03:30:00+03:00", "ends_at": "2026-03-29T06:00:00+03:00"}), field: "starts_at", says: "does not exist"},
		"nor with the other offset":  {body: doc(map[string]any{"starts_at": "2026-03-29T03:30:00+02:00", "ends_at": "2026-03-29T06:00:00+03:00"}), field: "starts_at", says: "does not exist"},
		"no offset":                  {body: doc(map[string]any{"ends_at": "2026-11-18T12:00:00"}), field: "ends_at", says: "RFC 3339"},
		"ends before it starts":      {body: doc(map[string]any{"ends_at": "2026-11-18T08:00:00+02:00"}), field: "ends_at"},
		"ends a day and more later":  {body: doc(map[string]any{"ends_at": "2026-11-19T09:00:01+02:00"}), field: "ends_at"},
		"unknown field":              {body: doc(map[string]any{"candidate_name": "Anna"}), field: "candidate_name", says: "remove it"},
		"unknown field of a part":    {body: doc(part(map[string]any{"kind": "reading", "score": 5})), field: "score"},
		"unknown room":               {body: doc(map[string]any{"room": "R999"}), field: "room", says: "create it first"},
		"path-like room":             {body: doc(map[string]any{"room": "../riga-201"}), field: "room"},
		"version zero":               {body: doc(map[string]any{"source_version": 0}), field: "source_version"},
		"version as text":            {body: doc(map[string]any{"source_version": "1"}), field: "source_version", says: "integer"},
		"version with a fraction":    {body: doc(map[string]any{"source_version": 1.5}), field: "source_version"},
		"version beyond 64 bits":     {body: `{"source_version": 9223372036854775808}`, field: "source_version"},
		"too many seats":             {body: doc(map[string]any{"seats": 1001}), field: "seats"},
		"fewer seats than none":      {body: doc(map[string]any{"seats": -1}), field: "seats"},
		"unknown part":               {body: doc(part(map[string]any{"kind": "essay"})), field: "parts[0].kind", says: "listening"},
		"part outside the session":   {body: doc(part(map[string]any{"kind": "reading", "ends_at": "2026-11-18T12:00:01+02:00"})), field: "parts[0]"},
		"too many parts":             {body: doc(map[string]any{"parts": slices.Repeat([]any{map[string]any{"kind": "reading"}}, 33)}), field: "parts"},
		"two values":                 {body: doc(nil) + "{}", says: "exactly one"},
		"no JSON":                    {body: "{", says: "too early"},
		"empty":                      {body: " ", says: "empty"},
		"array":                      {body: "[]"},
		"null bytes":                 {body: "{\"room\":\x00}", says: "no JSON"},
		"huge":                       {body: `{"room":"` + strings.Repeat("x", maxBody) + `"}`, status: 413, code: "too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.status == 0 {
				c.status, c.code = 400, "invalid"
			}
			says := w.badly("citizenship", "PUT", "/v1/exam-sessions/bad", c.body).refused(c.status, c.code, c.field)
			require.Contains(t, says, c.says)
		})
	}
	w.as("reviewer", "GET", "/v1/exam-sessions/bad", nil).want(404)
	require.Empty(t, w.audited("push_session"))
}

// Both readings of the hour that comes twice are taken, each as its offset says.
func TestPushSessionInTheAmbiguousHour(t *testing.T) {
	w := newWorld(t)
	for id, c := range map[string][2]string{
		"summer": {"2026-10-25T03:30:00+03:00", "2026-10-25T00:30:00Z"},
		"winter": {"2026-10-25T03:30:00+02:00", "2026-10-25T01:30:00Z"},
	} {
		a := w.as("citizenship", "PUT", "/v1/exam-sessions/"+id, sessionDocument(map[string]any{
			"starts_at": c[0], "ends_at": "2026-10-25T05:00:00+02:00", "parts": nil})).want(201).json()
		require.Equal(t, c[1], a["starts_at"])
	}
}

func TestPushSessionContentType(t *testing.T) {
	w := newWorld(t)
	for _, ct := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx", "nonsense;;"} {
		w.do(request{method: "PUT", path: pushPath, token: w.tokens["citizenship"], body: sessionDocument(nil), contentType: ct, bad: true}).
			refused(422, "unsupported", "Content-Type")
	}
	w.do(request{method: "PUT", path: pushPath, token: w.tokens["citizenship"], body: sessionDocument(nil), contentType: "application/json; charset=utf-8"}).want(201)
}

// Two machines push under their own names; neither reaches the other's session.
func TestSourcesAreApart(t *testing.T) {
	w := newWorld(t)
	plain, tok := NewClientToken("other", []lieciba.Role{lieciba.RoleCitizenship}, nil, start, time.Hour)
	require.NoError(t, w.catalog.PutClientToken(t.Context(), tok))
	one := w.as("citizenship", "PUT", pushPath, sessionDocument(nil)).want(201).json()
	two := w.do(request{method: "PUT", path: pushPath, token: plain, body: sessionDocument(nil)}).want(201).json()
	require.NotEqual(t, one["id"], two["id"])
	w.as("reviewer", "GET", pushPath, nil).refused(409, "conflict", "") // two sources use this external ID
	w.as("reviewer", "GET", "/v1/exam-sessions/"+one["id"].(string), nil).want(200)
}

// An external ID that looks like a session's own ID is found all the same.
func TestExternalIDMayBeAUUID(t *testing.T) {
	w := newWorld(t)
	ext := lieciba.NewID[string](start)
	a := w.as("citizenship", "PUT", "/v1/exam-sessions/"+ext, sessionDocument(nil)).want(201).json()
	require.Equal(t, a, w.as("reviewer", "GET", "/v1/exam-sessions/"+ext, nil).want(200).json())
}

// slowList is a real catalogue whose answer is a moment old when it comes.
type slowList struct{ storage.Catalog }

func (s slowList) ListSessions(ctx context.Context, f storage.SessionFilter) ([]lieciba.ExamSession, error) {
	list, err := s.Catalog.ListSessions(ctx, f)
	time.Sleep(5 * time.Millisecond) // wide enough for another press
	return list, err
}

// Two hands, or one that trembles: one session.
func TestAdHocSessionStartsOnce(t *testing.T) {
	w := newWorld(t)
	room := w.room(w.own.site.ID, "riga-twice")
	w.server.cfg.Catalog = slowList{w.catalog}
	statuses := make(chan int)
	for range 8 {
		go func() {
			w.clock.add(time.Millisecond)
			r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/exam-sessions", strings.NewReader(`{"room":"riga-twice","minutes":30}`))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer "+w.tokens["supervisor"])
			rec := httptest.NewRecorder()
			w.server.ServeHTTP(rec, r)
			statuses <- rec.Code
		}()
	}
	count := map[int]int{}
	for range 8 {
		count[<-statuses]++
	}
	require.Equal(t, map[int]int{201: 1, 409: 7}, count)
	list, err := w.catalog.ListSessions(t.Context(), storage.SessionFilter{RoomID: room.ID})
	require.NoError(t, err)
	require.Len(t, list, 1)
}

func TestAdHocSession(t *testing.T) {
	w := newWorld(t)
	room := w.room(w.own.site.ID, "riga-301")
	body := map[string]any{"room": room.Code, "minutes": 90, "parts": []any{map[string]any{"kind": "speaking"}, map[string]any{"kind": "writing", "sound": true}}}
	a := w.as("supervisor", "POST", "/v1/exam-sessions", body).want(201).json()
	require.Equal(t, "ad-hoc", a["source"])
	require.Equal(t, "2026-11-18T06:30:00Z", a["starts_at"])
	require.Equal(t, "2026-11-18T08:00:00Z", a["ends_at"])
	require.Len(t, a["parts"], 2)
	require.Equal(t, "created", w.audited("start_session")[0].Detail)
	require.Contains(t, w.as("supervisor", "POST", "/v1/exam-sessions", body).refused(409, "conflict", "room"), a["external_id"])
	for field, bad := range map[string]any{
		"minutes":       map[string]any{"room": room.Code, "minutes": 0},
		"room":          map[string]any{"room": "../x", "minutes": 5},
		"parts[0].kind": map[string]any{"room": w.room(w.own.site.ID, "riga-302").Code, "minutes": 5, "parts": []any{map[string]any{"kind": "lunch"}}},
	} {
		w.badly("supervisor", "POST", "/v1/exam-sessions", bad).refused(400, "invalid", field)
	}
}

func TestListSessionsPagesAndFilters(t *testing.T) {
	w := newWorld(t)
	for _, ext := range []string{"s1", "s2", "s3", "s4", "s5"} {
		w.session("token-citizenship", ext, w.own.room, start.Add(24*time.Hour))
	}
	var seen []string
	path := "/v1/exam-sessions?limit=2"
	for pages := 0; ; pages++ {
		require.Less(t, pages, 5)
		a := w.as("reviewer", "GET", path, nil).want(200)
		for _, x := range a.items() {
			seen = append(seen, x["external_id"].(string))
		}
		next := a.json()["next_before"]
		if next == nil {
			break
		}
		path = "/v1/exam-sessions?limit=2&before=" + next.(string)
	}
	require.Len(t, seen, 7)
	slices.Sort(seen)
	require.Len(t, slices.Compact(seen), 7, "each once")
	count := func(query string) int {
		return len(w.as("reviewer", "GET", "/v1/exam-sessions?"+query, nil).want(200).items())
	}
	require.Equal(t, 6, count("site=riga"))
	require.Equal(t, 1, count("room=liepaja-201"))
	require.Equal(t, 1, count("external_id=s3"))
	require.Equal(t, 5, count("from=2026-11-19T00:00:00Z"))
	require.Equal(t, 2, count("to=2026-11-19T00:00:00Z"))
	require.Equal(t, 7, count("state=running&state=planned"))
	require.Equal(t, 0, count("state=finished"))
	for query, field := range map[string]string{"limit=0": "limit", "limit=x": "limit", "limit=1001": "limit", "before=../x": "before", "state=asleep": "state",
		"from=yesterday": "from", "from=2026-11-19T00:00:00Z&to=2026-11-18T00:00:00Z": "to", "external_id=%2e%2e": "external_id", "site=..%2f": "site"} {
		w.badly("reviewer", "GET", "/v1/exam-sessions?"+query, nil).refused(400, "invalid", field)
	}
}

func timelineOf(t *testing.T, a answer) timelineJSON {
	t.Helper()
	var tl timelineJSON
	require.NoError(t, json.Unmarshal(a.want(200).body, &tl))
	return tl
}

type timelineJSON struct {
	Window     struct{ From, To string }
	Recordings []struct {
		State     string
		ExpectedS float64 `json:"expected_s"`
		RecordedS float64 `json:"recorded_s"`
		MissingS  float64 `json:"missing_s"`
		Exact     bool
		Segments  []struct {
			SHA256 string `json:"sha256"`
			State  string
		}
		Gaps []struct {
			To    *string
			Cause string
		}
		Growing *struct{ From, To string }
	}
}

// The fixture records 4 of 10 s; the rest is told step by step.
func TestTimeline(t *testing.T) {
	w := newWorld(t)
	path := "/v1/exam-sessions/" + string(w.own.session.ID) + "/timeline"
	get := func() timelineJSON { return timelineOf(t, w.as("supervisor", "GET", path, nil)) }
	tl := get()
	require.Equal(t, "2026-11-18T06:20:00Z", tl.Window.From, "margins")
	require.Equal(t, "2026-11-18T07:35:00Z", tl.Window.To)
	r := tl.Recordings[0]
	require.Equal(t, []float64{10, 4, 0}, []float64{r.ExpectedS, r.RecordedS, r.MissingS})
	require.True(t, r.Exact, "up to the newest part on disk")
	require.Len(t, r.Segments[0].SHA256, 64)

	gap := lieciba.Gap{ID: lieciba.NewID[lieciba.GapID](start), RecordingID: w.own.rec.ID, CameraID: w.own.camera.ID, NodeID: w.cfg.Node,
		From: start.Add(4 * time.Second), Cause: lieciba.CauseNetworkLoss, Detail: "line lost"}
	require.NoError(t, w.catalog.PutGap(t.Context(), gap))
	w.clock.add(6 * time.Second)
	r = get().Recordings[0]
	require.Equal(t, []float64{10, 4, 2}, []float64{r.ExpectedS, r.RecordedS, r.MissingS}, "an open gap counts until now")
	require.Nil(t, r.Gaps[0].To)
	require.Equal(t, "network_loss", r.Gaps[0].Cause)

	require.NoError(t, w.catalog.CloseGap(t.Context(), gap.ID, start.Add(7*time.Second)))
	w.source.mu.Lock()
	w.source.growing[w.own.rec.ID] = lieciba.Segment{ID: "x", From: start.Add(7 * time.Second), To: start.Add(8500 * time.Millisecond)}
	w.source.mu.Unlock()
	r = get().Recordings[0]
	require.Equal(t, []float64{10, 5.5, 3}, []float64{r.ExpectedS, r.RecordedS, r.MissingS})
	require.Equal(t, "2026-11-18T06:30:08.5Z", r.Growing.To)
	require.True(t, r.Exact)

	require.NoError(t, w.catalog.MoveRecording(t.Context(), w.own.rec.ID, lieciba.RecordingFinalising, w.cfg.Node))
	require.False(t, get().Recordings[0].Exact, "the window is over: the last 1.5 s are nowhere")
}

// A segment that closes while it grows must not count twice.
func TestTimelineGrowingSegmentThatClosed(t *testing.T) {
	w := newWorld(t)
	w.source.growing[w.own.rec.ID] = w.own.segment
	r := timelineOf(t, w.as("supervisor", "GET", "/v1/exam-sessions/"+string(w.own.session.ID)+"/timeline", nil)).Recordings[0]
	require.Nil(t, r.Growing)
	require.Equal(t, 4.0, r.RecordedS)
	require.True(t, r.Exact)
}

func TestPlaces(t *testing.T) {
	w := newWorld(t)
	a := w.as("admin", "PUT", "/v1/sites/daugavpils", map[string]any{"name": "Daugavpils"}).want(201).json()
	b := w.as("admin", "PUT", "/v1/sites/daugavpils", map[string]any{"name": "Daugavpils, Rīgas iela", "mobile": true}).want(200).json()
	require.Equal(t, a["id"], b["id"])
	room := w.as("admin", "PUT", "/v1/rooms/D-1", map[string]any{"site": "daugavpils", "name": "1"}).want(201).json()
	require.Equal(t, a["id"], room["site_id"])
	w.as("admin", "PUT", "/v1/rooms/D-1", map[string]any{"site": a["id"], "name": "1. telpa"}).want(200)
	w.as("admin", "PUT", "/v1/rooms/D-1", map[string]any{"site": "riga", "name": "1"}).refused(409, "conflict", "site")
	w.as("admin", "PUT", "/v1/rooms/D-2", map[string]any{"site": "nowhere", "name": "1"}).refused(400, "invalid", "site")
	w.badly("admin", "PUT", "/v1/rooms/D-2", map[string]any{"site": "riga", "name": "1", "state": "gone"}).refused(400, "invalid", "state")
	w.badly("admin", "PUT", "/v1/sites/x%20y", map[string]any{"name": "X"}).refused(400, "invalid", "code")
	w.badly("admin", "PUT", "/v1/sites/x", map[string]any{"name": "two\nlines", "colour": 1}).refused(400, "invalid", "colour")
	w.as("admin", "PUT", "/v1/sites/x", map[string]any{"name": "two\nlines"}).refused(400, "invalid", "name")
	require.Len(t, w.as("admin", "GET", "/v1/sites/"+a["id"].(string)+"/rooms", nil).want(200).items(), 1)
	// A retired room takes no session.
	w.as("admin", "PUT", "/v1/rooms/D-1", map[string]any{"site": "daugavpils", "name": "1", "state": "retired"}).want(http.StatusOK)
	w.as("citizenship", "PUT", "/v1/exam-sessions/x", sessionDocument(map[string]any{"room": "D-1"})).refused(400, "invalid", "room")
}
