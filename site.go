package lieciba

import "time"

// PlaceState is the state of a Site or a Room. Neither is ever deleted.
type PlaceState string

const (
	PlaceActive  PlaceState = "active"
	PlaceRetired PlaceState = "retired"
)

// Site is a place where exams are held; a mobile one travels.
type Site struct {
	ID        SiteID
	Code      string // unique, matches CodePattern
	Name      string
	Mobile    bool
	State     PlaceState
	CreatedAt time.Time
}

// Room is where one exam session sits. Its code is unique over all sites,
// because the citizenship system names a room by code alone.
type Room struct {
	ID        RoomID
	SiteID    SiteID
	Code      string // unique, matches CodePattern
	Name      string
	State     PlaceState
	CreatedAt time.Time
}

// ValidCode reports whether s can be the code of a site or room: 1 to 64 of
// A-Z a-z 0-9 . _ -, starting with a letter or digit.
func ValidCode(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || c != '.' && c != '_' && c != '-') {
			return false
		}
	}
	return true
}
