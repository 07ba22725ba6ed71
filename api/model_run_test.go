package api

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/sqlite"
)

var (
	modelSeed      = flag.Uint64("model.seed", 973, "seed of the generated sequences of session messages")
	modelSequences = flag.Int("model.sequences", 0, "how many sequences; 0: 10,000, and a sample under the race detector")
	modelOnly      = flag.Int("model.only", -1, "run the sequence of this number alone")
)

// player plays one sequence of messages against the server and the model.
type player struct {
	*world
	t      *testing.T
	n      uint64
	token  string // of the source
	source string
	gen    *generator
	model  *model
	exts   []string          // the source's IDs of this sequence
	ids    map[string]string // the server's ID of each session, by external ID
	begun  map[string]string // start of the sessions that have begun
	order  []string          // of the sessions, as they came
	steps  []string
	crew   *crew
}

func modelWorlds(t *testing.T, postgres bool) []*world {
	if postgres {
		return []*world{newPostgresWorld(t)}
	}
	var out []*world
	for range runtime.GOMAXPROCS(0) {
		dir, err := os.MkdirTemp("/dev/shm", "lieciba-model-") // thousands of syncs
		if err != nil {
			dir = t.TempDir()
		}
		file := filepath.Join(dir, "catalog.db")
		cat, err := sqlite.Open(t.Context(), file)
		require.NoError(t, err)
		w := newWorldOn(t, cat, openSQL(t, "sqlite", "file:"+file+"?mode=ro"))
		t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
		out = append(out, w)
	}
	return out
}

// TestSessionMessagesAgainstTheModel plays generated sequences of messages of the
// citizenship system, of supervisors and of the clock: every answer and the state
// in the end are the model's, every answer conforms to the document, and every
// session is on record as long as the model says and where it says, whole.
func TestSessionMessagesAgainstTheModel(t *testing.T) {
	n := 10_000
	if underRace {
		n = 300
	}
	if *modelSequences > 0 {
		n = *modelSequences
	}
	playModel(t, modelWorlds(t, false), n)
}

func TestSessionMessagesAgainstTheModelOnPostgres(t *testing.T) {
	n := 300
	if underRace {
		n = 50
	}
	playModel(t, modelWorlds(t, true), n)
}

func playModel(t *testing.T, worlds []*world, n int) {
	var next, messages atomic.Int64
	t.Run("sequences", func(t *testing.T) {
		for i, w := range worlds {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				w.t = t
				plain, tok := NewClientToken(fmt.Sprintf("source-%d", i), []lieciba.Role{lieciba.RoleCitizenship}, nil, start, 100*365*24*time.Hour)
				require.NoError(t, w.catalog.PutClientToken(t.Context(), tok))
				by, supervisor := NewClientToken("old-hand", []lieciba.Role{lieciba.RoleSupervisor, lieciba.RoleReviewer}, []lieciba.SiteID{w.own.site.ID}, start, 100*365*24*time.Hour)
				require.NoError(t, w.catalog.PutClientToken(t.Context(), supervisor))
				w.tokens[lieciba.RoleSupervisor] = by
				for k := next.Add(1) - 1; k < int64(n); k = next.Add(1) - 1 {
					if *modelOnly < 0 || int64(*modelOnly) == k {
						messages.Add(int64(newPlayer(t, w, plain, tok.Name, uint64(k)).play()))
					}
				}
			})
		}
	})
	t.Logf("seed %d: %d sequences, %d messages", *modelSeed, n, messages.Load())
}

func newPlayer(t *testing.T, w *world, token, source string, n uint64) *player {
	rnd := rand.New(rand.NewPCG(*modelSeed, n))
	p := &player{world: w, t: t, n: n, token: token, source: source, model: newModel(), ids: map[string]string{}, begun: map[string]string{}, crew: newCrew()}
	p.gen = &generator{rnd: rnd, base: modelNights[rnd.IntN(len(modelNights))], last: map[string]modelDoc{}}
	for i := range 2 {
		room := w.room(w.own.site.ID, fmt.Sprintf("m%d-%d", n, i))
		p.gen.rooms = append(p.gen.rooms, room.Code)
		p.equip(room)
	}
	for i := range 1 + rnd.IntN(3) {
		p.exts = append(p.exts, fmt.Sprintf("S%d-%d", n, i))
	}
	p.setClock(p.gen.base)
	return p
}

func (p *player) setClock(at time.Time) {
	p.model.now = lieciba.Micro(at)
	p.clock.mu.Lock()
	defer p.clock.mu.Unlock()
	p.clock.now = p.model.now
}

// play plays the whole sequence and returns the number of its messages.
func (p *player) play() int {
	defer func() {
		if p.t.Failed() {
			p.t.Logf("seed %d, sequence %d (-model.seed %d -model.only %d):\n%s", *modelSeed, p.n, *modelSeed, p.n, strings.Join(p.steps, "\n"))
		}
	}()
	n := 5 + p.gen.rnd.IntN(8)
	for range n {
		p.step()
		p.look()
		p.model.look()
	}
	p.toTheEnd()
	for ext, x := range p.model.sessions {
		a := p.do(request{method: "GET", path: "/v1/exam-sessions/" + p.ids[ext], token: p.tokens[lieciba.RoleReviewer]}).want(200)
		p.same(ext, x, a)
		p.holdsOf(ext, x)
		p.filmed(ext, x)
	}
	return n
}

func (p *player) step() {
	r := p.gen.rnd.IntN(100)
	switch {
	case r < 45:
		d := p.gen.document(p.exts[p.gen.rnd.IntN(len(p.exts))], p.model.now)
		if p.gen.rnd.IntN(7) == 0 {
			p.note("%s is delayed: %s", d.ext, d.body) // and may come after newer ones
			return
		}
		p.push(d)
	case r < 58:
		if len(p.gen.sent) > 0 {
			p.push(p.gen.sent[p.gen.rnd.IntN(len(p.gen.sent))])
		}
	case r < 74:
		p.advance()
	case r < 80:
		p.tick()
	case r < 88:
		p.cancel()
	case r < 95:
		p.event()
	case r < 97:
		p.start()
	case r < 99:
		p.link()
	default:
		p.ready()
	}
}

func (p *player) note(format string, args ...any) {
	p.steps = append(p.steps, p.model.now.Format("15:04:05.999999 ")+fmt.Sprintf(format, args...))
}

// answers checks status and field.
func (p *player) answers(a answer, want outcome) {
	p.t.Helper()
	p.steps[len(p.steps)-1] += fmt.Sprintf(" → %d", a.status)
	require.Equal(p.t, want.status, a.status, "answer: %s", a.body)
	if want.status >= 400 && want.field != "" {
		var e errorBody
		require.NoError(p.t, json.Unmarshal(a.body, &e))
		require.Equal(p.t, want.field, e.Error.Field, "answer: %s", a.body)
	}
}

func (p *player) push(d sentDoc) {
	p.note("PUT %s %s", d.ext, d.body)
	a := p.do(request{method: "PUT", path: "/v1/exam-sessions/" + d.ext, token: p.token, body: d.body, bad: d.doc.bad != ""})
	want := p.model.push(d.ext, d.doc)
	p.answers(a, want)
	if want.status < 300 {
		name := d.ext
		if byHand := p.model.links[name]; byHand != "" {
			name = byHand
		}
		p.same(name, p.model.sessions[name], a)
	}
}

// same compares an answer with the model, and holds what never may happen to a
// session that has begun: its start does not move, its end is never cut away
// from under a recording, its ID stays.
func (p *player) same(ext string, x *modelSession, a answer) {
	p.t.Helper()
	var got struct {
		ID, State     string
		SourceVersion int64  `json:"source_version"`
		RoomCode      string `json:"room_code"`
		StartsAt      string `json:"starts_at"`
		EndsAt        string `json:"ends_at"`
		ExternalID    string `json:"external_id"`
		CancelAsked   bool   `json:"cancel_asked"`
		Seats         int
		Parts         []struct {
			Kind     string
			StartsAt string `json:"starts_at"`
			EndsAt   string `json:"ends_at"`
			Sound    bool
		}
	}
	require.NoError(p.t, json.Unmarshal(a.body, &got))
	var b strings.Builder
	fmt.Fprint(&b, got.State, got.CancelAsked, got.SourceVersion, got.RoomCode, " "+got.StartsAt+" ", " "+got.EndsAt+" ", got.Seats)
	for _, part := range got.Parts {
		fmt.Fprint(&b, " ", part.Kind, " "+part.StartsAt+" ", " "+part.EndsAt+" ", part.Sound)
	}
	require.Equal(p.t, x.view(), b.String())
	require.Equal(p.t, ext, got.ExternalID)
	if p.ids[ext] != "" {
		require.Equal(p.t, p.ids[ext], got.ID)
	} else {
		p.order = append(p.order, ext)
	}
	p.ids[ext] = got.ID
	if began := p.begun[ext]; began != "" {
		require.Equal(p.t, began, got.StartsAt, "the start of a session that has begun moved")
	}
	if got.State == "running" {
		p.begun[ext] = got.StartsAt
	}
}

// advance moves the clock on, often to the very edge of a window.
func (p *player) advance() {
	to := p.model.now.Add(time.Duration(p.gen.rnd.IntN(120)) * time.Minute)
	if x := p.any(); x != nil && p.gen.rnd.IntN(2) == 0 {
		edges := []time.Time{x.doc.from.Add(-modelBefore), x.doc.from, x.doc.to, x.doc.to.Add(modelAfter)}
		edge := edges[p.gen.rnd.IntN(len(edges))].Add(time.Duration(p.gen.rnd.IntN(3)-1) * time.Microsecond)
		if edge.After(p.model.now) {
			to = edge
		}
	}
	p.film(to)
	p.note("the clock")
	if p.gen.rnd.IntN(2) == 0 {
		p.tick()
	}
}

// toTheEnd lets all sessions come to their end.
func (p *player) toTheEnd() {
	end := p.model.now
	for _, x := range p.model.sessions {
		end = latest(end, x.doc.to.Add(modelAfter))
	}
	p.film(end)
	p.note("the end")
	p.tick()
}

// any is one of the sessions, nil while there is none.
func (p *player) any() *modelSession { return p.model.sessions[p.anyName()] }

func (p *player) anyName() string {
	if len(p.order) == 0 {
		return ""
	}
	return p.order[p.gen.rnd.IntN(len(p.order))]
}

// tick is a look of the scheduler (recorder.moveSessions).
func (p *player) tick() {
	p.note("the scheduler looks")
	for ext, x := range p.model.sessions {
		p.change(ext, x, func(s *lieciba.ExamSession) {
			s.State = lieciba.SessionStateAt(*s, p.cfg.Margins, p.model.now)
		})
	}
	p.model.tick()
}

// ready is a readiness check that passed.
func (p *player) ready() {
	for ext, x := range p.model.sessions {
		if x.state == "planned" {
			p.note("%s is ready", ext)
			p.change(ext, x, func(s *lieciba.ExamSession) { s.State = lieciba.SessionReady })
			x.state = "ready"
		}
	}
}

func (p *player) change(ext string, x *modelSession, edit func(*lieciba.ExamSession)) {
	p.t.Helper()
	s, err := p.catalog.Session(p.t.Context(), lieciba.SessionID(p.ids[ext]))
	require.NoError(p.t, err)
	require.Equal(p.t, x.byHand, s.Source == lieciba.SourceAdHoc)
	require.NoError(p.t, p.catalog.ChangeSession(p.t.Context(), s.SessionKey, func(s *lieciba.ExamSession) (*lieciba.ExamSession, error) {
		edit(s)
		return s, nil
	}, nil))
}

// cancel is a supervisor's answer to a wish to cancel.
func (p *player) cancel() {
	ext := p.anyName()
	if ext == "" {
		return
	}
	x, path := p.model.sessions[ext], "/v1/exam-sessions/"+p.ids[ext]+"/cancellation"
	if p.gen.rnd.IntN(2) == 0 {
		p.note("confirm %s", ext)
		p.answers(p.as("supervisor", "POST", path, map[string]any{"reason": "nobody came"}), p.model.confirm(x))
		return
	}
	p.note("refuse %s", ext)
	p.answers(p.as("supervisor", "DELETE", path, nil), p.model.refuse(x))
}

func (p *player) event() {
	ext := p.exts[p.gen.rnd.IntN(len(p.exts))]
	if name := p.anyName(); name != "" && p.gen.rnd.IntN(2) == 0 {
		ext = name
	}
	kind := []string{"result_notified", "appeal_opened", "appeal_decided"}[p.gen.rnd.IntN(3)]
	id, appeal := fmt.Sprintf("E%d-%d", p.n, p.gen.rnd.IntN(4)), ""
	if kind != "result_notified" {
		appeal = fmt.Sprintf("A-%d", p.gen.rnd.IntN(2))
	}
	at := p.model.now.Add(-time.Duration(p.gen.rnd.IntN(4)) * time.Hour)
	if p.gen.rnd.IntN(10) == 0 {
		at = p.model.now.Add(5*time.Minute + time.Microsecond)
	}
	body := map[string]any{"event_id": id, "kind": kind, "at": riga(at)}
	if appeal != "" {
		body["appeal"] = appeal
	}
	p.note("%s of %s: %s %s %s", id, ext, kind, riga(at), appeal)
	a := p.do(request{method: "POST", path: "/v1/exam-sessions/" + ext + "/events", token: p.token, body: body})
	p.answers(a, p.model.event(ext, id, kind, at, appeal))
}

func (p *player) start() {
	room, minutes := p.gen.room(), 1+p.gen.rnd.IntN(120)
	p.note("start by hand in %s for %d min", room, minutes)
	a := p.as("supervisor", "POST", "/v1/exam-sessions", map[string]any{"room": room, "minutes": minutes})
	want, x := p.model.start(room, minutes)
	p.answers(a, want)
	if x != nil {
		ext := a.json()["external_id"].(string)
		p.model.sessions[ext] = x
		p.same(ext, x, a)
	}
}

// link gives a session a name of the source, new or taken.
func (p *player) link() {
	name := p.anyName()
	if name == "" {
		return
	}
	ext := p.exts[p.gen.rnd.IntN(len(p.exts))]
	if p.gen.rnd.IntN(2) == 0 {
		ext = fmt.Sprintf("L%d-%d", p.n, p.gen.rnd.IntN(2))
		if !slices.Contains(p.exts, ext) {
			p.exts = append(p.exts, ext) // documents and events may follow under it
		}
	}
	p.note("link %s to %s", name, ext)
	a := p.as("supervisor", "PUT", "/v1/exam-sessions/"+p.ids[name]+"/link", map[string]any{"source": p.source, "external_id": ext})
	want := p.model.link(name, ext)
	p.answers(a, want)
	if want.status == 200 {
		p.same(name, p.model.sessions[name], a)
		for range p.gen.rnd.IntN(3) { // the source comes back, maybe with a correction
			p.push(p.gen.plan(ext, p.model.sessions[name].doc))
		}
	}
}

// holdsOf compares the appeals that keep a session's footage.
func (p *player) holdsOf(ext string, x *modelSession) {
	var want, got []string
	for appeal := range x.holds {
		want = append(want, appeal)
	}
	holds, err := p.catalog.SessionHolds(p.t.Context(), lieciba.SessionID(p.ids[ext]))
	require.NoError(p.t, err)
	for _, h := range holds {
		require.True(p.t, h.Active())
		got = append(got, h.Reference)
	}
	require.ElementsMatch(p.t, want, got)
}
