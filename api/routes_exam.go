package api

import "lieciba"

// examRoutes are what happens around an exam: marks, parts, appeals.
func (s *Server) examRoutes() []route {
	return []route{
		{get, "/v1/appeals", somewhere(lieciba.ActViewAppeals, s.listAppeals)},
		{post, "/v1/appeals", at(lieciba.ActManageAppeals, s.appealRequest, s.openAppeal)},
		{get, "/v1/appeals/:id", at(lieciba.ActViewAppeals, s.appealByID, s.getAppeal)},
		{post, "/v1/appeals/:id/state", at(lieciba.ActManageAppeals, s.appealByID, s.changeAppeal)},
	}
}
