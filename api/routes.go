package api

import (
	"net/http"
	"slices"

	"lieciba"
)

// route is one line of the route table.
type route struct {
	method, path string
	endpoint
}

// routes is the whole of what the server answers, the pages apart. Nothing else
// registers a handler.
func (s *Server) routes() []route {
	return slices.Concat(s.peopleRoutes(), s.recordingRoutes(), s.evidenceRoutes(), s.accessRoutes(), s.examRoutes(), s.contractRoutes(), s.readinessRoutes(), s.alarmRoutes())
}

const get, post, put, patch, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete

func (s *Server) recordingRoutes() []route {
	return []route{
		{get, "/healthz", public("tells ok and nothing else", s.healthz)},
		{get, "/readyz", public("tells ok or not ok; details only to who is signed in", s.readyz)},
		{get, "/metrics", somewhere(lieciba.ActReadMetrics, s.metrics)},

		{get, "/v1/system", signedIn(s.system)},
		{get, "/v1/openapi.yaml", signedIn(s.openapi)},

		{get, "/v1/sites", somewhere(lieciba.ActViewSites, s.listSites)},
		{get, "/v1/sites/:id/rooms", at(lieciba.ActViewSites, s.siteByID, s.listRooms)},
		{put, "/v1/sites/:id", somewhere(lieciba.ActManageSites, s.putSite)},
		{put, "/v1/rooms/:id", at(lieciba.ActManageSites, s.roomChange, s.putRoom)},

		{get, "/v1/cameras", somewhere(lieciba.ActViewCameras, s.listCameras)},
		{post, "/v1/cameras", at(lieciba.ActManageCameras, s.newCamera, s.adoptCamera).talksToCamera()},
		{get, "/v1/cameras/:id", at(lieciba.ActViewCameras, s.cameraByID, s.getCamera)},
		{patch, "/v1/cameras/:id", at(lieciba.ActManageCameras, s.cameraByID, s.changeCamera).talksToCamera()},
		{put, "/v1/cameras/:id/assignment", at(lieciba.ActManageCameras, s.cameraByID, s.assignCamera)},
		{post, "/v1/cameras/:id/key-frame", at(lieciba.ActWatchLive, s.cameraByID, s.keyFrame).talksToCamera().untilHangUp()},
		{get, "/v1/cameras/:id/snapshot", at(lieciba.ActWatchLive, s.cameraByID, s.snapshot).talksToCamera()},
		{post, "/v1/cameras/:id/whep", at(lieciba.ActWatchLive, s.cameraByID, s.watchLive).talksToCamera().untilHangUp()},
		{del, "/v1/whep/:id", owned("live view", lieciba.ActWatchLive, s.cfg.Live.Owner, s.hangUpLive)},

		{post, "/v1/discoveries", somewhere(lieciba.ActManageCameras, s.discover)},
		{get, "/v1/discoveries/:id", somewhere(lieciba.ActManageCameras, s.getDiscovery)},

		{get, "/v1/exam-sessions", somewhere(lieciba.ActViewSessions, s.listSessions)},
		{post, "/v1/exam-sessions", at(lieciba.ActStartSession, s.adHocRequest, s.startSession)},
		{put, "/v1/exam-sessions/:id", at(lieciba.ActPushSession, s.pushRequest, s.pushSession)},
		{get, "/v1/exam-sessions/:id", at(lieciba.ActViewSessions, s.sessionByID, s.getSession)},
		{get, "/v1/exam-sessions/:id/timeline", at(lieciba.ActViewSessions, s.sessionByID, s.timeline)},
		{post, "/v1/exam-sessions/:id/playback", at(lieciba.ActWatchArchive, s.playbackByID, s.playback).talksToCamera().untilHangUp()},
		{del, "/v1/playbacks/:id", owned("playback", lieciba.ActWatchArchive, s.cfg.Player.Owner, s.hangUpPlayback)},
		{get, "/v1/segments/:id/content", at(lieciba.ActWatchArchive, s.segmentByID, s.segmentContent).boundsItself()},

		{get, "/v1/audit", somewhere(lieciba.ActReadAudit, s.readAudit)},
	}
}

func (s *Server) evidenceRoutes() []route {
	return []route{
		{get, "/v1/exam-sessions/:id/coverage", at(lieciba.ActViewSessions, s.sessionByID, s.coverage)},
		{get, "/v1/exam-sessions/:id/events", at(lieciba.ActReadRetention, s.sessionByID, s.listEvents)},
		{post, "/v1/exam-sessions/:id/events", at(lieciba.ActPushEvent, s.pushedSession, s.pushEvent)},
		{post, "/v1/exam-sessions/:id/holds", at(lieciba.ActPlaceHold, s.sessionByID, s.placeHold)},

		{get, "/v1/exports", somewhere(lieciba.ActExport, s.listExports)},
		{get, "/v1/exports/:id", at(lieciba.ActExport, s.exportByID, s.getExport)},
		{get, "/v1/exports/:id/content", at(lieciba.ActExport, s.exportByID, s.exportContent).boundsItself()},

		{get, "/v1/log/checkpoint", somewhere(lieciba.ActReadEvidence, s.logCheckpoint)},
		{get, "/v1/log/consistency", somewhere(lieciba.ActReadEvidence, s.logConsistency)},
		{get, "/v1/log/leaves", somewhere(lieciba.ActReadEvidence, s.logLeaves)},
		{get, "/v1/log/keys", somewhere(lieciba.ActReadEvidence, s.logKeys)},
		{get, "/v1/log/state", somewhere(lieciba.ActReadEvidence, s.logState)},
		{post, "/v1/log/cosignatures", somewhere(lieciba.ActCosign, s.cosign)},
		{get, "/v1/log/check", somewhere(lieciba.ActCheckEvidence, s.getLogCheck)},
		{post, "/v1/log/check", somewhere(lieciba.ActCheckEvidence, s.checkLog)},

		{get, "/v1/retention/policies", somewhere(lieciba.ActReadRetention, s.listPolicies)},
		{post, "/v1/retention/policies", somewhere(lieciba.ActDraftPolicy, s.draftPolicy)},
		{get, "/v1/retention/plan", somewhere(lieciba.ActReadRetention, s.plan)},
		{get, "/v1/holds", somewhere(lieciba.ActReadRetention, s.listHolds)},
		{get, "/v1/deletions", somewhere(lieciba.ActReadRetention, s.listDeletions)},
		{get, "/v1/deletions/:id/certificate", at(lieciba.ActReadRetention, s.deletionByID, s.certificate)},
	}
}
