package api

import (
	"github.com/gin-gonic/gin"

	"groundwork/api/openai"
	"groundwork/rag"
)

// responses answers POST /v1/responses from a store, which the model's name or
// the file_search tool names.
func (s *Server) responses(c *gin.Context) error {
	in, err := s.admit(c)
	if err != nil {
		return err
	}
	defer in.release()
	r, bad := openai.ToResponse(in.fields, s.limits)
	if bad != nil {
		return refuse(bad)
	}
	st, err := s.storeToAsk(c, in.target, r.Tool)
	if err != nil {
		return err
	}
	q := toQuestion(s.NewID("ans_"), caller(c), st, r.Question)
	q.Adapter = in.target.adapter
	if r.Tool != nil {
		q.Scope = narrow(q.Scope, r.Tool.Filter)
		q.Passages, q.MinScore = r.Tool.K, r.Tool.Threshold
	}
	head := openai.ResponseHead{Head: openai.Head{ID: s.NewID("resp_"), Model: in.target.name, Created: s.Now().Unix()},
		SearchID: s.NewID("fs_"), MessageID: s.NewID("msg_"), Results: r.Results, Repeat: r.Repeat}
	return s.answer(c, q, r.Stream, responseVoice{head, openai.NewResponseStream(head), s.Now})
}

// storeToAsk is the store of MODEL@STORE or of the tool; when both name one it must be the same.
func (s *Server) storeToAsk(c *gin.Context, t target, tool *openai.FileSearch) (rag.Store, error) {
	const param = "tools[0].vector_store_ids"
	switch {
	case tool == nil && t.store == nil:
		return rag.Store{}, badParam("tools", "Responses are answered from documents: add the tool file_search with a vector_store_id, or name the store in model as MODEL@STORE. The model alone answers at POST /v1/chat/completions.")
	case tool == nil:
		return *t.store, nil
	}
	st, err := s.store(c.Request.Context(), caller(c), verbAsk, tool.Store)
	switch {
	case rag.CodeOf(err) == rag.CodeNotFound:
		return st, &rag.Error{Code: rag.CodeNotFound, Param: param, Message: err.Error()}
	case err == nil && t.store != nil && t.store.ID != st.ID:
		return st, badParam(param, "The model's name and the tool name two stores and an answer comes from one. Leave one of them out.")
	}
	return st, err
}
