package hevc

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLoopStartsWithWhatADecoderNeeds(t *testing.T) {
	l := Room()
	require.Len(t, l.Units, 100)
	require.Equal(t, 50, l.GOP)
	for i, unit := range l.Units {
		var kinds []int
		for _, nal := range unit {
			kinds = append(kinds, int(nal[0]>>1&0x3f))
		}
		if i%l.GOP == 0 {
			require.Subset(t, kinds, []int{typeVPS, typeSPS, typePPS}, "unit %d", i)
			require.Contains(t, []int{19, 20}, kinds[len(kinds)-1], "an IDR picture in unit %d", i)
			continue
		}
		require.Equal(t, []int{1}, kinds, "one trailing picture, referenced, in unit %d", i)
	}
	require.NotEmpty(t, l.VPS)
	require.NotEmpty(t, l.SPS)
	require.NotEmpty(t, l.PPS)
}
