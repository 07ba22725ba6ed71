package api

import "lieciba/storage"

func (s *Server) incidents() storage.Incidents { return s.cfg.Catalog.(storage.Incidents) }
