package api

import (
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"groundwork/api/openai"
	"groundwork/rag"
)

// storeOf is the store that ?store= names.
func (s *Server) storeOf(c *gin.Context, v verb) (rag.Store, error) {
	name := c.Query("store")
	if name == "" {
		return rag.Store{}, badParam("store", "store is missing. Add ?store= with a store's name or id; GET /v1/vector_stores lists them.")
	}
	return s.store(c.Request.Context(), caller(c), v, name)
}

func (s *Server) listDocuments(c *gin.Context) error {
	st, err := s.storeOf(c, verbAsk)
	if err != nil {
		return err
	}
	page, err := pageOf(c.Request.URL.Query(), 100, 100)
	if err != nil {
		return err
	}
	page.State = rag.State(c.Query("status"))
	if page.State != "" && !known(page.State) {
		return badParam("status", "status must be queued, parsing, embedding, ready or failed.")
	}
	docs, more, err := s.Documents.Documents(c.Request.Context(), scopeOf(caller(c), st), page)
	if err != nil {
		return err
	}
	data := make([]openai.Document, len(docs))
	for i, d := range docs {
		data[i] = fromDocument(caller(c), d)
	}
	s.reply(c, http.StatusOK, openai.NewList(data, more, func(d openai.Document) string { return d.ID }))
	return nil
}

func known(state rag.State) bool {
	switch state {
	case rag.StateQueued, rag.StateParsing, rag.StateEmbedding, rag.StateReady, rag.StateFailed:
		return true
	}
	return false
}

func (s *Server) getDocument(c *gin.Context) error {
	st, err := s.storeOf(c, verbAsk)
	if err != nil {
		return err
	}
	doc, err := s.Documents.Document(c.Request.Context(), scopeOf(caller(c), st), c.Param("id"))
	if err != nil {
		return noDocument(err, c.Param("id"))
	}
	s.reply(c, http.StatusOK, fromDocument(caller(c), doc))
	return nil
}

// documentPassages answers what a document was cut into, as it is searched and put into prompts.
func (s *Server) documentPassages(c *gin.Context) error {
	st, err := s.storeOf(c, verbAsk)
	if err != nil {
		return err
	}
	doc, passages, err := s.Documents.DocumentPassages(c.Request.Context(), scopeOf(caller(c), st), c.Param("id"))
	if err != nil {
		return noDocument(err, c.Param("id"))
	}
	data := make([]openai.Passage, len(passages))
	for i, p := range passages {
		data[i] = openai.Passage{ChunkID: p.ChunkID, DocumentID: p.DocumentID, Filename: p.Filename, Version: doc.LiveVersion,
			Start: p.Start, End: p.End, Page: openai.Page(p.Page), Heading: list(p.Heading), Header: p.Header, Text: p.Text}
	}
	s.reply(c, http.StatusOK, openai.NewList(data, false, func(p openai.Passage) string { return p.ChunkID }))
	return nil
}

// retryDocument has a failed document processed again, without sending it again.
func (s *Server) retryDocument(c *gin.Context) error {
	st, err := s.storeOf(c, verbWrite)
	if err != nil {
		return err
	}
	doc, err := s.Uploader.Retry(c.Request.Context(), scopeOf(caller(c), st), c.Param("id"))
	if err != nil {
		return noDocument(err, c.Param("id"))
	}
	s.reply(c, http.StatusAccepted, fromDocument(caller(c), doc))
	return nil
}

func (s *Server) deleteDocument(c *gin.Context) error {
	st, err := s.storeOf(c, verbWrite)
	if err != nil {
		return err
	}
	receipt, err := s.Uploader.Remove(c.Request.Context(), scopeOf(caller(c), st), c.Param("id"))
	if err != nil {
		return noDocument(err, c.Param("id"))
	}
	s.reply(c, http.StatusOK, deleted(c.Param("id"), "document.deleted", &receipt))
	return nil
}

// getReceipt answers what a deletion removed. What was deleted may have lain in
// any store, so only keys of the whole tenant are told.
func (s *Server) getReceipt(c *gin.Context) error {
	p := caller(c)
	if err := authorize(p, verbWrite, object{tenant: true}); err != nil {
		return err
	}
	r, err := s.Receipts.Receipt(c.Request.Context(), p.Tenant, c.Param("id"))
	if err != nil {
		return err
	}
	s.reply(c, http.StatusOK, fromReceipt(r))
	return nil
}

// openDocument sends a browser to the web page, which asks for the key, fetches
// the text and marks the span.
func (s *Server) openDocument(c *gin.Context) {
	fragment := url.Values{"doc": {c.Param("id")}}
	for _, name := range []string{"start", "end"} {
		if v := c.Query(name); v != "" {
			fragment.Set(name, v)
		}
	}
	c.Header("Location", "/#"+fragment.Encode())
	c.Status(http.StatusFound)
	c.Writer.WriteHeaderNow()
}
