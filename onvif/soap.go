package onvif

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"lieciba"
)

// newDecoder reads XML as cameras write it: lenient, without external entities,
// and with declared charsets other than UTF-8 taken as Latin-1 (only free text
// of no consequence differs).
func newDecoder(b []byte) *xml.Decoder {
	d := xml.NewDecoder(bytes.NewReader(b))
	d.Strict = false
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) {
		raw, err := io.ReadAll(in)
		if err != nil || utf8.Valid(raw) {
			return bytes.NewReader(raw), err
		}
		var out bytes.Buffer
		for _, c := range raw {
			out.WriteRune(rune(c))
		}
		return &out, nil
	}
	return d
}

var errNotSOAP = errors.New("the answer is not SOAP")

// bodyElement positions d on the first element inside the SOAP body.
func bodyElement(d *xml.Decoder) (xml.StartElement, error) {
	depth, inBody, envelope := 0, false, false
	for {
		t, err := d.Token()
		if err != nil {
			return xml.StartElement{}, fmt.Errorf("%w: %w", errNotSOAP, err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			depth++
			switch {
			case depth == 1 && t.Name.Local == "Envelope":
				envelope = true
			case envelope && depth == 2 && t.Name.Local == "Body":
				inBody = true
			case inBody && depth == 3:
				return t, nil
			case depth == 1:
				return xml.StartElement{}, errNotSOAP
			}
		case xml.EndElement:
			if depth--; inBody && depth < 2 {
				return xml.StartElement{}, io.EOF // an empty body: a plain "done"
			}
		}
	}
}

// xmlFault holds both shapes of a fault.
type xmlFault struct {
	Code   xmlCode `xml:"Code"`
	Reason string  `xml:"Reason>Text"`
	Code11 string  `xml:"faultcode"`
	Text11 string  `xml:"faultstring"`
}

type xmlCode struct {
	Value   string   `xml:"Value"`
	Subcode *xmlCode `xml:"Subcode"`
}

// parseFault returns the SOAP fault in b, if there is one.
func parseFault(b []byte) (*Fault, bool) {
	if !bytes.Contains(b, []byte("Fault")) {
		return nil, false
	}
	d := newDecoder(b)
	start, err := bodyElement(d)
	if err != nil || start.Name.Local != "Fault" {
		return nil, false
	}
	var x xmlFault
	if err := d.DecodeElement(&x, &start); err != nil {
		return &Fault{Codes: []string{"unreadable"}}, true
	}
	f := &Fault{Reason: oneLine(x.Reason+x.Text11, 200)}
	add := func(v string) {
		if v = oneLine(v[strings.LastIndexByte(v, ':')+1:], 60); v != "" {
			f.Codes = append(f.Codes, v)
		}
	}
	add(x.Code11)
	for c, depth := &x.Code, 0; c != nil && depth < 8; c, depth = c.Subcode, depth+1 {
		add(c.Value)
	}
	return f, true
}

// call sends one request to endpoint and decodes the element in the answer's
// body into out (nil: ignore it). Every call has its own deadline.
func (d *Client) call(ctx context.Context, endpoint string, request any, out any, opts ...callOption) error {
	c := callOptions{sign: true, timeout: d.options.CallTimeout}
	for _, o := range opts {
		o(&c)
	}
	c.operation = operationName(request)
	message, err := envelope(request, c.header...)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, errDeadline)
	defer cancel()
	rt := &roundTripper{dev: d, ctx: ctx, operation: c.operation, sign: c.sign}
	resp, body, err := post(rt, endpoint, message)
	if err != nil {
		return err
	}
	return decodeAnswer(c.operation, resp, body, out)
}

type callOptions struct {
	sign      bool
	timeout   time.Duration
	header    []rawXML
	operation string
}

type callOption func(*callOptions)

func unsigned(c *callOptions) { c.sign = false }

func within(t time.Duration) callOption { return func(c *callOptions) { c.timeout = t } }
func withHeader(h ...rawXML) callOption {
	return func(c *callOptions) { c.header = append(c.header, h...) }
}

// operationName is the local name of the request's element.
func operationName(request any) string {
	var name string
	if raw, ok := request.(rawXML); ok {
		name = strings.TrimPrefix(string(raw), "<")
		name = name[:strings.IndexAny(name+" ", " />")]
	} else {
		name = fmt.Sprintf("%T", request)
		return name[strings.LastIndexByte(name, '.')+1:]
	}
	return name[strings.IndexByte(name, ':')+1:]
}

func decodeAnswer(operation string, resp *http.Response, body []byte, out any) error {
	if f, ok := parseFault(body); ok {
		f.Operation = operation
		return f.asError()
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return lieciba.Wrap(&statusError{resp.StatusCode}, lieciba.CodeUnavailable, "the camera answered %s with HTTP status %d", operation, resp.StatusCode)
	}
	d := newDecoder(body)
	start, err := bodyElement(d)
	if errors.Is(err, io.EOF) && !errors.Is(err, errNotSOAP) && out == nil {
		return nil
	}
	if err == nil && out != nil {
		err = d.DecodeElement(out, &start)
	}
	return lieciba.Wrap(err, lieciba.CodeUnavailable, "the camera's answer to %s cannot be read", operation)
}

// statusError is an answer that is neither a success nor a fault.
type statusError struct{ status int }

func (e *statusError) Error() string { return fmt.Sprintf("HTTP status %d", e.status) }
