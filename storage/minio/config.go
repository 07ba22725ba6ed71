// Package minio keeps media in MinIO or another S3 store: a versioned bucket
// with object lock. Every object is one version that is written once, read by
// its version ID, and checked against its SHA-256 by the server when it is
// written. This is the only package that imports minio-go.
package minio

import (
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7/pkg/s3utils"

	"lieciba"
)

// Config says where the store is. It never prints its secret key.
type Config struct {
	Endpoint  string // host:port, no scheme
	Bucket    string
	AccessKey string
	SecretKey string
	Secure    bool   // TLS
	Region    string // empty: us-east-1, MinIO's default

	// LockDays is how long each object is locked after it was written
	// (GOVERNANCE). 0: objects are not locked; WriteOnce then tells what the
	// store is able to do.
	LockDays int
	// Timeout bounds one call without a body; a transfer may stand still for three
	// times as long. 0: 10 s.
	Timeout time.Duration
	// AllowOffline lets Open succeed while the store does not answer, so that
	// recording to the spool can start. The checks of Open then run before the
	// first call that reaches the store.
	AllowOffline bool
	// ReadOnly makes no bucket and no proof: WriteOnce is false, and Put and
	// Remove are CodeForbidden.
	ReadOnly bool

	token string // of a temporary account, for tests
}

// String names the store without its keys.
func (c Config) String() string {
	scheme := "http"
	if c.Secure {
		scheme = "https"
	}
	return fmt.Sprintf("%s://%s/%s", scheme, c.Endpoint, c.Bucket)
}

// GoString is String: %#v must not print the keys.
func (c Config) GoString() string { return c.String() }

// LogValue is String, for slog.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// ParseURL reads s3://ACCESS:SECRET@HOST:PORT/BUCKET?secure=false&region=R&lock_days=N.
// secure is true unless it says otherwise. Percent-encode keys that hold / @ or
// :. Errors are CodeInvalid and never quote the URL.
func ParseURL(raw string) (Config, error) {
	bad := func(format string, args ...any) (Config, error) {
		return Config{}, lieciba.Invalid("media_url", format+"; expected s3://KEY:SECRET@HOST:PORT/BUCKET?secure=false", args...)
	}
	u, err := url.Parse(raw) // its error quotes the input, and with it the secret
	if err != nil || u.Scheme != "s3" || u.Host == "" || u.Opaque != "" || u.Fragment != "" {
		return bad("is not an S3 URL")
	}
	c := Config{Endpoint: u.Host, Bucket: strings.TrimPrefix(u.Path, "/"), Secure: true}
	if u.User != nil {
		c.AccessKey = u.User.Username()
		c.SecretKey, _ = u.User.Password()
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return bad("has a malformed query")
	}
	for name, values := range query {
		value := values[len(values)-1]
		switch name {
		case "secure":
			c.Secure, err = strconv.ParseBool(value)
		case "region":
			c.Region = value
		case "lock_days":
			c.LockDays, err = strconv.Atoi(value)
		default:
			return bad("has the unknown option %q", name)
		}
		if err != nil {
			return bad("has a bad value for %q", name)
		}
	}
	return c, c.check()
}

// check refuses what cannot work, before anything is sent.
func (c Config) check() error {
	if c.AccessKey == "" || c.SecretKey == "" {
		return lieciba.Invalid("media", "needs an access key and a secret key (LIECIBA_MEDIA_URL keeps them out of files)")
	}
	host, port := c.Endpoint, ""
	if h, p, err := net.SplitHostPort(c.Endpoint); err == nil {
		host, port = h, p
	}
	if _, err := strconv.ParseUint(port, 10, 16); host == "" || strings.ContainsAny(c.Endpoint, "/@ ") || port != "" && err != nil {
		return lieciba.Invalid("media.endpoint", "must be HOST or HOST:PORT without a scheme")
	}
	if err := s3utils.CheckValidBucketNameStrict(c.Bucket); err != nil {
		return lieciba.Invalid("media.bucket", "%q is no bucket name: %v", c.Bucket, err)
	}
	if c.LockDays < 0 || c.LockDays > 3650 {
		return lieciba.Invalid("media.lock_days", "must be 0 to 3650")
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	return c
}
