package lieciba

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds on free text, in characters.
const (
	MaxName     = 200
	MaxSentence = 500 // a purpose, a reason
)

// CheckName refuses names that cannot be shown on one line, that are longer than
// MaxName, or that hold a personal code: CodeInvalid with the field.
func CheckName(field, s string) error { return checkLine(field, s, MaxName) }

// CheckSentence is CheckName for purposes and reasons, up to MaxSentence.
func CheckSentence(field, s string) error { return checkLine(field, s, MaxSentence) }

func checkLine(field, s string, longest int) error {
	switch {
	case strings.TrimSpace(s) == "":
		return Invalid(field, "must not be empty")
	case !utf8.ValidString(s) || utf8.RuneCountInString(s) > longest:
		return Invalid(field, "must have at most %d characters", longest)
	case strings.ContainsFunc(s, unicode.IsControl):
		return Invalid(field, "must not hold line breaks or other control characters")
	}
	return CheckImpersonal(field, s)
}

// CheckImpersonal refuses what looks like a personal code: the product stores
// none, and what enters the hash log can never be taken out.
func CheckImpersonal(field, s string) error {
	if HoldsPersonalCode(s) {
		return Invalid(field, "holds what looks like a personal code: name the case by its number, never a person")
	}
	return nil
}

// CheckCode refuses what is no ValidCode: CodeInvalid with the field.
func CheckCode(field, s string) error {
	if !ValidCode(s) {
		return Invalid(field, "must be 1 to 64 of A-Z a-z 0-9 . _ - and start with a letter or digit")
	}
	return nil
}

// reservedNames stand for the server itself in the audit log, and for what no
// client pushed in the catalogue: nobody else may be called so.
var reservedNames = []string{SourceAdHoc, SourceByHand, "shell", "system", "provider", "unknown"}

// ReservedName reports whether a name is kept for the server's own entries, in
// whatever case it is written.
func ReservedName(s string) bool { return slices.Contains(reservedNames, strings.ToLower(s)) }

// CheckPrincipalName is CheckCode for the login of a person and the name of a
// client, which must not read as the server's own: CodeInvalid with the field.
func CheckPrincipalName(field, s string) error {
	if err := CheckCode(field, s); err != nil {
		return err
	}
	if ReservedName(s) {
		return Invalid(field, "%q is kept for what the server does itself: choose another name", s)
	}
	return nil
}
