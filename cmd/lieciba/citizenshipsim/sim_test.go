package citizenshipsim

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"lieciba"
	"lieciba/api"
	"lieciba/cmd/lieciba/config"
	"lieciba/cmd/lieciba/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open runs the whole server on loopback, with two rooms, and returns a client
// for its administrator and one for the simulated system.
func open(t *testing.T) (admin, sim *Sim) {
	cfg := config.Default()
	cfg.Data, cfg.HTTP.Listen, cfg.WebRTC.Port = t.TempDir(), "127.0.0.1:0", 0
	cfg.Webhooks.Allow = []string{"127.0.0.0/8"}
	cfg.Disk.Low, cfg.Disk.Critical = 0, 0
	s, err := server.Open(t.Context(), server.Options{Config: cfg, Log: slog.New(slog.DiscardHandler), Version: "test"})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		stop()
		require.NoError(t, <-ended)
		require.NoError(t, s.Close())
	})
	token := func(role lieciba.Role) *Sim {
		plain, tok := api.NewClientToken(string(role)+"-1", []lieciba.Role{role}, nil, time.Now(), time.Hour)
		require.NoError(t, s.Catalog().PutClientToken(t.Context(), tok))
		return &Sim{Base: s.URL(), Token: plain, HTTP: client}
	}
	admin, sim = token(lieciba.RoleAdmin), token(lieciba.RoleCitizenship)
	require.NoError(t, admin.call(t.Context(), http.MethodPut, "/v1/sites/riga", map[string]any{"name": "Rīga"}, nil))
	for _, room := range []string{"r-1", "r-2"} {
		require.NoError(t, admin.call(t.Context(), http.MethodPut, "/v1/rooms/"+room, map[string]any{"site": "riga", "name": room}, nil))
	}
	return admin, sim
}

// hook makes a webhook to the simulated system and gives it the secret.
func hook(t *testing.T, admin, sim *Sim) (url string) {
	srv := httptest.NewServer(sim)
	t.Cleanup(srv.Close)
	var made struct{ Secret string }
	require.NoError(t, admin.call(t.Context(), http.MethodPost, "/v1/webhooks", map[string]any{"name": "pizis", "url": srv.URL, "source": "citizenship-1"}, &made))
	sim.Secret = made.Secret
	return srv.URL
}

// A day is pushed, an appeal is told, and its hold comes back by webhook: signed,
// in order, and again by replay.
func TestADayWithTheRealServer(t *testing.T) {
	admin, sim := open(t)
	url := hook(t, admin, sim)
	day := Plan{Rooms: []string{"r-1", "r-2"}, Start: time.Now().Add(-time.Minute), Sessions: 2, Length: time.Hour, Seats: 12,
		Parts: []lieciba.PartKind{lieciba.PartListening, lieciba.PartSpeaking}, Prefix: "day"}
	pushed, err := sim.PushDay(t.Context(), day)
	require.NoError(t, err)
	require.Len(t, pushed, 4)
	again, err := sim.PushDay(t.Context(), day)
	require.NoError(t, err, "the same day again changes nothing")
	require.Equal(t, pushed, again)
	require.Len(t, sim.Sessions(), 4)
	var got struct {
		State string
		Parts []any
		Seats int
	}
	require.NoError(t, sim.call(t.Context(), http.MethodGet, "/v1/exam-sessions/day.r-1.2", nil, &got))
	require.Equal(t, []any{"planned", 2, 12}, []any{got.State, len(got.Parts), got.Seats})

	for _, line := range []string{"appeal_opened day.r-1.1 A-17", "appeal_opened day.r-1.1 A-18", "extend day.r-1.2 15m", "cancel day.r-2.2", "", "# a remark"} {
		_, err := sim.Do(t.Context(), line)
		require.NoError(t, err, line)
	}
	holds := 0
	last, err := sim.Await(t.Context(), func(r Receipt) bool {
		if r.Kind == lieciba.NoticeHoldPlaced {
			holds++
		}
		return holds == 2
	})
	require.NoError(t, err)
	require.Equal(t, "day.r-1.1", last.ExternalID)
	require.Equal(t, int64(2), sim.Sessions()[2].Version)
	list, err := sim.Replay(t.Context(), 0)
	require.NoError(t, err)
	byWebhook := map[lieciba.NoticeID]bool{}
	for _, r := range sim.Received() {
		require.Equal(t, []any{"", false}, []any{r.Refused, r.OutOfOrder})
		byWebhook[r.ID] = true
	}
	require.NotEmpty(t, list)
	for _, n := range list[:2] {
		require.True(t, byWebhook[n.ID])
	}

	// What is not signed with the secret is not taken.
	resp, err := sim.HTTP.Post(url, "application/json", strings.NewReader(`{}`))
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
	r := sim.Received()
	require.NotEmpty(t, r[len(r)-1].Refused)
}

func TestRefusalsAreTold(t *testing.T) {
	_, sim := open(t)
	err := sim.Push(t.Context(), Session{ExternalID: "x", Version: 1, Room: "no-such", StartsAt: time.Now(), EndsAt: time.Now().Add(time.Hour)})
	var e *lieciba.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, []any{lieciba.CodeInvalid, "room"}, []any{e.Code, e.Field})
	_, err = sim.Notify(t.Context(), lieciba.EventResultNotified, "x", "")
	require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(err))
	require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(sim.Extend(t.Context(), "x", time.Minute)))
	for _, line := range []string{"appeal_opened x", "dance", "extend x soon", "replay x", "wait x"} {
		_, err := sim.Do(t.Context(), line)
		require.Error(t, err, line)
	}
	var told []string
	require.NoError(t, sim.Follow(t.Context(), strings.NewReader("dance\n\nwait 1ns\n"), func(said string, err error) {
		if err != nil {
			said = "failed"
		}
		told = append(told, said)
	}))
	require.Equal(t, []string{"failed", "waited 1ns"}, told)
}

// The receiver's own eyes: duplicates and order.
func TestReceiptsAreJudged(t *testing.T) {
	s := &Sim{}
	in := func(id string, number int64, session string) {
		s.inbox.add(Receipt{Notice: Notice{ID: lieciba.NoticeID(id), Number: number, SessionID: lieciba.SessionID(session), Data: json.RawMessage("{}")}})
	}
	in("a", 1, "x")
	in("c", 3, "x")
	in("b", 2, "y")
	in("c", 3, "x")
	in("d", 2, "x")
	var got [][2]bool
	for _, r := range s.Received() {
		got = append(got, [2]bool{r.Duplicate, r.OutOfOrder})
	}
	require.Equal(t, [][2]bool{{}, {}, {}, {true, false}, {false, true}}, got)
	require.Contains(t, s.Received()[4].String(), "OUT OF ORDER")
}
