package recorder

import (
	"time"

	"lieciba"
)

// tellEvery is how often the log says that a stream still fails for one cause.
const tellEvery = time.Minute

// told remembers which failures of a stream the log has: a camera that is away
// is tried several times a second, and each attempt fails the same way. The zero
// value is ready. For one goroutine.
type told struct {
	at    map[lieciba.GapCause]time.Time
	quiet int // ends since the last line
}

// of reports whether the log should have an end of cause, and how many ends it
// was not told of since its last line. live: frames flowed before, so that the
// state of the camera changed, which is always told.
func (t *told) of(cause lieciba.GapCause, now time.Time, live bool) (quiet int, tell bool) {
	if live || t.at == nil {
		t.at = map[lieciba.GapCause]time.Time{}
	}
	if last, ok := t.at[cause]; ok && now.Sub(last).Abs() < tellEvery {
		t.quiet++
		return 0, false
	}
	t.at[cause] = now
	quiet, t.quiet = t.quiet, 0
	return quiet, true
}
