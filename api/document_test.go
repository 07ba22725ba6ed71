package api

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/stretchr/testify/require"
)

var document, documentRouter = loadDocument()

func loadDocument() (*openapi3.T, routers.Router) {
	for _, t := range []string{"application/sdp", "image/jpeg", "video/mp4", "application/octet-stream"} {
		openapi3filter.RegisterBodyDecoder(t, openapi3filter.FileBodyDecoder)
	}
	doc, err := openapi3.NewLoader().LoadFromData(openapiDocument)
	if err != nil {
		panic(err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		panic(err)
	}
	r, err := gorillamux.NewRouter(doc)
	if err != nil {
		panic(err)
	}
	return doc, r
}

type badKey struct{}

// checkingTransport holds every request and every answer of the tests against
// openapi.yaml. A request that is bad on purpose may break the document; its
// answer is checked all the same.
type checkingTransport struct {
	t    *testing.T
	base http.RoundTripper
}

func (c *checkingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	bad, _ := r.Context().Value(badKey{}).(bool)
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	again := r.Clone(r.Context())
	again.Body = io.NopCloser(bytes.NewReader(body))
	resp, err := c.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(r.URL.Path, "/v1") && r.URL.Path != "/metrics" && !strings.HasSuffix(r.URL.Path, "z") {
		return resp, nil // pages
	}
	route, params, err := documentRouter.FindRoute(again)
	if err != nil {
		require.True(c.t, bad, "%s %s is not in the document: %v", r.Method, r.URL.Path, err)
		return resp, nil
	}
	in := &openapi3filter.RequestValidationInput{Request: again, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, SkipSettingDefaults: true}}
	if !bad {
		require.NoError(c.t, openapi3filter.ValidateRequest(r.Context(), in), "the document refuses a request of the tests")
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if err := resp.Body.Close(); err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(b))
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: resp.StatusCode, Header: resp.Header,
		Body: io.NopCloser(bytes.NewReader(b)), Options: in.Options}
	require.NoError(c.t, openapi3filter.ValidateResponse(r.Context(), out), "%s %s answered %d against the document: %s", r.Method, r.URL.Path, resp.StatusCode, b)
	return resp, nil
}

var parameter = regexp.MustCompile(`:[a-z_]+|\{[a-z_]+\}`)

// TestEveryRouteIsDocumented compares gin's real route table with the document, both ways.
func TestEveryRouteIsDocumented(t *testing.T) {
	w := newWorld(t)
	engine, err := w.server.engine()
	require.NoError(t, err)
	var real, written []string
	for _, r := range engine.Routes() {
		real = append(real, r.Method+" "+parameter.ReplaceAllString(r.Path, "*"))
	}
	for path, item := range document.Paths.Map() {
		for method := range item.Operations() {
			written = append(written, method+" "+parameter.ReplaceAllString(path, "*"))
		}
	}
	slices.Sort(real)
	slices.Sort(written)
	require.Equal(t, real, written)
	require.Len(t, w.server.routes(), len(real), "gin holds exactly the routes of the table")
}

// TestDocumentNamesEveryCode keeps the enum of codes, the status table and the prose together.
func TestDocumentNamesEveryCode(t *testing.T) {
	detail := document.Components.Schemas["Error"].Value.Properties["error"].Value
	var written []string
	for _, v := range detail.Properties["code"].Value.Enum {
		written = append(written, v.(string))
	}
	var real []string
	for code, status := range statusOf {
		real = append(real, string(code))
		require.GreaterOrEqual(t, status, 400)
		require.Contains(t, document.Info.Description, string(code))
	}
	require.ElementsMatch(t, real, written)
}

func TestDocumentIsServed(t *testing.T) {
	w := newWorld(t)
	a := w.as("monitoring", http.MethodGet, "/v1/openapi.yaml", nil).want(http.StatusOK)
	require.Equal(t, openapiDocument, a.body)
	w.do(request{method: http.MethodGet, path: "/v1/openapi.yaml"}).refused(401, "unauthenticated", "")
}
