package onvif

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"net/http"
	"slices"
	"strings"
)

// challenge is one Digest challenge (RFC 7616, 3.3).
type challenge struct {
	realm, nonce, opaque string
	algorithm            string // as sent; empty means MD5
	qop                  bool   // auth is offered
	stale                bool
}

// digestChallenges returns the Digest challenges of a 401 that can be answered,
// strongest first. Cameras send them in several headers or all in one.
func digestChallenges(h http.Header) []challenge {
	var list []challenge
	for _, line := range h.Values("WWW-Authenticate") {
		for _, c := range parseChallenges(line) {
			if !strings.EqualFold(c.scheme, "Digest") || c.params["nonce"] == "" {
				continue
			}
			d := challenge{
				realm: c.params["realm"], nonce: c.params["nonce"], opaque: c.params["opaque"],
				algorithm: c.params["algorithm"], stale: strings.EqualFold(c.params["stale"], "true"),
			}
			qop := strings.FieldsFunc(c.params["qop"], func(r rune) bool { return r == ',' || r == ' ' })
			d.qop = slices.ContainsFunc(qop, func(s string) bool { return strings.EqualFold(s, "auth") })
			if d.strength() > 0 && (d.qop || len(qop) == 0) {
				list = append(list, d)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b challenge) int { return b.strength() - a.strength() })
	return list
}

// strength orders algorithms; 0 is one we cannot answer.
func (c challenge) strength() int {
	switch strings.ToUpper(c.algorithm) {
	case "SHA-256", "SHA-256-SESS":
		return 2
	case "", "MD5", "MD5-SESS":
		return 1
	}
	return 0
}

// answer is the Authorization header for one request (RFC 7616, 3.4). Every
// answer has its own cnonce and counts as the first use of its nonce: cameras
// that hand out one-time nonces are common, ones that count are not.
func (c challenge) answer(cred Credentials, method, uri string) string {
	var cn [16]byte
	_, _ = rand.Read(cn[:]) // documented never to fail
	return c.answerWith(cred, method, uri, hex.EncodeToString(cn[:]))
}

func (c challenge) answerWith(cred Credentials, method, uri, cnonce string) string {
	const nc = "00000001"
	newHash := md5.New
	if c.strength() == 2 {
		newHash = sha256.New
	}
	sum := func(s string) string { return hexSum(newHash(), s) }
	ha1 := sum(cred.Username + ":" + c.realm + ":" + cred.Password)
	if strings.HasSuffix(strings.ToUpper(c.algorithm), "-SESS") {
		ha1 = sum(ha1 + ":" + c.nonce + ":" + cnonce)
	}
	ha2 := sum(method + ":" + uri)
	response := sum(ha1 + ":" + c.nonce + ":" + ha2) // RFC 2069, when no qop is offered
	if c.qop {
		response = sum(ha1 + ":" + c.nonce + ":" + nc + ":" + cnonce + ":auth:" + ha2)
	}
	var b strings.Builder
	b.WriteString(`Digest username="` + quoted(cred.Username) + `", realm="` + quoted(c.realm) + `", nonce="` + quoted(c.nonce) +
		`", uri="` + quoted(uri) + `", response="` + response + `"`)
	if c.algorithm != "" {
		b.WriteString(`, algorithm=` + c.algorithm)
	}
	if c.qop {
		b.WriteString(`, qop=auth, nc=` + nc + `, cnonce="` + cnonce + `"`)
	} else if strings.HasSuffix(strings.ToUpper(c.algorithm), "-SESS") {
		b.WriteString(`, cnonce="` + cnonce + `"`)
	}
	if c.opaque != "" {
		b.WriteString(`, opaque="` + quoted(c.opaque) + `"`)
	}
	return b.String()
}

func hexSum(h hash.Hash, s string) string {
	h.Write([]byte(s))
	return hex.EncodeToString(h.Sum(nil))
}

// quoted escapes for a quoted-string and drops what could end a header line.
func quoted(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s)
}

type rawChallenge struct {
	scheme string
	params map[string]string // lower-case names
}

// parseChallenges reads a WWW-Authenticate value (RFC 9110, 11.6.1): a comma
// separates parameters as well as challenges, so a word that no "=" follows
// opens the next challenge.
func parseChallenges(s string) []rawChallenge {
	var list []rawChallenge
	for s = strings.TrimLeft(s, " \t,"); s != ""; s = strings.TrimLeft(s, " \t,") {
		n := strings.IndexAny(s, "=, \t")
		if n < 0 {
			n = len(s)
		}
		word, rest := s[:n], strings.TrimLeft(s[n:], " \t")
		if n == 0 { // a stray "="
			s = s[1:]
			continue
		}
		if !strings.HasPrefix(rest, "=") {
			list = append(list, rawChallenge{scheme: word, params: map[string]string{}})
			s = rest
			continue
		}
		var value string
		value, s = parseValue(strings.TrimLeft(rest[1:], " \t"))
		if len(list) > 0 {
			list[len(list)-1].params[strings.ToLower(word)] = value
		}
	}
	return list
}

// parseValue reads a token or a quoted-string and returns what follows it.
func parseValue(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		if n := strings.IndexAny(s, ", \t"); n >= 0 {
			return s[:n], s[n:]
		}
		return s, ""
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == '"':
			return b.String(), s[i+1:]
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), "" // no closing quote: cameras do that too
}
