package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"lieciba"
	"lieciba/cmd/lieciba/citizenshipsim"
	"lieciba/onvif/virtualcam"
)

const siteCode = "demo"

// rooms of the demo site; cameras are dealt out to them in order.
var rooms = []struct{ code, name string }{{"R201", "Telpa 201"}, {"R202", "Telpa 202"}}

// find discovers the virtual cameras over WS-Discovery and keeps those that are ours.
func (j *job) find(ctx context.Context) error {
	j.say("looking for cameras by WS-Discovery on the loopback interface")
	var d discovery
	ask := map[string]any{"interfaces": []string{"lo"}, "seconds": 3}
	if err := j.as(ctx, lieciba.RoleAdmin, http.MethodPost, "/v1/discoveries", ask, &d); err != nil {
		return err
	}
	err := j.until(ctx, 100*time.Millisecond, func() (bool, error) {
		err := j.get(ctx, lieciba.RoleAdmin, "/v1/discoveries/"+d.ID, &d)
		return d.State != "running", err
	})
	if err != nil {
		return err
	}
	ours := 0
	for _, f := range d.Found {
		if slices.ContainsFunc(j.virtual, func(v *virtualcam.Camera) bool { return v.Address() == f.Address }) {
			ours++
		}
	}
	j.report.Discovered = ours
	j.say("found %d of %d cameras", ours, len(j.virtual))
	return nil
}

// furnish makes site and rooms, and retires what an earlier run left there.
func (j *job) furnish(ctx context.Context) error {
	var site struct {
		ID lieciba.SiteID `json:"id"`
	}
	body := map[string]any{"name": "Rīga, paraugvieta"}
	if err := j.as(ctx, lieciba.RoleAdmin, http.MethodPut, "/v1/sites/"+siteCode, body, &site); err != nil {
		return err
	}
	j.site = site.ID
	for _, r := range rooms {
		body := map[string]any{"site": siteCode, "name": r.name}
		if err := j.as(ctx, lieciba.RoleAdmin, http.MethodPut, "/v1/rooms/"+r.code, body, nil); err != nil {
			return err
		}
	}
	var old list[camera]
	if err := j.get(ctx, lieciba.RoleAdmin, "/v1/cameras?site="+string(j.site), &old); err != nil {
		return err
	}
	for _, c := range old.Items {
		if c.State == string(lieciba.CameraRetired) {
			continue
		}
		retire := map[string]any{"state": lieciba.CameraRetired}
		if err := j.as(ctx, lieciba.RoleAdmin, http.MethodPatch, "/v1/cameras/"+string(c.ID), retire, nil); err != nil {
			return err
		}
	}
	return nil
}

// adopt takes every virtual camera in, with its password, and assigns it to a room.
func (j *job) adopt(ctx context.Context) error {
	for i, v := range j.virtual {
		var c camera
		body := map[string]any{"address": v.Address(), "site": siteCode, "name": v.Name(),
			"username": v.Username(), "password": v.Password(),
			"purpose": "demonstration", "legal_basis": "none: simulated pictures"}
		if err := j.as(ctx, lieciba.RoleAdmin, http.MethodPost, "/v1/cameras", body, &c); err != nil {
			return fmt.Errorf("adopt %s: %w", v.Name(), err)
		}
		room := rooms[i*len(rooms)/len(j.virtual)].code
		assign := map[string]any{"room": room}
		if err := j.as(ctx, lieciba.RoleAdmin, http.MethodPut, "/v1/cameras/"+string(c.ID)+"/assignment", assign, nil); err != nil {
			return err
		}
		j.cameras = append(j.cameras, c)
		j.say("adopted %s into room %s", v.Name(), room)
	}
	return nil
}

// push has the citizenship system send the exam sessions, one a room; their
// window opens after the lead.
func (j *job) push(ctx context.Context, length, lead time.Duration) error {
	start := time.Now().In(lieciba.Riga).Add(lead + j.margins.Before).Truncate(time.Second).Add(2 * time.Second)
	end := start.Add(length)
	// Sound is kept while candidates speak, and not while they read.
	speaking := start.Add(min(length/8, 8*time.Second)).Truncate(time.Second)
	j.sessions = j.sessions[:0]
	for _, r := range rooms {
		x := citizenshipsim.Session{ExternalID: fmt.Sprintf("%s-%s", start.Format("2006-01-02T1504.05"), r.code), Version: 1, Room: r.code,
			StartsAt: start, EndsAt: end, Seats: 12, Parts: []citizenshipsim.Part{
				{Kind: lieciba.PartReading, StartsAt: start, EndsAt: speaking}, {Kind: lieciba.PartSpeaking, StartsAt: speaking, EndsAt: end}}}
		if err := j.sim.Push(ctx, x); err != nil {
			return err
		}
		var s struct {
			ID lieciba.SessionID `json:"id"`
		}
		if err := j.get(ctx, lieciba.RoleCitizenship, "/v1/exam-sessions/"+x.ExternalID, &s); err != nil {
			return err
		}
		j.sessions = append(j.sessions, s.ID)
		j.say("the citizenship system pushed session %s, %s to %s", x.ExternalID, start.Format("15:04:05"), end.Format("15:04:05"))
	}
	return nil
}

// connected waits until every camera sends, so that its recording starts with
// the pre-roll.
func (j *job) connected(ctx context.Context) error {
	return j.until(ctx, 100*time.Millisecond, func() (bool, error) {
		n, err := j.count(ctx, func(c camera) bool { return c.Status != nil && c.Status.Connected && c.Status.FPS > 0 })
		return n == len(j.cameras), err
	})
}

// recording waits until every camera has something on disk.
func (j *job) recording(ctx context.Context) error {
	return j.until(ctx, 100*time.Millisecond, func() (bool, error) {
		n, err := j.count(ctx, func(c camera) bool {
			return c.Status != nil && c.Status.Recording && c.Status.LastDurableAgeMS != nil && c.Status.GapOpenSince == nil
		})
		return n == len(j.cameras), err
	})
}

// count counts the site's cameras that are as asked.
func (j *job) count(ctx context.Context, as func(camera) bool) (int, error) {
	var all list[camera]
	if err := j.get(ctx, lieciba.RoleAdmin, "/v1/cameras?site="+string(j.site), &all); err != nil {
		return 0, err
	}
	n := 0
	for _, c := range all.Items {
		if as(c) {
			n++
		}
	}
	return n, nil
}

// closeCameras ends the virtual cameras.
func (j *job) closeCameras() error {
	var errs []error
	for _, v := range j.virtual {
		errs = append(errs, v.Close())
	}
	return errors.Join(errs...)
}
