package storage

import (
	"slices"

	"lieciba"
)

// MicroAppeal cuts the times of an appeal to what is stored.
func MicroAppeal(a lieciba.Appeal) lieciba.Appeal {
	a.OpenedAt, a.CourtAt = lieciba.Micro(a.OpenedAt), lieciba.Micro(a.CourtAt)
	a.FinalAt, a.ClosedAt = lieciba.Micro(a.FinalAt), lieciba.Micro(a.ClosedAt)
	return a
}

// CheckAppealKey checks what an appeal is known by.
func CheckAppealKey(reference string) error {
	if !lieciba.ValidCode(reference) {
		return lieciba.Invalid("reference", "must be 1 to 64 letters, digits, dots, hyphens and underscores")
	}
	return nil
}

// PlanAppeal decides what decide of ChangeAppeal makes of an appeal; stored is nil
// for a new one. How it was opened never changes, and a closed one in nothing.
func PlanAppeal(s lieciba.SessionID, reference string, stored *lieciba.Appeal, next lieciba.Appeal) (out lieciba.Appeal, write bool, err error) {
	next = MicroAppeal(next)
	if next.SessionID != s || next.Reference != reference || stored != nil && !sameOpening(*stored, next) {
		return out, false, lieciba.Errorf(lieciba.CodeInternal, "a change of appeal %s returned another appeal", reference)
	}
	if err := checkAppeal(next); err != nil {
		return out, false, err
	}
	switch {
	case stored == nil:
		return next, true, nil
	case *stored == next:
		return next, false, nil
	case stored.State == lieciba.AppealClosed:
		return out, false, conflict("state", "the appeal is closed: it never changes")
	}
	return next, true, lieciba.MoveAppeal(stored.State, next.State)
}

func sameOpening(a, b lieciba.Appeal) bool {
	return a.ID == b.ID && a.Source == b.Source && a.OpenedBy == b.OpenedBy && a.OpenedByID == b.OpenedByID
}

func checkAppeal(a lieciba.Appeal) error {
	switch {
	case !slices.Contains([]lieciba.AppealState{lieciba.AppealOpened, lieciba.AppealCourt, lieciba.AppealFinal, lieciba.AppealClosed}, a.State):
		return lieciba.Invalid("state", "%q is no state of an appeal", a.State)
	case a.OpenedAt.IsZero():
		return lieciba.Invalid("opened_at", "an appeal needs the time it was opened")
	}
	return nil
}

// CheckPasskey checks a passkey on its own.
func CheckPasskey(p lieciba.Passkey) error {
	if len(p.KeyID) == 0 || len(p.Credential) == 0 {
		return lieciba.Invalid("key_id", "a passkey needs its credential")
	}
	return nil
}

// PasskeyOfAnother is the error of a PutPasskey whose ID is another person's.
func PasskeyOfAnother(id lieciba.PasskeyID) error {
	return conflict("user_id", "passkey %s is another person's", id)
}
