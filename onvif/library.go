package onvif

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/rs/zerolog"
	goonvif "github.com/use-go/onvif"
	"github.com/use-go/onvif/gosoap"
	"github.com/use-go/onvif/networking"
	"github.com/use-go/onvif/sdk"

	"lieciba"
)

// Namespaces that the library's table lacks.
const (
	nsDevice = "http://www.onvif.org/ver10/device/wsdl"
	nsMedia  = "http://www.onvif.org/ver10/media/wsdl"
	nsMedia2 = "http://www.onvif.org/ver20/media/wsdl"
	nsEvents = "http://www.onvif.org/ver10/events/wsdl"
)

// The library logs to stderr by itself; this program's logs are slog's alone.
func init() { sdk.Logger = zerolog.Nop() }

// emptyEnvelope is a SOAP 1.2 envelope that declares every prefix the requests
// use. Built once: the library re-parses the document for each namespace.
var emptyEnvelope = sync.OnceValue(func() gosoap.SoapMessage {
	msg := gosoap.NewEmptySOAP()
	msg.AddRootNamespaces(goonvif.Xlmns)
	msg.AddRootNamespace("tr2", nsMedia2)
	return msg
})

// envelope wraps a request in a SOAP envelope. The request is a value of the
// library's request structs, or a rawXML body written by hand; header is an
// optional list of header blocks.
func envelope(request any, header ...rawXML) (string, error) {
	body, ok := request.(rawXML)
	if !ok {
		b, err := xml.Marshal(request)
		if err != nil {
			return "", fmt.Errorf("encode %T: %w", request, err)
		}
		body = rawXML(b)
	}
	msg := emptyEnvelope()
	for _, h := range header {
		if err := msg.AddStringHeaderContent(string(h)); err != nil {
			return "", fmt.Errorf("encode header: %w", err)
		}
	}
	if err := wellFormed(body); err != nil {
		return "", fmt.Errorf("encode %T: %w", request, err)
	}
	msg.AddStringBodyContent(string(body))
	return msg.String(), nil
}

// rawXML is a well-formed element with prefixes of emptyEnvelope.
type rawXML string

// wellFormed guards AddStringBodyContent, which panics on anything else.
func wellFormed(x rawXML) error {
	d := xml.NewDecoder(bytes.NewReader([]byte(x)))
	elements := 0
	for {
		t, err := d.Token()
		if err == io.EOF && elements > 0 {
			return nil
		}
		if err != nil {
			return err
		}
		if _, ok := t.(xml.StartElement); ok {
			elements++
		}
	}
}

// escape makes s safe as XML text or attribute value.
func escape(s string) string {
	var b bytes.Buffer
	// EscapeText fails only when the writer does, and a Buffer never does.
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

// post sends the envelope through rt, which carries context and deadline: the
// library's SendSoap knows none. The body of the answer is in memory already.
func post(rt *roundTripper, endpoint, message string) (*http.Response, []byte, error) {
	resp, err := networking.SendSoap(rt.httpClient(), endpoint, message)
	if rt.err != nil {
		return nil, nil, rt.err
	}
	if err != nil {
		return nil, nil, lieciba.Wrap(withoutURL(err), lieciba.CodeUnavailable, "the camera does not answer")
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, lieciba.Wrap(err, lieciba.CodeUnavailable, "the camera's answer broke off")
	}
	return resp, body, nil
}

// libraryServices asks GetCapabilities the library's way and returns its table:
// lower-case service name → URL with the host that was dialled.
func libraryServices(rt *roundTripper, host string) (map[string]string, error) {
	// Never with Username: the transport signs, in the camera's time.
	dev, err := goonvif.NewDevice(goonvif.DeviceParams{Xaddr: host, HttpClient: rt.httpClient()})
	if rt.err != nil {
		return nil, rt.err
	}
	if err != nil {
		return nil, lieciba.Wrap(withoutURL(err), lieciba.CodeUnavailable, "the camera does not tell its services")
	}
	return dev.GetServices(), nil
}
