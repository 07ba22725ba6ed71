// Package probe is a viewer without a screen: it joins live pictures and
// archive playback through the public API as a browser does, and measures. The
// demo and the benchmarks use it.
package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"lieciba"
)

// Client reaches one server as one principal. Safe for concurrent use.
type Client struct {
	Base  string // such as http://127.0.0.1:8420
	Token string // bearer token; empty: HTTP keeps the cookie of a person who signed in
	HTTP  *http.Client

	password string // of that person, to prove again that they are there
}

// peer is one WebRTC connection and the address that ends it.
type peer struct {
	client   *Client
	pc       *webrtc.PeerConnection
	location string
	readers  sync.WaitGroup
	closing  sync.Once
}

func newPeer(c *Client) (*peer, error) {
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, fmt.Errorf("make a peer connection: %w", err)
	}
	return &peer{client: c, pc: pc}, nil
}

// dial adds the receiving tracks, posts the offer and applies the answer.
func (p *peer) dial(ctx context.Context, path string, videos int) error {
	for range videos {
		if err := p.receive(webrtc.RTPCodecTypeVideo); err != nil {
			return err
		}
	}
	if err := p.receive(webrtc.RTPCodecTypeAudio); err != nil {
		return err
	}
	offer, err := p.pc.CreateOffer(nil)
	if err != nil {
		return fmt.Errorf("create the offer: %w", err)
	}
	if err := p.pc.SetLocalDescription(offer); err != nil {
		return fmt.Errorf("set the offer: %w", err)
	}
	answer, location, err := p.client.post(ctx, path, offer.SDP)
	if err != nil {
		return err
	}
	p.location = location
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return fmt.Errorf("set the answer: %w", err)
	}
	return nil
}

func (p *peer) receive(kind webrtc.RTPCodecType) error {
	_, err := p.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
	if err != nil {
		return fmt.Errorf("add a %s track: %w", kind, err)
	}
	return nil
}

// close hangs up and waits for the readers. Idempotent.
func (p *peer) close(ctx context.Context) error {
	var err error
	p.closing.Do(func() {
		if p.location != "" {
			err = p.client.do(ctx, http.MethodDelete, p.location, nil)
		}
		if e := p.pc.GracefulClose(); err == nil {
			err = e
		}
		p.readers.Wait()
	})
	return err
}

func (c *Client) post(ctx context.Context, path, sdp string) (answer, location string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Base+path, bytes.NewBufferString(sdp))
	if err != nil {
		return "", "", err
	}
	req.Header.Set("Content-Type", "application/sdp")
	res, body, err := c.send(req)
	if err != nil {
		return "", "", err
	}
	return string(body), res.Header.Get("Location"), nil
}

// do makes a call without a body in either direction but for an optional out.
func (c *Client) do(ctx context.Context, method, path string, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.Base+path, nil)
	if err != nil {
		return err
	}
	_, body, err := c.send(req)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(body, out)
}

// Call makes a JSON call; in and out may be nil. A refusal is the
// *lieciba.Error that the server sent.
func (c *Client) Call(ctx context.Context, method, path string, in, out any) error {
	if in == nil {
		return c.do(ctx, method, path, out)
	}
	raw, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, c.Base+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	_, body, err := c.send(req)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(body, out)
}

// authorise adds the token; a person's cookie is the HTTP client's to add.
func (c *Client) authorise(req *http.Request) {
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
}

func (c *Client) send(req *http.Request) (*http.Response, []byte, error) {
	c.authorise(req)
	res, err := c.HTTP.Do(req)
	if err != nil {
		return nil, nil, fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, err)
	}
	body, err := io.ReadAll(res.Body)
	if e := res.Body.Close(); err == nil {
		err = e
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, err)
	}
	if res.StatusCode >= 300 {
		return nil, nil, refusal(req, res.StatusCode, body)
	}
	return res, body, nil
}

func refusal(req *http.Request, status int, body []byte) error {
	var shape struct {
		Error lieciba.Error `json:"error"`
	}
	if json.Unmarshal(body, &shape) != nil || shape.Error.Code == "" {
		return lieciba.Errorf(lieciba.CodeInternal, "%s %s: status %d", req.Method, req.URL.Path, status)
	}
	e := shape.Error
	e.Message = fmt.Sprintf("%s %s: %s", req.Method, req.URL.Path, e.Message)
	return &e
}

func query(path, name, value string) string {
	return path + "?" + name + "=" + url.QueryEscape(value)
}

func timeText(t time.Time) string { return lieciba.Micro(t).Format(time.RFC3339Nano) }
