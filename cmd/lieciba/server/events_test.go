package server

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

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

// A camera that toggles must not fill the audit log, and no change is lost
// without being counted.
func TestEventsThatComeAndGoAreCounted(t *testing.T) {
	c, at := newCondition(), time.Date(2026, 11, 18, 8, 0, 0, 0, time.UTC)
	rows, counted := 0, 0
	for i := range 601 { // ten a second for a minute
		write, skipped := c.change(i%2 == 0, at.Add(time.Duration(i)*100*time.Millisecond))
		if write {
			rows++
			counted += skipped + 1
		}
	}
	require.Equal(t, 11, rows)
	require.Equal(t, 601, counted+c.skipped)
	write, _ := c.change(true, at.Add(time.Hour))
	require.False(t, write, "the state it has already")
}
