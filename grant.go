package lieciba

import (
	"slices"
	"time"
)

// MaxGrant bounds how long a grant may last.
const MaxGrant = 31 * 24 * time.Hour

// Grant is one person's right to see the archive of one session: some cameras,
// some time, until it expires. It comes from a request that another person approved.
type Grant struct {
	ID         GrantID
	RequestID  RequestID
	SessionID  SessionID
	HolderID   string // Principal.ID: nobody else may use it
	Holder     string
	CameraIDs  []CameraID // nil: all of the session
	From, To   time.Time  // of the footage; zero: all of the session
	Reason     string
	Appeal     string // reference of the appeal that it serves; may be empty
	IncidentID IncidentID
	ApprovedBy string
	BeganAt    time.Time
	ExpiresAt  time.Time
	RevokedAt  time.Time // zero: not
	RevokedBy  string
}

// InForce reports whether the grant opens anything at an instant.
func (g Grant) InForce(now time.Time) bool {
	return g.RevokedAt.IsZero() && !now.Before(g.BeganAt) && now.Before(g.ExpiresAt)
}

// Span is the footage that the grant opens; a zero end is open.
func (g Grant) Span() Interval { return Interval{g.From, g.To} }

// Opens reports whether the grant covers footage of a camera. An empty camera
// asks for any; a zero span asks for some part, another span must lie inside.
func (g Grant) Opens(camera CameraID, span Interval) bool {
	if camera != "" && g.CameraIDs != nil && !slices.Contains(g.CameraIDs, camera) {
		return false
	}
	if span == (Interval{}) {
		return true
	}
	return !span.From.Before(g.From) && (g.To.IsZero() || !span.To.IsZero() && !span.To.After(g.To))
}

// Object is what an act is about.
type Object struct {
	Site    SiteID
	Session SessionID
	Camera  CameraID // empty: none in particular
	Span    Interval // of footage; zero: none in particular
}

// Decision is what the policy says.
type Decision struct {
	Err   error  // nil: allowed; CodeForbidden or CodeNeedsGrant with the reason
	Grant *Grant // that allows it; nil where none is needed
}

// needsGrant lists the acts that no role alone allows.
var needsGrant = map[Act]bool{ActWatchArchive: true}

// NeedsGrant reports whether an act is allowed only under a grant.
func NeedsGrant(act Act) bool { return needsGrant[act] }

// Decide is the whole policy: role × site × object × act. grants are those of
// the principal on the object's session, in any state. Pure.
func Decide(p Principal, act Act, o Object, grants []Grant, now time.Time) Decision {
	if err := Allow(p, act, o.Site); err != nil {
		return Decision{Err: err}
	}
	if !needsGrant[act] {
		return Decision{}
	}
	why := "ask for a grant: no role alone opens the archive"
	for _, g := range grants {
		switch {
		case g.HolderID != p.ID || g.SessionID != o.Session:
		case !g.RevokedAt.IsZero():
			why = "your grant was revoked: ask for a new one"
		case !g.InForce(now):
			why = "your grant has expired: ask for a new one"
		case !g.Opens(o.Camera, Interval{}):
			why = "your grant does not name this camera: ask for one that does"
		case !g.Opens(o.Camera, o.Span):
			why = "your grant does not cover this time: ask for one that does"
		default:
			return Decision{Grant: &g}
		}
	}
	return Decision{Err: Errorf(CodeNeedsGrant, "%s", why)}
}
