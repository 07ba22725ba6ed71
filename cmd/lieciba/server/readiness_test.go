package server

import (
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/onvif"
	"lieciba/recorder/readiness"
)

// What a camera says of its picture reaches the readiness check for as long as it
// holds, each kind by its own word.
func TestWhatACameraSaysOfItsPicture(t *testing.T) {
	const id = lieciba.CameraID("a")
	for kind := range eventAdvice {
		e := &events{active: map[lieciba.CameraID]map[onvif.EventKind]*condition{id: {kind: newCondition()}}}
		require.Empty(t, e.complaints(id), kind)
		e.active[id][kind].active = true
		said := e.complaints(id)
		require.Len(t, said, 1, "%s has no word", kind)
		item := readiness.JudgePicture(readiness.PictureFacts{Span: 6e9, Pictures: 151, Keys: 4, Complaints: said})
		require.Equal(t, []string{string(lieciba.OutcomeFailed), string(said[0])}, []string{string(item.Outcome), item.Fact})
		require.Empty(t, e.complaints("b"))
	}
}
