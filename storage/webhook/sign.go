package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"lieciba"
)

// The headers of a message.
const (
	SignatureHeader = "Lieciba-Signature"
	EventHeader     = "Lieciba-Event-Id"
)

// Sign returns the value of SignatureHeader for a body sent at an instant: one v1
// for each secret (HMAC, RFC 2104).
func Sign(body []byte, at time.Time, secrets ...[]byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	var b strings.Builder
	b.WriteString("t=" + t)
	for _, s := range secrets {
		b.WriteString(",v1=" + hex.EncodeToString(mac(s, t, body)))
	}
	return b.String()
}

func mac(secret []byte, t string, body []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(t + "."))
	h.Write(body)
	return h.Sum(nil)
}

// Verify checks a signature under one secret, as a receiver does: CodeRefused
// when no v1 is right, or t is further from now than tolerance.
func Verify(header string, body []byte, secret []byte, now time.Time, tolerance time.Duration) error {
	var t string
	var sums [][]byte
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "t":
			t = value
		case "v1":
			if b, err := hex.DecodeString(value); err == nil {
				sums = append(sums, b)
			}
		}
	}
	seconds, err := strconv.ParseInt(t, 10, 64)
	if err != nil {
		return lieciba.Errorf(lieciba.CodeRefused, "the signature has no time")
	}
	if now.Sub(time.Unix(seconds, 0)).Abs() > tolerance {
		return lieciba.Errorf(lieciba.CodeRefused, "the signature was made at another time")
	}
	want := mac(secret, t, body)
	for _, s := range sums {
		if hmac.Equal(s, want) {
			return nil
		}
	}
	return lieciba.Errorf(lieciba.CodeRefused, "the signature is not one of this secret")
}
