package server

import (
	"context"

	"lieciba/storage/webhook"
)

// openSender makes the part that tells other systems what happened.
func (s *Server) openSender() {
	s.sender = &webhook.Sender{Catalog: s.catalog, Node: s.node, Secrets: s.secrets,
		Policy: webhook.Policy{Allow: s.cfg.WebhookPrefixes()}, Log: s.log}
}

// sendNotices sends until ctx ends.
func (s *Server) sendNotices(ctx context.Context) error {
	s.sender.Run(ctx)
	return ctx.Err()
}
