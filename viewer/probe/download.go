package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Download writes the body at path to w and returns its length in bytes.
func (c *Client) Download(ctx context.Context, path string, w io.Writer) (n int64, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Base+path, nil)
	if err != nil {
		return 0, err
	}
	c.authorise(req)
	res, err := c.HTTP.Do(req)
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, err)
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if res.StatusCode != http.StatusOK {
		body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
		return 0, errors.Join(refusal(req, res.StatusCode, body), err)
	}
	return io.Copy(w, res.Body)
}
