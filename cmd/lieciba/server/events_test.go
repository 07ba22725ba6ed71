package server

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

// cameraList is a catalogue that only lists cameras.
type cameraList struct {
	storage.Catalog
	cameras []lieciba.Camera
	err     error
}

func (c *cameraList) ListCameras(context.Context, lieciba.SiteID) ([]lieciba.Camera, error) {
	return c.cameras, c.err
}

// A catalogue that is away for a moment must not look like a site without
// cameras: their events would be lost.
func TestEventsTellNoCamerasFromNoAnswer(t *testing.T) {
	list := &cameraList{cameras: []lieciba.Camera{{ID: "a", ONVIF: true}, {ID: "b"}, {ID: "c", ONVIF: true, State: lieciba.CameraRetired}}}
	e := &events{s: &Server{catalog: list, log: slog.New(slog.DiscardHandler)}}
	out, known := e.cameras(t.Context())
	require.True(t, known)
	require.Len(t, out, 1)
	list.err = errors.New("away")
	_, known = e.cameras(t.Context())
	require.False(t, known)
}
