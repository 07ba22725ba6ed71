package api

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

const goodRecipient = "age1hswqutgaygp2jwf6efrpzp8rakptn6pv0sdtftn57e64dfduek8sxdh0sw"

func TestAskForPackage(t *testing.T) {
	w := newWorld(t)
	x, rec := w.sealed(w.own)
	body := packageBody(x, map[string]any{"reason": "Appeal A-17", "recipient_name": "Administratīvā rajona tiesa", "recipient_kind": "court", "recipient": goodRecipient,
		"camera_ids": []string{string(rec.CameraID)}, "clip_from": "2026-11-18T06:30:01Z", "clip_to": "2026-11-18T06:30:03Z"})
	id := w.through("reviewer", body)
	got := w.as("reviewer", "GET", "/v1/exports/"+id, nil).want(200).json()
	require.Equal(t, []any{"requested", "token-reviewer", "Appeal A-17", string(w.cfg.Node), nil, "2026-11-18T06:30:01Z"},
		[]any{got["state"], got["requested_by"], got["purpose"], got["node_id"], got["sha256"], got["clip_from"]})
	require.Equal(t, 1, w.exports.pokes)
	e := w.audited("export")[0]
	require.Equal(t, []any{"ok", x.ID, "export:" + id}, []any{e.Outcome, e.SessionID, e.Object})
	require.Contains(t, e.Detail, "package for court: Appeal A-17, asked for by token-reviewer, approved by ")

	// Lists narrow by session and state, and go on.
	w.through("reviewer", packageBody(x, nil))
	list := w.as("reviewer", "GET", "/v1/exports?limit=1&session="+string(x.ID), nil).want(200)
	require.Len(t, list.items(), 1)
	next := list.json()["next_before"].(string)
	require.Len(t, w.as("reviewer", "GET", "/v1/exports?limit=1&session="+string(x.ID)+"&before="+next, nil).want(200).items(), 1)
	require.Empty(t, w.as("reviewer", "GET", "/v1/exports?state=sealed&state=collected", nil).want(200).items())
	require.Len(t, w.as("reviewer", "GET", "/v1/exports?state=requested", nil).want(200).items(), 2)
	require.Empty(t, w.as("reviewer", "GET", "/v1/exports?session="+string(w.foreign.session.ID), nil).want(200).items())
	for query, field := range map[string]string{"state=done": "state", "session=../x": "session", "before=1": "before", "limit=0": "limit", "sesion=x": "sesion"} {
		w.badly("reviewer", "GET", "/v1/exports?"+query, nil).refused(400, "invalid", field)
	}
}

func TestPackageRequestsAreChecked(t *testing.T) {
	w := newWorld(t)
	x, _ := w.sealed(w.own)
	flipped := []byte(goodRecipient)
	flipped[20] = 'q'
	for name, c := range map[string]struct {
		change map[string]any
		field  string
	}{
		"no purpose":                  {map[string]any{"reason": " "}, "reason"},
		"a long purpose":              {map[string]any{"reason": strings.Repeat("ā", 501)}, "reason"},
		"two lines":                   {map[string]any{"reason": "a\nb"}, "reason"},
		"a personal code":             {map[string]any{"reason": "case of 010190-12345"}, "reason"},
		"a new personal code":         {map[string]any{"recipient_name": "32123412345"}, "recipient_name"},
		"no recipient":                {map[string]any{"recipient_name": ""}, "recipient_name"},
		"nobody's kind":               {map[string]any{"recipient_kind": "press"}, "recipient_kind"},
		"an appeal that is not there": {map[string]any{"appeal": "A-404"}, "appeal"},
		"another kind's field":        {map[string]any{"purpose": "security"}, "purpose"},
		"a long recipient":            {map[string]any{"recipient_name": strings.Repeat("a", 201)}, "recipient_name"},
		"no key":                      {map[string]any{"recipient": ""}, "recipient"},
		"a mistyped key":              {map[string]any{"recipient": string(flipped)}, "recipient"},
		"a secret key":                {map[string]any{"recipient": "AGE-SECRET-KEY-1QQQQ"}, "recipient"},
		"a key without end":           {map[string]any{"recipient": "age1pq1" + strings.Repeat("q", 5000)}, "recipient"},
		"an SSH key":                  {map[string]any{"recipient": "ssh-ed25519 AAAA"}, "recipient"},
		"no camera's ID":              {map[string]any{"camera_ids": []string{"../x"}}, "camera_ids"},
		"a camera twice":              {map[string]any{"camera_ids": []string{string(w.own.camera.ID), string(w.own.camera.ID)}}, "camera_ids"},
		"another camera":              {map[string]any{"camera_ids": []string{string(w.foreign.camera.ID)}}, "camera_ids"},
		"half a clip":                 {map[string]any{"clip_from": "2026-11-18T06:30:01Z"}, "clip_to"},
		"the other half":              {map[string]any{"clip_to": "2026-11-18T06:30:01Z"}, "clip_from"},
		"a clip that ends first":      {map[string]any{"clip_from": "2026-11-18T06:30:02Z", "clip_to": "2026-11-18T06:30:01Z"}, "clip_to"},
		"a clip of another day":       {map[string]any{"clip_from": "2026-11-19T06:30:02Z", "clip_to": "2026-11-19T06:30:05Z"}, "clip_from"},
		"no time":                     {map[string]any{"clip_from": "yesterday", "clip_to": "2026-11-18T06:30:01Z"}, "clip_from"},
		"a part of the footage":       {map[string]any{"from": "2026-11-18T06:30:01Z", "to": "2026-11-18T06:30:03Z"}, "from"},
		"a person's name":             {map[string]any{"recipient_kind": "data_subject", "recipient_name": "Anna Bērziņa"}, "recipient_name"},
		"an unknown field":            {map[string]any{"password": "x"}, "password"},
		"a field in other letters":    {map[string]any{"Reason": "x"}, "Reason"},
		"more cameras than there are": {map[string]any{"camera_ids": make([]string, 101)}, "camera_ids"},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.badly("reviewer", "POST", "/v1/requests", packageBody(x, c.change)).refused(400, "invalid", c.field)
		})
	}
	w.t = t
	require.Zero(t, w.exports.pokes)

	y, rec := w.finished(w.own)
	says := w.as("reviewer", "POST", "/v1/requests", packageBody(y, nil)).refused(409, "conflict", "")
	require.Contains(t, says, string(rec.CameraID))
	d := w.deletion(w.own, false)
	require.Contains(t, w.as("reviewer", "POST", "/v1/requests", packageBody(lieciba.ExamSession{ID: d.SessionID}, nil)).refused(409, "conflict", ""), "deleted")
	z := w.session("token-citizenship", "nothing", w.own.room, start)
	require.Contains(t, w.as("reviewer", "POST", "/v1/requests", packageBody(z, nil)).refused(409, "conflict", ""), "nothing was recorded")
	require.Empty(t, w.as("reviewer", "GET", "/v1/exports", nil).items())
}

// Packages leave in clear only where the configuration says so.
func TestPackagesInClear(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.ClearPackages = true })
	x, _ := w.sealed(w.own)
	id := w.through("reviewer", packageBody(x, map[string]any{"recipient": ""}))
	require.Empty(t, w.as("reviewer", "GET", "/v1/exports/"+id, nil).want(200).json()["recipient"])
}

// What is asked for when the disk is nearly full waits; recording does not.
func TestPackagesWaitForTheDisk(t *testing.T) {
	var full error
	w := newWorld(t, func(c *Config) { c.Spare = func() error { return full } })
	x, _ := w.sealed(w.own)
	yes := w.agreed("reviewer", packageBody(x, nil))
	full = lieciba.Errorf(lieciba.CodeFull, "the disk is nearly full")
	w.as("reviewer", "POST", "/v1/requests", packageBody(x, nil)).refused(507, "full", "")
	w.as("reviewer", "POST", yes+"/use", nil).refused(507, "full", "")
	full = nil
	w.as("reviewer", "POST", yes+"/use", nil).want(200)
}

func TestNodesWithoutAPart(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Exporter, c.Checker, c.Retention, c.LogKey = nil, nil, nil, nil })
	x, _ := w.finished(w.own)
	e := w.export(x, "", []byte("x"))
	w.as("reviewer", "POST", "/v1/requests", packageBody(x, nil)).refused(503, "unavailable", "")
	w.as("reviewer", "GET", "/v1/exports/"+string(e.ID)+"/content", nil).refused(503, "unavailable", "")
	w.as("security", "POST", "/v1/log/check", nil).refused(503, "unavailable", "")
	w.as("security", "GET", "/v1/retention/plan", nil).refused(503, "unavailable", "")
	require.Empty(t, w.as("security", "GET", "/v1/log/state", nil).want(200).json()["fingerprint"])
	w.as("reviewer", "POST", "/v1/exam-sessions/"+string(x.ID)+"/holds", map[string]any{"kind": "court", "reference": "C", "reason": "c"}).want(201)
}

// fetch downloads to the handler's very end: a client sees the last byte before
// the server notes it.
func (w *world) fetch(id lieciba.ExportID, rng string) answer {
	if w.ticks {
		w.clock.add(time.Millisecond)
	}
	header := []string{}
	if rng != "" {
		header = []string{"Range", rng}
	}
	resp := w.raw("GET", "/v1/exports/"+string(id)+"/content", w.tokens["reviewer"], header...)
	b, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	return answer{t: w.t, status: resp.StatusCode, header: resp.Header, body: b}
}

func (w *world) exportState(id lieciba.ExportID) lieciba.ExportState {
	e, err := w.catalog.Export(w.t.Context(), id)
	require.NoError(w.t, err)
	return e.State
}

func TestFetchPackage(t *testing.T) {
	w := newWorld(t)
	w.ticks = true
	x, _ := w.finished(w.own)
	content := bytes.Repeat([]byte("evidence"), 40_000)
	e := w.export(x, "", content)
	a := w.fetch(e.ID, "bytes=0-9").want(206)
	require.Equal(t, content[:10], a.body)
	require.Equal(t, "application/zip", a.header.Get("Content-Type"))
	require.Equal(t, `attachment; filename="lieciba-`+x.ExternalID+`-2026-11-18-`+string(e.ID[30:])+`.zip"`, a.header.Get("Content-Disposition"))
	require.Equal(t, `"`+hex.EncodeToString(e.SHA256[:])+`"`, a.header.Get("ETag"))
	require.Equal(t, fmt.Sprintf("bytes 0-9/%d", len(content)), a.header.Get("Content-Range"))
	entry := w.audited("export")[0]
	require.Equal(t, []any{"package fetched, bytes=0-9", x.ID, "ok"}, []any{entry.Detail, entry.SessionID, entry.Outcome})
	require.Equal(t, lieciba.ExportSealed, w.exportState(e.ID), "ten bytes are not the package")
	w.fetch(e.ID, "bytes=9999999-").want(416)
	require.Equal(t, lieciba.ExportSealed, w.exportState(e.ID))

	require.Equal(t, content, w.fetch(e.ID, "").want(200).body)
	require.Equal(t, lieciba.ExportCollected, w.exportState(e.ID))
	newest := w.audited("export")[:2] // of one instant
	require.ElementsMatch(t, []string{"package fetched", "package collected: all of it was sent"}, []string{newest[0].Detail, newest[1].Detail})
	got := w.as("reviewer", "GET", "/v1/exports/"+string(e.ID), nil).json()
	require.Equal(t, "collected", got["state"])
	require.NotNil(t, got["collected_at"])
	n := len(w.audited("export"))
	require.Equal(t, content, w.fetch(e.ID, "").want(200).body, "it can be fetched again")
	require.Len(t, w.audited("export"), n+1, "and is collected once")
	require.Equal(t, content, w.fetch(e.ID, "bytes=0-1,5-6").want(200).body, "several ranges are answered as a whole")
	require.Zero(t, w.exports.open, "every file was closed")
	onWire := w.do(request{method: "GET", path: "/v1/exports/" + string(e.ID) + "/content", token: w.tokens["reviewer"]}).want(200)
	require.Equal(t, content, onWire.body, "held against the document")

	sealed := w.export(x, goodRecipient, content)
	a = w.fetch(sealed.ID, "bytes=0-0").want(206)
	require.Equal(t, "application/octet-stream", a.header.Get("Content-Type"))
	require.Contains(t, a.header.Get("Content-Disposition"), ".zip.age")
}

// A download that broke off and was resumed is whole, whatever the order of its
// pieces; what two people fetched of it is not.
func TestResumedDownloadIsCollected(t *testing.T) {
	w := newWorld(t)
	x, _ := w.finished(w.own)
	content := bytes.Repeat([]byte("x"), 1000)
	e := w.export(x, "", content)
	w.fetch(e.ID, "bytes=600-").want(206)
	w.fetch(e.ID, "bytes=0-399").want(206)
	w.fetch(e.ID, "bytes=401-599").want(206)
	require.Equal(t, lieciba.ExportSealed, w.exportState(e.ID), "one byte is missing")
	plain, tok := NewClientToken("other", []lieciba.Role{lieciba.RoleReviewer}, nil, start, 1e15)
	require.NoError(t, w.catalog.PutClientToken(t.Context(), tok))
	require.Equal(t, 403, w.raw("GET", "/v1/exports/"+string(e.ID)+"/content", plain, "Range", "bytes=400-400").StatusCode)
	require.Equal(t, lieciba.ExportSealed, w.exportState(e.ID), "somebody else asked for a piece of it")
	w.fetch(e.ID, "bytes=400-400").want(206)
	require.Equal(t, lieciba.ExportCollected, w.exportState(e.ID))
	require.Empty(t, w.server.downloads.seen)
}

// A package whose last byte is out is collected, also when the right to it ended
// since it was last looked at: nothing is refused any more.
func TestPackageSentWhileTheRightEndedIsCollected(t *testing.T) {
	hooks := &hookedCatalog{}
	w := newWorld(t, func(c *Config) { hooks.Catalog, c.Catalog = c.Catalog, hooks })
	w.ticks = true
	x, _ := w.finished(w.own)
	content := []byte("all of the evidence")
	e := w.export(x, "", content)
	lose := func() {
		w.as("admin", "DELETE", "/v1/client-tokens/"+string(w.ids[lieciba.RoleReviewer]), nil).want(204)
	}
	hooks.acting.Store(&lose)
	require.Equal(t, content, w.fetch(e.ID, "").want(200).body)
	require.Nil(t, hooks.acting.Load(), "the right was lost")
	w.fetch(e.ID, "").refused(401, lieciba.CodeUnauthenticated, "")
	require.Equal(t, lieciba.ExportCollected, w.exportState(e.ID))
	details := []string{}
	for _, e := range w.audited("export") {
		require.Equal(t, []any{"ok", "token-reviewer"}, []any{e.Outcome, e.Who})
		details = append(details, e.Detail)
	}
	require.ElementsMatch(t, []string{"package fetched", "package collected: all of it was sent"}, details)
}

func TestPackagesThatCannotBeFetched(t *testing.T) {
	w := newWorld(t)
	x, _ := w.finished(w.own)
	for state, status := range map[lieciba.ExportState]int{lieciba.ExportRequested: 409, lieciba.ExportBuilding: 409, lieciba.ExportFailed: 409} {
		e := lieciba.Export{ID: lieciba.NewID[lieciba.ExportID](start), SessionID: x.ID, Purpose: "a", RecipientName: "b",
			RequestedByID: string(w.ids[lieciba.RoleReviewer]), RequestedAt: start, State: state}
		require.NoError(t, w.catalog.PutExport(t.Context(), e))
		w.fetch(e.ID, "").want(status)
	}
	e := w.export(x, "", []byte("gone"))
	e.State = lieciba.ExportPurged
	require.NoError(t, w.catalog.PutExport(t.Context(), e))
	w.fetch(e.ID, "").refused(404, "not_found", "")
	e = w.export(x, "", []byte("elsewhere"))
	delete(w.exports.files, e.ID)
	require.Contains(t, w.fetch(e.ID, "").refused(503, "unavailable", ""), string(w.cfg.Node))
	// Without its entry no byte leaves.
	e = w.export(x, "", []byte("secret bytes"))
	w.server.cfg.Catalog = noAudit{w.catalog}
	require.NotContains(t, string(w.fetch(e.ID, "").want(503).body), "secret bytes")
	w.server.cfg.Catalog = w.catalog
	require.Equal(t, lieciba.ExportSealed, w.exportState(e.ID))
	require.Zero(t, w.exports.open)
}

func TestDownloadsAreBounded(t *testing.T) {
	var d downloads
	id := func(i int) lieciba.ExportID { return lieciba.ExportID(fmt.Sprint(i)) }
	for i := range 3 * maxDownloads {
		require.False(t, d.add(id(i), "a", byteRange{0, 10}, 100))
	}
	require.Len(t, d.seen, maxDownloads)
	require.Len(t, d.ages, maxDownloads)
	for i := range int64(2 * maxPieces) {
		require.False(t, d.add("one", "a", byteRange{2 * i, 2*i + 1}, 1e6))
	}
	require.Len(t, d.seen[downloadKey{"one", "a"}], maxPieces)
	require.True(t, d.add("one", "a", byteRange{0, 1e6}, 1e6))
	require.False(t, d.add("one", "a", byteRange{5, 5}, 5), "nothing was sent")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() { d.add(id(i), "b", byteRange{0, int64(i)}, 100) })
	}
	wg.Wait()
}

func TestJoinRanges(t *testing.T) {
	type list = []byteRange
	for name, c := range map[string]struct {
		known list
		add   byteRange
		want  list
	}{
		"first":         {nil, byteRange{1, 2}, list{{1, 2}}},
		"before":        {list{{5, 6}}, byteRange{1, 2}, list{{1, 2}, {5, 6}}},
		"after":         {list{{5, 6}}, byteRange{7, 8}, list{{5, 6}, {7, 8}}},
		"touches both":  {list{{1, 2}, {3, 4}}, byteRange{2, 3}, list{{1, 4}}},
		"over all":      {list{{1, 2}, {3, 4}, {9, 10}}, byteRange{0, 8}, list{{0, 8}, {9, 10}}},
		"inside":        {list{{0, 8}}, byteRange{2, 3}, list{{0, 8}}},
		"between apart": {list{{0, 1}, {8, 9}}, byteRange{3, 4}, list{{0, 1}, {3, 4}, {8, 9}}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, join(c.known, c.add)) })
	}
}

// The document's example can be sent as it stands, session and range apart.
func TestDocumentedRequestWorks(t *testing.T) {
	w := newWorld(t)
	x, _ := w.sealed(w.own)
	body := documentExample(t, "NewRequest")
	body["session_id"], body["appeal"] = x.ID, w.appeal(x).Reference
	body["from"], body["to"] = "2026-11-18T06:30:01Z", "2026-11-18T06:30:03Z"
	w.as("reviewer", "POST", "/v1/requests", body).want(201)
	w.as("reviewer", "POST", "/v1/exam-sessions/"+string(x.ID)+"/holds", documentExample(t, "NewHold")).want(201)
	w.as("admin", "POST", "/v1/retention/policies", documentExample(t, "NewPolicy")).want(201)
	w.later(30 * 24 * time.Hour)
	w.as("citizenship", "POST", "/v1/exam-sessions/"+x.ExternalID+"/events", documentExample(t, "NewSessionEvent")).want(201)
}

// documentExample is the example of a schema of openapi.yaml.
func documentExample(t *testing.T, schema string) map[string]any {
	t.Helper()
	m, ok := document.Components.Schemas[schema].Value.Example.(map[string]any)
	require.True(t, ok, schema)
	return maps.Clone(m)
}

func TestPackageNamesAreSafe(t *testing.T) {
	e := lieciba.Export{ID: lieciba.NewID[lieciba.ExportID](start), RequestedAt: time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC)}
	name := packageName(lieciba.ExamSession{SessionKey: lieciba.SessionKey{ExternalID: "2026-11-18.R201"}}, e)
	require.Regexp(t, `^lieciba-2026-11-18\.R201-2027-01-01-[0-9a-f]{6}\.zip$`, name)
}

// Another reviewer sees that a package was made, and does not get it.
func TestExportIsFetchedByWhoAskedForIt(t *testing.T) {
	w := newWorld(t)
	x, _ := w.finished(w.own)
	e := w.export(x, "", []byte("a package"))
	other := w.person("other", lieciba.RoleReviewer)
	w.do(request{method: "GET", path: "/v1/exports/" + string(e.ID), client: other}).want(200)
	w.do(request{method: "GET", path: "/v1/exports/" + string(e.ID) + "/content", client: other}).refused(403, lieciba.CodeForbidden, "")
	entry := w.audited("export")[0]
	require.Equal(t, []string{"other", "forbidden", "export:" + string(e.ID)}, []string{entry.Who, entry.Outcome, entry.Object})
}
