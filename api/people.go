package api

import "lieciba/storage"

// people is what four eyes and grants need of the catalogue.
type people interface {
	storage.Catalog
	storage.Requests
	storage.Grants
	storage.Appeals
	storage.Incidents
}

func (s *Server) people() people { return s.cfg.Catalog.(people) }
