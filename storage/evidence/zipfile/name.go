package zipfile

import (
	"strings"

	"lieciba"
)

// maxName is the longest name of an entry, in bytes.
const maxName = 255

// CheckName accepts a name that is safe to unpack on every system: a relative
// path of parts [A-Za-z0-9._-], joined by single slashes, none of which starts
// with a hyphen, ends with a dot or is a device of Windows. CodeInvalid.
func CheckName(name string) error {
	if name == "" || len(name) > maxName {
		return lieciba.Invalid("name", "a name in an archive has 1 to %d bytes, not %d", maxName, len(name))
	}
	for part := range strings.SplitSeq(name, "/") {
		if !safePart(part) {
			return lieciba.Invalid("name", "%q is not safe to unpack", name)
		}
	}
	return nil
}

func safePart(s string) bool {
	if s == "" || s[0] == '-' || s[len(s)-1] == '.' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	stem, _, _ := strings.Cut(strings.ToLower(s), ".")
	switch stem {
	case "con", "prn", "aux", "nul":
		return false
	}
	device := len(stem) == 4 && (stem[:3] == "com" || stem[:3] == "lpt") && stem[3] >= '0' && stem[3] <= '9'
	return !device
}

// names refuses a name that another one hides, also where case does not count,
// and a file that would have to be a folder too.
type names map[string]bool // lower case; true: a file, false: a folder

func (n names) add(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	low := strings.ToLower(name)
	if _, taken := n[low]; taken {
		return lieciba.Invalid("name", "%q is in the archive already, as a file or a folder", name)
	}
	for i := range len(low) {
		if low[i] != '/' {
			continue
		}
		if n[low[:i]] {
			return lieciba.Invalid("name", "%q lies below a name that is a file", name)
		}
		n[low[:i]] = false
	}
	n[low] = true
	return nil
}
