package lieciba

import "time"

// AsBegun is the session as a change of it must see it: running from the instant
// at which its recording window begins, also before the scheduler has said so. A
// cancellation that arrives in between must not end a recording by itself.
func (s ExamSession) AsBegun(m Margins, now time.Time) ExamSession {
	if (s.State == SessionPlanned || s.State == SessionReady) && !now.Before(RecordingWindow(s, m).From) {
		s.State = SessionRunning
	}
	return s
}

// ConfirmCancel is a person's yes to what the source asked for: the recording of
// the running session ends now and its footage is kept. changed is false for a
// session that is cancelled already. CodeConflict when nobody asks for it.
func (s ExamSession) ConfirmCancel(now time.Time) (next ExamSession, changed bool, err error) {
	if s.State == SessionCancelled {
		return s, false, nil
	}
	if err := s.mustAwaitCancel(); err != nil {
		return s, false, err
	}
	if err := MoveSession(s.State, SessionCancelled); err != nil {
		return s, false, err
	}
	s.State, s.CancelAsked, s.UpdatedAt = SessionCancelled, false, Micro(now)
	return s, true, nil
}

// RefuseCancel is a person's no: the session goes on as planned until its source
// asks again in a newer document. CodeConflict when nobody asks for it.
func (s ExamSession) RefuseCancel(now time.Time) (ExamSession, error) {
	if err := s.mustAwaitCancel(); err != nil {
		return s, err
	}
	s.CancelAsked, s.UpdatedAt = false, Micro(now)
	return s, nil
}

func (s ExamSession) mustAwaitCancel() error {
	if s.CancelAsked {
		return nil
	}
	return Errorf(CodeConflict, "nobody asks to cancel this exam session: it is %s, and its source may have taken the wish back", s.State)
}
