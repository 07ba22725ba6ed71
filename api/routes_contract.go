package api

import "lieciba"

// contractRoutes are the rest of the contract with the citizenship system: late
// changes that people decide on, and what goes out to it.
func (s *Server) contractRoutes() []route {
	return []route{
		{post, "/v1/exam-sessions/:id/cancellation", at(lieciba.ActConfirmCancel, s.sessionByID, s.confirmCancel)},
		{del, "/v1/exam-sessions/:id/cancellation", at(lieciba.ActConfirmCancel, s.sessionByID, s.refuseCancel)},
		{put, "/v1/exam-sessions/:id/link", at(lieciba.ActLinkSession, s.sessionByID, s.linkSession)},
		{del, "/v1/exam-sessions/:id/link", at(lieciba.ActVoidLink, s.sessionByID, s.voidLink)},

		{get, "/docs", signedIn(s.docs)},
		{get, "/v1/notices", somewhere(lieciba.ActReadNotices, s.listNotices)},
		{get, "/v1/webhooks", somewhere(lieciba.ActManageWebhooks, s.listWebhooks)},
		{post, "/v1/webhooks", somewhere(lieciba.ActManageWebhooks, s.createWebhook)},
		{patch, "/v1/webhooks/:id", somewhere(lieciba.ActManageWebhooks, s.changeWebhook)},
		{del, "/v1/webhooks/:id", somewhere(lieciba.ActManageWebhooks, s.endWebhook)},
		{get, "/v1/webhooks/:id/deliveries", somewhere(lieciba.ActManageWebhooks, s.listDeliveries)},
		{post, "/v1/webhooks/:id/redelivery", somewhere(lieciba.ActManageWebhooks, s.redeliver)},
	}
}
