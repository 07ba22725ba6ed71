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
	ActViewSessions  Act = "view_sessions" // the list and the timeline, no picture; a source its own only (OwnSource)
	ActViewExam      Act = "view_exam"     // what happened in it: incidents, parts, readiness
	ActPushSession   Act = "push_session"
	ActStartSession  Act = "start_session" // ad hoc, when the citizenship system is down
	ActWatchLive     Act = "watch_live"
	ActWatchArchive  Act = "watch_archive"
	ActReadAudit     Act = "read_audit"
	ActReadMetrics   Act = "read_metrics"

	ActReadEvidence    Act = "read_evidence"  // coverage statement, seals, checkpoints, proofs
	ActCosign          Act = "cosign"         // a witness's signature on a checkpoint
	ActExport          Act = "export"         // ask for an evidence package and fetch it
	ActPushEvent       Act = "push_event"     // result notified, appeal opened, appeal decided
	ActReadRetention   Act = "read_retention" // policies, holds, what goes when, certificates
	ActDraftPolicy     Act = "draft_policy"   // of retention
	ActPlaceHold       Act = "place_hold"
	ActApproveRequest  Act = "approve_request"  // of another person, whatever it asks for
	ActRefuseRequest   Act = "refuse_request"   // of another person, also after its approval
	ActCheckEvidence   Act = "check_evidence"   // run the chain check
	ActApprovePolicy   Act = "approve_policy"   // done by an approved request: no role alone may
	ActReleaseHold     Act = "release_hold"     // likewise, or the server's own after a final decision
	ActDeleteRecording Act = "delete_recording" // the server's own, under a policy
	ActSealRecording   Act = "seal_recording"   // the server's own

	// What must be asked for, and approved by another person, before it is done.
	ActAskGrant       Act = "ask_grant"
	ActAskRelease     Act = "ask_hold_release"
	ActAskDeletion    Act = "ask_early_deletion"
	ActAskPolicy      Act = "ask_retention_policy"
	ActAskKeyRotation Act = "ask_key_rotation"
	ActAskRoles       Act = "ask_roles"
	ActAskClientToken Act = "ask_client_token"

	ActViewRequests   Act = "view_requests" // one's own; all for approvers and security
	ActRevokeGrant    Act = "revoke_grant"
	ActManageAppeals  Act = "manage_appeals" // open by hand, note the court, close
	ActViewAppeals    Act = "view_appeals"
	ActMarkIncident   Act = "mark_incident" // and correct a mark by adding
	ActReviewIncident Act = "review_incident"
	ActRunPart        Act = "run_part"        // started, paused, ended
	ActCheckReadiness Act = "check_readiness" // run, override, sign off
	ActConfirmCancel  Act = "confirm_cancel"  // of a running session
	ActLinkSession    Act = "link_session"    // an ad-hoc session to its real ID
	ActVoidLink       Act = "void_link"       // that was a mistake
	ActReadNotices    Act = "read_notices"    // replay of what webhooks sent
	ActManageWebhooks Act = "manage_webhooks"
	ActReadAlarms     Act = "read_alarms"
	ActManageSignIns  Act = "manage_sign_ins" // list and end those of others
)

// Acts lists every act.
func Acts() []Act {
	return []Act{ActViewSites, ActViewCameras, ActManageCameras, ActManageSites, ActManageUsers,
		ActViewSessions, ActViewExam, ActPushSession, ActStartSession, ActWatchLive, ActWatchArchive, ActReadAudit, ActReadMetrics,
		ActReadEvidence, ActCosign, ActExport, ActPushEvent, ActReadRetention, ActDraftPolicy,
		ActPlaceHold, ActApproveRequest, ActRefuseRequest, ActCheckEvidence, ActApprovePolicy, ActReleaseHold, ActDeleteRecording, ActSealRecording,
		ActAskGrant, ActAskRelease, ActAskDeletion, ActAskPolicy, ActAskKeyRotation, ActAskRoles, ActAskClientToken,
		ActViewRequests, ActRevokeGrant, ActManageAppeals, ActViewAppeals, ActMarkIncident, ActReviewIncident,
		ActRunPart, ActCheckReadiness, ActConfirmCancel, ActLinkSession, ActVoidLink, ActReadNotices, ActManageWebhooks,
		ActReadAlarms, ActManageSignIns}
}

// everywhere lists the roles that may do an act at every site.
var everywhere = map[Act][]Role{
	ActViewSites:     {RoleReviewer, RoleApprover, RoleSecurity, RoleAdmin},
	ActViewCameras:   {RoleReviewer, RoleSecurity, RoleAdmin},
	ActManageCameras: {RoleAdmin},
	ActManageSites:   {RoleAdmin},
	ActManageUsers:   {RoleAdmin},
	ActViewSessions:  {RoleReviewer, RoleApprover, RoleSecurity, RoleAdmin, RoleCitizenship},
	ActViewExam:      {RoleReviewer, RoleApprover, RoleSecurity, RoleAdmin},
	ActPushSession:   {RoleCitizenship},
	ActWatchArchive:  {RoleReviewer, RoleSecurity}, // under a grant
	ActReadAudit:     {RoleSecurity},
	ActReadMetrics:   {RoleMonitoring, RoleAdmin},

	ActReadEvidence:  {RoleReviewer, RoleApprover, RoleSecurity, RoleWitness},
	ActCosign:        {RoleWitness},
	ActExport:        {RoleReviewer},
	ActPushEvent:     {RoleCitizenship},
	ActReadRetention: {RoleReviewer, RoleApprover, RoleSecurity, RoleAdmin},
	ActDraftPolicy:   {RoleAdmin},
	ActPlaceHold:     {RoleReviewer, RoleSecurity},
	ActCheckEvidence: {RoleSecurity},

	ActApproveRequest: {RoleApprover},
	ActRefuseRequest:  {RoleApprover, RoleSecurity},
	ActAskGrant:       {RoleReviewer, RoleSecurity},
	ActAskRelease:     {RoleReviewer, RoleSecurity},
	ActAskDeletion:    {RoleSecurity},
	ActAskPolicy:      {RoleAdmin},
	ActAskKeyRotation: {RoleAdmin, RoleSecurity},
	ActAskRoles:       {RoleAdmin},
	ActAskClientToken: {RoleAdmin},
	ActViewRequests:   {RoleReviewer, RoleApprover, RoleSecurity, RoleAdmin},
	ActRevokeGrant:    {RoleApprover, RoleSecurity},
	ActManageAppeals:  {RoleReviewer},
	ActViewAppeals:    {RoleReviewer, RoleApprover, RoleSecurity},
	ActReviewIncident: {RoleReviewer},
	ActLinkSession:    {RoleAdmin},
	ActVoidLink:       {RoleAdmin},
	ActReadNotices:    {RoleCitizenship, RoleAdmin},
	ActManageWebhooks: {RoleAdmin, RoleSecurity}, // what tells of alarms: with ActReadAlarms only
	ActReadAlarms:     {RoleSecurity},
	ActManageSignIns:  {RoleSecurity, RoleAdmin},
}

// ownSite lists the roles that may do an act at the sites they are assigned to.
var ownSite = map[Act][]Role{
	ActViewSites:    {RoleSupervisor},
	ActViewCameras:  {RoleSupervisor},
	ActViewSessions: {RoleSupervisor},
	ActViewExam:     {RoleSupervisor},
	ActStartSession: {RoleSupervisor},
	ActWatchLive:    {RoleSupervisor},
	ActWatchArchive: {RoleSupervisor}, // under a grant, as everybody

	ActAskGrant:       {RoleSupervisor},
	ActViewRequests:   {RoleSupervisor},
	ActMarkIncident:   {RoleSupervisor},
	ActRunPart:        {RoleSupervisor},
	ActCheckReadiness: {RoleSupervisor},
	ActConfirmCancel:  {RoleSupervisor},
	ActLinkSession:    {RoleSupervisor},
}

// Allow decides whether p may do act on an object of the site; an empty site
// means an object that belongs to none. It returns nil or a CodeForbidden error
// that says what is missing.
func Allow(p Principal, act Act, site SiteID) error {
	if err := p.inScope(act); err != nil {
		return err
	}
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
	if err := p.inScope(act); err != nil {
		return err
	}
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
	if p.inScope(act) != nil {
		return false, sites
	}
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

// OwnSource is the source that p is bound to where sessions are looked at: a
// citizenship system sees its own, and those started by hand that are linked to no
// other. Empty: p is bound to none.
func OwnSource(p Principal) string {
	if !slices.Contains(p.Roles, RoleCitizenship) {
		return ""
	}
	for _, r := range p.Roles {
		if r != RoleCitizenship && (slices.Contains(everywhere[ActViewSessions], r) || slices.Contains(ownSite[ActViewSessions], r)) {
			return ""
		}
	}
	return p.Name
}

// inScope refuses what a client's token was not made for.
func (p Principal) inScope(act Act) error {
	if p.Scopes == nil || slices.Contains(p.Scopes, act) {
		return nil
	}
	return Errorf(CodeForbidden, "this client's scopes do not hold %s", act)
}
