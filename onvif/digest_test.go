package onvif

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// The examples of RFC 7616, 3.9.1.
func TestDigestAnswerOfTheRFC(t *testing.T) {
	h := http.Header{}
	h.Add("WWW-Authenticate", `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`)
	h.Add("WWW-Authenticate", `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`)
	list := digestChallenges(h)
	require.Len(t, list, 2)
	cred := Credentials{"Mufasa", "Circle of Life"}
	const cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
	require.Contains(t, list[0].answerWith(cred, "GET", "/dir/index.html", cnonce), `response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", algorithm=SHA-256, qop=auth, nc=00000001`)
	require.Contains(t, list[1].answerWith(cred, "GET", "/dir/index.html", cnonce), `response="8ca523f5e9506fed4657c9700eebdbec"`)
}

// The example of RFC 2069 with its erratum: no qop, no algorithm.
func TestDigestAnswerWithoutQop(t *testing.T) {
	h := http.Header{"Www-Authenticate": {`Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"`}}
	list := digestChallenges(h)
	require.Len(t, list, 1)
	got := list[0].answerWith(Credentials{"Mufasa", "CircleOfLife"}, "GET", "/dir/index.html", "x")
	require.Contains(t, got, `response="1949323746fe6a43ef61f9606e7febea"`)
	require.NotContains(t, got, "cnonce")
}

func TestDigestChallengesAsCamerasSendThem(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		want  []string // algorithms in order
	}{
		"one header":          {[]string{`Basic realm="a", Digest realm="b, c", nonce="n", algorithm=MD5, Digest realm="b", nonce="m", algorithm=SHA-256`}, []string{"SHA-256", "MD5"}},
		"no space":            {[]string{`Digest realm="b",nonce="n",qop="auth"`}, []string{""}},
		"unquoted":            {[]string{`digest realm=b, nonce=n, stale=FALSE`}, []string{""}},
		"unknown hash":        {[]string{`Digest realm="b", nonce="n", algorithm=SHA-512-256`}, nil},
		"auth-int only":       {[]string{`Digest realm="b", nonce="n", qop="auth-int"`}, nil},
		"no nonce":            {[]string{`Digest realm="b"`}, nil},
		"Basic":               {[]string{`Basic realm="b"`}, nil},
		"unfinished quote":    {[]string{`Digest nonce="n", realm="b`}, []string{""}},
		"junk":                {[]string{`,,, = "" ===`, "", `"`, `Digest`}, nil},
		"parameters, no word": {[]string{`realm="b", nonce="n"`}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, d := range digestChallenges(http.Header{"Www-Authenticate": c.lines}) {
				got = append(got, d.algorithm)
			}
			require.Equal(t, c.want, got)
		})
	}
}

// A realm cannot smuggle a header line into our answer.
func TestDigestAnswerQuotes(t *testing.T) {
	c := challenge{realm: "a\"b\\c\r\nX-Evil: 1", nonce: "n"}
	got := c.answerWith(Credentials{"u\"", "p"}, "GET", "/", "c")
	require.NotContains(t, got, "\n")
	require.Contains(t, got, `username="u\"", realm="a\"b\\cX-Evil: 1"`)
}

func FuzzDigestChallenges(f *testing.F) {
	f.Add(`Digest realm="a", nonce="b"`)
	f.Add(`Basic realm="a, Digest nonce=`)
	f.Add("=,\\\"")
	f.Fuzz(func(t *testing.T, s string) {
		for _, c := range digestChallenges(http.Header{"Www-Authenticate": {s}}) {
			if c.nonce == "" || c.strength() == 0 {
				t.Fatal("a challenge that cannot be answered")
			}
		}
	})
}
