package api

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"lieciba"
)

// Bounds on free text, in characters.
const (
	maxName     = 200
	maxSentence = 500 // a purpose, a reason
)

// checkText refuses names that cannot be shown on one line.
func checkText(field, s string) error { return checkLine(field, s, maxName) }

// checkSentence refuses purposes and reasons that are no single line.
func checkSentence(field, s string) error { return checkLine(field, s, maxSentence) }

func checkLine(field, s string, longest int) error {
	switch {
	case strings.TrimSpace(s) == "":
		return lieciba.Invalid(field, "must not be empty")
	case !utf8.ValidString(s) || utf8.RuneCountInString(s) > longest:
		return lieciba.Invalid(field, "must have at most %d characters", longest)
	case strings.ContainsFunc(s, unicode.IsControl):
		return lieciba.Invalid(field, "must not hold line breaks or other control characters")
	}
	return checkImpersonal(field, s)
}

// checkImpersonal refuses what looks like a personal code: the product stores
// none, and what enters the hash log can never be taken out.
func checkImpersonal(field, s string) error {
	if lieciba.HoldsPersonalCode(s) {
		return lieciba.Invalid(field, "holds what looks like a personal code: name the case by its number, never a person")
	}
	return nil
}

// checkReference refuses what is no number of a case.
func checkReference(field, s string) error {
	if !lieciba.ValidCode(s) {
		return lieciba.Invalid(field, "must be 1 to 64 of A-Z a-z 0-9 . _ - and start with a letter or digit")
	}
	return checkImpersonal(field, s)
}
