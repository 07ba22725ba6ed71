package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"lieciba"
	"lieciba/api/password"
	"lieciba/cmd/lieciba/server"
	"lieciba/storage"
)

type userCmd struct {
	Add      userAddCmd      `cmd:"" help:"Add an account. The password is read from standard input; an empty line makes one and prints it."`
	Password userPasswordCmd `cmd:"" help:"Set a new password, as for add, and end all sign-ins of the account."`
	Disable  userDisableCmd  `cmd:"" help:"Close an account and end its sign-ins."`
	List     userListCmd     `cmd:"" help:"List the accounts."`
}

type userAddCmd struct {
	configFlag
	Login string   `arg:"" help:"Name to sign in with."`
	Name  string   `help:"Name to show."`
	Role  []string `required:"" help:"${roles}; may be repeated."`
	Site  []string `help:"Code of a site that a supervisor works at; may be repeated."`
	keepFlag
}

// keepFlag says whose password it is.
type keepFlag struct {
	Keep bool `help:"The person typed the password themselves: it need not be changed at the first sign-in."`
}

func (c userAddCmd) Run(env environment) error {
	return withCatalog(env, c.configFlag, func(cat storage.Catalog) error {
		roles, sites, err := rolesAndSites(env.ctx, cat, c.Role, c.Site)
		if err != nil {
			return err
		}
		login := strings.ToLower(c.Login)
		if err := lieciba.CheckPrincipalName("login", login); err != nil {
			return err
		}
		if _, err := cat.UserByLogin(env.ctx, login); err == nil {
			return lieciba.Invalid("login", "%s exists already: use `lieciba user password` to change its password", login)
		} else if lieciba.CodeOf(err) != lieciba.CodeNotFound {
			return err
		}
		if c.Name != "" {
			if err := lieciba.CheckName("name", c.Name); err != nil {
				return err
			}
		}
		hash, made, err := readPassword(env)
		if err != nil {
			return err
		}
		now := lieciba.Micro(time.Now())
		u := lieciba.User{ID: lieciba.NewID[lieciba.UserID](now), Login: login, Name: c.Name,
			PasswordHash: hash, MustChange: !c.Keep || made != "", Roles: roles, SiteIDs: sites, CreatedAt: now}
		if err := actShell(env.ctx, cat, "user:"+string(u.ID), "user "+login+" added with "+fmt.Sprint(roles), func(ctx context.Context, e *lieciba.AuditEntry) error {
			if err := alone(ctx, cat, e); err != nil { // before it is there itself
				return err
			}
			return cat.PutUser(ctx, u)
		}); err != nil {
			return err
		}
		return tell(env, "added "+login, made)
	})
}

type userPasswordCmd struct {
	configFlag
	Login string `arg:""`
	keepFlag
}

func (c userPasswordCmd) Run(env environment) error {
	return changeUser(env, c.configFlag, c.Login, passwordSet, func() (func(u *lieciba.User), string, error) {
		hash, made, err := readPassword(env)
		return func(u *lieciba.User) { u.PasswordHash, u.MustChange = hash, !c.Keep || made != "" }, made, err
	})
}

// Help is shown below the flags.
func (userPasswordCmd) Help() string {
	return "The account keeps its roles, which is the way back in when no administrator can sign in; its passkeys and grants end. It raises an alarm."
}

type userDisableCmd struct {
	configFlag
	Login string `arg:""`
}

func (c userDisableCmd) Run(env environment) error {
	return changeUser(env, c.configFlag, c.Login, "disabled", func() (func(u *lieciba.User), string, error) {
		return func(u *lieciba.User) { u.Disabled = true }, "", nil
	})
}

const passwordSet = "password set"

// changeUser changes an account as it stands then, ends its sign-ins and records
// both, all in one transaction. done says what was changed. prepare asks what is to be changed before that.
func changeUser(env environment, f configFlag, login, done string, prepare func() (change func(*lieciba.User), made string, err error)) error {
	return withCatalog(env, f, func(cat storage.Catalog) error {
		known, err := cat.UserByLogin(env.ctx, strings.ToLower(login))
		if err != nil {
			return err
		}
		if known.Issuer != "" && done == passwordSet {
			return lieciba.Errorf(lieciba.CodeConflict, "%s signs in with the provider: add a local account instead", known.Login)
		}
		change, made, err := prepare()
		if err != nil {
			return err
		}
		if err := actShell(env.ctx, cat, "user:"+string(known.ID), done, func(ctx context.Context, e *lieciba.AuditEntry) error {
			u, err := cat.User(ctx, known.ID) // again: it may have been closed while the password was typed
			if err != nil {
				return err
			}
			change(&u)
			if err := cat.PutUser(ctx, u); err != nil {
				return err
			}
			if done == passwordSet {
				if err := accountReset(ctx, cat, e, u); err != nil {
					return err
				}
			}
			return cat.DeleteSignIns(ctx, u.ID, time.Now())
		}); err != nil {
			return err
		}
		return tell(env, "changed "+known.Login, made)
	})
}

type userListCmd struct{ configFlag }

func (c userListCmd) Run(env environment) error {
	return withCatalog(env, c.configFlag, func(cat storage.Catalog) error {
		users, err := cat.ListUsers(env.ctx)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(env.stdout, 0, 8, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "LOGIN\tNAME\tROLES\tSTATE")
		for _, u := range users {
			state := "active"
			if u.Disabled {
				state = "disabled"
			}
			_, _ = fmt.Fprintf(w, "%s\t%s\t%v\t%s\n", u.Login, u.Name, u.Roles, state)
		}
		return w.Flush()
	})
}

func withCatalog(env environment, f configFlag, do func(storage.Catalog) error) error {
	c, err := f.load(env)
	if err != nil {
		return err
	}
	cat, err := server.OpenCatalog(env.ctx, c)
	if err != nil {
		return err
	}
	return errors.Join(do(cat), cat.Close())
}

func rolesAndSites(ctx context.Context, cat storage.Catalog, roles, codes []string) ([]lieciba.Role, []lieciba.SiteID, error) {
	var rs []lieciba.Role
	for _, s := range roles {
		r, err := lieciba.ParseRole("role", s)
		if err != nil {
			return nil, nil, err
		}
		rs = append(rs, r)
	}
	all, err := cat.ListSites(ctx)
	if err != nil {
		return nil, nil, err
	}
	byCode := map[string]lieciba.SiteID{}
	for _, s := range all {
		byCode[s.Code] = s.ID
	}
	var ids []lieciba.SiteID
	for _, code := range codes {
		id, ok := byCode[code]
		if !ok {
			return nil, nil, lieciba.Invalid("site", "there is no site %q: make it first (PUT /v1/sites/%s)", code, code)
		}
		ids = append(ids, id)
	}
	return rs, ids, nil
}

// readPassword takes one line of standard input; an empty one makes a password.
func readPassword(env environment) (hash, made string, err error) {
	line, err := bufio.NewReader(io.LimitReader(env.stdin, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", "", fmt.Errorf("read the password from standard input: %w", err)
	}
	plain := strings.TrimRight(line, "\r\n")
	if plain == "" {
		plain = password.Generate()
		made = plain
	}
	if err := password.Check(plain); err != nil {
		return "", "", err
	}
	hash, err = password.Hash(plain)
	return hash, made, err
}

func tell(env environment, what, made string) error {
	if made != "" {
		what += ", password: " + made
	}
	_, err := fmt.Fprintln(env.stdout, what)
	return err
}
