package api

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"lieciba"
)

func cameraTarget(c lieciba.Camera) target {
	return target{site: c.SiteID, what: "camera", id: string(c.ID), camera: c.ID}
}

func (s *Server) cameraByID(c *call) (lieciba.Camera, target, error) {
	id, err := lieciba.ParseID[lieciba.CameraID]("id", c.gin.Param("id"))
	if err != nil {
		return lieciba.Camera{}, target{}, err
	}
	cam, err := s.cfg.Catalog.Camera(c.ctx(), id)
	return cam, cameraTarget(cam), asNotFound(err, "camera")
}

// roomsNow tells which room each camera watches.
func (s *Server) roomsNow(ctx context.Context, now time.Time) (map[lieciba.CameraID]lieciba.Room, error) {
	at := lieciba.Interval{From: lieciba.Micro(now), To: lieciba.Micro(now).Add(time.Microsecond)}
	running, err := s.cfg.Catalog.Assignments(ctx, "", at)
	if err != nil {
		return nil, err
	}
	rooms, err := s.cfg.Catalog.ListRooms(ctx, "")
	if err != nil {
		return nil, err
	}
	byID := map[lieciba.RoomID]lieciba.Room{}
	for _, r := range rooms {
		byID[r.ID] = r
	}
	out := map[lieciba.CameraID]lieciba.Room{}
	for _, a := range running {
		out[a.CameraID] = byID[a.RoomID]
	}
	return out, nil
}

// viewCamera shows a camera without anything that could open it: no
// credentials, no stream address.
func (s *Server) viewCamera(c lieciba.Camera, room lieciba.Room) cameraView {
	v := cameraView{ID: c.ID, Name: c.Name, SiteID: c.SiteID, RoomID: optional(room.ID), RoomCode: optional(room.Code),
		Address: c.Address, ONVIF: c.ONVIF, Maker: c.Maker, Model: c.Model, Firmware: c.Firmware, Serial: c.Serial,
		State: c.State, Streams: viewStreams(c.Streams), ClockOffsetMS: c.ClockOffset.Milliseconds(),
		Purpose: c.Purpose, LegalBasis: c.LegalBasis}
	if status, ok := s.cfg.Monitor.CameraStatus(c.ID); ok {
		v.Status = viewStatus(status)
	}
	return v
}

func (s *Server) answerCamera(c *call, status int, cam lieciba.Camera, advice []string) error {
	rooms, err := s.roomsNow(c.ctx(), c.now)
	if err != nil {
		return err
	}
	v := s.viewCamera(cam, rooms[cam.ID])
	v.Advice = advice
	c.gin.JSON(status, v)
	return nil
}

func (s *Server) listCameras(c *call) error {
	sites, err := c.siteFilter(lieciba.ActViewCameras)
	if err != nil {
		return err
	}
	all, err := s.cfg.Catalog.ListCameras(c.ctx(), "")
	if err != nil {
		return err
	}
	rooms, err := s.roomsNow(c.ctx(), c.now)
	if err != nil {
		return err
	}
	out := items[cameraView]{Items: []cameraView{}}
	for _, cam := range all {
		if sites == nil || slices.Contains(sites, cam.SiteID) {
			out.Items = append(out.Items, s.viewCamera(cam, rooms[cam.ID]))
		}
	}
	return c.ok(out)
}

func (s *Server) getCamera(c *call, cam lieciba.Camera) error {
	return s.answerCamera(c, http.StatusOK, cam, nil)
}

type newCamera struct {
	Address    string `json:"address"`
	URL        string `json:"url"`
	Name       string `json:"name"`
	Site       string `json:"site"`
	Username   string `json:"username"`
	Password   string `json:"password"`
	Purpose    string `json:"purpose"`
	LegalBasis string `json:"legal_basis"`
	ONVIF      *bool  `json:"onvif"`

	site  lieciba.Site
	probe ProbeRequest
}

func (s *Server) newCamera(c *call) (newCamera, target, error) {
	var in newCamera
	t := target{what: "camera"}
	if err := c.read(&in); err != nil {
		return in, t, err
	}
	for _, f := range []struct{ field, text string }{{"name", in.Name}, {"purpose", in.Purpose}, {"legal_basis", in.LegalBasis}} {
		if err := checkText(f.field, f.text); err != nil {
			return in, t, err
		}
	}
	if err := checkCredentials(in.Username, in.Password); err != nil {
		return in, t, err
	}
	var err error
	if in.probe, err = in.probeRequest(); err != nil {
		return in, t, err
	}
	in.site, err = s.siteRef(c.ctx(), "site", in.Site)
	t.site = in.site.ID
	return in, t, inBody(err, "site", unknownSite)
}

func checkCredentials(username, password string) error {
	if len(username) > 256 {
		return lieciba.Invalid("username", "must have at most 256 bytes")
	}
	if len(password) > 256 {
		return lieciba.Invalid("password", "must have at most 256 bytes")
	}
	return nil
}

// probeRequest checks where the camera is said to be. Which networks may be
// reached is decided where the connection is dialled (package onvif).
func (in newCamera) probeRequest() (ProbeRequest, error) {
	r := ProbeRequest{Address: in.Address, URL: in.URL, ONVIF: true, Credentials: Credentials{in.Username, in.Password}}
	switch {
	case (in.Address == "") == (in.URL == ""):
		return r, lieciba.Invalid("address", "send either address (host or host:port) or url")
	case in.Address != "":
		if err := checkHost("address", in.Address); err != nil {
			return r, err
		}
		if in.ONVIF != nil && !*in.ONVIF {
			return r, lieciba.Invalid("url", "a camera without ONVIF needs its rtsp:// url")
		}
		return r, nil
	}
	u, err := url.Parse(in.URL)
	if err != nil || u.Host == "" || u.Opaque != "" || u.Fragment != "" || len(in.URL) > 2048 {
		return r, lieciba.Invalid("url", "is not an address such as rtsp://192.0.2.10:554/stream1")
	}
	if u.User != nil {
		return r, lieciba.Invalid("url", "must not hold credentials: send them as username and password")
	}
	r.ONVIF = u.Scheme == "http" || u.Scheme == "https"
	if !r.ONVIF && u.Scheme != "rtsp" && u.Scheme != "rtsps" {
		return r, lieciba.Invalid("url", "must begin with rtsp://, rtsps://, http:// or https://")
	}
	if in.ONVIF != nil && *in.ONVIF != r.ONVIF {
		return r, lieciba.Invalid("onvif", "does not fit the url: rtsp:// is a camera without ONVIF, http:// one with it")
	}
	return r, checkHost("url", u.Host)
}

// checkHost accepts host or host:port and nothing that could carry more.
func checkHost(field, s string) error {
	bad := lieciba.Invalid(field, "is not a host or host:port such as 192.0.2.10:8080")
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		host, port = s, ""
	}
	if port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return bad
		}
	}
	if inner, ok := strings.CutPrefix(s, "["); ok && err != nil { // a bracketed IPv6 address without port
		host, ok = strings.CutSuffix(inner, "]")
		if !ok || net.ParseIP(host) == nil {
			return bad
		}
	}
	if net.ParseIP(host) != nil {
		return nil
	}
	label := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.'
	}
	if host == "" || len(host) > 253 || strings.ContainsFunc(host, func(r rune) bool { return !label(r) }) {
		return bad
	}
	return nil
}

func (s *Server) adoptCamera(c *call, in newCamera) error {
	probed, err := s.cfg.Prober.Probe(c.ctx(), in.probe)
	if err != nil {
		return refusedByCamera(err)
	}
	cam := probed.Camera
	cam.ID, cam.SiteID, cam.Name = lieciba.NewID[lieciba.CameraID](c.now), in.site.ID, in.Name
	cam.Purpose, cam.LegalBasis = in.Purpose, in.LegalBasis
	cam.State, cam.CreatedAt = lieciba.CameraEnrolled, lieciba.Micro(c.now)
	sealed := SealCredentials(s.cfg.Secrets, cam.ID, in.probe.Credentials)
	if err := c.act(lieciba.ActManageCameras, cameraTarget(cam), "camera adopted at "+cam.Address, func(ctx context.Context) error {
		if err := s.cfg.Catalog.PutCamera(ctx, cam); err != nil || sealed == nil {
			return err
		}
		return s.cfg.Catalog.SetCameraSecret(ctx, cam.ID, sealed)
	}); err != nil {
		return err
	}
	s.cfg.Refresh.Refresh()
	return s.answerCamera(c, http.StatusCreated, cam, probed.Advice)
}

type cameraChange struct {
	Name       *string              `json:"name"`
	Username   *string              `json:"username"`
	Password   *string              `json:"password"`
	Purpose    *string              `json:"purpose"`
	LegalBasis *string              `json:"legal_basis"`
	State      *lieciba.CameraState `json:"state"`
}

// apply checks a change and makes it on cam; it returns what changed, in words.
func (in cameraChange) apply(cam *lieciba.Camera) ([]string, error) {
	var changed []string
	for _, f := range []struct {
		field    string
		from, to *string
	}{{"name", in.Name, &cam.Name}, {"purpose", in.Purpose, &cam.Purpose}, {"legal_basis", in.LegalBasis, &cam.LegalBasis}} {
		if f.from == nil {
			continue
		}
		if err := checkText(f.field, *f.from); err != nil {
			return nil, err
		}
		*f.to = *f.from
		changed = append(changed, f.field)
	}
	if in.State != nil {
		if *in.State != lieciba.CameraRetired && *in.State != lieciba.CameraEnrolled {
			return nil, lieciba.Invalid("state", "can be set to retired or enrolled; the other states are measured")
		}
		if (*in.State == lieciba.CameraRetired) != (cam.State == lieciba.CameraRetired) {
			cam.State = *in.State
			changed = append(changed, "state "+string(cam.State))
		}
	}
	return changed, nil
}

func (s *Server) changeCamera(c *call, cam lieciba.Camera) error {
	var in cameraChange
	if err := c.read(&in); err != nil {
		return err
	}
	cred, changesCred, err := s.newCredentials(c, cam, in)
	if err != nil {
		return err
	}
	s.cameraEdits.Lock()
	defer s.cameraEdits.Unlock()
	var sealed []byte
	if changesCred {
		sealed = SealCredentials(s.cfg.Secrets, cam.ID, cred)
	}
	e := c.entry(string(lieciba.ActManageCameras), cameraTarget(cam))
	if err := c.record(&e, func(ctx context.Context) (err error) {
		if cam, err = s.cfg.Catalog.Camera(ctx, cam.ID); err != nil { // as it is by now
			return err
		}
		changed, err := in.apply(&cam)
		if err != nil {
			return err
		}
		if len(changed) > 0 {
			if err := s.cfg.Catalog.PutCamera(ctx, cam); err != nil {
				return err
			}
		}
		if changesCred {
			if err := s.cfg.Catalog.SetCameraSecret(ctx, cam.ID, sealed); err != nil {
				return err
			}
			changed = append(changed, "credentials")
		}
		e.Detail = "changed: " + strings.Join(changed, ", ")
		return nil
	}); err != nil {
		return err
	}
	s.cfg.Refresh.Refresh()
	return s.answerCamera(c, http.StatusOK, cam, nil)
}

// newCredentials completes changed credentials and tries them on the camera. A
// camera that does not answer takes them on trust; one that refuses does not.
func (s *Server) newCredentials(c *call, cam lieciba.Camera, in cameraChange) (Credentials, bool, error) {
	if in.Username == nil && in.Password == nil {
		return Credentials{}, false, nil
	}
	cred, err := s.credentials(c.ctx(), cam.ID)
	if err != nil && lieciba.CodeOf(err) != lieciba.CodeCorrupt { // what cannot be opened is replaced
		return cred, false, err
	}
	if in.Username != nil {
		cred.Username = *in.Username
	}
	if in.Password != nil {
		cred.Password = *in.Password
	}
	if err := checkCredentials(cred.Username, cred.Password); err != nil {
		return cred, false, err
	}
	r := ProbeRequest{URL: cam.DeviceURL, ONVIF: true, Credentials: cred}
	if !cam.ONVIF {
		main, _ := cam.Stream(lieciba.StreamMain)
		r.URL, r.ONVIF = main.URL, false
	}
	if _, err := s.cfg.Prober.Probe(c.ctx(), r); credentialsRefused(err) {
		return cred, false, refusedByCamera(err)
	}
	return cred, true, nil
}

type assignmentChange struct {
	Room *string `json:"room"`
	From *string `json:"from"`
}

type assignmentView struct {
	CameraID lieciba.CameraID `json:"camera_id"`
	RoomID   *lieciba.RoomID  `json:"room_id"`
	From     stamp            `json:"from"`
}

// startedAgo is how far in the past an assignment may begin: the way of a request.
const startedAgo = 5 * time.Second

func (s *Server) assignCamera(c *call, cam lieciba.Camera) error {
	var in assignmentChange
	if err := c.read(&in); err != nil {
		return err
	}
	if in.Room == nil {
		return lieciba.Invalid("room", "send the room's code, or an empty text to end the assignment")
	}
	a := lieciba.CameraAssignment{CameraID: cam.ID, From: lieciba.Micro(c.now)}
	if in.From != nil {
		var err error
		if a.From, err = parseTime("from", *in.From); err != nil {
			return err
		}
		if a.From.Before(c.now.Add(-startedAgo)) {
			return lieciba.Invalid("from", "lies in the past: what a camera watched then cannot be rewritten")
		}
	}
	detail := "assignment ended"
	if *in.Room != "" {
		room, err := s.roomRef(c.ctx(), "room", *in.Room)
		if err != nil {
			return inBody(err, "room", unknownRoom)
		}
		if room.SiteID != cam.SiteID {
			return lieciba.Invalid("room", "belongs to another site than the camera: adopt the camera at that site")
		}
		if room.State == lieciba.PlaceRetired {
			return lieciba.Invalid("room", "is retired: name a room in use")
		}
		a.RoomID, detail = room.ID, "assigned to room "+room.Code
	}
	e := c.entry(string(lieciba.ActManageCameras), cameraTarget(cam))
	e.From, e.Detail = a.From, detail
	if err := c.record(&e, func(ctx context.Context) error { return s.cfg.Catalog.AssignCamera(ctx, a) }); err != nil {
		return err
	}
	s.cfg.Refresh.Refresh()
	return c.ok(assignmentView{CameraID: cam.ID, RoomID: optional(a.RoomID), From: stamp(a.From)})
}
