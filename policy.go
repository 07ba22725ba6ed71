package lieciba

import "slices"

// Act is something a principal may want to do.
type Act string

const (
	ActViewSites     Act = "view_sites"
	ActViewCameras   Act = "view_cameras"
	ActManageCameras Act = "manage_cameras" // discover, adopt, assign, credentials
	ActManageSites   Act = "manage_sites"
	ActManageUsers   Act = "manage_users"
	ActViewSessions  Act = "view_sessions" // the list and the timeline, no picture
	ActPushSession   Act = "push_session"
	ActStartSession  Act = "start_session" // ad hoc, when the citizenship system is down
	ActWatchLive     Act = "watch_live"
	ActWatchArchive  Act = "watch_archive"
	ActReadAudit     Act = "read_audit"
	ActReadMetrics   Act = "read_metrics"

	ActReadEvidence    Act = "read_evidence"    // coverage statement, seals, checkpoints, proofs
	ActCosign          Act = "cosign"           // a witness's signature on a checkpoint
	ActExport          Act = "export"           // ask for an evidence package and fetch it
	ActPushEvent       Act = "push_event"       // result notified, appeal opened, appeal decided
	ActReadRetention   Act = "read_retention"   // policies, holds, what goes when, certificates
	ActDraftPolicy     Act = "draft_policy"     // of retention
	ActApprovePolicy   Act = "approve_policy"   // of another person's draft
	ActPlaceHold       Act = "place_hold"       // and ask for its release
	ActReleaseHold     Act = "release_hold"     // that another person asked for
	ActCheckEvidence   Act = "check_evidence"   // run the chain check
	ActDeleteRecording Act = "delete_recording" // the server's own, under a policy
	ActSealRecording   Act = "seal_recording"   // the server's own
)

// Acts lists every act.
func Acts() []Act {
	return []Act{ActViewSites, ActViewCameras, ActManageCameras, ActManageSites, ActManageUsers,
		ActViewSessions, ActPushSession, ActStartSession, ActWatchLive, ActWatchArchive, ActReadAudit, ActReadMetrics,
		ActReadEvidence, ActCosign, ActExport, ActPushEvent, ActReadRetention, ActDraftPolicy, ActApprovePolicy,
		ActPlaceHold, ActReleaseHold, ActCheckEvidence, ActDeleteRecording, ActSealRecording}
}

// everywhere lists the roles that may do an act at every site.
var everywhere = map[Act][]Role{
	ActViewSites:     {RoleReviewer, RoleApprover, RoleSecurity, RoleAdmin},
	ActViewCameras:   {RoleReviewer, RoleSecurity, RoleAdmin},
	ActManageCameras: {RoleAdmin},
	ActManageSites:   {RoleAdmin},
	ActManageUsers:   {RoleAdmin},
	ActViewSessions:  {RoleReviewer, RoleApprover, RoleSecurity, RoleAdmin, RoleCitizenship},
	ActPushSession:   {RoleCitizenship},
	ActWatchArchive:  {RoleReviewer},
	ActReadAudit:     {RoleSecurity},
	ActReadMetrics:   {RoleMonitoring, RoleAdmin},

	ActReadEvidence:  {RoleReviewer, RoleApprover, RoleSecurity, RoleWitness},
	ActCosign:        {RoleWitness},
	ActExport:        {RoleReviewer},
	ActPushEvent:     {RoleCitizenship},
	ActReadRetention: {RoleReviewer, RoleApprover, RoleSecurity, RoleAdmin},
	ActDraftPolicy:   {RoleAdmin},
	ActApprovePolicy: {RoleApprover},
	ActPlaceHold:     {RoleReviewer, RoleSecurity},
	ActReleaseHold:   {RoleApprover},
	ActCheckEvidence: {RoleSecurity},
}

// ownSite lists the roles that may do an act at the sites they are assigned to.
var ownSite = map[Act][]Role{
	ActViewSites:    {RoleSupervisor},
	ActViewCameras:  {RoleSupervisor},
	ActViewSessions: {RoleSupervisor},
	ActStartSession: {RoleSupervisor},
	ActWatchLive:    {RoleSupervisor},
}

// Allow decides whether p may do act on an object of the site; an empty site
// means an object that belongs to none. It returns nil or a CodeForbidden error
// that says what is missing.
func Allow(p Principal, act Act, site SiteID) error {
	for _, r := range p.Roles {
		if slices.Contains(everywhere[act], r) {
			return nil
		}
		if slices.Contains(ownSite[act], r) && site != "" && slices.Contains(p.SiteIDs, site) {
			return nil
		}
	}
	return Errorf(CodeForbidden, "your roles do not allow %s here", act)
}

// AllowSomewhere decides whether p may do act at one site at least, whichever
// that is: nil, or the CodeForbidden error of Allow. A supervisor without sites
// may: every object is then outside of their sites.
func AllowSomewhere(p Principal, act Act) error {
	for _, r := range p.Roles {
		if slices.Contains(everywhere[act], r) || slices.Contains(ownSite[act], r) {
			return nil
		}
	}
	return Errorf(CodeForbidden, "your roles do not allow %s", act)
}

// AllowedSites returns the sites on which p may do act: all=true for every
// site, else the list, which may be empty but is never nil: a filter takes nil
// for "every site". The list is the caller's.
func AllowedSites(p Principal, act Act) (all bool, sites []SiteID) {
	sites = []SiteID{}
	for _, r := range p.Roles {
		if slices.Contains(everywhere[act], r) {
			return true, nil
		}
		if slices.Contains(ownSite[act], r) {
			sites = append(sites[:0], p.SiteIDs...)
		}
	}
	return false, sites
}
