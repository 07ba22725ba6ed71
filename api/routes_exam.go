package api

import "lieciba"

// examRoutes are what happens around an exam: marks, parts, appeals.
func (s *Server) examRoutes() []route {
	return []route{
		{get, "/v1/exam-sessions/:id/incidents", at(lieciba.ActViewExam, s.sessionByID, s.listIncidents)},
		{post, "/v1/exam-sessions/:id/incidents", at(lieciba.ActMarkIncident, s.sessionByID, s.markIncident)},
		{post, "/v1/incidents/:id/correction", at(lieciba.ActMarkIncident, s.incidentByID, s.correctIncident)},
		{post, "/v1/incidents/:id/retraction", at(lieciba.ActMarkIncident, s.incidentByID, s.stepIncident(lieciba.ActMarkIncident, lieciba.IncidentRetracted))},
		{post, "/v1/incidents/:id/review", at(lieciba.ActReviewIncident, s.incidentByID, s.stepIncident(lieciba.ActReviewIncident, lieciba.IncidentReviewed))},
		{get, "/v1/exam-sessions/:id/part-events", at(lieciba.ActViewExam, s.sessionByID, s.listPartEvents)},
		{post, "/v1/exam-sessions/:id/part-events", at(lieciba.ActRunPart, s.sessionByID, s.runPart)},

		{get, "/v1/appeals", somewhere(lieciba.ActViewAppeals, s.listAppeals)},
		{post, "/v1/appeals", at(lieciba.ActManageAppeals, s.appealRequest, s.openAppeal)},
		{get, "/v1/appeals/:id", at(lieciba.ActViewAppeals, s.appealByID, s.getAppeal)},
		{post, "/v1/appeals/:id/state", at(lieciba.ActManageAppeals, s.appealByID, s.changeAppeal)},
	}
}
