package viewer

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// oddSource is a camera whose bytes bring out a bug.
type oddSource struct{}

func (oddSource) Join(context.Context, lieciba.CameraID, lieciba.StreamRole) (lieciba.LiveFeed, error) {
	return oddFeed{}, nil
}

type oddFeed struct{}

func (oddFeed) Format() lieciba.StreamFormat { return lieciba.StreamFormat{} }
func (oddFeed) Next(context.Context) (lieciba.LiveFrame, error) {
	panic("a bug that this camera's bytes bring out")
}
func (oddFeed) Close() {}

// A panic over one camera's picture ends its live view, not the server that records.
func TestPanicOverOneCamerasPictureEndsItsViewOnly(t *testing.T) {
	h := newHub(Config{Live: oddSource{}, LiveJoin: time.Minute, Log: slog.New(slog.DiscardHandler)})
	defer h.close()
	_, err := h.open(t.Context(), streamKey{camera: "a", role: lieciba.StreamMain})
	require.Equal(t, lieciba.CodeInternal, lieciba.CodeOf(err))
}
