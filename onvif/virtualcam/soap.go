package virtualcam

import (
	"encoding/xml"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"
)

const (
	envelope = `<?xml version="1.0" encoding="UTF-8"?>` +
		`<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:tt="http://www.onvif.org/ver10/schema"` +
		` xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:trt="http://www.onvif.org/ver10/media/wsdl"` +
		` xmlns:tr2="http://www.onvif.org/ver20/media/wsdl" xmlns:tev="http://www.onvif.org/ver10/events/wsdl"` +
		` xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" xmlns:wsa="http://www.w3.org/2005/08/addressing"` +
		` xmlns:ter="http://www.onvif.org/ver10/error" xmlns:tns1="http://www.onvif.org/ver10/topics">`
	maxRequest = 256 << 10
)

// operation finds the name of the element in a SOAP body.
var operation = regexp.MustCompile(`<(?:[\w-]+:)?Body[^>]*>\s*<(?:[\w-]+:)?(\w+)`)

// open lists what may be asked without signing in (ONVIF Core, access class PRE_AUTH).
var open = map[string]bool{"GetSystemDateAndTime": true, "GetCapabilities": true, "GetServices": true,
	"GetServiceCapabilities": true, "GetWsdlUrl": true, "GetHostname": true, "GetEndpointReference": true}

// ServeHTTP implements http.Handler: every service and the snapshot.
func (c *Camera) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		http.Error(w, "request too large", http.StatusRequestEntityTooLarge)
		return
	}
	if r.URL.Path == "/snapshot.jpg" {
		if c.admit(w, r, body, "snapshot") {
			c.snapshot(w)
		}
		return
	}
	op := ""
	if m := operation.FindSubmatch(body); m != nil {
		op = string(m[1])
	}
	if !c.misbehave(w, r, op) && c.admit(w, r, body, op) {
		c.answer(w, r, op, string(body))
	}
}

// misbehave does what Faults asks for an operation; true if the request is done with.
func (c *Camera) misbehave(w http.ResponseWriter, r *http.Request, op string) bool {
	f := c.fault()
	if d := f.Delay[op]; d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.Context().Done():
			return true
		}
	}
	if status := f.Fault[op]; status != 0 {
		sendFault(w, status, "Receiver", "ter:Action", "the operation failed")
		return true
	}
	if junk, ok := f.Junk[op]; ok {
		send(w, http.StatusOK, junk)
		return true
	}
	return false
}

// admit checks who asks and answers when that is nobody who may.
func (c *Camera) admit(w http.ResponseWriter, r *http.Request, body []byte, op string) bool {
	if open[op] {
		return true
	}
	switch c.auth.check(r, body, c.now()) {
	case accepted:
		return true
	default:
		if c.auth.usesDigest(r) {
			c.auth.challenge(w)
		} else {
			sendFault(w, http.StatusBadRequest, "Sender", "ter:NotAuthorized", "Sender not authorized")
		}
		return false
	}
}

func (c *Camera) answer(w http.ResponseWriter, r *http.Request, op, body string) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	var out string
	var ok bool
	switch parts[len(parts)-1] {
	case "device_service":
		out, ok = c.device(op)
	case "media":
		out, ok = c.media1(op, body)
	case "media2":
		out, ok = c.media2(op, body)
	default:
		out, ok = c.eventService(r, op, body)
	}
	if !ok {
		sendFault(w, http.StatusBadRequest, "Receiver", "ter:ActionNotSupported", "optional action not implemented")
		return
	}
	send(w, http.StatusOK, envelope+"<s:Body>"+out+"</s:Body></s:Envelope>")
}

func send(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/soap+xml; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // the client may be gone
}

// sendFault writes a SOAP 1.2 fault (section 5.4).
func sendFault(w http.ResponseWriter, status int, code, subcode, reason string) {
	send(w, status, envelope+"<s:Body><s:Fault><s:Code><s:Value>s:"+code+"</s:Value><s:Subcode><s:Value>"+subcode+
		"</s:Value></s:Subcode></s:Code><s:Reason><s:Text xml:lang=\"en\">"+reason+"</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>")
}

// escape makes text safe inside XML.
func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder never fails
	return b.String()
}
