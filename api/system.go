package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"groundwork/rag"
)

// readiness is the reply of /readyz.
type readiness struct {
	Ready    bool    `json:"ready"`
	Draining bool    `json:"draining"`
	Version  string  `json:"version,omitempty"`
	Checks   []Check `json:"checks"`
}

func (s *Server) healthz(c *gin.Context) {
	s.reply(c, http.StatusOK, map[string]string{"status": "ok"})
}

// readyz is 200 when the server can do its work, else 503 with what is wrong.
// Without a key that is needed it names the checks and hides their details.
func (s *Server) readyz(c *gin.Context) {
	ctx := c.Request.Context()
	r := readiness{Ready: true, Draining: s.draining.Load(), Checks: []Check{}}
	for _, check := range s.Health.Ready(ctx) {
		r.Ready = r.Ready && (check.OK || check.Minor)
		r.Checks = append(r.Checks, check)
	}
	r.Ready = r.Ready && !r.Draining
	if p, err := s.principal(c.Request); err == nil && (p.KeyID != "" || s.local(c.Request) == nil) {
		r.Version = s.opts.Version
	} else {
		for i, check := range r.Checks {
			r.Checks[i] = Check{Name: check.Name, OK: check.OK, Minor: check.Minor}
		}
	}
	status := http.StatusOK
	if !r.Ready {
		status = http.StatusServiceUnavailable
		c.Header("Retry-After", "2")
	}
	s.reply(c, status, r)
}

func (s *Server) metrics(c *gin.Context) { s.serve(c, s.Metrics) }

// page is the web page; it sets its own headers for security and caching.
func (s *Server) page(c *gin.Context) { s.serve(c, s.Page) }

func (s *Server) serve(c *gin.Context, h http.Handler) {
	if h == nil {
		s.noRoute(c)
		return
	}
	h.ServeHTTP(c.Writer, c.Request)
}

func (s *Server) spec(c *gin.Context) {
	if len(s.Spec) == 0 {
		s.fail(c, rag.Fail(rag.CodeNotFound, "This server was built without its description."))
		return
	}
	c.Data(http.StatusOK, "application/json; charset=utf-8", s.Spec)
}
