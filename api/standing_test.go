package api

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

// slowly begins to get an answer, lets something happen, and then reads the rest.
func (w *world) slowly(path string, meanwhile func()) (read int64, err error) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), "GET", w.http.URL+path, nil)
	require.NoError(w.t, err)
	r.Header.Set("Authorization", "Bearer "+w.tokens[lieciba.RoleReviewer])
	resp, err := w.http.Client().Do(r)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, resp.Body.Close()) }()
	require.Equal(w.t, http.StatusOK, resp.StatusCode)
	_, err = io.CopyN(io.Discard, resp.Body, 1000)
	require.NoError(w.t, err)
	meanwhile()
	read, err = io.Copy(io.Discard, resp.Body)
	return read + 1000, err
}

// Footage and packages that are being sent are cut off when the right to them
// ends, and go on as long as it holds or cannot be looked up. They are larger than
// what the network keeps between the two ends.
func TestLongAnswersEndWithTheRight(t *testing.T) {
	content := bytes.Repeat([]byte("footage of a slow reader"), 3<<20)
	for name, x := range map[string]struct {
		packed bool
		lose   func(w *world)
	}{
		"a segment, the grant is revoked": {false, func(w *world) {
			list, err := w.catalog.ListGrants(w.t.Context(), storage.GrantFilter{HolderID: string(w.ids[lieciba.RoleReviewer])})
			require.NoError(w.t, err)
			for _, g := range list {
				_, err := w.catalog.RevokeGrant(w.t.Context(), g.ID, "security", w.clock.Now())
				require.NoError(w.t, err)
			}
		}},
		"a segment, the token is revoked": {false, func(w *world) {
			w.as("admin", "DELETE", "/v1/client-tokens/"+string(w.ids[lieciba.RoleReviewer]), nil).want(204)
		}},
		"a package, the token is revoked": {true, func(w *world) {
			w.as("admin", "DELETE", "/v1/client-tokens/"+string(w.ids[lieciba.RoleReviewer]), nil).want(204)
		}},
		"a segment, nothing happens": {},
		"a package, nothing happens": {packed: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			path := "/v1/exports/"
			if x.packed {
				path += string(w.export(w.own.session, "", content).ID)
			} else {
				cam := w.own.camera
				cam.ID, cam.Address, cam.EndpointRef = lieciba.NewID[lieciba.CameraID](start), "back.test:80", "urn:uuid:"+lieciba.NewID[string](start)
				require.NoError(t, w.catalog.PutCamera(t.Context(), cam))
				_, seg, _ := w.record(w.own.session, cam.ID, content)
				path = "/v1/segments/" + string(seg.ID)
			}
			read, err := w.slowly(path+"/content", func() {
				if x.lose != nil {
					x.lose(w)
				}
				w.clock.add(w.server.cfg.ReviewEvery)
			})
			if x.lose == nil {
				require.NoError(t, err)
				require.EqualValues(t, len(content), read)
				return
			}
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			require.Less(t, read, int64(len(content)))
		})
	}
}
