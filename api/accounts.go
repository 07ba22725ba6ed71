package api

import (
	"context"
	"slices"
	"strings"
	"time"

	"lieciba"
	"lieciba/api/password"
)

type userView struct {
	ID        lieciba.UserID   `json:"id"`
	Login     string           `json:"login"`
	Name      string           `json:"name"`
	Roles     []lieciba.Role   `json:"roles"`
	SiteIDs   []lieciba.SiteID `json:"site_ids"`
	Disabled  bool             `json:"disabled"`
	CreatedAt stamp            `json:"created_at"`
	Password  string           `json:"password,omitempty"` // made up by the server, shown once
}

func viewUser(u lieciba.User, madeUp string) userView {
	return userView{ID: u.ID, Login: u.Login, Name: u.Name, Roles: orEmpty(u.Roles), SiteIDs: orEmpty(u.SiteIDs),
		Disabled: u.Disabled, CreatedAt: stamp(u.CreatedAt), Password: madeUp}
}

func userTarget(u lieciba.User) target { return target{what: "user", id: string(u.ID)} }

func (s *Server) listUsers(c *call) error {
	all, err := s.cfg.Catalog.ListUsers(c.ctx())
	if err != nil {
		return err
	}
	out := items[userView]{Items: []userView{}}
	for _, u := range all {
		out.Items = append(out.Items, viewUser(u, ""))
	}
	return c.ok(out)
}

// checkRoles refuses unknown and repeated roles, and none at all.
func checkRoles(roles []lieciba.Role) error {
	if len(roles) == 0 {
		return lieciba.Invalid("roles", "name at least one of %v", lieciba.Roles())
	}
	for i, r := range roles {
		if _, err := lieciba.ParseRole("roles", string(r)); err != nil {
			return err
		}
		if slices.Contains(roles[:i], r) {
			return lieciba.Invalid("roles", "%q is named twice", r)
		}
	}
	return nil
}

// checkSites refuses sites that do not exist.
func (s *Server) checkSites(ctx context.Context, ids []lieciba.SiteID) error {
	if len(ids) > 1000 {
		return lieciba.Invalid("site_ids", "at most 1000")
	}
	for _, id := range ids {
		if _, err := lieciba.ParseID[lieciba.SiteID]("site_ids", string(id)); err != nil {
			return err
		}
		if _, err := s.cfg.Catalog.Site(ctx, id); err != nil {
			return inBody(err, "site_ids", "no site has the ID "+string(id))
		}
	}
	return nil
}

// makePassword returns the hash of a given or a made-up password. The work is
// bounded together with that of signing in.
func (s *Server) makePassword(c *call, given string) (hash, madeUp string, err error) {
	if given == "" {
		madeUp = password.Generate()
		given = madeUp
	}
	done, err := s.passwords.enter(c.ctx(), c.address())
	if err != nil {
		return "", "", err
	}
	defer done()
	hash, err = password.Hash(given)
	return hash, madeUp, err
}

type newUser struct {
	Login    string           `json:"login"`
	Name     string           `json:"name"`
	Roles    []lieciba.Role   `json:"roles"`
	SiteIDs  []lieciba.SiteID `json:"site_ids"`
	Password *string          `json:"password"`
}

func (in newUser) check() error {
	if !lieciba.ValidCode(in.Login) || in.Login != strings.ToLower(in.Login) {
		return lieciba.Invalid("login", "must be 1 to 64 of a-z 0-9 . _ - and start with a letter or digit")
	}
	if in.Login == lieciba.SourceAdHoc {
		return lieciba.Invalid("login", "%q is kept for sessions that are started by hand", in.Login)
	}
	if in.Password != nil {
		if err := password.Check(*in.Password); err != nil {
			return err
		}
	}
	if err := checkText("name", in.Name); err != nil {
		return err
	}
	return checkRoles(in.Roles)
}

func (s *Server) createUser(c *call) error {
	var in newUser
	if err := c.read(&in); err != nil {
		return err
	}
	if err := in.check(); err != nil {
		return err
	}
	if err := s.checkSites(c.ctx(), in.SiteIDs); err != nil {
		return err
	}
	var given string
	if in.Password != nil {
		given = *in.Password
	}
	hash, madeUp, err := s.makePassword(c, given)
	if err != nil {
		return err
	}
	u := lieciba.User{ID: lieciba.NewID[lieciba.UserID](c.now), Login: in.Login, Name: in.Name, PasswordHash: hash,
		Roles: in.Roles, SiteIDs: in.SiteIDs, CreatedAt: lieciba.Micro(c.now)}
	if err := c.act(lieciba.ActManageUsers, userTarget(u), "user created with "+rolesText(u.Roles),
		func(ctx context.Context) error { return s.cfg.Catalog.PutUser(ctx, u) }); err != nil {
		return err
	}
	return c.created(viewUser(u, madeUp))
}

func rolesText(roles []lieciba.Role) string {
	var names []string
	for _, r := range roles {
		names = append(names, string(r))
	}
	return "roles " + strings.Join(names, ", ")
}

type userChange struct {
	Name        *string           `json:"name"`
	Roles       *[]lieciba.Role   `json:"roles"`
	SiteIDs     *[]lieciba.SiteID `json:"site_ids"`
	Disabled    *bool             `json:"disabled"`
	Password    *string           `json:"password"`
	NewPassword bool              `json:"new_password"`
}

// check judges a change on its own and as one of the caller's own account.
func (in userChange) check(self bool) error {
	own := func(field string) error {
		return &lieciba.Error{Code: lieciba.CodeForbidden, Field: field,
			Message: "nobody changes their own " + field + ": ask another administrator"}
	}
	switch {
	case self && in.Roles != nil:
		return own("roles")
	case self && in.SiteIDs != nil:
		return own("site_ids")
	case self && in.Disabled != nil:
		return own("disabled")
	case in.Password != nil && in.NewPassword:
		return lieciba.Invalid("new_password", "send either password or new_password")
	}
	if in.Name != nil {
		if err := checkText("name", *in.Name); err != nil {
			return err
		}
	}
	if in.Password != nil {
		if err := password.Check(*in.Password); err != nil {
			return err
		}
	}
	if in.Roles != nil {
		return checkRoles(*in.Roles)
	}
	return nil
}

// apply makes the change, the password apart, and says what it was.
func (in userChange) apply(u *lieciba.User) []string {
	var changed []string
	if in.Name != nil {
		u.Name = *in.Name
		changed = append(changed, "name")
	}
	if in.Roles != nil {
		u.Roles = *in.Roles
		changed = append(changed, rolesText(u.Roles))
	}
	if in.SiteIDs != nil {
		u.SiteIDs = *in.SiteIDs
		changed = append(changed, "sites")
	}
	if in.Disabled != nil {
		u.Disabled = *in.Disabled
		changed = append(changed, map[bool]string{true: "disabled", false: "enabled"}[u.Disabled])
	}
	return changed
}

func (s *Server) changeUser(c *call) error {
	id, err := lieciba.ParseID[lieciba.UserID]("id", c.gin.Param("id"))
	if err != nil {
		return err
	}
	var in userChange
	if err := c.read(&in); err != nil {
		return err
	}
	u, err := s.cfg.Catalog.User(c.ctx(), id)
	if err != nil {
		return asNotFound(err, "user")
	}
	if err := in.check(c.who.ID == string(id)); err != nil {
		if lieciba.CodeOf(err) == lieciba.CodeForbidden {
			c.auditRefusal(lieciba.ActManageUsers, userTarget(u), lieciba.CodeForbidden)
		}
		return err
	}
	if in.SiteIDs != nil {
		if err := s.checkSites(c.ctx(), *in.SiteIDs); err != nil {
			return err
		}
	}
	var hash, madeUp string
	if in.Password != nil || in.NewPassword {
		var given string
		if in.Password != nil {
			given = *in.Password
		}
		if hash, madeUp, err = s.makePassword(c, given); err != nil {
			return err
		}
	}
	if u, err = s.storeUserChange(c, id, in, hash); err != nil {
		return err
	}
	s.reviewViews(c.ctx())
	return c.ok(viewUser(u, madeUp))
}

// storeUserChange changes the user as they are by now and ends their sign-ins.
// An empty hash keeps the password.
func (s *Server) storeUserChange(c *call, id lieciba.UserID, in userChange, hash string) (u lieciba.User, err error) {
	s.signIns.Lock()
	defer s.signIns.Unlock()
	e := c.entry(string(lieciba.ActManageUsers), target{what: "user", id: string(id)})
	err = c.record(&e, func(ctx context.Context) error {
		if u, err = s.cfg.Catalog.User(ctx, id); err != nil {
			return asNotFound(err, "user")
		}
		changed := in.apply(&u)
		if hash != "" {
			u.PasswordHash = hash
			changed = append(changed, "password")
		}
		e.Detail = "changed: " + strings.Join(changed, "; ")
		if err := s.cfg.Catalog.PutUser(ctx, u); err != nil {
			return err
		}
		return s.cfg.Catalog.DeleteSignIns(ctx, id, c.now)
	})
	return u, err
}

type tokenView struct {
	ID        lieciba.TokenID  `json:"id"`
	Name      string           `json:"name"`
	Roles     []lieciba.Role   `json:"roles"`
	SiteIDs   []lieciba.SiteID `json:"site_ids"`
	CreatedAt stamp            `json:"created_at"`
	ExpiresAt stamp            `json:"expires_at"`
	RevokedAt *stamp           `json:"revoked_at"`
	Token     string           `json:"token,omitempty"` // shown once
}

func viewToken(t lieciba.ClientToken, plain string) tokenView {
	return tokenView{ID: t.ID, Name: t.Name, Roles: orEmpty(t.Roles), SiteIDs: orEmpty(t.SiteIDs), CreatedAt: stamp(t.CreatedAt),
		ExpiresAt: stamp(t.ExpiresAt), RevokedAt: optionalStamp(t.RevokedAt), Token: plain}
}

func (s *Server) listClientTokens(c *call) error {
	all, err := s.cfg.Catalog.ListClientTokens(c.ctx())
	if err != nil {
		return err
	}
	out := items[tokenView]{Items: []tokenView{}}
	for _, t := range all {
		out.Items = append(out.Items, viewToken(t, ""))
	}
	return c.ok(out)
}

type newClientToken struct {
	Name    string           `json:"name"`
	Roles   []lieciba.Role   `json:"roles"`
	SiteIDs []lieciba.SiteID `json:"site_ids"`
	Days    *int             `json:"days"`
}

func (s *Server) createClientToken(c *call) error {
	var in newClientToken
	if err := c.read(&in); err != nil {
		return err
	}
	if !lieciba.ValidCode(in.Name) {
		return lieciba.Invalid("name", "must be 1 to 64 of A-Z a-z 0-9 . _ - and start with a letter or digit")
	}
	if in.Name == lieciba.SourceAdHoc {
		return lieciba.Invalid("name", "%q is kept for sessions that are started by hand", in.Name)
	}
	if err := checkRoles(in.Roles); err != nil {
		return err
	}
	if err := s.checkSites(c.ctx(), in.SiteIDs); err != nil {
		return err
	}
	days := 365
	if in.Days != nil {
		if days = *in.Days; days < 1 || days > 730 {
			return lieciba.Invalid("days", "must be 1 to 730")
		}
	}
	plain, t := NewClientToken(in.Name, in.Roles, in.SiteIDs, c.now, time.Duration(days)*24*time.Hour)
	detail := "token " + t.Name + " created with " + rolesText(t.Roles)
	if err := c.act(lieciba.ActManageUsers, target{what: "client_token", id: string(t.ID)}, detail,
		func(ctx context.Context) error { return s.cfg.Catalog.PutClientToken(ctx, t) }); err != nil {
		return err
	}
	return c.created(viewToken(t, plain))
}

// NewClientToken makes a bearer token and what the catalogue keeps of it. plain
// is the only copy of its value.
func NewClientToken(name string, roles []lieciba.Role, sites []lieciba.SiteID, now time.Time, lasts time.Duration) (plain string, t lieciba.ClientToken) {
	plain, hash := newSecret(tokenPrefix)
	return plain, lieciba.ClientToken{ID: lieciba.NewID[lieciba.TokenID](now), Name: name, TokenHash: hash,
		Roles: roles, SiteIDs: sites, CreatedAt: lieciba.Micro(now), ExpiresAt: lieciba.Micro(now.Add(lasts))}
}

func (s *Server) revokeClientToken(c *call) error {
	id, err := lieciba.ParseID[lieciba.TokenID]("id", c.gin.Param("id"))
	if err != nil {
		return err
	}
	e := c.entry(string(lieciba.ActManageUsers), target{what: "client_token", id: string(id)})
	if err := c.record(&e, func(ctx context.Context) error {
		all, err := s.cfg.Catalog.ListClientTokens(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(t lieciba.ClientToken) bool { return t.ID == id })
		if i < 0 {
			return notFound("client token")
		}
		t := all[i]
		e.Detail = "token " + t.Name + " revoked"
		if !t.RevokedAt.IsZero() {
			return nil
		}
		t.RevokedAt = lieciba.Micro(c.now)
		return s.cfg.Catalog.PutClientToken(ctx, t)
	}); err != nil {
		return err
	}
	s.reviewViews(c.ctx())
	return c.noContent()
}
