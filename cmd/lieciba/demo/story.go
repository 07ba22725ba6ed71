package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"lieciba"
	"lieciba/cmd/lieciba/citizenshipsim"
	"lieciba/viewer/probe"
)

// StoryReport is the run as the people of an exam live it, step by step, each
// through the public API.
type StoryReport struct {
	Steps []StoryStep `json:"steps"`
}

// StoryStep is one step and what came of it.
type StoryStep struct {
	Step   string `json:"step"`
	Result string `json:"result"` // Pass or Fail
	Detail string `json:"detail"` // what was seen, or why it failed
}

// storySteps are all steps of a whole run, in order.
var storySteps = []string{"put", "ready", "running", "incident", "part", "end", "result_notified", "appeal", "refused", "grant", "review", "export", "told"}

// seatOfIncident is what stands for the candidate of the story.
const seatOfIncident = 7

// step runs one step of the story, reports it and says it.
func (j *job) step(name string, do func() (detail string, err error)) error {
	detail, err := do()
	s := StoryStep{Step: name, Result: Pass, Detail: detail}
	if err != nil {
		s.Result, s.Detail = Fail, err.Error()
		err = fmt.Errorf("story, %s: %w", name, err)
	}
	j.report.Story.Steps = append(j.report.Story.Steps, s)
	j.say("story, %s: %s", name, s.Detail)
	return err
}

// judgeStory fails a run whose story is not whole.
func (r *Report) judgeStory(fail func(format string, args ...any)) {
	if len(r.Story.Steps) != len(storySteps) {
		fail("the story has %d steps of %d", len(r.Story.Steps), len(storySteps))
	}
	for _, s := range r.Story.Steps {
		if s.Result != Pass {
			fail("story, %s: %s", s.Step, s.Detail)
		}
	}
}

// listen lets the citizenship system receive webhooks on loopback.
func (j *job) listen(ctx context.Context) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	j.receiver = &http.Server{Handler: j.sim, ReadHeaderTimeout: 10 * time.Second}
	j.received = make(chan error, 1)
	go func() { j.received <- j.receiver.Serve(l) }()
	var made struct {
		Secret string `json:"secret"`
	}
	body := map[string]any{"name": "demo-" + lieciba.NewID[string](time.Now()), "url": "http://" + l.Addr().String(), "source": "demo-" + string(lieciba.RoleCitizenship)}
	err = j.as(ctx, lieciba.RoleAdmin, http.MethodPost, "/v1/webhooks", body, &made)
	j.sim.Secret = made.Secret
	return err
}

// closeReceiver ends listen.
func (j *job) closeReceiver() error {
	if j.receiver == nil {
		return nil
	}
	err := j.receiver.Close()
	if e := <-j.received; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}

type readiness struct {
	Ready   bool           `json:"ready"`
	Running *struct{}      `json:"running"`
	Cameras []readyCameraV `json:"cameras"`
}

type readyCameraV struct {
	Name  string                 `json:"name"`
	State lieciba.ReadinessState `json:"state"`
	Items []struct {
		Check    lieciba.ReadinessCheck `json:"check"`
		Outcome  lieciba.CheckOutcome   `json:"outcome"`
		Measured string                 `json:"measured"`
	} `json:"items"`
}

// failures says in words why a camera did not pass.
func (r readiness) failures() string {
	text := ""
	for _, c := range r.Cameras {
		if c.State == lieciba.ReadinessUnchecked {
			text += "; " + c.Name + " was not checked"
		}
		for _, i := range c.Items {
			if i.Outcome == lieciba.OutcomeFailed {
				text += fmt.Sprintf("; %s, %s: %s", c.Name, i.Check, i.Measured)
			}
		}
	}
	return text
}

// checkReady has the cameras of every session checked before it begins and signs
// the checks off, as a supervisor does.
func (j *job) checkReady(ctx context.Context) (string, error) {
	cameras := 0
	readinessOf := func(s lieciba.SessionID) string { return "/v1/exam-sessions/" + string(s) + "/readiness" }
	for _, s := range j.sessions {
		if err := j.as(ctx, lieciba.RoleSupervisor, http.MethodPost, readinessOf(s), nil, nil); err != nil {
			return "", err
		}
	}
	for _, s := range j.sessions {
		path := readinessOf(s)
		var r readiness
		err := j.until(ctx, 100*time.Millisecond, func() (bool, error) {
			err := j.get(ctx, lieciba.RoleSupervisor, path, &r)
			return r.Running == nil, err
		})
		if err != nil {
			return "", err
		}
		if text := r.failures(); text != "" {
			return "", fmt.Errorf("not every camera is ready%s", text)
		}
		if err := j.as(ctx, lieciba.RoleSupervisor, http.MethodPost, path+"/sign-off", map[string]string{"reason": ""}, &r); err != nil {
			return "", err
		}
		cameras += len(r.Cameras)
		if err := j.expectState(ctx, s, lieciba.SessionReady); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d cameras checked: picture, sound, clock, storage, test recording; signed off", cameras), nil
}

// expectState waits until a session is in a state; a moment passes between the
// fact and the scheduler that sees it.
func (j *job) expectState(ctx context.Context, s lieciba.SessionID, want lieciba.SessionState) error {
	var x struct {
		State lieciba.SessionState `json:"state"`
	}
	ctx, cancel := context.WithTimeout(ctx, measureTime)
	defer cancel()
	err := j.until(ctx, 100*time.Millisecond, func() (bool, error) {
		err := j.get(ctx, lieciba.RoleReviewer, "/v1/exam-sessions/"+string(s), &x)
		return x.State == want, err
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the session is %s, not %s", x.State, want)
	}
	return err
}

// awaited waits for a webhook about the first session.
func (j *job) awaited(ctx context.Context, kind lieciba.NoticeKind) error {
	ctx, cancel := context.WithTimeout(ctx, measureTime)
	defer cancel()
	_, err := j.sim.Await(ctx, func(r citizenshipsim.Receipt) bool { return r.Kind == kind && r.SessionID == j.sessions[0] })
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the citizenship system was not told of %s", kind)
	}
	return err
}

// isRunning sees that the session runs and that its source knows.
func (j *job) isRunning(ctx context.Context) (string, error) {
	if err := j.expectState(ctx, j.sessions[0], lieciba.SessionRunning); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d cameras record, the citizenship system was told", len(j.cameras)), j.awaited(ctx, lieciba.NoticeRecordingStarted)
}

// mark marks an incident as the key M does: pressed a moment ago.
func (j *job) mark(ctx context.Context) (string, error) {
	var i struct {
		ID lieciba.IncidentID `json:"id"`
		At stamp              `json:"at"`
	}
	body := map[string]any{"kind": lieciba.IncidentPhone, "seat": seatOfIncident, "ago_ms": 800, "camera_id": j.cameras[0].ID}
	err := j.as(ctx, lieciba.RoleSupervisor, http.MethodPost, "/v1/exam-sessions/"+string(j.sessions[0])+"/incidents", body, &i)
	j.incident, j.incidentAt = i.ID, i.At
	return fmt.Sprintf("phone, seat %d, %s", seatOfIncident, i.At.In(lieciba.Riga).Format("15:04:05.000")), err
}

// runPart starts the speaking part as it really starts.
func (j *job) runPart(ctx context.Context) (string, error) {
	path := "/v1/exam-sessions/" + string(j.sessions[0]) + "/part-events"
	var parts struct {
		Parts []struct {
			PartID lieciba.PartID    `json:"part_id"`
			Kind   lieciba.PartKind  `json:"kind"`
			State  lieciba.PartState `json:"state"`
		} `json:"parts"`
	}
	if err := j.get(ctx, lieciba.RoleSupervisor, path, &parts); err != nil {
		return "", err
	}
	for _, p := range parts.Parts {
		body := map[string]any{"part_id": p.PartID, "step": lieciba.StepStarted}
		if err := j.as(ctx, lieciba.RoleSupervisor, http.MethodPost, path, body, &parts); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d parts started by hand; sound is kept while candidates speak", len(parts.Parts)), nil
}

// ended sees that the session is over and sealed.
func (j *job) ended(ctx context.Context) (string, error) {
	if err := j.expectState(ctx, j.sessions[0], lieciba.SessionFinished); err != nil {
		return "", err
	}
	return "stored, read back, sealed; the citizenship system was told", j.awaited(ctx, lieciba.NoticeSealed)
}

// notify tells the result of the first session.
func (j *job) notify(ctx context.Context) (string, error) {
	if _, err := j.sim.Notify(ctx, lieciba.EventResultNotified, j.external(), ""); err != nil {
		return "", err
	}
	return "retention runs from here", j.expectState(ctx, j.sessions[0], lieciba.SessionAnchored)
}

// appealReference is the case of the story.
func (j *job) appealReference() string { return "A-" + string(j.sessions[0]) }

// external is what the citizenship system calls the first session.
func (j *job) external() string {
	pushed := j.sim.Sessions()
	return pushed[len(pushed)-len(rooms)].ExternalID
}

// appeal has the citizenship system open an appeal, which places a hold.
func (j *job) appeal(ctx context.Context) (string, error) {
	if _, err := j.sim.Notify(ctx, lieciba.EventAppealOpened, j.external(), j.appealReference()); err != nil {
		return "", err
	}
	var list list[struct {
		State  lieciba.AppealState `json:"state"`
		HoldID *lieciba.HoldID     `json:"hold_id"`
	}]
	if err := j.get(ctx, lieciba.RoleReviewer, "/v1/appeals?reference="+j.appealReference(), &list); err != nil {
		return "", err
	}
	if len(list.Items) != 1 || list.Items[0].State != lieciba.AppealOpened || list.Items[0].HoldID == nil {
		return "", fmt.Errorf("the appeal is not open with a hold: %+v", list.Items)
	}
	return "opened by the citizenship system; a hold keeps the footage", j.awaited(ctx, lieciba.NoticeHoldPlaced)
}

// refused sees that a reviewer's role alone opens nothing, and that whoever asks
// for a grant cannot approve it.
func (j *job) refused(ctx context.Context) (string, error) {
	_, err := j.clients[lieciba.RoleReviewer].Playback(ctx, j.sessions[0], j.incidentAt, 1)
	if lieciba.CodeOf(err) != lieciba.CodeNeedsGrant {
		return "", fmt.Errorf("playback without a grant: %w", errors.Join(err, errors.New("wanted needs_grant")))
	}
	var r struct {
		ID     lieciba.RequestID `json:"id"`
		Digest string            `json:"digest"`
	}
	if err := j.as(ctx, lieciba.RoleReviewer, http.MethodPost, "/v1/requests", j.grantAsked(), &r); err != nil {
		return "", err
	}
	path := "/v1/requests/" + string(r.ID)
	err = j.as(ctx, lieciba.RoleReviewer, http.MethodPost, path+"/approval", map[string]string{"digest": r.Digest}, nil)
	if lieciba.CodeOf(err) != lieciba.CodeForbidden {
		return "", fmt.Errorf("approval by who asked: %w", errors.Join(err, errors.New("wanted forbidden")))
	}
	return "no archive without a grant, no approval by who asked", j.as(ctx, lieciba.RoleReviewer, http.MethodDelete, path, nil, nil)
}

// grantAsked is the reviewer's wish to see the whole session under the appeal.
func (j *job) grantAsked() map[string]any {
	return map[string]any{"kind": lieciba.RequestGrant, "session_id": j.sessions[0], "appeal": j.appealReference(),
		"reason": "the appeal names the minute of the incident", "until": time.Now().Add(time.Hour).Format(time.RFC3339)}
}

// grant asks for the whole session under the appeal; another person approves.
func (j *job) grant(ctx context.Context) (string, error) {
	_, err := j.approved(ctx, j.grantAsked())
	return "asked by a reviewer, approved by an approver, begun", err
}

// review watches the archive and notes that the incident was looked at.
func (j *job) review(ctx context.Context) (string, error) {
	if err := j.archive(ctx); err != nil {
		return "", err
	}
	body := map[string]string{"note": "seen from two cameras"}
	err := j.as(ctx, lieciba.RoleReviewer, http.MethodPost, "/v1/incidents/"+string(j.incident)+"/review", body, nil)
	return fmt.Sprintf("%d seeks, cameras in step; the incident is reviewed", j.report.Archive.Seeks), err
}

// export takes the evidence packages out.
func (j *job) export(ctx context.Context) (string, error) {
	if err := j.takeOut(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d packages approved, built and fetched", len(j.packages)), j.awaited(ctx, lieciba.NoticeExportSealed)
}

// told compares what came by webhook with what can be read again.
func (j *job) told(ctx context.Context) (string, error) {
	all, err := j.sim.Replay(ctx, 0)
	if err != nil {
		return "", err
	}
	last := all[len(all)-1]
	ctx, cancel := context.WithTimeout(ctx, measureTime)
	defer cancel()
	if _, err := j.sim.Await(ctx, func(r citizenshipsim.Receipt) bool { return r.ID == last.ID }); err != nil {
		return "", fmt.Errorf("the last notice did not come: %w", err)
	}
	came := map[lieciba.NoticeID]bool{}
	for _, r := range j.sim.Received() {
		if r.Refused != "" || r.OutOfOrder {
			return "", fmt.Errorf("notice %d: %s, out of order: %v", r.Number, r.Refused, r.OutOfOrder)
		}
		came[r.ID] = true
	}
	missing := 0
	for _, n := range all {
		if n.At.After(j.began) && !came[n.ID] {
			missing++
		}
	}
	if missing > 0 {
		return "", fmt.Errorf("%d of %d notices did not come", missing, len(all))
	}
	return fmt.Sprintf("%d signed notices, in order, none lost", len(came)), nil
}

// people signs in those who act for themselves: no machine approves.
func (j *job) people(ctx context.Context) error {
	for _, role := range []lieciba.Role{lieciba.RoleReviewer, lieciba.RoleApprover} {
		if err := j.person(ctx, role); err != nil {
			return err
		}
	}
	c := j.clients[lieciba.RoleCitizenship]
	j.sim = &citizenshipsim.Sim{Base: c.Base, Token: c.Token, HTTP: c.HTTP}
	return j.listen(ctx)
}

// person signs somebody in who has one role and no other.
func (j *job) person(ctx context.Context, role lieciba.Role) error {
	login := "demo-" + string(role)
	password, err := j.server.Account(ctx, login, "Demo "+string(role), []lieciba.Role{role}, nil)
	if err != nil {
		return err
	}
	j.passwords[login] = password
	j.clients[role], err = j.server.SignIn(ctx, login, password)
	return err
}

// approved has the reviewer ask for something and the approver approve it, and
// uses it; it returns the ID of what came of it.
func (j *job) approved(ctx context.Context, asked map[string]any) (string, error) {
	return probe.Approved(ctx, j.clients[lieciba.RoleReviewer], j.clients[lieciba.RoleApprover], asked)
}
