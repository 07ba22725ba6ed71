package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"lieciba"
	"lieciba/api/passkey"
)

// EnvClientSecret holds the secret that this server has with the provider, in
// place of a file.
const EnvClientSecret = "LIECIBA_OIDC_SECRET"

// Proofs of presence that may count for approvals.
const (
	ApproveWithPasskey  = "passkey"  // passkeys only
	ApproveWithPassword = "password" // the password or a fresh sign-in with the provider too
)

// SignIn rules how people sign in and prove again that they are there.
type SignIn struct {
	ApproveWith string `yaml:"approve_with"` // ApproveWithPasskey or ApproveWithPassword
	OIDC        OIDC   `yaml:"oidc"`
}

// OIDC is a provider that signs people in (OpenID Connect). With one, local
// accounts are for when it is down.
type OIDC struct {
	Issuer           string           `yaml:"issuer"` // empty: local accounts only
	Name             string           `yaml:"name"`   // on the button
	ClientID         string           `yaml:"client_id"`
	ClientSecretFile string           `yaml:"client_secret_file"`
	Scopes           []string         `yaml:"scopes"`         // beside openid
	GroupsClaim      string           `yaml:"groups_claim"`   // holds the person's groups
	SignOutAfter     Duration         `yaml:"sign_out_after"` // groups are asked for again then, at the latest
	Groups           map[string]Group `yaml:"groups"`         // by the provider's name

	ClientSecret string `yaml:"-"` // EnvClientSecret
}

// Group is what a provider's group stands for here.
type Group struct {
	Roles []lieciba.Role `yaml:"roles"`
	Sites []string       `yaml:"sites"` // codes, for supervisors
}

// PublicOrigin is how browsers reach this server at a port it listens on; empty
// when the configuration does not tell.
func (c Config) PublicOrigin(port int) string {
	if c.HTTP.PublicURL != "" {
		return strings.TrimSuffix(c.HTTP.PublicURL, "/")
	}
	if !c.HTTP.onLoopback() {
		return ""
	}
	scheme := "http"
	if c.HTTP.OverTLS() {
		scheme = "https"
	}
	return fmt.Sprintf("%s://localhost:%d", scheme, port)
}

func (h HTTP) onLoopback() bool {
	host, _, err := net.SplitHostPort(h.Listen)
	if err != nil {
		return false
	}
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.Unmap().IsLoopback()
}

func (c Config) signInFaults() []fault {
	o := c.SignIn.OIDC
	list := []fault{
		{"http.public_url", c.publicURL()},
		{"sign_in.approve_with", oneOf(c.SignIn.ApproveWith, ApproveWithPasskey, ApproveWithPassword)},
	}
	if o.Issuer == "" {
		return append(list, fault{"sign_in.oidc", noIssuer(o)})
	}
	list = append(list, fault{"sign_in.oidc.issuer", issuer(o.Issuer)},
		fault{"sign_in.oidc.client_id", notEmpty(o.ClientID, "the provider's administrator registers this server under a name: write it here")},
		fault{"sign_in.oidc.groups_claim", notEmpty(o.GroupsClaim, "name the claim that holds a person's groups, such as groups")})
	list = append(list, fault{"sign_in.oidc.sign_out_after", atLeast(o.SignOutAfter, 5*time.Minute)})
	if len(o.Groups) == 0 {
		list = append(list, fault{"sign_in.oidc.groups", errors.New("is empty: nobody could sign in; name at least one group and its roles")})
	}
	for name, g := range o.Groups {
		list = append(list, fault{"sign_in.oidc.groups", group(name, g)})
	}
	return list
}

// publicURL says what is missing for what needs the server's name in browsers.
func (c Config) publicURL() error {
	origin := c.PublicOrigin(8420)
	if c.SignIn.OIDC.Issuer != "" && origin == "" {
		return errors.New("is empty, and the provider sends people back to it: write how browsers reach this server, such as https://lieciba.example.lv")
	}
	if u, err := url.Parse(c.HTTP.PublicURL); c.HTTP.PublicURL != "" && (err != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "") {
		return errors.New("has a path: the pages are at the top of a name of their own, such as https://lieciba.example.lv")
	}
	if c.SignIn.ApproveWith != ApproveWithPasskey {
		return nil
	}
	const cure = "; or set sign_in.approve_with to password, if approvers have no passkeys"
	if origin == "" {
		return errors.New("is empty, and passkeys, which approve requests, need the server's name: write how browsers reach it, such as https://lieciba.example.lv" + cure)
	}
	var fault *lieciba.Error
	if _, err := passkey.RelyingParty(origin); errors.As(err, &fault) {
		return errors.New(fault.Message + cure)
	}
	return nil
}

func noIssuer(o OIDC) error {
	if o.ClientID != "" || o.ClientSecretFile != "" || len(o.Groups) > 0 {
		return errors.New("has no issuer: write the provider's address, or remove the section")
	}
	return nil
}

// issuer is an https address; http on this machine only (OpenID Connect Discovery 1.0, 7.1).
func issuer(s string) error {
	if err := webURL(s); err != nil {
		return err
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "https" {
		return err
	}
	if a, err := netip.ParseAddr(u.Hostname()); u.Hostname() == "localhost" || err == nil && a.IsLoopback() {
		return nil
	}
	return errors.New("must be https: passwords and tokens go there")
}

func group(name string, g Group) error {
	people := lieciba.PeopleRoles()
	if len(g.Roles) == 0 {
		return fmt.Errorf("the group %q has no roles: use %v", name, people)
	}
	for _, r := range g.Roles {
		if !slices.Contains(people, r) {
			return fmt.Errorf("the group %q has the role %q: use %v", name, r, people)
		}
	}
	if len(g.Sites) > 0 && !slices.Contains(g.Roles, lieciba.RoleSupervisor) {
		return fmt.Errorf("the group %q has sites and is no supervisor's: remove sites", name)
	}
	return nil
}
