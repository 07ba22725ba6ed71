package web

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func get(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	h, _ := Handler()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

func TestEveryPageIsTheSinglePage(t *testing.T) {
	for _, path := range []string{"/", "/sessions", "/sessions/0198c0de-0000-7000-8000-000000000000", "/index.html"} {
		w := get(t, path)
		require.Equal(t, http.StatusOK, w.Code, path)
		require.Contains(t, w.Body.String(), "Lieciba")
		require.Equal(t, "no-cache", w.Header().Get("Cache-Control"))
		require.Contains(t, w.Header().Get("Content-Type"), "text/html")
	}
}

func TestMissingAssetIsNotThePage(t *testing.T) {
	require.Equal(t, http.StatusNotFound, get(t, "/assets/none.js").Code)
}

func TestUnbuiltPageSaysHowToBuild(t *testing.T) {
	_, built := Handler()
	if w := get(t, "/"); !built {
		require.Contains(t, w.Body.String(), "make web")
	} else {
		require.Contains(t, w.Body.String(), "/assets/")
	}
}
