package virtualcam

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"lieciba"
)

// clockWindow is how far the Created of a signature may be from the camera's clock.
const clockWindow = 5 * time.Second

// authority checks who asks: WS-Security UsernameToken with PasswordDigest (OASIS
// UsernameToken Profile 1.0) or HTTP Digest (RFC 7616). Safe for concurrent use.
type authority struct {
	user, password string
	digest         bool   // HTTP Digest for every request
	algorithm      string // of HTTP Digest
	hash           func() hash.Hash

	mu     sync.Mutex
	nonces map[string]bool // used by WS-Security; true, or issued by Digest; false
	failed int
	limit  int // 0: no lock-out
}

func newAuthority(user, password string, o Options) *authority {
	a := &authority{user: user, password: password, digest: o.Digest, algorithm: "MD5", hash: md5.New, nonces: map[string]bool{}}
	if o.SHA256 {
		a.algorithm, a.hash = "SHA-256", sha256.New
	}
	return a
}

func (a *authority) lockAfter(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.limit, a.failed = n, 0
}

// Failures counts the wrong passwords that the camera was sent.
func (c *Camera) Failures() int {
	c.auth.mu.Lock()
	defer c.auth.mu.Unlock()
	return c.auth.failed
}

// verdict of a check.
type verdict int

const (
	accepted  verdict = iota
	anonymous         // nothing was sent
	refused           // what was sent is wrong
)

// check decides by the way of signing in that the service uses: a GET has no
// body for WS-Security, so a snapshot is always asked for with Digest.
func (a *authority) check(r *http.Request, body []byte, now time.Time) verdict {
	if a.user == "" {
		return accepted
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.limit > 0 && a.failed >= a.limit {
		return refused
	}
	v := refused
	if a.usesDigest(r) {
		v = a.httpDigest(r)
	} else {
		v = a.wsse(string(body), now)
	}
	if v == refused {
		a.failed++
	}
	return v
}

func (a *authority) usesDigest(r *http.Request) bool { return a.digest || r.Method == http.MethodGet }

var (
	userName = regexp.MustCompile(`<[\w:]*Username(?:\s[^>]*)?>([^<]*)<`)
	password = regexp.MustCompile(`<[\w:]*Password(?:\s[^>]*)?>([^<]*)<`)
	nonce    = regexp.MustCompile(`<[\w:]*Nonce[^>]*>([^<]*)<`)
	created  = regexp.MustCompile(`<[\w:]*Created[^>]*>([^<]*)<`)
)

func first(re *regexp.Regexp, s string) string {
	if m := re.FindStringSubmatch(s); m != nil {
		return strings.TrimSpace(m[1])
	}
	return ""
}

// wsse checks Base64(SHA-1(nonce + created + password)). The lock is held.
func (a *authority) wsse(body string, now time.Time) verdict {
	user, sent := first(userName, body), first(password, body)
	if user == "" {
		return anonymous
	}
	raw, err := base64.StdEncoding.DecodeString(first(nonce, body))
	at, err2 := time.Parse(time.RFC3339Nano, first(created, body))
	if err != nil || err2 != nil || len(raw) == 0 || a.nonces[string(raw)] {
		return refused
	}
	if d := now.Sub(at); d > clockWindow || d < -clockWindow {
		return refused
	}
	sum := sha1.Sum([]byte(string(raw) + first(created, body) + a.password))
	want := base64.StdEncoding.EncodeToString(sum[:])
	if user != a.user || subtle.ConstantTimeCompare([]byte(want), []byte(sent)) != 1 {
		return refused
	}
	a.nonces[string(raw)] = true
	return accepted
}

const realm = "virtualcam"

// challenge asks for HTTP Digest with a fresh nonce.
func (a *authority) challenge(w http.ResponseWriter) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := lieciba.NewID[string](time.Now())
	a.nonces[n] = false
	w.Header().Set("WWW-Authenticate", `Digest realm="`+realm+`", qop="auth", algorithm=`+a.algorithm+`, nonce="`+n+`"`)
	w.WriteHeader(http.StatusUnauthorized)
}

var field = regexp.MustCompile(`(\w+)=(?:"([^"]*)"|([^\s,]+))`)

// httpDigest checks an Authorization header; each nonce counts once. The lock is held.
func (a *authority) httpDigest(r *http.Request) verdict {
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Digest ")
	if !ok {
		return anonymous
	}
	f := map[string]string{}
	for _, m := range field.FindAllStringSubmatch(text, -1) {
		f[m[1]] = m[2] + m[3]
	}
	used, issued := a.nonces[f["nonce"]]
	if !issued || used || f["username"] != a.user || f["realm"] != realm {
		return refused
	}
	a.nonces[f["nonce"]] = true
	sum := func(s string) string {
		h := a.hash()
		_, _ = io.WriteString(h, s) // a hash never fails
		return hex.EncodeToString(h.Sum(nil))
	}
	want := sum(sum(a.user+":"+realm+":"+a.password) + ":" + f["nonce"] + ":" + f["nc"] + ":" + f["cnonce"] + ":" + f["qop"] + ":" + sum(r.Method+":"+f["uri"]))
	if subtle.ConstantTimeCompare([]byte(want), []byte(f["response"])) != 1 {
		return refused
	}
	return accepted
}
