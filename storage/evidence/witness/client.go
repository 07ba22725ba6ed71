package witness

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"lieciba"
	"lieciba/storage/durable"
	"lieciba/storage/evidence"
)

const (
	maxAnswer      = 1 << 20 // bytes
	maxHashes      = 128     // of a consistency proof: two for each level of the largest log
	requestTimeout = 20 * time.Second
)

// client talks to the server of the log.
type client struct {
	base      *url.URL
	tokenFile string
	http      *http.Client
}

func newClient(server, tokenFile, caFile string, transport *http.Transport) (*client, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, lieciba.Invalid("server", "is not an address such as https://lieciba.example")
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return nil, lieciba.Invalid("server", "the token would travel in clear: use https, or an address of this very machine")
	}
	if transport == nil {
		transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	if caFile != "" {
		text, err := os.ReadFile(caFile)
		if err != nil {
			return nil, lieciba.Wrap(err, lieciba.CodeInvalid, "the file with the server's root certificates cannot be read")
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(text) {
			return nil, lieciba.Invalid("ca", "holds no certificate in PEM")
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	c := &client{base: u, tokenFile: tokenFile, http: &http.Client{Transport: transport, Timeout: requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	_, err = c.token() // a wrong file shows at once
	return c, err
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// token reads the secret for each request, so that a new one needs no restart.
func (c *client) token() (string, error) {
	f, err := os.Open(c.tokenFile)
	if err != nil {
		return "", lieciba.Wrap(err, lieciba.CodeInvalid, "the token file %s cannot be read", c.tokenFile)
	}
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0) {
		err = lieciba.Invalid("token-file", "%s is open to others: chmod 600 it, and have a new token made if it was read", c.tokenFile)
	}
	var b []byte
	if err == nil {
		b, err = io.ReadAll(io.LimitReader(f, 4096))
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", durable.Error(err)
	}
	token := strings.TrimSpace(string(b))
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", lieciba.Invalid("token-file", "%s does not hold one token in one line", c.tokenFile)
	}
	return token, nil
}

// ask sends one request; an answer of another status than 2xx or 404 is
// CodeUnavailable, 404 is CodeNotFound.
func (c *client) ask(ctx context.Context, method, path string, query url.Values, body []byte) ([]byte, error) {
	token, err := c.token()
	if err != nil {
		return nil, err
	}
	u := c.base.JoinPath(path)
	u.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeInternal, "the request cannot be made")
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(r)
	if err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeUnavailable, "the server does not answer")
	}
	got, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeUnavailable, "the server broke off its answer")
	}
	switch {
	case res.StatusCode == http.StatusNotFound:
		return nil, lieciba.Errorf(lieciba.CodeNotFound, "the server does not have %s", path)
	case res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden:
		return nil, lieciba.Errorf(lieciba.CodeUnavailable, "the server refuses the token (status %d): have one made with the role witness", res.StatusCode)
	case res.StatusCode/100 != 2:
		return nil, lieciba.Errorf(lieciba.CodeUnavailable, "the server answers %s with status %d", path, res.StatusCode)
	case len(got) > maxAnswer:
		return nil, lieciba.Errorf(lieciba.CodeUnavailable, "the server answers %s with more than %d bytes", path, maxAnswer)
	}
	return got, nil
}

func (c *client) checkpoint(ctx context.Context) ([]byte, error) {
	return c.ask(ctx, http.MethodGet, "/v1/log/checkpoint", nil, nil)
}

func (c *client) consistency(ctx context.Context, from, to int64) ([][32]byte, error) {
	b, err := c.ask(ctx, http.MethodGet, "/v1/log/consistency", url.Values{"from": {number(from)}, "to": {number(to)}}, nil)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Hashes []evidence.Hash `json:"hashes"`
	}
	if err := json.Unmarshal(b, &answer); err != nil || len(answer.Hashes) > maxHashes {
		return nil, lieciba.Errorf(lieciba.CodeUnavailable, "the server answers with something else than a consistency proof")
	}
	out := make([][32]byte, len(answer.Hashes))
	for i, h := range answer.Hashes {
		out[i] = h
	}
	return out, nil
}

// keys asks for the log's keys and how each was handed over.
func (c *client) keys(ctx context.Context) ([]evidence.KeyDetail, error) {
	b, err := c.ask(ctx, http.MethodGet, "/v1/log/keys", nil, nil)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Items []evidence.KeyDetail `json:"items"`
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		return nil, lieciba.Errorf(lieciba.CodeUnavailable, "the server answers with something else than the log's keys")
	}
	return answer.Items, nil
}

func (c *client) cosign(ctx context.Context, size int64, line string) error {
	body, err := json.Marshal(struct {
		Size int64  `json:"size"`
		Line string `json:"line"`
	}{size, line})
	if err != nil {
		return lieciba.Wrap(err, lieciba.CodeInternal, "the cosignature cannot be written")
	}
	_, err = c.ask(ctx, http.MethodPost, "/v1/log/cosignatures", nil, body)
	return err
}
