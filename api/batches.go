package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"groundwork/api/openai"
	"groundwork/rag"
)

// createBatch attaches files, then records that they belong together: who gets
// no reply sends the same again, and nothing is attached twice.
func (s *Server) createBatch(c *gin.Context) error {
	ctx, p := c.Request.Context(), caller(c)
	fields, _, err := s.body(c)
	if err != nil {
		return err
	}
	files, bad := openai.ToBatch(fields)
	if bad != nil {
		return refuse(bad)
	}
	st, err := s.store(ctx, p, verbWrite, c.Param("id"))
	if err != nil {
		return err
	}
	ids := make([]string, len(files))
	for i, f := range files {
		if _, err := s.file(ctx, p, verbWrite, f.FileID); err != nil {
			return err
		}
		ids[i] = f.FileID
	}
	for _, f := range files {
		if _, err := s.Uploader.Attach(ctx, scopeOf(p, st), f.FileID, toLabels(f.Labels)); err != nil {
			return err
		}
	}
	b, err := s.Batches.CreateBatch(ctx, scopeOf(p, st), ids)
	if err != nil {
		return err
	}
	s.reply(c, http.StatusOK, fromBatch(b))
	return nil
}

func (s *Server) getBatch(c *gin.Context) error {
	st, err := s.store(c.Request.Context(), caller(c), verbAsk, c.Param("id"))
	if err != nil {
		return err
	}
	return s.sendBatch(c, st)
}

func (s *Server) sendBatch(c *gin.Context, st rag.Store) error {
	b, err := s.Batches.Batch(c.Request.Context(), scopeOf(caller(c), st), c.Param("batch_id"))
	if err != nil {
		return noBatch(err, c.Param("batch_id"))
	}
	s.reply(c, http.StatusOK, fromBatch(b))
	return nil
}

func (s *Server) listBatchFiles(c *gin.Context) error {
	st, err := s.store(c.Request.Context(), caller(c), verbAsk, c.Param("id"))
	if err != nil {
		return err
	}
	return s.sendFiles(c, func(page rag.Page) ([]rag.Document, bool, error) {
		docs, more, err := s.Batches.BatchFiles(c.Request.Context(), scopeOf(caller(c), st), c.Param("batch_id"), page)
		return docs, more, noBatch(err, c.Param("batch_id"))
	})
}

func (s *Server) cancelBatch(c *gin.Context) error {
	st, err := s.store(c.Request.Context(), caller(c), verbWrite, c.Param("id"))
	if err != nil {
		return err
	}
	if err := s.Uploader.CancelBatch(c.Request.Context(), scopeOf(caller(c), st), c.Param("batch_id")); err != nil {
		return noBatch(err, c.Param("batch_id"))
	}
	return s.sendBatch(c, st)
}

// noBatch words a missing batch alike everywhere.
func noBatch(err error, id string) error {
	if rag.CodeOf(err) != rag.CodeNotFound {
		return err
	}
	return rag.Fail(rag.CodeNotFound, "There is no file batch \""+clip(id)+"\" in this store. Use an id that POST …/file_batches gave.")
}
