package onvif

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/use-go/onvif/device"
	"github.com/use-go/onvif/media"
	xsd "github.com/use-go/onvif/xsd/onvif"

	"lieciba"
)

// Snapshot returns a JPEG of what the camera sees now, at most 4 MiB.
// CodeUnsupported when the camera has none or sends something else.
func (c *Client) Snapshot(ctx context.Context) ([]byte, error) {
	if err := c.connect(ctx); err != nil {
		return nil, err
	}
	u, err := c.snapshotAddress(ctx)
	if err != nil {
		return nil, err
	}
	if c.auth.unproven() {
		// Some cameras keep other users for pictures than for ONVIF: a refused
		// picture must not condemn a password that ONVIF would take.
		if err := c.call(ctx, c.deviceURL().String(), device.GetDeviceInformation{}, nil); signInFailed(err) {
			return nil, err
		}
	}
	return c.getJPEG(ctx, u)
}

// snapshotAddress is the one of the target, else the first profile's.
func (c *Client) snapshotAddress(ctx context.Context) (string, error) {
	told := c.target.SnapshotURL
	if told == "" {
		list, err := c.profiles(ctx)
		if err != nil {
			return "", err
		}
		if told, err = c.askSnapshotURI(ctx, mainOrder(sameLens(list, ""))[0]); err != nil {
			return "", err
		}
	}
	u, ok := c.snapshotURL(told)
	if !ok {
		return "", lieciba.Errorf(lieciba.CodeUnsupported, "the camera names no usable snapshot address")
	}
	return u, nil
}

func (c *Client) getJPEG(ctx context.Context, u string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.options.CallTimeout, errDeadline)
	defer cancel()
	rt := &roundTripper{dev: c, ctx: ctx, operation: "snapshot", sign: true}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return nil, lieciba.Wrap(withoutURL(err), lieciba.CodeUnsupported, "the camera's snapshot address is no URL")
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeUnavailable, "the camera's snapshot broke off")
	}
	if resp.StatusCode != http.StatusOK {
		return nil, lieciba.Wrap(&statusError{resp.StatusCode}, lieciba.CodeUnavailable, "the camera answered the snapshot with HTTP status %d", resp.StatusCode)
	}
	// The bytes decide: cameras send JPEG as application/octet-stream, and log-in pages as image/jpeg.
	if !bytes.HasPrefix(b, []byte{0xFF, 0xD8, 0xFF}) {
		return nil, lieciba.Errorf(lieciba.CodeUnsupported, "the camera's snapshot is not a JPEG")
	}
	return b, nil
}

// askSnapshotURI asks the service that knows the profile.
func (c *Client) askSnapshotURI(ctx context.Context, p Profile) (string, error) {
	if p.media1 {
		u, _, err := c.service(ctx, nsMedia)
		if err != nil {
			return "", err
		}
		var out struct {
			URI string `xml:"MediaUri>Uri"`
		}
		err = c.call(ctx, u.String(), media.GetSnapshotUri{ProfileToken: xsd.ReferenceToken(p.Token)}, &out)
		if err == nil || !p.media2 || signInFailed(err) {
			return out.URI, err
		}
	}
	u, _, err := c.service(ctx, nsMedia2)
	if err != nil {
		return "", err
	}
	var out struct {
		URI string `xml:"Uri"`
	}
	err = c.call(ctx, u.String(), rawXML(`<tr2:GetSnapshotUri><tr2:ProfileToken>`+escape(p.Token)+`</tr2:ProfileToken></tr2:GetSnapshotUri>`), &out)
	return out.URI, err
}

// KeyFrame asks for a key frame now, through Media2, else Media1.
func (c *Client) KeyFrame(ctx context.Context, profileToken string) error {
	second, ok2, err := c.service(ctx, nsMedia2)
	if err != nil {
		return err
	}
	var err2 error
	if ok2 {
		err2 = c.call(ctx, second.String(), rawXML(`<tr2:SetSynchronizationPoint><tr2:ProfileToken>`+
			escape(profileToken)+`</tr2:ProfileToken></tr2:SetSynchronizationPoint>`), nil)
		if err2 == nil || signInFailed(err2) {
			return err2
		}
	}
	first, ok1, err := c.service(ctx, nsMedia)
	if err != nil {
		return err
	}
	if ok1 {
		return c.call(ctx, first.String(), media.SetSynchronizationPoint{ProfileToken: xsd.ReferenceToken(profileToken)}, nil)
	}
	if err2 != nil {
		return err2
	}
	return lieciba.Errorf(lieciba.CodeUnsupported, "the camera has no media service")
}
