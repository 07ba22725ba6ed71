package api

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// injections are what tools of attackers try on every parameter: SQL of several
// dialects, templates, commands, paths, headers, markup, numbers out of range.
var injections = []string{
	"'", "\"", "' OR '1'='1", "1;DROP TABLE users--", "1' UNION SELECT password_hash FROM users--", "') OR 1=1--", "'; SELECT pg_sleep(5)--",
	"1 AND SLEEP(5)", "||(SELECT version())||", "%27%20OR%201=1", "\\'; --", "0x27", "admin'/*",
	"{{7*7}}", "${jndi:ldap://x/a}", "$(id)", "`id`", "|id", ";id", "../../../../etc/passwd", "..\\..\\windows\\win.ini", "file:///etc/passwd",
	"http://169.254.169.254/latest/meta-data/", "\r\nSet-Cookie: a=b", "\x00", "<script>alert(1)</script>", "javascript:alert(1)",
	"-1", "0", "99999999999999999999", "1e309", "NaN", "null", "[]", "{}", "\u202e", "ﬁ", strings.Repeat("A", 3000),
}

// attack sends a request as it stands and demands that the server holds: a
// refusal or an answer, never a fault of its own, and nothing told of the database.
func (w *world) attack(r route, target string, body io.Reader, role lieciba.Role) int {
	w.t.Helper()
	req := httptest.NewRequestWithContext(w.t.Context(), r.method, "http://test/", body)
	u, err := url.ParseRequestURI(target)
	require.NoError(w.t, err)
	req.URL, req.RequestURI = u, target
	req.Header.Set("Authorization", "Bearer "+w.tokens[role])
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	rec := httptest.NewRecorder()
	w.server.ServeHTTP(rec, req)
	require.Less(w.t, rec.Code, 500, "%s %s by %s: %s", r.method, target, role, rec.Body)
	said := strings.ToLower(rec.Body.String())
	for _, word := range []string{"sqlite", "sqlstate", "syntax error", "near \"", "pgx", "goroutine ", "root:x:0", "panic"} {
		if r.path != "/v1/system" && r.path != "/v1/openapi.yaml" { // which name the database on purpose
			require.NotContains(w.t, said, word, "%s %s by %s", r.method, target, role)
		}
	}
	require.Empty(w.t, rec.Header().Values("Set-Cookie"), "%s %s", r.method, target)
	return rec.Code
}

// mayTry is a role that the route lets in, so that the attack gets past the policy.
func mayTry(cells string) lieciba.Role {
	for i, cell := range strings.Fields(cells) {
		if cell != "-" {
			return lieciba.Roles()[i]
		}
	}
	return lieciba.RoleAdmin
}

// Every parameter of every route, in the path and in the query, with every
// injection, by a role that the route lets in.
func TestAttackEveryParameter(t *testing.T) {
	w := newWorld(t)
	table, sent, taken := wanted(t), 0, 0
	for _, r := range w.server.routes() {
		role := mayTry(table[r.method+" "+r.path])
		if strings.HasSuffix(r.path, "/log/check") && r.method == http.MethodPost {
			continue // it takes no parameter
		}
		var body func() io.Reader = func() io.Reader { return nil }
		if r.method != http.MethodGet && r.method != http.MethodDelete {
			body = func() io.Reader { return strings.NewReader("{}") }
		}
		for _, x := range injections {
			target := r.path
			if strings.Contains(target, ":id") {
				target = strings.Replace(target, ":id", url.PathEscape(x), 1)
				code := w.attack(r, target, body(), role)
				if !strings.Contains(r.path, "/sites/") && !strings.Contains(r.path, "/rooms/") && r.path != "/v1/exam-sessions/:id" {
					require.NotEqual(t, 200, code, "%s %s", r.method, target)
				}
				sent++
			}
			if r.method == http.MethodGet {
				for _, name := range parametersOf(r) {
					base := strings.Replace(r.path, ":id", string(w.own.session.ID), 1)
					if w.attack(r, base+"?"+name+"="+url.QueryEscape(x), nil, role) == 200 {
						taken++
					}
					sent++
				}
			}
		}
	}
	require.Greater(t, sent, 2000)
	t.Logf("%d requests, %d taken as plain text to search for, none a fault", sent, taken)
	require.Len(t, w.as("admin", "GET", "/v1/sites", nil).want(200).items(), 2, "nothing was changed")
}

// parametersOf lists the query parameters that the document names.
func parametersOf(r route) (names []string) {
	item := document.Paths.Find(strings.Replace(r.path, ":id", "{id}", 1))
	if item == nil || item.GetOperation(r.method) == nil {
		return nil
	}
	for _, p := range item.GetOperation(r.method).Parameters {
		if p.Value.In == "query" {
			names = append(names, p.Value.Name)
		}
	}
	return names
}

// Every field of good bodies, replaced by every injection; then bodies that are
// too large, too deep or of another type.
func TestAttackEveryBody(t *testing.T) {
	w := newWorld(t)
	k, table, sent := &walk{w: w}, wanted(t), 0
	for _, r := range w.server.routes() {
		name := r.method + " " + r.path
		role := mayTry(table[name])
		good, contentType := k.body(name, w.own)
		fields, isJSON := good.(map[string]any)
		if !isJSON || contentType != "" || r.open {
			continue
		}
		target := k.ref(name, r.path, w.own, role)
		for field, was := range fields {
			tried := injections[:len(injections)-1]
			if _, hashed := fields["password"]; hashed { // each costs 19 MiB and its time
				tried = tried[:8]
			}
			for _, x := range tried {
				if x == "\x00" {
					x = `\u0000`
				}
				fields[field] = x
				body := encode(t, fields)
				w.attack(r, target, strings.NewReader(strings.ReplaceAll(body, `\\u0000`, `\u0000`)), role)
				sent++
			}
			fields[field] = map[string]any{"$ne": nil}
			w.attack(r, target, strings.NewReader(encode(t, fields)), role)
			fields[field] = was
		}
		large := `{"name":"` + strings.Repeat("x", maxBody) + `"}`
		require.Contains(t, []int{413, 403}, w.attack(r, target, strings.NewReader(large), role), name) // 403: before the body is read
		deep := strings.Repeat(`{"a":`, 50_000) + "1" + strings.Repeat("}", 50_000)
		require.Contains(t, []int{400, 403}, w.attack(r, target, strings.NewReader(deep), role), name)
		for _, other := range []string{"", "[]", "null", "true", "\xff\xfe", `{"a":1}{"a":2}`, "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><x>&e;</x>"} {
			w.attack(r, target, strings.NewReader(other), role)
		}
		sent += 9
	}
	require.Greater(t, sent, 1000)
	t.Logf("%d bodies, none a fault", sent)
}

func encode(t *testing.T, v any) string {
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

// 200 wrong passwords for one account from one address: five are judged at once,
// then fewer and fewer; the right one from another address is taken all the while.
func TestAttack200WrongPasswords(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Rates = Rates{} }) // the product's own
	w.user("anna", goodPassword, nil, lieciba.RoleSupervisor)
	judged, limited := 0, 0
	for i := range 200 {
		a := w.do(request{method: "POST", path: "/v1/sign-in", body: map[string]any{"login": "anna", "password": fmt.Sprint("a guessed password ", i)}})
		switch a.status {
		case 401:
			judged++
		case 429:
			limited++
			require.NotEmpty(t, a.header.Get("Retry-After"))
		}
		w.clock.add(time.Second)
	}
	require.Equal(t, 200, judged+limited)
	require.LessOrEqual(t, judged, 10, "of 200 in 200 seconds")
	require.Len(t, w.audited("sign_in"), judged)
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/sign-in", strings.NewReader(`{"login":"anna","password":"`+goodPassword+`"}`))
	r.RemoteAddr = "198.51.100.4:1"
	r.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	w.server.ServeHTTP(rec, r)
	require.Equal(t, 200, rec.Code, "who is elsewhere is not locked out")
	t.Logf("200 wrong passwords in 200 s: %d judged, %d answered 429", judged, limited)
}

// Somebody who sends a header line by line, and one who never reads the answer,
// are both cut off; others are served meanwhile.
func TestAttackSlowRequests(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, dial func() net.Conn) {
		began := time.Now() // of the bubble
		var slow, deaf []net.Conn
		for range 50 {
			c := dial()
			_, err := io.WriteString(c, "GET /v1/me HTTP/1.1\r\nHost: x\r\nX-Slow: ")
			require.NoError(t, err)
			slow = append(slow, c)
			c = dial()
			_, err = io.WriteString(c, w.get("/v1/openapi.yaml"))
			require.NoError(t, err)
			deaf = append(deaf, c)
		}
		require.Equal(t, 200, w.got(dial(), "/v1/me"), "others are served")
		for _, c := range slow {
			_, err := io.Copy(io.Discard, c)
			require.NoError(t, err, "the server closed it")
			require.Equal(t, 10*time.Second, time.Since(began))
			require.NoError(t, c.Close())
		}
		require.Equal(t, 200, w.got(dial(), "/v1/me"), "others are served")
		time.Sleep(80 * time.Second) // of the bubble: to the end of an answer's time
		synctest.Wait()
		for _, c := range deaf {
			n, err := io.Copy(io.Discard, c)
			require.NoError(t, err, "the server closed it")
			require.Zero(t, n, "nothing was kept for who did not read in time")
			require.NoError(t, c.Close())
		}
		require.Equal(t, 90*time.Second, time.Since(began))
	})
}

// get is a request as it goes over the line, by the administrator's token.
func (w *world) get(path string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + w.tokens[lieciba.RoleAdmin] + "\r\nConnection: close\r\n\r\n"
}

// got sends get and closes the connection when the answer is read; its status.
func (w *world) got(c net.Conn, path string) int {
	_, err := io.WriteString(c, w.get(path))
	require.NoError(w.t, err)
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(w.t, err)
	_, err = io.Copy(io.Discard, answer.Body)
	require.NoError(w.t, err)
	require.NoError(w.t, answer.Body.Close())
	require.NoError(w.t, c.Close())
	return answer.StatusCode
}
