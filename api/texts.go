package api

import "lieciba"

// checkText refuses names that cannot be shown on one line.
func checkText(field, s string) error { return lieciba.CheckName(field, s) }

// checkSentence refuses purposes and reasons that are no single line, or hold what
// looks like a personal code.
func checkSentence(field, s string) error { return lieciba.CheckSentence(field, s) }

// checkReference refuses what is no number of a case.
func checkReference(field, s string) error {
	if err := lieciba.CheckCode(field, s); err != nil {
		return err
	}
	return lieciba.CheckImpersonal(field, s)
}
