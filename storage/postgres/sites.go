package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"lieciba"
)

const siteColumns = `id, code, name, mobile, state, created_at`

func scanSite(r pgx.CollectableRow) (s lieciba.Site, err error) {
	err = r.Scan(&s.ID, &s.Code, &s.Name, &s.Mobile, &s.State, stamp{&s.CreatedAt})
	return s, err
}

// PutSite implements storage.Sites.
func (c *Catalog) PutSite(ctx context.Context, s lieciba.Site) error {
	_, err := c.exec(ctx, "put a site", `INSERT INTO sites (`+siteColumns+`) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (id) DO UPDATE SET code = excluded.code, name = excluded.name, mobile = excluded.mobile,
			state = excluded.state, created_at = excluded.created_at`,
		s.ID, s.Code, s.Name, s.Mobile, s.State, ts(s.CreatedAt))
	return err
}

// Site implements storage.Sites.
func (c *Catalog) Site(ctx context.Context, id lieciba.SiteID) (lieciba.Site, error) {
	return readOne(ctx, c, "site", scanSite, `SELECT `+siteColumns+` FROM sites WHERE id = $1`+c.keep(ctx), id)
}

// ListSites implements storage.Sites.
func (c *Catalog) ListSites(ctx context.Context) ([]lieciba.Site, error) {
	return readList(ctx, c, "sites", scanSite, `SELECT `+siteColumns+` FROM sites ORDER BY code`+c.keep(ctx))
}

const roomColumns = `id, site_id, code, name, state, created_at`

func scanRoom(r pgx.CollectableRow) (m lieciba.Room, err error) {
	err = r.Scan(&m.ID, &m.SiteID, &m.Code, &m.Name, &m.State, stamp{&m.CreatedAt})
	return m, err
}

// PutRoom implements storage.Sites.
func (c *Catalog) PutRoom(ctx context.Context, r lieciba.Room) error {
	_, err := c.exec(ctx, "put a room", `INSERT INTO rooms (`+roomColumns+`) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (id) DO UPDATE SET site_id = excluded.site_id, code = excluded.code, name = excluded.name,
			state = excluded.state, created_at = excluded.created_at`,
		r.ID, r.SiteID, r.Code, r.Name, r.State, ts(r.CreatedAt))
	return err
}

// Room implements storage.Sites.
func (c *Catalog) Room(ctx context.Context, id lieciba.RoomID) (lieciba.Room, error) {
	return readOne(ctx, c, "room", scanRoom, `SELECT `+roomColumns+` FROM rooms WHERE id = $1`+c.keep(ctx), id)
}

// RoomByCode implements storage.Sites.
func (c *Catalog) RoomByCode(ctx context.Context, code string) (lieciba.Room, error) {
	return readOne(ctx, c, "room", scanRoom, `SELECT `+roomColumns+` FROM rooms WHERE code = $1`+c.keep(ctx), code)
}

// ListRooms implements storage.Sites.
func (c *Catalog) ListRooms(ctx context.Context, site lieciba.SiteID) ([]lieciba.Room, error) {
	if site == "" {
		return readList(ctx, c, "rooms", scanRoom, `SELECT `+roomColumns+` FROM rooms ORDER BY code`+c.keep(ctx))
	}
	return readList(ctx, c, "rooms", scanRoom, `SELECT `+roomColumns+` FROM rooms WHERE site_id = $1 ORDER BY code`+c.keep(ctx), site)
}
