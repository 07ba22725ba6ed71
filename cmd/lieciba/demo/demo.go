// Package demo runs the product's main job on an exam site of virtual cameras:
// found, adopted, recorded, watched, checked. It uses the public API only, as
// the citizenship system, a browser and an administrator would.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"lieciba"
	"lieciba/cmd/lieciba/citizenshipsim"
	"lieciba/onvif/virtualcam"
	"lieciba/storage/fsck"
	"lieciba/viewer/probe"
)

const (
	frameRate = 25
	cut       = 3 * time.Second // how long one camera is unplugged in mid-run
	cutAfter  = 8 * time.Second // of recording
)

// Server is what the demo needs of a running server beside its API.
type Server interface {
	URL() string
	// Client returns a client of the API that holds a fresh token for the roles.
	Client(ctx context.Context, name string, roles []lieciba.Role, sites []lieciba.SiteID) (*probe.Client, error)
	// SignIn signs an account in, as a browser does.
	SignIn(ctx context.Context, login, password string) (*probe.Client, error)
	// Account makes an account and returns its password.
	Account(ctx context.Context, login, name string, roles []lieciba.Role, sites []lieciba.SiteID) (string, error)
	// Fsck proves the invariants on the live stores.
	Fsck(ctx context.Context) (fsck.Report, error)
}

// Options of a run.
type Options struct {
	Cameras   int
	Duration  time.Duration // length of a session; 0: 40 s with Exit, 10 min without
	Exit      bool          // run the whole job once, judge it and return
	Report    string        // file; empty: none
	ReadyFile string        // file; empty: none
	Packages  string        // existing folder that the evidence packages are fetched to (with Exit)
	Margins   lieciba.Margins
	Out       io.Writer
}

// job is one run.
type job struct {
	Options
	server   Server
	began    time.Time
	margins  lieciba.Margins
	virtual  []*virtualcam.Camera
	clients  map[lieciba.Role]*probe.Client
	site     lieciba.SiteID
	cameras  []camera
	sessions []lieciba.SessionID // of the rooms, newest push
	login    string
	password string
	report   Report

	fingerprint string // of the key of the server's hash log
	packages    []taken
	recipient   string // age public key that the packages are encrypted to

	passwords  map[string]string // of people, by login
	sim        *citizenshipsim.Sim
	receiver   *http.Server // of its webhooks
	received   chan error
	incident   lieciba.IncidentID
	incidentAt time.Time
}

// Outcome is a run that is over but for its judgement.
type Outcome struct{ job *job }

// ErrFailed is returned when the job ran and its verdict is fail.
var ErrFailed = errors.New("the demo's verdict is fail")

// Run does the job against a server that is already running. With Exit the caller
// stops the server and then calls Judge on the outcome; without, the outcome is
// nil, and so is the error when ctx ended.
func Run(ctx context.Context, server Server, o Options) (out *Outcome, err error) {
	if o.Duration == 0 {
		o.Duration = 10 * time.Minute
		if o.Exit {
			o.Duration = 40 * time.Second
		}
	}
	j := &job{Options: o, server: server, began: time.Now(), margins: o.Margins, clients: map[lieciba.Role]*probe.Client{}, passwords: map[string]string{}}
	j.report.Problems, j.report.Story.Steps = []string{}, []StoryStep{}
	defer func() { err = errors.Join(err, j.closeCameras(), j.closeReceiver()) }()
	if err := j.prepare(ctx); err != nil {
		return nil, quiet(ctx, err)
	}
	if err := j.begin(ctx); err != nil {
		return nil, quiet(ctx, err)
	}
	if err := j.recording(ctx); err != nil {
		return nil, quiet(ctx, fmt.Errorf("waiting until every camera records: %w", err))
	}
	if err := j.announce(); err != nil {
		return nil, err
	}
	if o.Exit {
		return &Outcome{j}, j.wholeJob(ctx)
	}
	return nil, quiet(ctx, j.stayOpen(ctx))
}

// Judge verifies the packages with nothing but the packages, sets the verdict
// and tells it. ErrFailed when it is fail.
func (o *Outcome) Judge(ctx context.Context) error {
	j := o.job
	if err := j.verify(ctx); err != nil {
		return err
	}
	j.report.judge(j.Cameras, cut)
	if j.Report != "" {
		if err := j.report.write(j.Report); err != nil {
			return err
		}
	}
	if err := j.report.print(j.Out); err != nil {
		return err
	}
	if j.report.Verdict != Pass {
		return ErrFailed
	}
	return nil
}

// quiet drops the error of being told to stop.
func quiet(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

func (j *job) say(format string, args ...any) {
	_, _ = fmt.Fprintf(j.Out, "%5.1f s  %s\n", time.Since(j.began).Seconds(), fmt.Sprintf(format, args...))
}

// prepare brings the site up: cameras, clients, site and rooms, adoption.
func (j *job) prepare(ctx context.Context) error {
	var err error
	if j.virtual, err = virtualcam.StartSite(j.Cameras); err != nil {
		return err
	}
	j.say("%d virtual cameras are up", len(j.virtual))
	if err := j.client(ctx, lieciba.RoleAdmin); err != nil {
		return err
	}
	if err := j.find(ctx); err != nil {
		return err
	}
	if err := j.furnish(ctx); err != nil {
		return err
	}
	for _, role := range []lieciba.Role{lieciba.RoleSupervisor, lieciba.RoleSecurity, lieciba.RoleCitizenship} {
		if err := j.client(ctx, role); err != nil {
			return err
		}
	}
	if err := j.people(ctx); err != nil {
		return err
	}
	j.login = "demo"
	roles := []lieciba.Role{lieciba.RoleSupervisor, lieciba.RoleReviewer, lieciba.RoleSecurity, lieciba.RoleAdmin}
	if j.password, err = j.server.Account(ctx, j.login, "Demo", roles, []lieciba.SiteID{j.site}); err != nil {
		return err
	}
	if err := j.adopt(ctx); err != nil {
		return err
	}
	return j.connected(ctx)
}

func (j *job) client(ctx context.Context, role lieciba.Role) error {
	c, err := j.server.Client(ctx, "demo-"+string(role), []lieciba.Role{role}, []lieciba.SiteID{j.site})
	j.clients[role] = c
	return err
}

// lead is how long before its window a session of a whole run is pushed: time to
// check the cameras.
const lead = 20 * time.Second

// begin pushes the sessions; of a whole run the cameras are checked first.
func (j *job) begin(ctx context.Context) error {
	if !j.Exit {
		return j.push(ctx, j.Duration, 0)
	}
	if err := j.step("put", func() (string, error) {
		return fmt.Sprintf("%d sessions by the citizenship system", len(rooms)), j.push(ctx, j.Duration, lead)
	}); err != nil {
		return err
	}
	return j.step("ready", func() (string, error) { return j.checkReady(ctx) })
}

// announce tells people and programs that the site records and where to look.
func (j *job) announce() error {
	j.say("%d cameras are recording", len(j.cameras))
	if !j.Exit {
		_, _ = fmt.Fprintf(j.Out, "\n  open      %s\n  user      %s\n  password  %s\n\n  approves  %s (another person, in another browser window)\n  password  %s\n\nCtrl-C ends the demo.\n\n",
			j.server.URL(), j.login, j.password, approverLogin, j.passwords[approverLogin])
	}
	if j.ReadyFile == "" {
		return nil
	}
	return writeJSON(j.ReadyFile, j.ready())
}

const approverLogin = "demo-" + string(lieciba.RoleApprover)

// wholeJob measures, waits for the end, checks and takes the packages out.
func (j *job) wholeJob(ctx context.Context) error {
	cutDone := make(chan error, 1)
	go func() { cutDone <- j.cutOne(ctx) }()
	if err := j.live(ctx); err != nil {
		return errors.Join(err, <-cutDone)
	}
	j.say("live pictures joined")
	for _, s := range []struct {
		name string
		do   func(context.Context) (string, error)
	}{{"running", j.isRunning}, {"incident", j.mark}, {"part", j.runPart}} {
		if err := j.step(s.name, func() (string, error) { return s.do(ctx) }); err != nil {
			return errors.Join(err, <-cutDone)
		}
	}
	if err := <-cutDone; err != nil {
		return err
	}
	j.say("waiting for the end of the session, and until its recordings are stored, read back and sealed")
	if err := j.stored(ctx); err != nil {
		return err
	}
	for _, s := range []struct {
		name string
		do   func(context.Context) (string, error)
	}{{"end", j.ended}, {"result_notified", j.notify}, {"appeal", j.appeal}, {"refused", j.refused}, {"grant", j.grant}, {"review", j.review}} {
		if err := j.step(s.name, func() (string, error) { return s.do(ctx) }); err != nil {
			return err
		}
	}
	if err := j.coverage(ctx); err != nil {
		return err
	}
	if err := j.step("export", func() (string, error) { return j.export(ctx) }); err != nil {
		return err
	}
	if err := j.step("told", func() (string, error) { return j.told(ctx) }); err != nil {
		return err
	}
	if err := j.check(ctx); err != nil {
		return err
	}
	j.say("evidence packages fetched; now without the server")
	return nil
}

// check runs fsck and asks which stores were used.
func (j *job) check(ctx context.Context) error {
	r, err := j.server.Fsck(ctx)
	if err != nil {
		return err
	}
	j.report.Fsck.Violations = len(r.Violations)
	j.report.Fsck.Segments = r.Checked.Segments
	for _, v := range r.Violations {
		j.report.Problems = append(j.report.Problems, fmt.Sprintf("fsck: %s: %s", v.Object, v.Message))
	}
	j.report.Session = string(j.sessions[0])
	var sys system
	if err := j.get(ctx, lieciba.RoleAdmin, "/v1/system", &sys); err != nil {
		return err
	}
	j.report.Store.Catalog, j.report.Store.Media, j.report.Store.WriteOnce = sys.Catalog, sys.Media, sys.WriteOnce
	return nil
}

// cutOne unplugs the second camera for a while, so that a declared gap is seen.
func (j *job) cutOne(ctx context.Context) error {
	if !sleep(ctx, cutAfter) {
		return ctx.Err()
	}
	v := j.virtual[1%len(j.virtual)]
	j.say("unplugging %s for %s", v.Name(), cut)
	v.Disconnect(cut)
	return nil
}

// stayOpen keeps the site busy: a cut, and a new session whenever one ended.
func (j *job) stayOpen(ctx context.Context) error {
	for {
		if err := j.cutOne(ctx); err != nil {
			return err
		}
		if !sleep(ctx, j.Duration+j.margins.Before+j.margins.After-cutAfter) {
			return nil
		}
		if err := j.push(ctx, j.Duration, 0); err != nil {
			return err
		}
		if err := j.recording(ctx); err != nil {
			return err
		}
	}
}

// sleep waits; false when ctx ended first. The demo's pace, not synchronisation.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
