package lieciba

import "slices"

// AskedClient is the machine that a request of kind client_token lets in, or the
// token that it lets another follow.
type AskedClient struct {
	Name           string  `json:"name"`
	Roles          []Role  `json:"roles"`                     // sorted
	Scopes         []Act   `json:"scopes,omitempty"`          // sorted; none: all that the roles allow
	Certificate    string  `json:"certificate,omitempty"`     // PEM; the client proves itself with its key
	Token          bool    `json:"token,omitempty"`           // a bearer token; with a certificate, both are needed
	Days           int     `json:"days,omitempty"`            // how long it is good, if its certificate does not end before
	Follows        TokenID `json:"follows,omitempty"`         // the token that it takes the place of, with its name and rights
	OverlapMinutes int     `json:"overlap_minutes,omitempty"` // how long that one still works
}

// canonical is a copy whose lists are sorted, so that one wish has one digest; nil
// for nil.
func (a *AskedClient) canonical() *AskedClient {
	if a == nil {
		return nil
	}
	b := *a
	b.Roles, b.Scopes = slices.Clone(a.Roles), slices.Clone(a.Scopes)
	slices.Sort(b.Roles)
	slices.Sort(b.Scopes)
	return &b
}
