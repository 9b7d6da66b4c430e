package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"groundwork/api/openai"
	"groundwork/rag"
)

// mayReview lets who runs this server see and decide drafted questions: they quote documents of any store.
func (s *Server) mayReview(c *gin.Context) error {
	p := caller(c)
	if err := authorize(p, verbAdmin, object{tenant: true}); err != nil {
		return err
	}
	if s.Drafts == nil || p.Tenant != rag.DefaultTenant {
		return rag.Fail(rag.CodeNotFound, "There are no drafts. `groundwork eval draft` makes some.")
	}
	return nil
}

func (s *Server) listDrafts(c *gin.Context) error {
	if err := s.mayReview(c); err != nil {
		return err
	}
	all, err := s.Drafts.DraftSets()
	if err != nil {
		return err
	}
	s.reply(c, http.StatusOK, openai.NewList(all, false, func(d DraftSet) string { return d.ID }))
	return nil
}

func (s *Server) getDrafts(c *gin.Context) error {
	if err := s.mayReview(c); err != nil {
		return err
	}
	all, err := s.Drafts.Drafts(c.Param("id"))
	if err != nil {
		return err
	}
	s.reply(c, http.StatusOK, map[string]any{"object": "list", "data": all, "has_more": false})
	return nil
}

func (s *Server) editDraft(c *gin.Context) error {
	if err := s.mayReview(c); err != nil {
		return err
	}
	fields, _, err := s.body(c)
	if err != nil {
		return err
	}
	edit, bad := openai.ToDraftEdit(fields)
	if bad != nil {
		return refuse(bad)
	}
	changed, err := s.Drafts.EditDraft(c.Param("id"), c.Param("draft_id"), edit)
	if err != nil {
		return err
	}
	s.reply(c, http.StatusOK, changed)
	return nil
}
