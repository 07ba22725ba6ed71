package retention

import (
	"strings"
	"time"

	"lieciba"
)

// MayDelete says what forbids to delete footage before its policy lets it, as two
// people may decide: CodeConflict while it is recorded or finalised, while a hold,
// an open appeal, an open export, a grant in force or an open request for the
// footage needs it, and once a deletion was decided.
// Whether a policy would let it go does not matter. Pure.
func MayDelete(f lieciba.RetentionFacts, now time.Time) error {
	switch {
	case f.Deletion != nil:
		return lieciba.Errorf(lieciba.CodeConflict, "the deletion of this recording was decided already: see its certificate")
	case f.Recording.State != lieciba.RecordingComplete && f.Recording.State != lieciba.RecordingSealed:
		return lieciba.Errorf(lieciba.CodeConflict, "the recording is %s: only one that is complete or sealed can be deleted", f.Recording.State)
	}
	var why []string
	for _, b := range blocks(f, appealsOf(f.Events), now) {
		why = append(why, b.Text)
	}
	if len(why) > 0 {
		return lieciba.Errorf(lieciba.CodeConflict, "the footage must stay: %s", strings.Join(why, "; "))
	}
	return nil
}
