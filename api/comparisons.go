package api

import (
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"

	"groundwork/rag"
)

// mayRead lets who runs this server see its comparisons: they hold questions, answers and quotes of any store.
func (s *Server) mayRead(c *gin.Context) error {
	p := caller(c)
	if err := authorize(p, verbAdmin, object{tenant: true}); err != nil {
		return err
	}
	if s.Comparisons == nil || p.Tenant != rag.DefaultTenant {
		return noComparison()
	}
	return nil
}

func noComparison() error {
	return rag.Fail(rag.CodeNotFound, "There is no such comparison, or it is not finished. GET /v1/comparisons lists them.")
}

func (s *Server) listComparisons(c *gin.Context) error {
	if err := s.mayRead(c); err != nil {
		return err
	}
	all, err := s.Comparisons.Comparisons()
	if err != nil {
		return err
	}
	if all == nil {
		all = []json.RawMessage{}
	}
	s.reply(c, http.StatusOK, map[string]any{"object": "list", "data": all, "has_more": false})
	return nil
}

func (s *Server) getComparison(c *gin.Context) error {
	return s.comparison(c, false, "application/json; charset=utf-8")
}

// getComparisonPage sends the report as it is: one file with a style sheet of its own and no script.
func (s *Server) getComparisonPage(c *gin.Context) error {
	return s.comparison(c, true, "text/html; charset=utf-8")
}

func (s *Server) comparison(c *gin.Context, html bool, mediaType string) error {
	if err := s.mayRead(c); err != nil {
		return err
	}
	raw, err := s.Comparisons.Comparison(c.Param("id"), html)
	if err != nil {
		return err
	}
	if html {
		c.Header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox")
	}
	c.Data(http.StatusOK, mediaType, raw)
	return nil
}
