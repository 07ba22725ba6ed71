package recorder

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxWords bounds the detail of a gap, in bytes.
const maxWords = 300

// wordsOf is an error as one line for operators. Some of its words may be the
// camera's own (RFC 2326, 7.1.1: the Reason-Phrase is free text), and they end up
// in a terminal, in the evidence log and on a page of a package: a character that
// does not print becomes a space, spaces are one, and what is too long is cut.
func wordsOf(err error) string {
	clean := strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) { // controls, NUL, broken UTF-8, reversed writing
			return ' '
		}
		return r
	}, err.Error())
	line := strings.Join(strings.Fields(clean), " ")
	if len(line) <= maxWords {
		return line
	}
	cut := maxWords - len("…")
	for !utf8.RuneStart(line[cut]) {
		cut--
	}
	return strings.TrimRight(line[:cut], " ") + "…"
}
