package storage

import (
	"strings"

	"lieciba"
)

// maxKey bounds an object key, in bytes. S3 allows 1024; a file system 255 per
// element.
const maxKey = 512

// CheckKey refuses a key that is not safe as a path on every store: elements of
// a-z 0-9 . _ - that start with a letter or digit, joined by single slashes.
// CodeInvalid, field "key".
func CheckKey(key string) error {
	if len(key) > maxKey {
		return lieciba.Invalid("key", "is longer than %d bytes", maxKey)
	}
	for element := range strings.SplitSeq(key, "/") {
		if !safeElement(element) {
			return lieciba.Invalid("key", "%q is not an object key: lower-case letters, digits, . _ - between single slashes", key)
		}
	}
	return nil
}

func safeElement(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		alnum := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || c != '.' && c != '_' && c != '-') {
			return false
		}
	}
	return true
}
