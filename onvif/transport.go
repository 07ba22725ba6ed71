package onvif

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/use-go/onvif/gosoap"

	"lieciba"
)

const (
	maxBody      = 4 << 20 // bytes of an answer; the largest real one seen is a snapshot
	maxRedirects = 2
	// maxSigned bounds how often one call may show a password: below the number
	// at which any camera known to us locks the account (5).
	maxSigned = 3
	// sameClock is the difference below which signing again cannot help.
	sameClock = 2 * time.Second
)

// roundTripper carries one call to a device: it holds the call's context, signs
// in the camera's time, answers challenges, keeps the host that was dialled and
// reads the whole answer within the bounds. One is made for each call, so its
// fields need no lock. err keeps the first error, since the library's wrapping
// loses it.
type roundTripper struct {
	dev       *Client
	ctx       context.Context
	operation string
	sign      bool
	err       error
}

func (r *roundTripper) httpClient() *http.Client {
	return &http.Client{
		Transport:     r,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// RoundTrip implements http.RoundTripper.
func (r *roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.roundTrip(req)
	if err != nil && r.err == nil {
		r.err = err
	}
	return resp, err
}

func (r *roundTripper) roundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		b, err := io.ReadAll(req.Body)
		if err := errors.Join(err, req.Body.Close()); err != nil {
			return nil, err
		}
		body = b
	}
	m := message{method: req.Method, url: r.dev.keepBase(req.URL), header: req.Header, body: body}
	if !r.sign || !r.dev.auth.hasCredentials() {
		resp, err := r.send(m, attempt{})
		if err == nil && refusal(resp) && !r.dev.auth.hasCredentials() {
			return nil, errNeedsCredentials()
		}
		return resp, err
	}
	t, err := r.dev.auth.begin(r.ctx, r.operation)
	if err != nil {
		return nil, err
	}
	defer t.release()
	return r.signed(m, t)
}

// message is a request as it may be sent several times.
type message struct {
	method string
	url    *url.URL
	header http.Header
	body   []byte
}

// attempt says how one sending of a message is signed. The zero value: not at all.
type attempt struct {
	cred      Credentials
	wsse      bool
	offset    time.Duration // for WSSE
	challenge *challenge    // for Digest
	stale     bool          // the nonce before was stale
	hostTime  bool
	recalled  bool // hostTime worked before, and was not tried after a refusal
}

// shows reports whether the attempt shows the password to the device.
func (a attempt) shows() bool { return a.wsse || a.challenge != nil }

// signed sends m until it is accepted or every way that can still help is used up.
func (r *roundTripper) signed(m message, t ticket) (*http.Response, error) {
	isSOAP := len(m.body) > 0
	a := attempt{cred: t.cred, wsse: isSOAP && !t.digest, offset: t.offset, hostTime: t.hostTime, recalled: true}
	tried := map[string]bool{} // Digest algorithms refused
	for shown := 0; ; {
		resp, err := r.send(m, a)
		if err != nil {
			return nil, err
		}
		if !refusal(resp) {
			if a.shows() {
				r.dev.auth.accepted(t, isSOAP, a.challenge != nil, a.hostTime)
			}
			return resp, nil
		}
		stale := a.challenge != nil && isStale(resp)
		if a.shows() && !stale {
			shown++
		}
		next, ok := r.next(a, resp, tried, isSOAP)
		if !ok || shown >= maxSigned {
			if !a.shows() { // nothing was shown: the device offers no way that we may take
				return nil, errNoWay()
			}
			return nil, r.dev.auth.refuse(t, r.operation)
		}
		a = next
	}
}

func errNoWay() error {
	return lieciba.Errorf(lieciba.CodeUnsupported, "the camera asks for a kind of sign-in that would show the password in clear text")
}

func isStale(resp *http.Response) bool {
	list := digestChallenges(resp.Header)
	return len(list) > 0 && list[0].stale
}

// next decides how to sign after a refusal of a; false when nothing can help.
func (r *roundTripper) next(a attempt, resp *http.Response, tried map[string]bool, isSOAP bool) (attempt, bool) {
	list := digestChallenges(resp.Header)
	if a.challenge != nil {
		if len(list) > 0 && list[0].stale && !a.stale {
			return attempt{cred: a.cred, challenge: &list[0], stale: true}, true
		}
		tried[strings.ToUpper(a.challenge.algorithm)] = true
	}
	for i := range list {
		if !tried[strings.ToUpper(list[i].algorithm)] {
			return attempt{cred: a.cred, challenge: &list[i]}, true
		}
	}
	if !isSOAP || a.challenge != nil {
		return attempt{}, false
	}
	return r.nextWSSE(a, resp)
}

// nextWSSE signs once in a freshly read camera time and once in host time, if
// these differ from what was refused: the same signature again only counts
// towards a lock-out.
//
// A camera that tells its time to nobody may still date its answers.
func (r *roundTripper) nextWSSE(a attempt, resp *http.Response) (attempt, bool) {
	if a.hostTime && !a.recalled {
		return attempt{}, false
	}
	fresh, err := r.dev.refreshOffset(r.ctx)
	if err != nil {
		var date time.Time
		if date, err = http.ParseTime(resp.Header.Get("Date")); err == nil {
			fresh = date.Sub(r.dev.now())
			r.dev.auth.setOffset(fresh)
		}
	}
	if err == nil {
		if !a.wsse || (fresh-a.offset).Abs() > sameClock {
			return attempt{cred: a.cred, wsse: true, offset: fresh}, true
		}
	}
	if a.offset.Abs() > sameClock || !a.wsse {
		return attempt{cred: a.cred, wsse: true, hostTime: true}, true
	}
	return attempt{}, false
}

// send sends m once, follows redirects on the same host, and reads the answer.
func (r *roundTripper) send(m message, a attempt) (*http.Response, error) {
	u := m.url
	if len(m.body) > 0 {
		u = r.dev.livePort(u)
	}
	for range maxRedirects + 1 {
		resp, err := r.sendTo(u, m, a)
		if other := r.dev.otherPort(u); err != nil && len(m.body) > 0 && cannotDial(err) && other != nil {
			if resp, err = r.sendTo(other, m, a); err == nil {
				r.dev.buryPort(u)
				u = other
			}
		}
		if err != nil {
			return nil, err
		}
		to := resp.Header.Get("Location")
		if resp.StatusCode < 300 || resp.StatusCode > 399 || to == "" {
			return resp, nil
		}
		next, err := u.Parse(to)
		if err != nil || !strings.EqualFold(next.Hostname(), u.Hostname()) ||
			(next.Scheme != "http" && next.Scheme != "https") || (u.Scheme == "https" && next.Scheme != "https") {
			return nil, lieciba.Errorf(lieciba.CodeForbidden, "the camera redirects to another host, which is not followed")
		}
		next.User = nil
		u = next
	}
	return nil, lieciba.Errorf(lieciba.CodeUnavailable, "the camera redirects in a circle")
}

func (r *roundTripper) sendTo(u *url.URL, m message, a attempt) (*http.Response, error) {
	body := m.body
	if a.wsse {
		msg := gosoap.SoapMessage(m.body)
		if err := msg.AddStringHeaderContent(string(usernameToken(a.cred, r.dev.now().Add(a.offset)))); err != nil {
			return nil, err
		}
		body = []byte(msg.String())
	}
	req, err := http.NewRequestWithContext(r.ctx, m.method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, withoutURL(err)
	}
	req.Header = m.header.Clone()
	if a.challenge != nil {
		req.Header.Set("Authorization", a.challenge.answer(a.cred, m.method, u.RequestURI()))
	}
	resp, err := r.dev.base.RoundTrip(req)
	if err != nil {
		return nil, dialError(r.ctx, err)
	}
	return readAll(r.ctx, resp)
}

// readAll replaces the body by its bytes, so that no connection leaks when the
// library forgets to close it.
func readAll(ctx context.Context, resp *http.Response) (*http.Response, error) {
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, dialError(ctx, err)
	}
	if len(b) > maxBody {
		return nil, lieciba.Errorf(lieciba.CodeTooLarge, "the camera's answer is larger than 4 MiB")
	}
	resp.Body = io.NopCloser(bytes.NewReader(b))
	resp.ContentLength = int64(len(b))
	return resp, nil
}

// dialError keeps errors of this package and gives every other one a code.
func dialError(ctx context.Context, err error) error {
	var own *lieciba.Error
	if errors.As(err, &own) {
		return own
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errDeadline) {
		return cause
	}
	if ctx.Err() != nil {
		return lieciba.Wrap(errDeadline, lieciba.CodeUnavailable, "the camera took too long")
	}
	return lieciba.Wrap(withoutURL(err), lieciba.CodeUnavailable, "the camera does not answer")
}

// cannotDial reports that no connection came about, so that nothing was sent.
func cannotDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" && !errors.Is(err, ErrNetwork)
}

var errDeadline = errors.New("no answer within the time allowed for one call")

// refusal reports whether the answer means "sign in" or "wrong password". It
// leaves the body readable.
func refusal(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return true
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return false // bytes in memory do not fail
	}
	resp.Body = io.NopCloser(bytes.NewReader(b))
	f, ok := parseFault(b)
	return ok && f.notAuthorized()
}
