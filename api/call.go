package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"lieciba"
)

// maxBody bounds a JSON body, in bytes; maxOffer an SDP offer.
const (
	maxBody  = 1 << 20
	maxOffer = 256 << 10
)

// call is one request under way. It belongs to the request's goroutine.
type call struct {
	gin       *gin.Context
	server    *Server
	requestID string
	who       lieciba.Principal
	user      *lieciba.User   // who signed in; nil for a machine
	signIn    *lieciba.SignIn // nil for a machine
	now       time.Time
	caller    context.Context // ends when the caller hangs up
	cause     error           // of a refusal, for the log

	grant      *lieciba.Grant // that allows the act; nil where none is needed
	credential credential     // that who was found by
	replaced   bool           // the cookie's value was: no fresh proof rides on it

	inside context.Context // of the act under way: see in; nil outside of one
}

// ctx bounds the work on the request. Of a change it outlives the caller.
func (c *call) ctx() context.Context {
	if c.inside != nil {
		return c.inside
	}
	return c.gin.Request.Context()
}

// in is the call as the part of an act that ctx belongs to sees it: what it reads
// stays as it is until the act ends, and its time is now. leave ends that, for what
// goes on to use the call after the act.
func (c *call) in(ctx context.Context) (in *call, leave func()) {
	copied := *c
	copied.inside, copied.now = ctx, c.server.cfg.Now()
	return &copied, func() { copied.inside = nil }
}

// address is that of who asks, without its port (addressOf).
func (c *call) address() string { return c.server.addressOf(c.gin.Request) }

func (c *call) ok(body any) error {
	c.gin.JSON(http.StatusOK, body)
	return nil
}

func (c *call) created(body any) error {
	c.gin.JSON(http.StatusCreated, body)
	return nil
}

func (c *call) noContent() error {
	c.gin.Status(http.StatusNoContent)
	c.gin.Writer.WriteHeaderNow()
	return nil
}

// allow decides on an object that only the body or a query names. A refusal
// looks as if the object did not exist.
func (c *call) allow(act lieciba.Act, site lieciba.SiteID, what string) error {
	if err := lieciba.Allow(c.who, act, site); err != nil {
		return &lieciba.Error{Code: lieciba.CodeNotFound, Message: notFound(what).(*lieciba.Error).Message, Cause: err}
	}
	return nil
}

// requireType refuses a body of another media type.
func (c *call) requireType(want string) error {
	got, _, err := mime.ParseMediaType(c.gin.GetHeader("Content-Type"))
	if err != nil || got != want {
		return &lieciba.Error{Code: lieciba.CodeUnsupported, Field: "Content-Type", Message: "send Content-Type: " + want}
	}
	return nil
}

// body reads at most limit bytes.
func (c *call) body(limit int64) ([]byte, error) {
	b, err := io.ReadAll(http.MaxBytesReader(c.gin.Writer, c.gin.Request.Body, limit))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, lieciba.Errorf(lieciba.CodeTooLarge, "the body is larger than %d bytes", limit)
	}
	if err != nil {
		return nil, &lieciba.Error{Code: lieciba.CodeInvalid, Message: "the body could not be read to its end", Cause: err}
	}
	setReadDeadline(c.gin.Writer, time.Time{})
	return b, nil
}

// read decodes the JSON body into v. Unknown and repeated fields and wrong types
// are CodeInvalid and name the field.
func (c *call) read(v any) error {
	if err := c.requireType("application/json"); err != nil {
		return err
	}
	b, err := c.body(maxBody)
	if err != nil {
		return err
	}
	return decodeJSON(b, v)
}

// decodeJSON is strict: one object, no unknown field, none twice.
func decodeJSON(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return jsonError(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return lieciba.Errorf(lieciba.CodeInvalid, "the body holds more than one JSON value: send exactly one")
	}
	if !bytes.HasPrefix(bytes.TrimLeft(b, " \t\r\n"), []byte("{")) { // null decodes into anything
		return lieciba.Errorf(lieciba.CodeInvalid, "the body is no JSON object: send exactly one")
	}
	return checkKeys(json.NewDecoder(bytes.NewReader(b)))
}

// checkKeys refuses what encoding/json lets pass: a field that is sent twice, of
// which the last would win, and one in other letters than the document's. What
// dec reads was decoded before, so it is JSON and not too deep.
func checkKeys(dec *json.Decoder) error {
	t, err := dec.Token()
	if err != nil {
		return jsonError(err)
	}
	seen := map[string]bool{}
	for t == json.Delim('{') && dec.More() {
		name, err := dec.Token()
		if err != nil {
			return jsonError(err)
		}
		key := name.(string) // JSON has no other names
		switch {
		case !snakeCase(key):
			return lieciba.Invalid(key, "is not a field of this request: remove it")
		case seen[key]:
			return lieciba.Invalid(key, "is sent twice: send it once")
		}
		seen[key] = true
		if err := checkKeys(dec); err != nil {
			return err
		}
	}
	for t == json.Delim('[') && dec.More() {
		if err := checkKeys(dec); err != nil {
			return err
		}
	}
	if t == json.Delim('{') || t == json.Delim('[') {
		_, err = dec.Token() // its end
	}
	return err
}

// snakeCase is how every field of the API is written.
func snakeCase(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' })
}

// jsonError turns encoding/json's error into one that names the field.
func jsonError(err error) error {
	var wrongType *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	const unknown = "json: unknown field "
	switch {
	case errors.As(err, &wrongType):
		return lieciba.Invalid(wrongType.Field, "must be of type %s, not %s", jsonType(wrongType.Type.Kind().String()), wrongType.Value)
	case errors.As(err, &syntax):
		return lieciba.Errorf(lieciba.CodeInvalid, "the body is no JSON: see byte %d", syntax.Offset)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return lieciba.Errorf(lieciba.CodeInvalid, "the body is empty or ends too early: send one JSON object")
	case strings.HasPrefix(err.Error(), unknown):
		if field, unquoteErr := strconv.Unquote(strings.TrimPrefix(err.Error(), unknown)); unquoteErr == nil {
			return lieciba.Invalid(field, "is not a field of this request: remove it")
		}
	}
	return &lieciba.Error{Code: lieciba.CodeInvalid, Message: "the body cannot be read as JSON of this request", Cause: err}
}

// jsonType names a Go kind in the words of JSON.
func jsonType(kind string) string {
	switch {
	case kind == "string":
		return "string"
	case kind == "bool":
		return "boolean"
	case kind == "slice" || kind == "array":
		return "array"
	case kind == "struct" || kind == "map":
		return "object"
	case strings.HasPrefix(kind, "int"):
		return "integer"
	}
	return "number"
}
