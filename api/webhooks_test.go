package api

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/webhook"
)

// publish stages one notice for each session and publishes them.
func (w *world) publish(list ...lieciba.ExamSession) {
	w.t.Helper()
	for _, x := range list {
		told := storage.Told{Kind: lieciba.NoticeGap, At: w.clock.Now(), Data: storage.NoticeData{Cause: lieciba.CauseNetworkLoss}}
		require.NoError(w.t, w.catalog.StageNotice(w.t.Context(), told.Notice(storage.NoticeSession{ID: x.ID, Source: x.Source, ExternalID: x.ExternalID})))
	}
	_, err := w.catalog.PublishNotices(w.t.Context(), 1000, w.clock.Now())
	require.NoError(w.t, err)
}

// A source replays what was told of its own sessions, from a number or an event
// ID on; an administrator everything.
func TestNoticesAreReplayed(t *testing.T) {
	w := newWorld(t)
	other := w.session("other-system", "theirs", w.own.room, start)
	w.publish() // what the fixture's own facts told
	before := int64(w.as("admin", "GET", "/v1/notices", nil).want(200).json()["next_after"].(float64))
	w.publish(w.own.session, other, w.own.session, w.foreign.session, other)
	mine := w.as("citizenship", "GET", fmt.Sprintf("/v1/notices?after=%d", before), nil).want(200)
	require.Len(t, mine.items(), 3)
	first := mine.items()[0]
	require.Equal(t, []any{"session.gap", float64(before + 1), w.own.session.ExternalID, "2026-11-18T06:30:00Z"},
		[]any{first["kind"], first["number"], first["external_id"], first["at"]})
	require.Equal(t, float64(before+4), mine.json()["next_after"])
	require.Len(t, w.as("admin", "GET", fmt.Sprintf("/v1/notices?after=%d", before), nil).want(200).items(), 5)
	page := w.as("citizenship", "GET", fmt.Sprintf("/v1/notices?limit=1&after=%s", first["id"]), nil).want(200)
	require.Equal(t, mine.items()[1], page.items()[0])
	end := w.as("citizenship", "GET", fmt.Sprintf("/v1/notices?after=%d", before+4), nil).want(200)
	require.Empty(t, end.items())
	require.Equal(t, float64(before+4), end.json()["next_after"], "go on from where one is")

	theirs := w.as("admin", "GET", fmt.Sprintf("/v1/notices?after=%d", before), nil).items()[1]["id"].(string)
	a := w.as("citizenship", "GET", "/v1/notices?after="+theirs, nil).want(404)
	b := w.as("citizenship", "GET", "/v1/notices?after="+lieciba.NewID[string](start), nil).want(404)
	require.Equal(t, string(b.body), string(a.body), "another's event looks like none")
	for query, field := range map[string]string{"after=-1": "after", "after=x": "after", "after=": "after", "limit=0": "limit", "since=1": "since"} {
		w.badly("citizenship", "GET", "/v1/notices?"+query, nil).refused(400, "invalid", field)
	}
}

func TestWebhookIsManaged(t *testing.T) {
	w := newWorld(t)
	w.ticks = true
	poked := 0
	w.server.cfg.PokeWebhooks = func() { poked++ }
	a := w.as("admin", "POST", "/v1/webhooks", map[string]any{"name": "pizis", "url": "https://pizis.example/hook?key=hidden", "source": "pizis", "kinds": []string{"session.sealed", "session.gap", "session.gap"}}).want(201).json()
	require.Regexp(t, `^whs_[A-Z2-7]{26}$`, a["secret"])
	require.Equal(t, []any{"session.gap", "session.sealed"}, a["kinds"])
	stored, err := w.catalog.Webhook(t.Context(), lieciba.WebhookID(a["id"].(string)))
	require.NoError(t, err)
	require.NotContains(t, string(stored.Secret), a["secret"], "sealed")
	w.as("admin", "POST", "/v1/webhooks", map[string]any{"name": "pizis", "url": "https://pizis.example/"}).refused(409, "conflict", "name")
	path := "/v1/webhooks/" + a["id"].(string)
	list := w.as("admin", "GET", "/v1/webhooks", nil).want(200)
	require.NotContains(t, string(list.body), "whs_")
	require.Len(t, list.items(), 1)

	w.as("admin", "PATCH", path, map[string]any{"finish_rotation": true}).refused(409, "conflict", "finish_rotation")
	w.as("admin", "PATCH", path, map[string]any{"new_secret": true, "finish_rotation": true}).refused(400, "invalid", "finish_rotation")
	second := w.as("admin", "PATCH", path, map[string]any{"new_secret": true}).want(200).json()
	require.NotEqual(t, a["secret"], second["secret"])
	require.Equal(t, true, second["rotating"])
	w.as("admin", "PATCH", path, map[string]any{"new_secret": true}).refused(409, "conflict", "new_secret")
	done := w.as("admin", "PATCH", path, map[string]any{"finish_rotation": true, "kinds": []string{}, "url": "https://pizis.example/other", "disabled": true}).want(200).json()
	require.Equal(t, []any{false, []any{}, "https://pizis.example/other", true, nil}, []any{done["rotating"], done["kinds"], done["url"], done["disabled"], done["secret"]})
	w.as("admin", "DELETE", path, nil).want(204)
	w.as("admin", "DELETE", path, nil).want(204)
	w.as("admin", "PATCH", path, map[string]any{"disabled": false}).refused(409, "conflict", "")
	w.as("admin", "POST", path+"/redelivery", map[string]any{}).refused(409, "conflict", "")
	require.Equal(t, true, w.as("admin", "GET", "/v1/webhooks", nil).items()[0]["ended"])
	require.Positive(t, poked)
	for _, e := range w.audited("manage_webhooks") {
		require.NotContains(t, e.Detail, "hidden", "an address may hold a key")
		require.NotContains(t, e.Detail, "whs_")
	}
	for _, secret := range []string{a["secret"].(string), second["secret"].(string), "hidden"} {
		require.NotContains(t, w.log.String(), secret)
	}
	missing := "/v1/webhooks/" + lieciba.NewID[string](start)
	w.as("admin", "PATCH", missing, map[string]any{}).refused(404, "not_found", "")
	w.as("admin", "DELETE", missing, nil).refused(404, "not_found", "")
	w.as("admin", "GET", missing+"/deliveries", nil).refused(404, "not_found", "")
	w.as("admin", "POST", missing+"/redelivery", map[string]any{}).refused(404, "not_found", "")
}

// An administrator cannot make the server call itself or its host's services.
func TestServerSideRequestForgeryByWebhook(t *testing.T) {
	w := newWorld(t)
	for _, url := range []string{"http://pizis.example/", "https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/latest/meta-data", "https://[::ffff:7f00:1]/",
		"https://0.0.0.0/", "https://[fe80::1]/", "file:///etc/passwd", "gopher://x/", "https://user:pass@pizis.example/", "https://"} {
		w.as("admin", "POST", "/v1/webhooks", map[string]any{"name": "ssrf", "url": url}).refused(400, "invalid", "url")
	}
	h := w.hook("good")
	w.as("admin", "PATCH", "/v1/webhooks/"+string(h.ID), map[string]any{"url": "https://[::1]/"}).refused(400, "invalid", "url")
	w.server.cfg.Webhooks = webhook.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	w.as("admin", "POST", "/v1/webhooks", map[string]any{"name": "test", "url": "http://127.0.0.1:9/"}).want(201)
	for field, body := range map[string]map[string]any{
		"name": {"name": "no name", "url": "https://a.lv/"}, "source": {"name": "a", "url": "https://a.lv/", "source": "no source"}, "kinds": {"name": "a", "url": "https://a.lv/", "kinds": []string{"all"}},
	} {
		w.badly("admin", "POST", "/v1/webhooks", body).refused(400, "invalid", field)
	}
}

func TestDeliveriesAreListedAndRepeated(t *testing.T) {
	w := newWorld(t)
	h := w.hook("pizis")
	path := "/v1/webhooks/" + string(h.ID)
	w.publish(w.own.session, w.own.session, w.own.session)
	node := lieciba.NewID[lieciba.NodeID](start)
	claimed, err := w.catalog.ClaimDeliveries(t.Context(), node, h.ID, w.clock.Now(), time.Minute, 1)
	require.NoError(t, err)
	d := claimed[0]
	d.State, d.Attempts, d.LastError, d.DoneAt = lieciba.DeliveryDead, 80, "answered 500 Internal Server Error", start
	require.NoError(t, w.catalog.SettleDelivery(t.Context(), node, d))
	dead := w.as("admin", "GET", path+"/deliveries?state=dead", nil).want(200).items()
	require.Len(t, dead, 1)
	require.Equal(t, []any{"dead", float64(80), "answered 500 Internal Server Error", nil}, []any{dead[0]["state"], dead[0]["attempts"], dead[0]["last_error"], dead[0]["next_at"]})
	id := dead[0]["notice"].(map[string]any)["id"].(string)
	w.badly("admin", "POST", path+"/redelivery", map[string]any{"notice_id": "x"}).refused(400, "invalid", "notice_id")
	require.Equal(t, float64(0), w.as("admin", "POST", path+"/redelivery", map[string]any{"notice_id": lieciba.NewID[string](start)}).want(200).json()["redelivered"])
	require.Equal(t, float64(1), w.as("admin", "POST", path+"/redelivery", map[string]any{"notice_id": id}).want(200).json()["redelivered"])
	require.Empty(t, w.as("admin", "GET", path+"/deliveries?state=dead&state=delivered", nil).want(200).items())

	var numbers []any
	for next := path + "/deliveries?limit=2"; next != ""; {
		a := w.as("admin", "GET", next, nil).want(200)
		for _, x := range a.items() {
			numbers = append(numbers, x["notice"].(map[string]any)["number"])
			require.NotNil(t, x["next_at"])
		}
		next = ""
		if before := a.json()["next_before"]; before != nil {
			next = fmt.Sprintf("%s/deliveries?limit=2&before=%v", path, before)
		}
	}
	require.GreaterOrEqual(t, len(numbers), 3)
	for i := range len(numbers) - 1 {
		require.Greater(t, numbers[i], numbers[i+1], "newest first, each once")
	}
	for query, field := range map[string]string{"state=lost": "state", "limit=0": "limit", "before=0": "before", "before=x": "before", "after=1": "after"} {
		w.badly("admin", "GET", path+"/deliveries?"+query, nil).refused(400, "invalid", field)
	}
	w.badly("admin", "GET", "/v1/webhooks/x/deliveries", nil).refused(400, "invalid", "id")
}

// S13 of the review: an administrator neither mutes the channel by which security
// hears of administrators, nor reads what goes through it.
func TestAlarmsAreOutOfTheAdministratorsHands(t *testing.T) {
	w := newWorld(t)
	hook := map[string]any{"name": "soc", "url": "https://soc.example/hook", "kinds": []string{"alarm.raised", "hold.placed"}}
	w.as("admin", "POST", "/v1/webhooks", hook).refused(403, "forbidden", "kinds")
	made := w.as("security", "POST", "/v1/webhooks", hook).want(201).json()
	path := "/v1/webhooks/" + made["id"].(string)
	for _, change := range []map[string]any{{"disabled": true}, {"kinds": []string{"hold.placed"}}, {"url": "https://else.example"}, {"new_secret": true}} {
		w.as("admin", "PATCH", path, change).refused(403, "forbidden", "kinds")
	}
	w.as("admin", "DELETE", path, nil).refused(403, "forbidden", "kinds")
	w.as("admin", "POST", path+"/redelivery", map[string]any{}).refused(403, "forbidden", "kinds")
	plain := w.as("admin", "POST", "/v1/webhooks", map[string]any{"name": "pizis", "url": "https://pizis.example/hook"}).want(201).json()
	w.as("admin", "PATCH", "/v1/webhooks/"+plain["id"].(string), map[string]any{"kinds": []string{"alarm.raised"}}).refused(403, "forbidden", "kinds")
	refused := 0
	for _, e := range w.audited("manage_webhooks") {
		if e.Outcome == "forbidden" {
			require.Equal(t, "token-admin", e.Who)
			refused++
		}
	}
	require.Equal(t, 8, refused, "each is on record")
	got, err := w.catalog.Webhook(t.Context(), lieciba.WebhookID(made["id"].(string)))
	require.NoError(t, err)
	require.Equal(t, []any{false, "https://soc.example/hook", []lieciba.NoticeKind{"alarm.raised", "hold.placed"}}, []any{got.Disabled, got.URL, got.Kinds})

	w.publish()
	before := w.as("admin", "GET", "/v1/notices", nil).want(200).json()["next_after"].(float64)
	alarm := lieciba.Alarm{ID: lieciba.NewID[lieciba.AlarmID](start), Kind: lieciba.AlarmRefusals, Key: "k", At: start}
	for range 2 { // one before and one after what an administrator may see
		require.NoError(t, w.catalog.StageNotice(t.Context(), storage.NoticeOfAlarm(alarm)))
		_, err = w.catalog.PlaceHold(t.Context(), lieciba.Hold{ID: lieciba.NewID[lieciba.HoldID](start), SessionID: w.own.session.ID, Kind: lieciba.HoldCourt, Reference: "C-1", PlacedAt: start})
		require.NoError(t, err)
	}
	w.publish()
	page := w.as("admin", "GET", fmt.Sprintf("/v1/notices?limit=2&after=%v", before), nil).want(200)
	require.Equal(t, []any{"hold.placed", "hold.placed"}, []any{page.items()[0]["kind"], page.items()[1]["kind"]}, "a page is full although alarms are left out")
	require.Equal(t, before+4, page.json()["next_after"])
	kinds := func(role lieciba.Role) (out []string) {
		for _, d := range w.as(role, "GET", path+"/deliveries", nil).want(200).items() {
			out = append(out, d["notice"].(map[string]any)["kind"].(string))
		}
		return out
	}
	require.Equal(t, []string{"hold.placed", "hold.placed"}, kinds("admin"))
	require.Equal(t, []string{"hold.placed", "alarm.raised", "hold.placed", "alarm.raised"}, kinds("security"))
	w.as("security", "PATCH", path, map[string]any{"disabled": true}).want(200)
	w.as("security", "DELETE", path, nil).want(204)
}
