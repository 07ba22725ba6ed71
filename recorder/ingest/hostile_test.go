package ingest

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// Fragments without a body would never reach the bound on bytes, and each keeps
// its packet alive.
func TestEmptyFragmentsAreBounded(t *testing.T) {
	d := &depacketizer{codec: lieciba.H264}
	none := func(accessUnit) { t.Fatal("no access unit was sent") }
	require.NoError(t, d.add(packet(0, 1, false, 0x7c, 0x85), 0, none))
	bad := 0
	for n := 1; n < 3*maxFragments; n++ {
		if d.add(packet(uint16(n), 1, false, 0x7c, 0x05), 0, none) != nil {
			bad++
		}
		require.LessOrEqual(t, len(d.fragments), maxFragments)
	}
	require.Positive(t, bad)
}

func TestCleanTakesOutEveryFormOfThePassword(t *testing.T) {
	s := &Stream{secrets: []string{"p@ss", "p%40ss"}}
	err := s.clean(errors.New("p@ss is not p%40ss"))
	require.EqualError(t, err, "… is not …")
}
