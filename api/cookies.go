package api

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"

	"lieciba"
)

// newSecret makes 256 random bits in URL-safe text, and their SHA-256.
func newSecret(prefix string) (plain string, hash [32]byte) {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // documented never to fail
	plain = prefix + base64.RawURLEncoding.EncodeToString(b)
	return plain, sha256.Sum256([]byte(plain))
}

// cookieName is a cookie's name on the wire: over TLS with the prefix that keeps
// other hosts and plain HTTP from setting it (RFC 6265bis, 4.1.3.2).
func (s *Server) cookieName(r *http.Request, base string) string {
	if s.overTLS(r) {
		return "__Host-" + base
	}
	return base
}

func (c *call) cookie(base string) (value string, given bool) {
	got, err := c.gin.Request.Cookie(c.server.cookieName(c.gin.Request, base))
	if err != nil {
		return "", false
	}
	return got.Value, true
}

// setCookie sets a cookie for maxAge seconds: 0 until the browser ends, below 0 never.
func (c *call) setCookie(base, value string, maxAge int, site http.SameSite) {
	r := c.gin.Request
	http.SetCookie(c.gin.Writer, &http.Cookie{Name: c.server.cookieName(r, base), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, SameSite: site, Secure: c.server.overTLS(r)})
}

// setSealed gives the browser something to keep that it can neither read nor change.
func (c *call) setSealed(base string, v any, life time.Duration, site http.SameSite) {
	plain, err := json.Marshal(v)
	if err != nil {
		panic(err) // structs of our own
	}
	sealed := c.server.cfg.Secrets.Seal(plain, []byte("cookie:"+base))
	c.setCookie(base, base64.RawURLEncoding.EncodeToString(sealed), int(life/time.Second), site)
}

// sealed reads back what setSealed gave; false if it is not there or not ours.
func (c *call) sealed(base string, v any) bool {
	value, given := c.cookie(base)
	if !given || len(value) > 4096 {
		return false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(value)
	if err != nil {
		return false
	}
	plain, err := c.server.cfg.Secrets.Unseal(b, []byte("cookie:"+base))
	return err == nil && json.Unmarshal(plain, v) == nil
}

// deviceLife is how long a browser counts as one that the account has used.
const deviceLife = 180 * 24 * time.Hour

// device is what a browser keeps of an account that signed in with it, so that
// those who guess from the same network do not lock it out (OWASP, Slow Down
// Online Guessing Attacks with Device Cookies).
type device struct {
	User lieciba.UserID `json:"user"`
	ID   string         `json:"id"`
	At   time.Time      `json:"at"`
}

// keptDevice is what the browser keeps of the account that signed in with it last.
func (c *call) keptDevice() (d device, known bool) {
	known = c.sealed(deviceCookie, &d) && c.now.Sub(d.At) <= deviceLife
	return d, known
}

// device names the browser if the account has signed in with it; else it is empty.
func (c *call) device(login string) string {
	d, known := c.keptDevice()
	if !known {
		return ""
	}
	u, err := c.server.cfg.Catalog.UserByLogin(c.ctx(), login)
	if err != nil || u.ID != d.User {
		return ""
	}
	return d.ID
}

func (c *call) setDevice(u lieciba.UserID) {
	c.setSealed(deviceCookie, device{u, rand.Text(), c.now}, deviceLife, http.SameSiteStrictMode)
}
