package api

import (
	"context"
	"slices"

	"lieciba"
)

// checkPlaceState fills in active and refuses unknown states.
func checkPlaceState(s *lieciba.PlaceState) error {
	orDefault(s, lieciba.PlaceActive)
	if *s != lieciba.PlaceActive && *s != lieciba.PlaceRetired {
		return lieciba.Invalid("state", "unknown state %q: use active or retired", *s)
	}
	return nil
}

// siteRef finds a site by ID or code; CodeNotFound for neither.
func (s *Server) siteRef(ctx context.Context, field, ref string) (lieciba.Site, error) {
	if id, err := lieciba.ParseID[lieciba.SiteID](field, ref); err == nil {
		site, err := s.cfg.Catalog.Site(ctx, id)
		return site, asNotFound(err, "site")
	}
	if !lieciba.ValidCode(ref) {
		return lieciba.Site{}, lieciba.Invalid(field, "is neither a site's code nor its ID")
	}
	all, err := s.cfg.Catalog.ListSites(ctx)
	if err != nil {
		return lieciba.Site{}, err
	}
	if i := slices.IndexFunc(all, func(x lieciba.Site) bool { return x.Code == ref }); i >= 0 {
		return all[i], nil
	}
	return lieciba.Site{}, notFound("site")
}

// roomRef finds a room by ID or code; CodeNotFound for neither.
func (s *Server) roomRef(ctx context.Context, field, ref string) (lieciba.Room, error) {
	if id, err := lieciba.ParseID[lieciba.RoomID](field, ref); err == nil {
		room, err := s.cfg.Catalog.Room(ctx, id)
		return room, asNotFound(err, "room")
	}
	if !lieciba.ValidCode(ref) {
		return lieciba.Room{}, lieciba.Invalid(field, "is neither a room's code nor its ID")
	}
	room, err := s.cfg.Catalog.RoomByCode(ctx, ref)
	return room, asNotFound(err, "room")
}

// inBody turns a reference that leads nowhere into a fault of the body's field.
func inBody(err error, field, cure string) error {
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		return lieciba.Invalid(field, "%s", cure)
	}
	return err
}

const (
	unknownSite = "no site has this code or ID: create it first (PUT /v1/sites/CODE), or correct it"
	unknownRoom = "no room has this code: create it first (PUT /v1/rooms/CODE), or correct it"
)

// siteFilter reads the query parameter site and narrows the caller's sites to
// it. nil means every site.
func (c *call) siteFilter(act lieciba.Act) ([]lieciba.SiteID, error) {
	all, sites := lieciba.AllowedSites(c.who, act)
	if all {
		sites = nil
	}
	ref, given := c.gin.GetQuery("site")
	if !given {
		return sites, nil
	}
	site, err := c.server.siteRef(c.ctx(), "site", ref)
	if err != nil {
		return nil, err
	}
	if err := c.allowOn(act, target{site: site.ID, what: "site", id: string(site.ID)}); err != nil {
		return nil, err
	}
	return []lieciba.SiteID{site.ID}, nil
}

func (s *Server) siteByID(c *call) (lieciba.Site, target, error) {
	id, err := lieciba.ParseID[lieciba.SiteID]("id", c.gin.Param("id"))
	if err != nil {
		return lieciba.Site{}, target{}, err
	}
	site, err := s.cfg.Catalog.Site(c.ctx(), id)
	return site, target{site: id, what: "site", id: string(id)}, asNotFound(err, "site")
}

func (s *Server) listSites(c *call) error {
	all, err := s.cfg.Catalog.ListSites(c.ctx())
	if err != nil {
		return err
	}
	out := items[siteView]{Items: []siteView{}}
	for _, site := range all {
		if lieciba.Allow(c.who, lieciba.ActViewSites, site.ID) == nil {
			out.Items = append(out.Items, viewSite(site))
		}
	}
	return c.ok(out)
}

func (s *Server) listRooms(c *call, site lieciba.Site) error {
	rooms, err := s.cfg.Catalog.ListRooms(c.ctx(), site.ID)
	if err != nil {
		return err
	}
	out := items[roomView]{Items: []roomView{}}
	for _, r := range rooms {
		out.Items = append(out.Items, viewRoom(r))
	}
	return c.ok(out)
}

type siteChange struct {
	Name   string             `json:"name"`
	Mobile bool               `json:"mobile"`
	State  lieciba.PlaceState `json:"state"`
}

func (s *Server) putSite(c *call) error {
	code := c.gin.Param("id")
	if err := lieciba.CheckCode("code", code); err != nil {
		return err
	}
	var in siteChange
	if err := c.read(&in); err != nil {
		return err
	}
	if err := checkText("name", in.Name); err != nil {
		return err
	}
	if err := checkPlaceState(&in.State); err != nil {
		return err
	}
	fresh := lieciba.Site{ID: lieciba.NewID[lieciba.SiteID](c.now), Code: code, CreatedAt: lieciba.Micro(c.now)}
	var site lieciba.Site
	var created bool
	e := c.entry(string(lieciba.ActManageSites), target{what: "site"})
	e.Detail = "site " + code + " is " + string(in.State)
	if err := c.recordNew(&e, func(ctx context.Context) error {
		all, err := s.cfg.Catalog.ListSites(ctx)
		if err != nil {
			return err
		}
		site, created = fresh, true
		if i := slices.IndexFunc(all, func(x lieciba.Site) bool { return x.Code == code }); i >= 0 {
			site, created = all[i], false
		}
		site.Name, site.Mobile, site.State = in.Name, in.Mobile, in.State
		e.Object = target{what: "site", id: string(site.ID)}.String()
		return s.cfg.Catalog.PutSite(ctx, site)
	}); err != nil {
		return err
	}
	if created {
		return c.created(viewSite(site))
	}
	return c.ok(viewSite(site))
}

type roomChange struct {
	Site  string             `json:"site"`
	Name  string             `json:"name"`
	State lieciba.PlaceState `json:"state"`

	code string
	site lieciba.Site
}

func (s *Server) roomChange(c *call) (roomChange, target, error) {
	in := roomChange{}
	t := target{what: "room", id: c.gin.Param("id")}
	in.code = t.id
	if err := lieciba.CheckCode("code", in.code); err != nil {
		return in, t, err
	}
	if err := c.read(&in); err != nil {
		return in, t, err
	}
	if err := checkText("name", in.Name); err != nil {
		return in, t, err
	}
	if err := checkPlaceState(&in.State); err != nil {
		return in, t, err
	}
	var err error
	in.site, err = s.siteRef(c.ctx(), "site", in.Site)
	t.site = in.site.ID
	return in, t, inBody(err, "site", unknownSite)
}

func (s *Server) putRoom(c *call, in roomChange) error {
	fresh := lieciba.Room{ID: lieciba.NewID[lieciba.RoomID](c.now), SiteID: in.site.ID, Code: in.code, CreatedAt: lieciba.Micro(c.now)}
	var room lieciba.Room
	var created bool
	e := c.entry(string(lieciba.ActManageSites), target{what: "room"})
	e.Detail = "room " + in.code + " is " + string(in.State)
	if err := c.recordNew(&e, func(ctx context.Context) (err error) {
		room, err = s.cfg.Catalog.RoomByCode(ctx, in.code)
		created = lieciba.CodeOf(err) == lieciba.CodeNotFound
		switch {
		case created:
			room = fresh
		case err != nil:
			return err
		case room.SiteID != in.site.ID:
			return &lieciba.Error{Code: lieciba.CodeConflict, Field: "site",
				Message: "this room belongs to another site and cannot move: its recordings would change hands"}
		}
		room.Name, room.State = in.Name, in.State
		e.Object = target{what: "room", id: string(room.ID)}.String()
		return s.cfg.Catalog.PutRoom(ctx, room)
	}); err != nil {
		return err
	}
	if created {
		return c.created(viewRoom(room))
	}
	return c.ok(viewRoom(room))
}
