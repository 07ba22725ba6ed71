// Package tsa asks a time-stamp authority over HTTP (RFC 3161 section 3.4).
package tsa

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"

	"lieciba"
	"lieciba/storage/evidence"
)

// Config is what a Client is made of.
type Config struct {
	URL     string              // http or https; what is sent is a hash, what comes back is signed
	Roots   []*x509.Certificate // that the authority's certificate must lead to
	Timeout time.Duration       // of one request with its answer; 20 s
	// Slack is how far the authority's clock may be from this machine's; 5 min.
	Slack     time.Duration
	Transport http.RoundTripper // nil: http.DefaultTransport
	Now       func() time.Time
}

// Client asks one authority. Safe for concurrent use.
type Client struct {
	c    Config
	name string
	http *http.Client
}

// New makes a Client. CodeInvalid without a root or for an address that is none.
func New(c Config) (*Client, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil, lieciba.Invalid("evidence.stamp.url", "is not an address such as https://tsa.example/tsr, without credentials")
	}
	if len(c.Roots) == 0 {
		return nil, lieciba.Invalid("evidence.stamp.roots", "name the root certificate that the authority's certificate leads to")
	}
	if c.Timeout <= 0 {
		c.Timeout = 20 * time.Second
	}
	if c.Slack <= 0 {
		c.Slack = 5 * time.Minute
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Client{c: c, name: u.Host, http: &http.Client{Transport: c.Transport, Timeout: c.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// ParseRoots reads root certificates in PEM: CodeInvalid if there is none, or
// anything else among them.
func ParseRoots(text []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			if len(out) == 0 || len(bytes.TrimSpace(rest)) > 0 {
				return nil, lieciba.Invalid("evidence.stamp.roots", "holds no certificates in PEM, or something else beside them")
			}
			return out, nil
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if block.Type != "CERTIFICATE" || err != nil {
			return nil, lieciba.Invalid("evidence.stamp.roots", "holds a block that is no certificate")
		}
		out = append(out, c)
	}
}

// Authority is the name under which stamps of this authority are kept: its host.
func (c *Client) Authority() string { return c.name }

// Roots are the certificates that its stamps lead to.
func (c *Client) Roots() []*x509.Certificate { return c.c.Roots }

// Stamp gets a time stamp over the SHA-256 of a checkpoint's note, and verifies
// it. CodeUnavailable when the authority does not answer as it should, CodeCorrupt
// or CodeForbidden for an answer that does not hold.
func (c *Client) Stamp(ctx context.Context, note []byte) (lieciba.TimeStamp, error) {
	req, err := evidence.NewStampRequest(note)
	if err != nil {
		return lieciba.TimeStamp{}, err
	}
	response, err := c.ask(ctx, req.Query)
	if err != nil {
		return lieciba.TimeStamp{}, err
	}
	s, err := req.Check(response, c.c.Roots)
	if err != nil {
		return lieciba.TimeStamp{}, err
	}
	if off := s.At.Sub(c.c.Now()); off.Abs() > c.c.Slack {
		return lieciba.TimeStamp{}, lieciba.Errorf(lieciba.CodeCorrupt,
			"the authority's clock is %v from this machine's: set the clock that is wrong", off.Round(time.Second))
	}
	return lieciba.TimeStamp{Authority: c.name, At: lieciba.Micro(s.At), Token: response}, nil
}

func (c *Client) ask(ctx context.Context, query []byte) (body []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.c.URL, bytes.NewReader(query))
	if err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeInternal, "the request to the time-stamp authority cannot be made")
	}
	r.Header.Set("Content-Type", "application/timestamp-query")
	r.Header.Set("Accept", "application/timestamp-reply")
	res, err := c.http.Do(r)
	if err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeUnavailable, "the time-stamp authority %s does not answer", c.name)
	}
	body, err = io.ReadAll(io.LimitReader(res.Body, evidence.MaxStamp+1))
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeUnavailable, "the time-stamp authority %s broke off its answer", c.name)
	}
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	switch {
	case res.StatusCode != http.StatusOK:
		return nil, lieciba.Errorf(lieciba.CodeUnavailable, "the time-stamp authority %s answers with status %d", c.name, res.StatusCode)
	case kind != "application/timestamp-reply":
		return nil, lieciba.Errorf(lieciba.CodeUnavailable, "the time-stamp authority %s answers with something else than a time stamp", c.name)
	case len(body) > evidence.MaxStamp:
		return nil, lieciba.Errorf(lieciba.CodeUnavailable, "the time-stamp authority %s answers with more than %d bytes", c.name, evidence.MaxStamp)
	}
	return body, nil
}
