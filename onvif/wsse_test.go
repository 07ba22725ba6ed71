package onvif

import (
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"
)

// The example of the ONVIF Application Programmer's Guide, 6.1.1.3.
func TestPasswordDigestOfTheProgrammersGuide(t *testing.T) {
	nonce, err := base64.StdEncoding.DecodeString("LKqI6G/AikKCQrN0zqZFlg==")
	require.NoError(t, err)
	require.Equal(t, "tuOSpGlFlIXsozq4HFNeeGeFLEI=", passwordDigest(nonce, "2010-09-16T07:50:45Z", "userpassword"))
}
