package api

import (
	"context"
	"slices"
	"strings"

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

	Local      bool   `json:"local"`       // signs in with a password
	Issuer     string `json:"issuer"`      // of the provider; empty for a local account
	MustChange bool   `json:"must_change"` // the password was set by another
}

func viewUser(u lieciba.User, madeUp string) userView {
	return userView{ID: u.ID, Login: u.Login, Name: u.Name, Roles: orEmpty(u.Roles), SiteIDs: orEmpty(u.SiteIDs),
		Disabled: u.Disabled, CreatedAt: stamp(u.CreatedAt), Password: madeUp, Local: u.Local(), Issuer: u.Issuer, MustChange: u.MustChange}
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

// peoplesRoles are the roles of persons; the others are machines'.
var peoplesRoles = []lieciba.Role{lieciba.RoleSupervisor, lieciba.RoleReviewer, lieciba.RoleApprover, lieciba.RoleSecurity, lieciba.RoleAdmin}

// checkRoles refuses unknown and repeated roles, those of machines, and none at all.
func checkRoles(roles []lieciba.Role) error { return checkRolesOf(roles, peoplesRoles) }

// checkRolesOf is checkRoles for other roles than people's.
func checkRolesOf(roles, allowed []lieciba.Role) error {
	if len(roles) == 0 {
		return lieciba.Invalid("roles", "name at least one of %v", allowed)
	}
	for i, r := range roles {
		if _, err := lieciba.ParseRole("roles", string(r)); err != nil {
			return err
		}
		if !slices.Contains(allowed, r) {
			return lieciba.Invalid("roles", "%q cannot be given here: use one of %v", r, allowed)
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

// newUser is a local account. It has no roles: those are asked for and approved
// by another person (lieciba.RequestRoles).
type newUser struct {
	Login    string  `json:"login"`
	Name     string  `json:"name"`
	Password *string `json:"password"`
}

func (in newUser) check() error {
	if in.Login != strings.ToLower(in.Login) {
		return lieciba.Invalid("login", "must be in lower case")
	}
	if err := lieciba.CheckPrincipalName("login", in.Login); err != nil {
		return err
	}
	if in.Password != nil {
		if err := password.Check(*in.Password); err != nil {
			return err
		}
	}
	return checkText("name", in.Name)
}

func (s *Server) createUser(c *call) error {
	var in newUser
	if err := c.read(&in); err != nil {
		return err
	}
	if err := in.check(); err != nil {
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
		MustChange: true, CreatedAt: lieciba.Micro(c.now)}
	if err := c.act(lieciba.ActManageUsers, userTarget(u), "user created without roles",
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
	Name        *string `json:"name"`
	Disabled    *bool   `json:"disabled"`
	Password    *string `json:"password"`
	NewPassword bool    `json:"new_password"`
}

// check judges a change on its own and as one of the caller's own account.
func (in userChange) check(self bool) error {
	own := func(field, cure string) error {
		return &lieciba.Error{Code: lieciba.CodeForbidden, Field: field, Message: "nobody changes their own " + field + " here: " + cure}
	}
	switch {
	case self && in.Disabled != nil:
		return own("disabled", "ask another administrator")
	case self && (in.Password != nil || in.NewPassword):
		return own("password", "use the page of your account")
	case in.Password != nil && in.NewPassword:
		return lieciba.Invalid("new_password", "send either password or new_password")
	}
	if in.Name != nil {
		if err := checkText("name", *in.Name); err != nil {
			return err
		}
	}
	if in.Password != nil {
		return password.Check(*in.Password)
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
	var hash, madeUp string
	if in.Password != nil || in.NewPassword {
		if u.Issuer != "" {
			return &lieciba.Error{Code: lieciba.CodeConflict, Field: "password", Message: "this account signs in with the provider: its password is changed there"}
		}
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
// An empty hash keeps the password. A new password, and opening a closed account,
// takes the account's rights and raises an alarm: else one administrator could act
// as anybody, as an approver too.
func (s *Server) storeUserChange(c *call, id lieciba.UserID, in userChange, hash string) (u lieciba.User, err error) {
	e := c.entry(string(lieciba.ActManageUsers), target{what: "user", id: string(id)})
	err = c.record(&e, func(ctx context.Context) error {
		if u, err = s.cfg.Catalog.User(ctx, id); err != nil {
			return asNotFound(err, "user")
		}
		closed := u.Disabled
		changed := in.apply(&u)
		if hash != "" {
			if err := s.lastApprover(ctx, c.who.ID, u); err != nil {
				return err
			}
			u.PasswordHash, u.MustChange = hash, true
			changed = append(changed, "password")
		}
		e.Detail = "changed: " + strings.Join(changed, "; ")
		if hash != "" || closed && !u.Disabled {
			if err := s.resetAccount(ctx, &e, &u); err != nil {
				return err
			}
		}
		if err := s.cfg.Catalog.PutUser(ctx, u); err != nil {
			return err
		}
		return s.cfg.Catalog.DeleteSignIns(ctx, id, c.now)
	})
	return u, err
}

// resetAccount takes the account's rights, says so in the entry and raises the alarm.
func (s *Server) resetAccount(ctx context.Context, e *lieciba.AuditEntry, u *lieciba.User) error {
	taken, err := TakeRights(ctx, s.cfg.Catalog, u, lieciba.Principal{ID: e.WhoID, Name: e.Who}, e.At)
	if err != nil {
		return err
	}
	if taken != "" {
		e.Detail += "; taken: " + taken
	}
	return s.raise(ctx, AccountReset(*e, *u))
}

// setRoles gives an account exactly these roles and sites and ends its sign-ins.
// It runs inside of the transaction of an approved request; the caller reviews
// the views after it. CodeConflict for an account whose provider's groups say
// what it may do.
func (s *Server) setRoles(ctx context.Context, id lieciba.UserID, roles []lieciba.Role, sites []lieciba.SiteID) error {
	u, err := s.changeableRoles(ctx, id, roles, sites)
	if err != nil {
		return err
	}
	u.Roles, u.SiteIDs = roles, sites
	if err := s.cfg.Catalog.PutUser(ctx, u); err != nil {
		return err
	}
	return s.cfg.Catalog.DeleteSignIns(ctx, id, s.cfg.Now())
}

// changeableRoles returns the account if its roles may become these: what is
// asked for is checked by it when it is asked, and again when it is done. No
// roles at all take away every right.
func (s *Server) changeableRoles(ctx context.Context, id lieciba.UserID, roles []lieciba.Role, sites []lieciba.SiteID) (lieciba.User, error) {
	u, err := s.cfg.Catalog.User(ctx, id)
	if err != nil {
		return u, inBody(err, "user_id", "no account has this ID")
	}
	if u.Issuer != "" {
		return u, &lieciba.Error{Code: lieciba.CodeConflict, Field: "user_id", Message: "the groups of the provider say what this account may do: change them there"}
	}
	if len(roles) > 0 {
		if err := checkRoles(roles); err != nil {
			return u, err
		}
	}
	return u, s.checkSites(ctx, sites)
}
