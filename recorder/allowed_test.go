package recorder

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/onvif"
	"lieciba/recorder/ingest"
)

// An address outside the allowed networks is this server's own setting: no
// camera is blamed for it. A camera that does answer the dial with a refusal is
// the counter-example.
func TestAddressOutsideTheNetworksIsNotTheCamerasFault(t *testing.T) {
	for network, want := range map[string]lieciba.GapCause{
		"203.0.113.0/24": lieciba.CauseNotAllowed,
		"127.0.0.0/8":    lieciba.CauseCameraOffline,
	} {
		_, err := openRTSP(t.Context(), ingest.Options{URL: "rtsp://127.0.0.1:1/", Timeout: 5 * time.Second, Now: time.Now,
			Dial: onvif.Dial([]netip.Prefix{netip.MustParsePrefix(network)})}, &assembler{})
		require.Error(t, err)
		require.Equal(t, want, ingest.CauseOf(err), "%v", err)
		if want == lieciba.CauseNotAllowed {
			require.Contains(t, err.Error(), "outside the allowed camera networks")
		}
	}
}
