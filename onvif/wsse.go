package onvif

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"time"
)

const (
	nsSecext  = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	nsUtility = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	tokenURI  = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
	base64URI = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
)

// usernameToken is the WS-Security header block for one request: 16 fresh random
// bytes of nonce, Created in milliseconds (cameras refuse longer ones), digest =
// Base64(SHA-1(nonce ‖ created ‖ password)) (UsernameToken Profile 1.0, 3.1).
func usernameToken(c Credentials, at time.Time) rawXML {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // documented never to fail
	created := at.UTC().Format("2006-01-02T15:04:05.000Z")
	return rawXML(`<wsse:Security xmlns:wsse="` + nsSecext + `" xmlns:wsu="` + nsUtility + `" soap-env:mustUnderstand="1" xmlns:soap-env="http://www.w3.org/2003/05/soap-envelope">` +
		`<wsse:UsernameToken><wsse:Username>` + escape(c.Username) + `</wsse:Username>` +
		`<wsse:Password Type="` + tokenURI + `">` + passwordDigest(nonce[:], created, c.Password) + `</wsse:Password>` +
		`<wsse:Nonce EncodingType="` + base64URI + `">` + base64.StdEncoding.EncodeToString(nonce[:]) + `</wsse:Nonce>` +
		`<wsu:Created>` + created + `</wsu:Created></wsse:UsernameToken></wsse:Security>`)
}

func passwordDigest(nonce []byte, created, password string) string {
	h := sha1.New() // the profile knows no other hash
	h.Write(nonce)
	h.Write([]byte(created))
	h.Write([]byte(password))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}
