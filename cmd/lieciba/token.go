package main

import (
	"context"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"lieciba"
	"lieciba/api"
	"lieciba/storage"
)

type tokenCmd struct {
	Add    tokenAddCmd    `cmd:"" help:"Let a machine in: add a token and print it once, or take its client certificate."`
	List   tokenListCmd   `cmd:"" help:"List the machines' tokens, without their values."`
	Rotate tokenRotateCmd `cmd:"" help:"Add the token that follows another, print it once, and let the old one work a while longer."`
	Revoke tokenRevokeCmd `cmd:"" help:"End a token at once."`
}

type tokenAddCmd struct {
	configFlag
	Name        string        `arg:"" help:"Name of the machine; sessions that it pushes carry it as their source."`
	Role        []string      `required:"" help:"${roles}; may be repeated."`
	Scope       []string      `help:"Only this act, of those that the roles allow; may be repeated."`
	Site        []string      `help:"Code of a site; may be repeated."`
	For         time.Duration `default:"8760h" help:"How long it is valid."`
	Certificate string        `type:"existingfile" help:"PEM file with the machine's client certificate, in place of a token."`
	Token       bool          `help:"With --certificate: a token too; the machine needs both."`
}

func (c tokenAddCmd) Run(env environment) error {
	return withCatalog(env, c.configFlag, func(cat storage.Catalog) error {
		token, t, err := c.make(env, cat)
		if err != nil {
			return err
		}
		if err := actShell(env.ctx, cat, "client_token:"+string(t.ID), "token "+t.Name+" added with "+fmt.Sprint(t.Roles), func(ctx context.Context, e *lieciba.AuditEntry) error {
			if needsTwo(t.Roles) {
				if err := alone(ctx, cat, e); err != nil {
					return err
				}
			}
			return cat.PutClientToken(ctx, t)
		}); err != nil {
			return err
		}
		if token == "" {
			token = fmt.Sprintf("added %s with certificate %x", t.Name, t.Certificate)
		}
		return tell(env, token, "")
	})
}

func (c tokenAddCmd) make(env environment, cat storage.Catalog) (token string, t lieciba.ClientToken, err error) {
	roles, sites, err := rolesAndSites(env.ctx, cat, c.Role, c.Site)
	if err != nil {
		return "", t, err
	}
	if c.For <= 0 {
		return "", t, lieciba.Invalid("for", "must be longer than nothing, such as 8760h")
	}
	x := api.Client{Name: c.Name, Roles: roles, SiteIDs: sites, Lasts: c.For, Token: c.Token || c.Certificate == ""}
	for _, a := range c.Scope {
		x.Scopes = append(x.Scopes, lieciba.Act(a))
	}
	if c.Certificate != "" {
		text, err := os.ReadFile(c.Certificate)
		if err != nil {
			return "", t, lieciba.Wrap(err, lieciba.CodeInvalid, "cannot read %s", c.Certificate)
		}
		x.Certificate = string(text)
	}
	return api.NewClient(x, time.Now())
}

type tokenListCmd struct{ configFlag }

func (c tokenListCmd) Run(env environment) error {
	return withCatalog(env, c.configFlag, func(cat storage.Catalog) error {
		all, err := cat.ListClientTokens(env.ctx)
		if err != nil {
			return err
		}
		now := time.Now()
		w := tabwriter.NewWriter(env.stdout, 0, 8, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "ID\tNAME\tROLES\tSCOPES\tBY\tSTATE\tENDS")
		for _, t := range all {
			_, _ = fmt.Fprintf(w, "%s\t%s\t%v\t%v\t%s\t%s\t%s\n", t.ID, t.Name, t.Roles, scopesText(t), provesBy(t), tokenState(t, now), t.ExpiresAt.Format(time.RFC3339))
		}
		return w.Flush()
	})
}

func scopesText(t lieciba.ClientToken) string {
	if t.Scopes == nil {
		return "all"
	}
	return fmt.Sprint(t.Scopes)
}

func provesBy(t lieciba.ClientToken) string {
	switch {
	case t.Certificate == [32]byte{}:
		return "token"
	case t.TokenHash == [32]byte{}:
		return "certificate"
	}
	return "token and certificate"
}

func tokenState(t lieciba.ClientToken, now time.Time) string {
	switch {
	case !t.RevokedAt.IsZero():
		return "revoked"
	case !now.Before(t.ExpiresAt):
		return "expired"
	}
	return "valid"
}

type tokenRotateCmd struct {
	configFlag
	ID      string        `arg:"" help:"ID of the token, as list shows it."`
	Overlap time.Duration `default:"1h" help:"How long the old token still works; 0 ends it at once."`
}

func (c tokenRotateCmd) Run(env environment) error {
	return withCatalog(env, c.configFlag, func(cat storage.Catalog) error {
		var plain string
		if err := actShell(env.ctx, cat, "client_token:"+c.ID, "token rotated", func(ctx context.Context, e *lieciba.AuditEntry) error {
			old, err := tokenOf(ctx, cat, c.ID)
			if err != nil {
				return err
			}
			if e.Detail = "token " + old.Name + " rotated"; needsTwo(old.Roles) {
				if err := alone(ctx, cat, e); err != nil {
					return err
				}
			}
			var next, replaced lieciba.ClientToken
			if plain, next, replaced, err = api.FollowToken(old, time.Now(), c.Overlap); err != nil {
				return err
			}
			if err := cat.PutClientToken(ctx, replaced); err != nil {
				return err
			}
			return cat.PutClientToken(ctx, next)
		}); err != nil {
			return err
		}
		return tell(env, plain, "")
	})
}

type tokenRevokeCmd struct {
	configFlag
	ID string `arg:"" help:"ID of the token, as list shows it."`
}

func (c tokenRevokeCmd) Run(env environment) error {
	return withCatalog(env, c.configFlag, func(cat storage.Catalog) error {
		var name string
		if err := actShell(env.ctx, cat, "client_token:"+c.ID, "token revoked", func(ctx context.Context, e *lieciba.AuditEntry) error {
			t, err := tokenOf(ctx, cat, c.ID)
			if err != nil {
				return err
			}
			name = t.Name
			e.Detail = "token " + name + " revoked"
			if t.RevokedAt.IsZero() {
				t.RevokedAt = lieciba.Micro(time.Now())
			}
			return cat.PutClientToken(ctx, t)
		}); err != nil {
			return err
		}
		return tell(env, "revoked "+name, "")
	})
}

func tokenOf(ctx context.Context, cat storage.Catalog, id string) (lieciba.ClientToken, error) {
	t, err := cat.ClientTokenByID(ctx, lieciba.TokenID(id))
	if code := lieciba.CodeOf(err); code == lieciba.CodeNotFound || code == lieciba.CodeInvalid {
		err = lieciba.Invalid("id", "no token has this ID: see `lieciba token list`")
	}
	return t, err
}
