package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"groundwork/api/openai"
)

// replayAnswer answers POST /v1/answers/{id}/replay. Kept answers hold what any
// caller of the tenant asked and read, so only its admin may.
func (s *Server) replayAnswer(c *gin.Context) error {
	p := caller(c)
	if err := authorize(p, verbAdmin, object{tenant: true}); err != nil {
		return err
	}
	release, err := s.answers.take(p.KeyID)
	if err != nil {
		return err
	}
	defer release()
	ctx, cancel := s.bounded(c.Request.Context())
	defer cancel()
	r, err := s.Replayer.Replay(ctx, p.Tenant, c.Param("id"))
	if err != nil {
		return explain(ctx, err)
	}
	out := openai.Replay{Object: "answer.replay", AnswerID: r.Then.ID, Same: r.Same, Then: r.Then.Text, Now: r.Now.Text, Differences: []openai.Difference{}}
	for _, d := range r.Differences {
		out.Differences = append(out.Differences, openai.Difference{What: d.What, Then: d.Then, Now: d.Now})
	}
	s.reply(c, http.StatusOK, out)
	return nil
}
