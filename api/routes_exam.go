package api

// examRoutes are what happens around an exam: marks, parts, appeals.
func (s *Server) examRoutes() []route {
	return nil
}
