package api

// Routes are the registered methods and patterns, for the comparison with the description.
func (s *Server) Routes() map[string][]string {
	out := map[string][]string{}
	for _, r := range s.engine.Routes() {
		out[r.Path] = append(out[r.Path], r.Method)
	}
	return out
}
