package api

import "lieciba"

// contractRoutes are the rest of the contract with the citizenship system: late
// changes that people decide on, and what goes out to it.
func (s *Server) contractRoutes() []route {
	return []route{
		{post, "/v1/exam-sessions/:id/cancellation", at(lieciba.ActConfirmCancel, s.sessionByID, s.confirmCancel)},
		{del, "/v1/exam-sessions/:id/cancellation", at(lieciba.ActConfirmCancel, s.sessionByID, s.refuseCancel)},
	}
}
