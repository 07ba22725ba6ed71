package server

import (
	"net"
	"os"
	"strings"

	"lieciba"
	"lieciba/api"
	"lieciba/api/oidc"
	"lieciba/api/passkey"
	"lieciba/cmd/lieciba/config"
	"lieciba/storage/alarm"
)

// signIn is what the API needs for signing people in.
type signIn struct {
	provider    *oidc.Provider
	passkeys    *passkey.Ceremonies
	approveWith []lieciba.SignInMethod
	alarms      api.Alarms
}

// openSignIn sets up how people sign in. The provider is not talked to: it may be
// down while this server starts.
func (s *Server) openSignIn() (signIn, error) {
	in := signIn{approveWith: []lieciba.SignInMethod{lieciba.SignInPasskey}}
	if s.cfg.SignIn.ApproveWith == config.ApproveWithPassword {
		in.approveWith = append(in.approveWith, lieciba.SignInPassword, lieciba.SignInOIDC)
		s.log.Warn("approvals take a password as proof that the approver is there; give approvers passkeys and set sign_in.approve_with to passkey")
	}
	in.alarms = alarm.Raiser{Catalog: s.catalog}
	origin := s.cfg.PublicOrigin(s.listener.Addr().(*net.TCPAddr).Port)
	var err error
	if _, bad := passkey.RelyingParty(origin); bad == nil {
		if in.passkeys, err = passkey.New(passkey.Config{Name: "Lieciba", Origin: origin}); err != nil {
			return in, err
		}
	}
	if s.cfg.SignIn.OIDC.Issuer == "" {
		return in, nil
	}
	in.provider, err = newProvider(s.cfg.SignIn.OIDC, origin)
	if err == nil {
		s.later(func() error { in.provider.Close(); return nil })
	}
	return in, err
}

func newProvider(c config.OIDC, origin string) (*oidc.Provider, error) {
	secret := c.ClientSecret
	if secret == "" && c.ClientSecretFile != "" {
		b, err := os.ReadFile(c.ClientSecretFile)
		if err != nil {
			return nil, &lieciba.Error{Code: lieciba.CodeInvalid, Field: "sign_in.oidc.client_secret_file", Cause: err, Message: "cannot be read"}
		}
		if secret = strings.TrimSpace(string(b)); secret == "" {
			return nil, lieciba.Invalid("sign_in.oidc.client_secret_file", "is empty")
		}
	}
	groups := map[string]oidc.Membership{}
	for name, g := range c.Groups {
		groups[name] = oidc.Membership{Roles: g.Roles, Sites: g.Sites}
	}
	return oidc.New(oidc.Config{Name: c.Name, Issuer: c.Issuer, ClientID: c.ClientID, ClientSecret: secret,
		Redirect: origin + "/v1/sign-in/oidc/callback", AfterLogout: origin + "/", Scopes: c.Scopes, GroupsClaim: c.GroupsClaim, Groups: groups})
}
