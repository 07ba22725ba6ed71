package storage

import (
	"crypto/sha256"

	"lieciba"
)

// CheckSeal checks what build of SealRecording returned.
func CheckSeal(r lieciba.Recording, s lieciba.Seal) error {
	switch {
	case s.RecordingID != r.ID || s.SessionID != r.SessionID:
		return lieciba.Errorf(lieciba.CodeInternal, "the seal of recording %s names another one", r.ID)
	case len(s.Manifest) == 0 || sha256.Sum256(s.Manifest) != s.SHA256:
		return lieciba.Errorf(lieciba.CodeInternal, "the seal of recording %s has a hash that is not its manifest's", r.ID)
	}
	return nil
}

// CheckSealable refuses to seal a recording that can still change.
func CheckSealable(r lieciba.Recording, segments []lieciba.Segment, gaps []lieciba.Gap) error {
	if r.State != lieciba.RecordingComplete {
		return conflict("state", "the recording is %s: only a complete one can be sealed", r.State)
	}
	for _, s := range segments {
		if s.State != lieciba.SegmentVerified {
			return conflict("state", "segment %s is %s: all must be verified", s.ID, s.State)
		}
	}
	for _, g := range gaps {
		if g.Open() {
			return conflict("state", "gap %s of the recording is open", g.ID)
		}
	}
	return nil
}
