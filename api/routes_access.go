package api

import "lieciba"

// accessRoutes are four eyes: requests, and the grants that come of them.
func (s *Server) accessRoutes() []route {
	return []route{
		{get, "/v1/requests", somewhere(lieciba.ActViewRequests, s.listRequests)},
		{post, "/v1/requests", somewhere(lieciba.ActViewRequests, s.askRequest)},
		{get, "/v1/requests/:id", shown(lieciba.ActViewRequests, string(lieciba.ActViewRequests), s.requestByID, s.getRequest)},
		{patch, "/v1/requests/:id", shown(lieciba.ActViewRequests, lieciba.AuditAmendRequest, s.requestByID, s.amendRequest)},
		{del, "/v1/requests/:id", shown(lieciba.ActViewRequests, lieciba.AuditWithdrawRequest, s.requestByID, s.withdrawRequest)},
		{post, "/v1/requests/:id/approval", shown(lieciba.ActApproveRequest, string(lieciba.ActApproveRequest), s.requestByID, s.approveRequest)},
		{post, "/v1/requests/:id/refusal", shown(lieciba.ActRefuseRequest, string(lieciba.ActRefuseRequest), s.requestByID, s.refuseRequest)},
		{post, "/v1/requests/:id/use", shown(lieciba.ActViewRequests, lieciba.AuditUseRequest, s.requestByID, s.useRequest)},

		{get, "/v1/grants", somewhere(lieciba.ActViewRequests, s.listGrants)},
		{del, "/v1/grants/:id", shown(lieciba.ActViewRequests, string(lieciba.ActRevokeGrant), s.grantByID, s.revokeGrant)},
	}
}
