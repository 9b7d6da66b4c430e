package api

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"groundwork/api/openai"
	"groundwork/rag"
)

// mayTune lets who runs this server train: it takes the machine for hours, and what comes out is served to all.
func (s *Server) mayTune(c *gin.Context) error {
	p := caller(c)
	if err := authorize(p, verbAdmin, object{tenant: true}); err != nil {
		return err
	}
	if s.Tuner == nil || p.Tenant != rag.DefaultTenant {
		return rag.Fail(rag.CodeNotFound, "Fine-tuning is not offered here. Use a key of the tenant that runs the server.")
	}
	return nil
}

func (s *Server) createTuneJob(c *gin.Context) error {
	if err := s.mayTune(c); err != nil {
		return err
	}
	fields, _, err := s.body(c)
	if err != nil {
		return err
	}
	r, bad := openai.ToTune(fields)
	if bad != nil {
		return refuse(bad)
	}
	for param, id := range map[string]string{"training_file": r.TrainingFile, "validation_file": r.ValidationFile} {
		if id == "" {
			continue
		}
		f, err := s.file(c.Request.Context(), caller(c), verbAdmin, id)
		if rag.CodeOf(err) == rag.CodeNotFound {
			return badParam(param, "There is no file \""+clip(id)+"\". Upload it with POST /v1/files and the purpose fine-tune.")
		}
		if err != nil {
			return err
		}
		if f.Purpose != "fine-tune" {
			return badParam(param, "The file "+f.ID+" was uploaded for another purpose. Upload it with the purpose fine-tune.")
		}
	}
	j, err := s.Tuner.CreateJob(c.Request.Context(), caller(c).Tenant, r)
	if err != nil {
		return err
	}
	s.reply(c, http.StatusOK, j)
	return nil
}

func (s *Server) listTuneJobs(c *gin.Context) error {
	if err := s.mayTune(c); err != nil {
		return err
	}
	jobs, err := s.Tuner.Jobs(caller(c).Tenant)
	if err != nil {
		return err
	}
	return sendPart(s, c, jobs, func(j openai.TuneJob) string { return j.ID })
}

// sendPart answers with the part of a whole list that limit and after ask for.
func sendPart[T any](s *Server, c *gin.Context, all []T, id func(T) string) error {
	page, err := pageOf(c.Request.URL.Query(), 100, 20)
	if err != nil {
		return err
	}
	if page.Ascending {
		return badParam("order", "This list is newest first. Leave order out.")
	}
	from := slices.IndexFunc(all, func(v T) bool { return id(v) == page.After }) + 1
	if page.After != "" && from == 0 {
		return badParam("after", "The list has no such object. Start again from its first page.")
	}
	until := min(from+page.Limit, len(all))
	s.reply(c, http.StatusOK, openai.NewList(all[from:until], until < len(all), id))
	return nil
}

func (s *Server) getTuneJob(c *gin.Context) error {
	if err := s.mayTune(c); err != nil {
		return err
	}
	j, err := s.Tuner.Job(caller(c).Tenant, c.Param("id"))
	if err != nil {
		return err
	}
	s.reply(c, http.StatusOK, j)
	return nil
}

func (s *Server) cancelTuneJob(c *gin.Context) error {
	if err := s.mayTune(c); err != nil {
		return err
	}
	j, err := s.Tuner.CancelJob(caller(c).Tenant, c.Param("id"))
	if err != nil {
		return err
	}
	s.reply(c, http.StatusOK, j)
	return nil
}

func (s *Server) listTuneEvents(c *gin.Context) error {
	if err := s.mayTune(c); err != nil {
		return err
	}
	events, err := s.Tuner.JobEvents(caller(c).Tenant, c.Param("id"))
	if err != nil {
		return err
	}
	return sendPart(s, c, events, func(e openai.TuneEvent) string { return e.ID })
}

// listTuneCheckpoints is empty: a checkpoint here is for going on with a job, and is no model.
func (s *Server) listTuneCheckpoints(c *gin.Context) error {
	if err := s.mayTune(c); err != nil {
		return err
	}
	if _, err := s.Tuner.Job(caller(c).Tenant, c.Param("id")); err != nil {
		return err
	}
	return sendPart(s, c, []openai.TuneJob{}, func(j openai.TuneJob) string { return j.ID })
}
