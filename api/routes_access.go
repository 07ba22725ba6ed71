package api

import "lieciba"

// accessRoutes are four eyes: requests, and the grants that come of them.
func (s *Server) accessRoutes() []route {
	return []route{
		{get, "/v1/requests", somewhere(lieciba.ActViewRequests, s.listRequests)},
		{post, "/v1/requests", somewhere(lieciba.ActViewRequests, s.askRequest)},
		{get, "/v1/requests/:id", shown(lieciba.ActViewRequests, "", s.requestByID, s.getRequest)},
		{patch, "/v1/requests/:id", shown(lieciba.ActViewRequests, stepAmend, s.requestByID, s.amendRequest)},
		{del, "/v1/requests/:id", shown(lieciba.ActViewRequests, stepWithdraw, s.requestByID, s.withdrawRequest)},
		{post, "/v1/requests/:id/approval", shown(lieciba.ActApproveRequest, stepApprove, s.requestByID, s.approveRequest)},
		{post, "/v1/requests/:id/refusal", shown(lieciba.ActApproveRequest, stepRefuse, s.requestByID, s.refuseRequest)},
		{post, "/v1/requests/:id/use", shown(lieciba.ActViewRequests, stepUse, s.requestByID, s.useRequest)},

		{get, "/v1/grants", somewhere(lieciba.ActViewRequests, s.listGrants)},
		{del, "/v1/grants/:id", shown(lieciba.ActViewRequests, stepRevoke, s.grantByID, s.revokeGrant)},
	}
}
