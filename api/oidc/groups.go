package oidc

import (
	"slices"
	"strings"

	"lieciba"
)

// Membership is what a provider's group stands for here.
type Membership struct {
	Roles []lieciba.Role
	Sites []string // codes of the sites of a supervisor
}

// Membership returns what groups add up to: roles and site codes, sorted, each
// once; none for groups that nobody mapped.
func (p *Provider) Membership(groups []string) Membership {
	var m Membership
	for _, g := range groups {
		m.Roles = append(m.Roles, p.cfg.Groups[g].Roles...)
		m.Sites = append(m.Sites, p.cfg.Groups[g].Sites...)
	}
	slices.Sort(m.Roles)
	slices.Sort(m.Sites)
	m.Roles, m.Sites = slices.Compact(m.Roles), slices.Compact(m.Sites)
	return m
}

// maxLogin leaves room for what tells two people of one name apart.
const maxLogin = 56

// Login makes a name for lists out of what the provider calls the person; empty
// when nothing of it can be used.
func (p Person) Login() string {
	for _, name := range []string{p.Username, p.Email} {
		name, _, _ = strings.Cut(strings.ToLower(name), "@")
		name = strings.TrimLeft(strings.Map(loginLetter, name), "._-")
		if name = name[:min(len(name), maxLogin)]; lieciba.ValidCode(name) && lieciba.CheckImpersonal("", name) == nil {
			return name
		}
	}
	return ""
}

func loginLetter(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-' {
		return r
	}
	return '-'
}
