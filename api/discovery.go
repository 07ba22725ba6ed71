package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"lieciba"
)

// Bounds on discoveries, so that a page left open cannot exhaust the server.
const (
	maxRunning = 2
	maxKept    = 32
	maxFound   = 1024 // devices in one discovery
)

// discovery is one search for cameras.
type discovery struct {
	id      string
	began   time.Time
	lasts   time.Duration
	ended   time.Time // zero while it runs
	err     error
	found   map[string]Found // by endpoint reference, else by address
	dropped bool             // more answered than maxFound
}

// discoveries keeps those that run and, for a while, their results. Safe for
// concurrent use.
type discoveries struct {
	mu     sync.Mutex
	byID   map[string]*discovery
	ctx    context.Context
	cancel context.CancelFunc
	jobs   sync.WaitGroup
	closed bool
}

func newDiscoveries() *discoveries {
	ctx, cancel := context.WithCancel(context.Background())
	return &discoveries{byID: map[string]*discovery{}, ctx: ctx, cancel: cancel}
}

// close ends what runs and waits for it.
func (d *discoveries) close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.cancel()
	d.jobs.Wait()
}

// forget drops what ended longer than kept ago, and the oldest beyond maxKept. mu is held.
func (d *discoveries) forget(now time.Time, kept time.Duration) {
	var ended []*discovery
	for id, job := range d.byID {
		if job.ended.IsZero() {
			continue
		}
		if now.Sub(job.ended) >= kept {
			delete(d.byID, id)
			continue
		}
		ended = append(ended, job)
	}
	slices.SortFunc(ended, func(a, b *discovery) int { return a.ended.Compare(b.ended) })
	for _, job := range ended[:max(0, len(ended)-maxKept)] {
		delete(d.byID, job.id)
	}
}

// reserve makes a place for a discovery, unless too many run already.
func (d *discoveries) reserve(r DiscoverRequest, now time.Time, kept time.Duration) (*discovery, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.forget(now, kept)
	running := 0
	for _, job := range d.byID {
		if job.ended.IsZero() {
			running++
		}
	}
	if d.closed || running >= maxRunning {
		return nil, retryError{err: lieciba.Errorf(lieciba.CodeRateLimited,
			"%d discoveries run already: wait for one to end", running), after: r.Duration}
	}
	job := &discovery{id: lieciba.NewID[string](now), began: now, lasts: r.Duration, found: map[string]Found{}}
	d.byID[job.id] = job
	return job, nil
}

// start begins a discovery once admit agrees. It has its place by then, so that
// what admit writes down comes true.
func (d *discoveries) start(prober Prober, r DiscoverRequest, clock func() time.Time, kept time.Duration, admit func() error) (*discovery, error) {
	job, err := d.reserve(r, clock(), kept)
	if err != nil {
		return nil, err
	}
	err = admit()
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil && d.closed {
		err = lieciba.Errorf(lieciba.CodeUnavailable, "the server stops")
	}
	if err != nil {
		delete(d.byID, job.id)
		return nil, err
	}
	d.jobs.Go(func() {
		err := lieciba.Guard("the search for cameras", func() error { return prober.Discover(d.ctx, r, func(f Found) { d.add(job, f) }) })
		d.mu.Lock()
		defer d.mu.Unlock()
		job.err, job.ended = err, clock()
	})
	return job, nil
}

// add notes a device; the newest answer of a device counts.
func (d *discoveries) add(job *discovery, f Found) {
	key := cmp.Or(f.Camera.EndpointRef, f.Camera.Address)
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := job.found[key]; !known && len(job.found) >= maxFound {
		job.dropped = true
		return
	}
	job.found[key] = f
}

type newDiscovery struct {
	Interfaces []string `json:"interfaces"`
	Addresses  []string `json:"addresses"`
	Seconds    *float64 `json:"seconds"`
}

func (in newDiscovery) request() (DiscoverRequest, error) {
	r := DiscoverRequest{Interfaces: in.Interfaces, Addresses: in.Addresses, Duration: 5 * time.Second}
	if len(in.Interfaces) > 16 {
		return r, lieciba.Invalid("interfaces", "at most 16")
	}
	for _, name := range in.Interfaces {
		if name == "" || len(name) > 64 || strings.ContainsAny(name, "/\\ ") {
			return r, lieciba.Invalid("interfaces", "%q is not the name of a network interface", name)
		}
	}
	if len(in.Addresses) > 256 {
		return r, lieciba.Invalid("addresses", "at most 256")
	}
	for _, a := range in.Addresses {
		if err := checkHost("addresses", a); err != nil {
			return r, err
		}
	}
	if in.Seconds != nil {
		if !(*in.Seconds >= 1 && *in.Seconds <= 60) {
			return r, lieciba.Invalid("seconds", "must be 1 to 60")
		}
		r.Duration = time.Duration(*in.Seconds * float64(time.Second))
	}
	return r, nil
}

// discoveryDetail names the addresses that were to be asked, as far as an audit
// entry has room: who makes a server knock at doors leaves word at which.
func discoveryDetail(r DiscoverRequest) string {
	const room = 1000 // bytes
	if len(r.Addresses) == 0 {
		return "discovery"
	}
	list := strings.Join(r.Addresses, ", ")
	if len(list) > room {
		list = list[:room] + "…"
	}
	return fmt.Sprintf("discovery at %d addresses: %s", len(r.Addresses), list)
}

func (s *Server) discover(c *call) error {
	var in newDiscovery
	if err := c.read(&in); err != nil {
		return err
	}
	r, err := in.request()
	if err != nil {
		return err
	}
	job, err := s.discoveries.start(s.cfg.Prober, r, s.cfg.Now, s.cfg.DiscoveryKept, func() error {
		e := c.entry(string(lieciba.ActManageCameras), target{what: "network", id: strings.Join(r.Interfaces, ",")})
		e.Detail = discoveryDetail(r)
		return c.appendAudit(e)
	})
	if err != nil {
		return err
	}
	c.gin.Header("Location", "/v1/discoveries/"+job.id)
	return s.answerDiscovery(c, http.StatusCreated, job.id)
}

func (s *Server) getDiscovery(c *call) error {
	id, err := lieciba.ParseID[string]("id", c.gin.Param("id"))
	if err != nil {
		return err
	}
	return s.answerDiscovery(c, http.StatusOK, id)
}

type foundView struct {
	EndpointRef      string            `json:"endpoint_ref"`
	Address          string            `json:"address"`
	DeviceURL        string            `json:"device_url"`
	Maker            string            `json:"maker"`
	Model            string            `json:"model"`
	Name             string            `json:"name"`
	Firmware         string            `json:"firmware"`
	Serial           string            `json:"serial"`
	ClockOffsetMS    int64             `json:"clock_offset_ms"`
	NeedsCredentials bool              `json:"needs_credentials"`
	AdoptedCameraID  *lieciba.CameraID `json:"adopted_camera_id"`
	Streams          []streamView      `json:"streams"`
	Advice           []string          `json:"advice"`
	Error            string            `json:"error"`
}

type discoveryView struct {
	ID       string      `json:"id"`
	State    string      `json:"state"`
	Progress float64     `json:"progress"`
	Found    []foundView `json:"found"`
	Error    string      `json:"error"`
}

func viewFound(f Found, adopted []lieciba.Camera) foundView {
	cam := f.Camera
	v := foundView{EndpointRef: cam.EndpointRef, Address: cam.Address, DeviceURL: cam.DeviceURL, Maker: cam.Maker,
		Model: cam.Model, Name: cam.Name, Firmware: cam.Firmware, Serial: cam.Serial, ClockOffsetMS: cam.ClockOffset.Milliseconds(),
		NeedsCredentials: f.NeedsCredentials, Streams: viewStreams(cam.Streams), Advice: orEmpty(f.Advice)}
	if f.Err != nil {
		v.Error = asError(f.Err, "none").Message
	}
	for _, a := range adopted {
		same := a.EndpointRef == cam.EndpointRef && cam.EndpointRef != "" || a.Address == cam.Address && cam.Address != ""
		if same && a.State != lieciba.CameraRetired {
			v.AdoptedCameraID = &a.ID
		}
	}
	return v
}

func (s *Server) answerDiscovery(c *call, status int, id string) error {
	adopted, err := s.cfg.Catalog.ListCameras(c.ctx(), "")
	if err != nil {
		return err
	}
	v, err := s.discoveries.view(id, c.now, s.cfg.DiscoveryKept, adopted)
	if err != nil {
		return err
	}
	c.gin.JSON(status, v)
	return nil
}

func (d *discoveries) view(id string, now time.Time, kept time.Duration, adopted []lieciba.Camera) (discoveryView, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.forget(now, kept)
	job, ok := d.byID[id]
	if !ok {
		return discoveryView{}, lieciba.Errorf(lieciba.CodeNotFound, "there is no such discovery, or it was forgotten: start a new one")
	}
	v := discoveryView{ID: id, State: "running", Found: []foundView{}}
	v.Progress = min(0.99, max(0, now.Sub(job.began).Seconds()/job.lasts.Seconds()))
	if !job.ended.IsZero() {
		v.State, v.Progress = "done", 1
		if job.err != nil {
			v.State, v.Error = "failed", asError(job.err, "none").Message
		}
	}
	if job.dropped && v.Error == "" {
		v.Error = "more devices answered than are listed here: search one network at a time"
	}
	for _, f := range job.found {
		v.Found = append(v.Found, viewFound(f, adopted))
	}
	slices.SortFunc(v.Found, func(a, b foundView) int {
		return cmp.Or(cmp.Compare(a.Address, b.Address), cmp.Compare(a.EndpointRef, b.EndpointRef))
	})
	return v, nil
}
