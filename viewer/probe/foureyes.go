package probe

import (
	"context"
	"net/http"
	"net/http/cookiejar"
	"strings"

	"lieciba"
)

// SignIn signs a person in with a local account. The client keeps the cookie; h
// stays the caller's.
func SignIn(ctx context.Context, base string, h *http.Client, login, password string) (*Client, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	own := *h
	own.Jar = jar
	c := &Client{Base: base, HTTP: &own, password: password}
	return c, c.Call(ctx, http.MethodPost, "/v1/sign-in", map[string]string{"login": login, "password": password}, nil)
}

// Approved asks for something, has another person approve exactly what they read
// of it, and uses it. asked is the body of POST /v1/requests. It returns the ID
// of what came of it.
func Approved(ctx context.Context, asker, approver *Client, asked map[string]any) (string, error) {
	var r struct {
		ID      string `json:"id"`
		Digest  string `json:"digest"`
		UsedFor string `json:"used_for"`
	}
	if err := asker.Call(ctx, http.MethodPost, "/v1/requests", asked, &r); err != nil {
		return "", err
	}
	path := "/v1/requests/" + r.ID
	if err := approver.Call(ctx, http.MethodGet, path, nil, &r); err != nil {
		return "", err
	}
	approve := func() error {
		return approver.Call(ctx, http.MethodPost, path+"/approval", map[string]string{"digest": r.Digest}, nil)
	}
	err := approve()
	if lieciba.CodeOf(err) == lieciba.CodeNotFresh {
		if err := approver.Call(ctx, http.MethodPost, "/v1/me/proof/password", map[string]string{"password": approver.password}, nil); err != nil {
			return "", err
		}
		err = approve()
	}
	if err != nil {
		return "", err
	}
	err = asker.do(ctx, http.MethodPost, path+"/use", &r)
	_, id, _ := strings.Cut(r.UsedFor, ":")
	return id, err
}
