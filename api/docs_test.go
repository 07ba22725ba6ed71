package api

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The reference page shows every operation and schema, and runs and loads nothing.
func TestReferencePage(t *testing.T) {
	w := newWorld(t)
	w.do(request{method: "GET", path: "/docs"}).refused(401, "unauthenticated", "")
	a := w.as("citizenship", "GET", "/docs", nil).want(200)
	require.Equal(t, "text/html; charset=utf-8", a.header.Get("Content-Type"))
	page, csp := string(a.body), a.header.Get("Content-Security-Policy")
	require.Contains(t, csp, "default-src 'none'")
	require.NotContains(t, csp, "unsafe")
	require.NotContains(t, csp, "script-src")
	for _, foreign := range []string{"<script", "<img", "<link", `src=`, `href="http`, " style=", "onload"} {
		require.False(t, strings.Contains(page, foreign), foreign)
	}
	require.Equal(t, 1, strings.Count(page, "<style>"))
	for path, item := range document.Paths.Map() {
		for _, op := range item.Operations() {
			require.Contains(t, page, `<section id="`+op.OperationID+`">`, path)
		}
	}
	for name := range document.Components.Schemas {
		require.Contains(t, page, `id="schema-`+name+`"`)
	}
	for _, link := range strings.Split(page, `href="#`)[1:] {
		id, _, _ := strings.Cut(link, `"`)
		require.Contains(t, page, `id="`+id+`"`, "a link that leads nowhere")
	}
}
