package api

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"lieciba"
)

// requestRecord is what the access log says of a request.
type requestRecord struct {
	route  string // as in the route table; empty: none
	id     string
	status int
	bytes  int64
	call   *call // nil when no route was reached
}

type recordKey struct{}

func recordOf(r *http.Request) *requestRecord {
	rec, _ := r.Context().Value(recordKey{}).(*requestRecord)
	return rec
}

// countingWriter notes status and size.
type countingWriter struct {
	http.ResponseWriter
	record   *requestRecord
	replaced bool // the answer is the error shape, and not what the handler writes
}

func (w *countingWriter) WriteHeader(status int) {
	if w.record.status != 0 {
		w.ResponseWriter.WriteHeader(status) // net/http logs the second one
		return
	}
	w.record.status = status
	if plain := plainError(status, w.Header()); plain != nil {
		w.replaced = true
		writeStatus(w.ResponseWriter, plain, status)
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *countingWriter) Write(b []byte) (int, error) {
	if w.replaced {
		return len(b), nil // the plain text that went another way
	}
	if w.record.status == 0 {
		w.record.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.record.bytes += int64(n)
	return n, err
}

// Flush implements http.Flusher, which gin's writer asks for.
func (w *countingWriter) Flush() {
	_ = http.NewResponseController(w.ResponseWriter).Flush() // no error: every server's writer can
}

// Unwrap lets http.ResponseController reach the connection.
func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// wrap is what every request goes through first: an ID, a deadline, headers,
// recovery and the access log.
func (s *Server) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rec := &requestRecord{id: rand.Text()}
		r = r.WithContext(context.WithValue(r.Context(), recordKey{}, rec))
		cw := &countingWriter{ResponseWriter: w, record: rec}
		s.setHeaders(w.Header(), r)
		w.Header().Set("X-Request-Id", rec.id)
		setWriteDeadline(w, s.cfg.RequestTimeout+s.cfg.ProbeTimeout)
		if r.ContentLength != 0 {
			setReadDeadline(w, time.Now().Add(s.cfg.RequestTimeout))
		}
		defer s.logRequest(r, rec, start)
		defer s.recover(cw, r, rec)
		if !s.admitAddress(cw, r) {
			return
		}
		if hasDotSegment(r.URL.Path) {
			writeError(cw, &lieciba.Error{Code: lieciba.CodeInvalid, Message: "the address holds . or .. as an element"})
			return
		}
		next.ServeHTTP(cw, r)
	})
}

// setWriteDeadline bounds how long a slow reader can hold the answer. A test's
// recorder has no connection and needs no bound.
func setWriteDeadline(w http.ResponseWriter, d time.Duration) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d)) // an error means that there is no connection to bound
}

// setReadDeadline bounds how slowly a body may come, also from somebody who has
// not signed in. The zero time ends it: a deadline that passed while the answer
// is made would end the request.
func setReadDeadline(w http.ResponseWriter, at time.Time) {
	_ = http.NewResponseController(w).SetReadDeadline(at) // as above
}

func hasDotSegment(path string) bool {
	for element := range strings.SplitSeq(path, "/") {
		if element == "." || element == ".." {
			return true
		}
	}
	return strings.ContainsAny(path, "\\\x00")
}

// contentSecurityPolicy allows the pages their own files and nothing inline, and
// no text ever becomes HTML or a script (W3C Trusted Types).
// Blob pictures are the snapshots and frames that the pages make themselves.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; " +
	"media-src 'self' blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; worker-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// permissionsPolicy takes from the pages what they never use.
const permissionsPolicy = "camera=(), microphone=(), geolocation=(), display-capture=(), usb=(), serial=(), hid=(), bluetooth=(), " +
	"payment=(), midi=(), idle-detection=(), local-fonts=(), publickey-credentials-get=(self), publickey-credentials-create=(self)"

// setHeaders puts the headers of every answer. Handlers may override Cache-Control.
func (s *Server) setHeaders(h http.Header, r *http.Request) {
	h.Set("Content-Security-Policy", contentSecurityPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", permissionsPolicy)
	if s.overTLS(r) {
		h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	}
	if strings.HasPrefix(r.URL.Path, "/v1/") || r.URL.Path == "/metrics" {
		h.Set("Cache-Control", "no-store")
	}
}

func (s *Server) overTLS(r *http.Request) bool { return r.TLS != nil || s.cfg.SecureCookie }

// denyCrossOrigin answers what http.CrossOriginProtection refused.
func (s *Server) denyCrossOrigin(w http.ResponseWriter, _ *http.Request) {
	writeError(w, lieciba.Errorf(lieciba.CodeForbidden, "this request comes from a page of another origin"))
}

// recover turns a panic into the error shape. http.ErrAbortHandler goes on: it
// means that the connection must be cut.
func (s *Server) recover(w *countingWriter, r *http.Request, rec *requestRecord) {
	p := recover()
	if p == nil {
		return
	}
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p)
	}
	s.cfg.Log.ErrorContext(r.Context(), "a handler panicked", "panic", p, "request_id", rec.id, "stack", string(debug.Stack()))
	if rec.status != 0 {
		panic(http.ErrAbortHandler) // half an answer must not look whole
	}
	writeError(w, asError(lieciba.Errorf(lieciba.CodeInternal, "panic"), rec.id))
}

// logRequest writes the access log: the path without its query, because a query
// can hold what a person typed.
func (s *Server) logRequest(r *http.Request, rec *requestRecord, start time.Time) {
	took := time.Since(start)
	route := "none"
	attrs := []slog.Attr{slog.String("request_id", rec.id), slog.String("method", r.Method), slog.String("path", r.URL.Path),
		slog.Int("status", rec.status), slog.Int64("bytes", rec.bytes), slog.Duration("took", took), slog.String("address", s.addressOf(r))}
	level := slog.LevelInfo
	if c := rec.call; c != nil {
		if rec.route != "" {
			route = rec.route
		}
		if c.who.ID != "" {
			attrs = append(attrs, slog.String("who", c.who.ID))
		}
		if c.cause != nil {
			attrs = append(attrs, slog.String("error", c.cause.Error()))
		}
	}
	if rec.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	s.requests.observe(r.Method, route, rec.status, took)
	s.cfg.Log.LogAttrs(context.WithoutCancel(r.Context()), level, "request", attrs...)
}
