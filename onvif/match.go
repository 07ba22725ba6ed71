package onvif

import (
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"strings"
)

// match is one ProbeMatch as an answer tells it.
type match struct {
	endpointRef string
	types       []string
	scopes      []string
	xaddrs      []string
}

// Bounds on what one answer may bring.
const (
	maxMatches = 64
	maxWords   = 256
	maxWord    = 1024
)

var errJunk = errors.New("not an answer of WS-Discovery")

// decodeMatches reads the matches of one datagram (WS-Discovery 2005/04, 5.3).
// Prefixes and versions of namespaces do not matter. Whatever comes, it returns:
// junk is an error, never a panic.
func decodeMatches(datagram []byte) ([]match, error) {
	d := newDecoder(datagram)
	start, err := bodyElement(d)
	if err != nil {
		return nil, errors.Join(errJunk, err)
	}
	if start.Name.Local != "ProbeMatches" {
		return nil, errJunk
	}
	var list []match
	for len(list) < maxMatches {
		t, err := d.Token()
		if err == io.EOF {
			return list, nil
		}
		if err != nil { // cut off: what was whole before still counts
			if len(list) > 0 {
				return list, nil
			}
			return nil, errors.Join(errJunk, err)
		}
		s, ok := t.(xml.StartElement)
		if !ok || s.Name.Local != "ProbeMatch" {
			continue
		}
		var x struct {
			EndpointRef string `xml:"EndpointReference>Address"`
			Types       string `xml:"Types"`
			Scopes      string `xml:"Scopes"`
			XAddrs      string `xml:"XAddrs"`
		}
		if err := d.DecodeElement(&x, &s); err != nil {
			if len(list) > 0 {
				return list, nil
			}
			return nil, errors.Join(errJunk, err)
		}
		list = append(list, match{
			endpointRef: endpointKey(x.EndpointRef),
			types:       words(x.Types), scopes: words(x.Scopes), xaddrs: words(x.XAddrs),
		})
	}
	return list, nil
}

func words(s string) []string {
	var list []string
	for _, w := range strings.Fields(s) {
		if len(w) <= maxWord && len(list) < maxWords {
			list = append(list, w)
		}
	}
	return list
}

// endpointKey normalises an EndpointReference: the same camera writes it as
// urn:uuid:X, uuid:X and X in upper or lower case.
func endpointKey(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	s = strings.TrimPrefix(s, "urn:")
	s = strings.TrimPrefix(s, "uuid:")
	if len(s) > 200 || strings.ContainsAny(s, " \t\r\n<>\"") {
		return ""
	}
	for _, r := range s {
		if r < ' ' || r == 0xFFFD {
			return ""
		}
	}
	return s
}

// isCamera tells ONVIF devices from the printers and PCs that answer as well.
func (m match) isCamera() bool {
	for _, t := range m.types {
		if strings.HasSuffix(t, "NetworkVideoTransmitter") {
			return true
		}
	}
	for _, s := range m.scopes {
		if strings.HasPrefix(strings.ToLower(s), "onvif://") {
			return true
		}
	}
	for _, x := range m.xaddrs {
		if u, err := url.Parse(x); err == nil && strings.HasPrefix(strings.ToLower(u.Path), "/onvif/") {
			return true
		}
	}
	return false
}

// scope returns the value of the scope onvif://www.onvif.org/NAME/value, the
// first of the names that there is (Core, 7.3.2.2).
func (m match) scope(names ...string) string {
	for _, n := range names {
		for _, s := range m.scopes {
			u, err := url.Parse(s)
			if err != nil || !strings.EqualFold(u.Scheme, "onvif") {
				continue
			}
			key, value, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
			if strings.EqualFold(key, n) && value != "" {
				return oneLine(value, 100)
			}
		}
	}
	return ""
}
