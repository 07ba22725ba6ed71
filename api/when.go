package api

import (
	"time"

	"lieciba"
)

// maxAgo bounds how long a key press may have waited on the page, in ms: a
// broken line holds it back.
const maxAgo = 15 * 60 * 1000

// when is the server's time of what was pressed ago_ms before it arrived, or an
// instant that was named; none of both is now. It never lies ahead.
func (c *call) when(agoMS *int64, at *string) (time.Time, error) {
	switch {
	case agoMS != nil && at != nil:
		return time.Time{}, lieciba.Invalid("at", "send at or ago_ms, not both")
	case agoMS != nil:
		if *agoMS < 0 || *agoMS > maxAgo {
			return time.Time{}, lieciba.Invalid("ago_ms", "must be 0 to %d milliseconds", maxAgo)
		}
		return lieciba.Micro(c.now.Add(-time.Duration(*agoMS) * time.Millisecond)), nil
	case at != nil:
		t, err := parseTime("at", *at)
		if err == nil && t.After(c.now) {
			err = lieciba.Invalid("at", "has not come yet")
		}
		return t, err
	}
	return lieciba.Micro(c.now), nil
}
