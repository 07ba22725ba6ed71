package lieciba

import "strings"

// HoldsPersonalCode reports whether a text holds what looks like a Latvian
// personal code: DDMMYY-NNNNN with a day and a month that exist, or 32NNNN-NNNNN
// (Population Register Law, since July 2017), with a dash of any kind, with
// spaces or with nothing between. Digits that touch it make it another number.
// The digits of a UUID are none: other systems' IDs are made of chance.
func HoldsPersonalCode(s string) bool {
	for rest := withoutUUIDs(s); ; {
		i := strings.IndexFunc(rest, isDigit)
		if i < 0 {
			return false
		}
		rest = rest[i:]
		run := digits(rest)
		rest = rest[len(run):]
		switch len(run) {
		case 11:
			if codeHead(run[:6]) {
				return true
			}
		case 6:
			tail := strings.TrimLeftFunc(rest, isDash)
			// More than a dash with a space on each side is a sentence, not a code.
			if codeHead(run) && len([]rune(rest))-len([]rune(tail)) <= 3 && len(digits(tail)) == 5 {
				return true
			}
		}
	}
}

// withoutUUIDs puts a letter in the place of each UUID in its canonical form.
func withoutUUIDs(s string) string {
	const length = 36
	for i := 0; i+length <= len(s); i++ {
		if isUUID(strings.ToLower(s[i : i+length])) {
			s = s[:i] + "x" + s[i+length:]
		}
	}
	return s
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

func isDash(r rune) bool {
	return strings.ContainsRune("-\u2010\u2011\u2012\u2013\u2014\u2212 \u00a0", r)
}

func digits(s string) string {
	return s[:len(s)-len(strings.TrimLeftFunc(s, isDigit))]
}

// codeHead judges the six digits before the dash.
func codeHead(d string) bool {
	day, month := d[:2], d[2:4]
	return day == "32" || day >= "01" && day <= "31" && month >= "01" && month <= "12"
}
