package serve

import _ "embed"

// live answers GET /healthz/live: the process answers.
func (s *Server) live(c *call) *problem {
	c.out = append(c.out, `{"status":"live"}`...)
	return nil
}

// ready answers GET /healthz/ready: 200 when the node serves a release and means to go on.
func (s *Server) ready(c *call) *problem {
	if s.draining.Load() {
		return unavailable("the node is shutting down")
	}
	if p := s.load(c); p != nil {
		return p
	}
	if s.cfg.Ready != nil {
		if err := s.cfg.Ready(); err != nil {
			return unavailable("%s", err)
		}
	}
	c.out = append(c.out, `{"status":"ready","release":`...)
	c.out = appendString(c.out, c.ranker.Release().ID)
	c.out = append(c.out, '}')
	return nil
}

// openAPIDocument describes the public listener. It is kept by hand; a test compares it with the routes.
//
//go:embed openapi.json
var openAPIDocument []byte

// openAPI answers GET /openapi.json.
func (s *Server) openAPI(c *call) *problem {
	c.out = append(c.out, openAPIDocument...)
	c.cacheable = releaseMaxAge
	return nil
}
