package onvif

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// fakeDevice replays one quirk of a real camera. Its checks of signatures are
// written apart from the client's code.
type fakeDevice struct {
	t   *testing.T
	srv *httptest.Server

	mu             sync.Mutex
	user, pass     string
	skew           time.Duration  // its clock minus ours
	checkSkew      *time.Duration // the clock it checks Created against, if it tells another
	wsse, digest   bool
	algorithms     []string // of the Digest challenges, in order
	oneHeader      bool     // all challenges in one header
	working        string   // the one algorithm that really works; empty: all
	clockNeedsAuth bool
	replies        map[string]func(r *http.Request, body string) (int, string)
	nonces         map[string]bool // issued by Digest, used up by the first answer
	seenNonces     map[string]bool // of WSSE
	calls          []string        // path and operation, all of them
	failures       int             // wrong passwords: what locks a real camera
	faults         []string        // what the device found wrong with the client itself
	bodies         []string
}

const soapHead = `<?xml version="1.0" encoding="UTF-8"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope" xmlns:tt="http://www.onvif.org/ver10/schema" xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:trt="http://www.onvif.org/ver10/media/wsdl" xmlns:tr2="http://www.onvif.org/ver20/media/wsdl" xmlns:tev="http://www.onvif.org/ver10/events/wsdl" xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" xmlns:wsa5="http://www.w3.org/2005/08/addressing" xmlns:ter="http://www.onvif.org/ver10/error" xmlns:tns1="http://www.onvif.org/ver10/topics"><SOAP-ENV:Body>`
const soapTail = `</SOAP-ENV:Body></SOAP-ENV:Envelope>`

func soapFault(code, subcode, reason string) string {
	return soapHead + `<SOAP-ENV:Fault><SOAP-ENV:Code><SOAP-ENV:Value>SOAP-ENV:` + code + `</SOAP-ENV:Value><SOAP-ENV:Subcode><SOAP-ENV:Value>` + subcode +
		`</SOAP-ENV:Value></SOAP-ENV:Subcode></SOAP-ENV:Code><SOAP-ENV:Reason><SOAP-ENV:Text xml:lang="en">` + reason + `</SOAP-ENV:Text></SOAP-ENV:Reason></SOAP-ENV:Fault>` + soapTail
}

func reply(body string) func(*http.Request, string) (int, string) {
	return func(*http.Request, string) (int, string) { return 200, soapHead + body + soapTail }
}

func failing(status int, code, subcode, reason string) func(*http.Request, string) (int, string) {
	return func(*http.Request, string) (int, string) { return status, soapFault(code, subcode, reason) }
}

// newFake starts a device with Media1 and Media2, H.264 in two sizes and sound.
func newFake(t *testing.T) *fakeDevice {
	f := unstarted(t)
	f.srv.Start()
	return f
}

func newFakeTLS(t *testing.T) *fakeDevice {
	f := unstarted(t)
	f.srv.StartTLS()
	return f
}

func unstarted(t *testing.T) *fakeDevice {
	f := &fakeDevice{t: t, nonces: map[string]bool{}, seenNonces: map[string]bool{}, replies: map[string]func(*http.Request, string) (int, string){}}
	f.srv = httptest.NewUnstartedServer(f)
	f.srv.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are part of the tests
	t.Cleanup(f.srv.Close)
	f.replies["device.GetServices"] = func(*http.Request, string) (int, string) {
		return 200, soapHead + `<tds:GetServicesResponse>` + f.services(f.srv.URL) + `</tds:GetServicesResponse>` + soapTail
	}
	f.replies["device.GetDeviceInformation"] = reply(`<tds:GetDeviceInformationResponse><tds:Manufacturer>Maker</tds:Manufacturer><tds:Model>M1</tds:Model><tds:FirmwareVersion>1.2</tds:FirmwareVersion><tds:SerialNumber>S9</tds:SerialNumber><tds:HardwareId>H</tds:HardwareId></tds:GetDeviceInformationResponse>`)
	f.replies["device.GetEndpointReference"] = reply(`<tds:GetEndpointReferenceResponse><tds:GUID>urn:uuid:ABCDEF00-0000-4000-8000-000000000001</tds:GUID></tds:GetEndpointReferenceResponse>`)
	f.replies["media.GetProfiles"] = reply(`<trt:GetProfilesResponse>` + media1Profile("main", "H264", 1920, 1080, "AAC") + media1Profile("sub", "H264", 640, 360, "AAC") + `</trt:GetProfilesResponse>`)
	f.replies["media2.GetProfiles"] = reply(`<tr2:GetProfilesResponse>` + media2Profile("main", "H264", 1920, 1080, 1) + media2Profile("sub", "H264", 640, 360, 1) + `</tr2:GetProfilesResponse>`)
	for _, m := range []string{"media", "media2"} {
		f.replies[m+".GetStreamUri"] = func(_ *http.Request, body string) (int, string) {
			uri := "rtsp://" + strings.TrimPrefix(f.host(), "") + ":554/" + tokenOf(body)
			return 200, soapHead + uriResponse(m, "GetStreamUri", uri) + soapTail
		}
		f.replies[m+".GetSnapshotUri"] = func(*http.Request, string) (int, string) {
			return 200, soapHead + uriResponse(m, "GetSnapshotUri", f.srv.URL+"/snap.jpg") + soapTail
		}
		f.replies[m+".SetSynchronizationPoint"] = reply(`<trt:SetSynchronizationPointResponse/>`)
	}
	f.replies["snap.jpg"] = func(*http.Request, string) (int, string) { return 200, "\xff\xd8\xff\xe0picture\xff\xd9" }
	return f
}

func uriResponse(service, op, uri string) string {
	uri = escape(uri)
	if service == "media2" {
		return `<tr2:` + op + `Response><tr2:Uri>` + uri + `</tr2:Uri></tr2:` + op + `Response>`
	}
	return `<trt:` + op + `Response><trt:MediaUri><tt:Uri>` + uri + `</tt:Uri><tt:Timeout>PT0S</tt:Timeout></trt:MediaUri></trt:` + op + `Response>`
}

func media1Profile(token, codec string, w, h int, audio string) string {
	a := ""
	if audio != "" {
		a = `<tt:AudioEncoderConfiguration token="a"><tt:Encoding>` + audio + `</tt:Encoding></tt:AudioEncoderConfiguration>`
	}
	return fmt.Sprintf(`<trt:Profiles token="%s"><tt:Name>%s</tt:Name><tt:VideoSourceConfiguration token="vs"><tt:SourceToken>lens1</tt:SourceToken></tt:VideoSourceConfiguration>`+
		`<tt:VideoEncoderConfiguration token="ve"><tt:Encoding>%s</tt:Encoding><tt:Resolution><tt:Width>%d</tt:Width><tt:Height>%d</tt:Height></tt:Resolution>`+
		`<tt:RateControl><tt:FrameRateLimit>25</tt:FrameRateLimit><tt:BitrateLimit>2147483647</tt:BitrateLimit></tt:RateControl><tt:H264><tt:GovLength>50</tt:GovLength></tt:H264></tt:VideoEncoderConfiguration>%s</trt:Profiles>`,
		token, token, codec, w, h, a)
}

func media2Profile(token, codec string, w, h, anchor int) string {
	return fmt.Sprintf(`<tr2:Profiles token="%s"><tr2:Name>%s</tr2:Name><tr2:Configurations><tr2:VideoSource token="vs"><tt:SourceToken>lens1</tt:SourceToken></tr2:VideoSource>`+
		`<tr2:VideoEncoder token="ve" GovLength="50" AnchorFrameDistance="%d"><tt:Encoding>%s</tt:Encoding><tt:Resolution><tt:Width>%d</tt:Width><tt:Height>%d</tt:Height></tt:Resolution>`+
		`<tt:RateControl><tt:FrameRateLimit>25.0</tt:FrameRateLimit><tt:BitrateLimit>4096</tt:BitrateLimit></tt:RateControl></tr2:VideoEncoder></tr2:Configurations></tr2:Profiles>`,
		token, token, anchor, codec, w, h)
}

// services lists the four services below base.
func (f *fakeDevice) services(base string) string {
	var b strings.Builder
	for ns, path := range map[string]string{nsDevice: "device_service", nsMedia: "media", nsMedia2: "media2", nsEvents: "events"} {
		b.WriteString(`<tds:Service><tds:Namespace>` + ns + `</tds:Namespace><tds:XAddr>` + base + `/onvif/` + path +
			`</tds:XAddr><tds:Version><tt:Major>2</tt:Major><tt:Minor>5</tt:Minor></tds:Version></tds:Service>`)
	}
	return b.String()
}

func (f *fakeDevice) address() string { return f.srv.Listener.Addr().String() }
func (f *fakeDevice) host() string {
	u, err := url.Parse(f.srv.URL)
	require.NoError(f.t, err)
	return u.Hostname()
}

var (
	reOperation = regexp.MustCompile(`Body[^>]*>\s*<(?:\w+:)?(\w+)`)
	reToken     = regexp.MustCompile(`ProfileToken>([^<]*)<`)
	reNonce     = regexp.MustCompile(`Nonce[^>]*>([^<]+)<`)
	reCreated   = regexp.MustCompile(`Created[^>]*>([^<]+)<`)
	rePassword  = regexp.MustCompile(`Password [^>]*>([^<]+)<`)
	reTimeout   = regexp.MustCompile(`Timeout>([^<]+)<`)
	reUser      = regexp.MustCompile(`Username>([^<]+)<`)
)

func find(re *regexp.Regexp, s string) string {
	if m := re.FindStringSubmatch(s); m != nil {
		return m[1]
	}
	return ""
}

func tokenOf(body string) string { return find(reToken, body) }

func (f *fakeDevice) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	body := string(raw)
	op := find(reOperation, body)
	service := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/onvif/"), "/")
	if service == "device_service" {
		service = "device"
	}
	name := service
	if op != "" {
		name += "." + op
	}
	f.mu.Lock()
	f.calls = append(f.calls, name)
	f.bodies = append(f.bodies, body)
	h := f.replies[name]
	open := op == "GetSystemDateAndTime" && !f.clockNeedsAuth
	ok := open || f.authorized(w, r, body)
	now := time.Now().Add(f.skew).UTC()
	f.mu.Unlock()
	if !ok {
		w.Header().Set("Date", now.Format(http.TimeFormat))
		if len(w.Header().Values("WWW-Authenticate")) > 0 {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
		write(w, soapFault("Sender", "ter:NotAuthorized", "Sender not Authorized"))
		return
	}
	if h == nil && op == "GetSystemDateAndTime" {
		h = reply(fmt.Sprintf(`<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType><tt:DaylightSavings>true</tt:DaylightSavings><tt:TimeZone><tt:TZ>UTC5UTC</tt:TZ></tt:TimeZone>`+
			`<tt:UTCDateTime><tt:Time><tt:Hour>%d</tt:Hour><tt:Minute>%d</tt:Minute><tt:Second>%d</tt:Second></tt:Time><tt:Date><tt:Year>%d</tt:Year><tt:Month>%d</tt:Month><tt:Day>%d</tt:Day></tt:Date></tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>`,
			now.Hour(), now.Minute(), now.Second(), now.Year(), now.Month(), now.Day()))
	}
	if h == nil {
		w.WriteHeader(http.StatusInternalServerError)
		write(w, soapFault("Receiver", "ter:ActionNotSupported", "Optional Action Not Implemented"))
		return
	}
	status, text := h(r, body)
	w.WriteHeader(status)
	write(w, text)
}

// write ignores the error: a client that hung up is part of the tests.
func write(w io.Writer, s string) { _, _ = io.WriteString(w, s) }

func (f *fakeDevice) authorized(w http.ResponseWriter, r *http.Request, body string) bool {
	if f.user == "" {
		return true
	}
	if a := r.Header.Get("Authorization"); f.digest && a != "" {
		if f.checkDigest(r, a) {
			return true
		}
	} else if f.wsse && strings.Contains(body, "UsernameToken") && f.checkWSSE(body) {
		return true
	}
	if f.digest {
		f.challenge(w)
	}
	return false
}

func (f *fakeDevice) challenge(w http.ResponseWriter) {
	algorithms := f.algorithms
	if len(algorithms) == 0 {
		algorithms = []string{"MD5"}
	}
	var list []string
	for i, a := range algorithms {
		n := fmt.Sprintf("nonce-%d-%d", len(f.nonces), i)
		f.nonces[n] = true
		alg := ""
		if a != "none" {
			alg = ", algorithm=" + a
		}
		list = append(list, `Digest realm="cam, \"quoted\"", qop="auth,auth-int", nonce="`+n+`", opaque="op"`+alg)
	}
	if f.oneHeader {
		list = []string{`Basic realm="cam", ` + strings.Join(list, ", ")}
	}
	for _, c := range list {
		w.Header().Add("WWW-Authenticate", c)
	}
}

func digestParam(h, name string) string {
	m := regexp.MustCompile(`(?:^|[ ,])` + name + `="?((?:\\.|[^",\\])*(?:, \\"quoted\\")?)"?`).FindStringSubmatch(h)
	if m == nil {
		return ""
	}
	return strings.ReplaceAll(m[1], `\"`, `"`)
}

func (f *fakeDevice) checkDigest(r *http.Request, h string) bool {
	nonce, alg := digestParam(h, "nonce"), digestParam(h, "algorithm")
	if !f.nonces[nonce] {
		f.faults = append(f.faults, "nonce used twice or unknown: "+nonce)
		return false
	}
	f.nonces[nonce] = false
	newHash := map[string]func() hash.Hash{"": md5.New, "MD5": md5.New, "SHA-256": sha256.New, "SHA-256-sess": sha256.New}[alg]
	sum := func(s string) string {
		x := newHash()
		x.Write([]byte(s))
		return hex.EncodeToString(x.Sum(nil))
	}
	ha1 := sum(f.user + `:cam, "quoted":` + f.pass)
	if strings.HasSuffix(alg, "-sess") {
		ha1 = sum(ha1 + ":" + nonce + ":" + digestParam(h, "cnonce"))
	}
	want := sum(ha1 + ":" + nonce + ":" + digestParam(h, "nc") + ":" + digestParam(h, "cnonce") + ":auth:" + sum(r.Method+":"+r.URL.RequestURI()))
	if digestParam(h, "response") == want && (f.working == "" || f.working == alg) {
		return true
	}
	f.failures++
	return false
}

func (f *fakeDevice) checkWSSE(body string) bool {
	nonce, created := find(reNonce, body), find(reCreated, body)
	raw, err := base64.StdEncoding.DecodeString(nonce)
	if err != nil || len(raw) != 16 {
		f.faults = append(f.faults, "nonce is not 16 bytes")
	}
	at, err := time.Parse("2006-01-02T15:04:05.000Z", created)
	if err != nil {
		f.faults = append(f.faults, "Created is not in milliseconds: "+created)
	}
	if f.seenNonces[nonce] {
		f.faults = append(f.faults, "nonce repeated")
	}
	f.seenNonces[nonce] = true
	clock := f.skew
	if f.checkSkew != nil {
		clock = *f.checkSkew
	}
	sum := sha1.Sum([]byte(string(raw) + created + f.pass))
	if find(reUser, body) == f.user && find(rePassword, body) == base64.StdEncoding.EncodeToString(sum[:]) &&
		at.Sub(time.Now().Add(clock)).Abs() < 5*time.Second {
		return true
	}
	f.failures++
	return false
}

// count tells how often an operation was called.
func (f *fakeDevice) count(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, c := range f.calls {
		if c == name {
			n++
		}
	}
	return n
}

func (f *fakeDevice) wrongPasswords() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failures
}

func (f *fakeDevice) complaints() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.faults
}

func (f *fakeDevice) allBodies() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.bodies, "\n")
}

var testCredentials = Credentials{Username: "admin", Password: `p@ss:/w%rd?#"<&`}

// client returns a client of the device that takes coarse clock readings.
func (f *fakeDevice) client(cred Credentials) *Client {
	return f.clientWith(cred, Options{})
}

func (f *fakeDevice) clientWith(cred Credentials, o Options) *Client {
	o.Networks = loopback
	if o.ClockPrecision == 0 {
		o.ClockPrecision = time.Second // one reading
	}
	c, err := NewClient(Target{DeviceURLs: []string{f.srv.URL + "/onvif/device_service"}}, cred, o)
	require.NoError(f.t, err)
	f.t.Cleanup(c.Close)
	return c
}

// locked makes the device want the test credentials.
func (f *fakeDevice) locked(wsse, digest bool) *fakeDevice {
	f.user, f.pass, f.wsse, f.digest = testCredentials.Username, testCredentials.Password, wsse, digest
	return f
}
