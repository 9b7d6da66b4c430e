package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"unicode"

	"github.com/gin-gonic/gin"

	"groundwork/api/openai"
	"groundwork/rag"
)

// checkStoreName keeps names apart from ids and usable in MODEL@STORE.
func checkStoreName(name string) error {
	switch {
	case name == "" || name != strings.TrimSpace(name):
		return badParam("name", "A store's name must not be empty, nor begin or end with a space.")
	case len(name) > 255 || strings.ContainsFunc(name, unicode.IsControl):
		return badParam("name", "A store's name is at most 255 bytes long and has no control characters. Choose another.")
	case strings.HasPrefix(name, "vs_"):
		return badParam("name", "Names that begin with vs_ are kept for ids. Choose another.")
	}
	return nil
}

func (s *Server) createStore(c *gin.Context) error {
	ctx, p := c.Request.Context(), caller(c)
	fields, _, err := s.body(c)
	if err != nil {
		return err
	}
	r, bad := openai.ToStore(fields, true)
	if bad != nil {
		return refuse(bad)
	}
	name, err := s.newName(p, r)
	if err != nil {
		return err
	}
	st, err := s.makeStore(ctx, p, name, r)
	if err != nil {
		return err
	}
	s.reply(c, http.StatusOK, fromStore(st))
	return nil
}

// makeStore looks at the files first, so that a wrong id leaves no store behind.
func (s *Server) makeStore(ctx context.Context, p rag.Principal, name string, r openai.StoreRequest) (rag.Store, error) {
	for _, id := range r.FileIDs {
		if _, err := s.file(ctx, p, verbWrite, id); err != nil {
			return rag.Store{}, err
		}
	}
	st, err := s.Stores.CreateStore(ctx, p.Tenant, name, r.Metadata)
	if err != nil || len(r.FileIDs) == 0 {
		return st, err
	}
	for _, id := range r.FileIDs {
		if _, err := s.Uploader.Attach(ctx, scopeOf(p, st), id, rag.Labels{}); err != nil {
			return st, err
		}
	}
	return s.Stores.Store(ctx, p.Tenant, st.ID) // with its counts
}

// newName is the name to create a store under; a key that is limited to stores
// may make only those it names.
func (s *Server) newName(p rag.Principal, r openai.StoreRequest) (string, error) {
	name := ""
	if r.Name != nil && *r.Name != "" {
		name = *r.Name
		if err := checkStoreName(name); err != nil {
			return "", err
		}
	}
	if !mayMake(p, name) {
		return "", authorize(p, verbWrite, object{tenant: true})
	}
	return name, nil
}

func (s *Server) listStores(c *gin.Context) error {
	page, err := pageOf(c.Request.URL.Query(), 100, 20)
	if err != nil {
		return err
	}
	ctx, p := c.Request.Context(), caller(c)
	stores, more, err := collect(page, func(st rag.Store) string { return st.ID },
		func(page rag.Page) ([]rag.Store, bool, error) { return s.Stores.Stores(ctx, p.Tenant, page) },
		func(st rag.Store) (bool, error) { return authorize(p, verbAsk, object{store: &st}) == nil, nil })
	if err != nil {
		return err
	}
	data := make([]openai.VectorStore, len(stores))
	for i, st := range stores {
		if data[i], err = s.shownStore(ctx, p, st); err != nil {
			return err
		}
	}
	s.reply(c, http.StatusOK, openai.NewList(data, more, func(v openai.VectorStore) string { return v.ID }))
	return nil
}

func (s *Server) getStore(c *gin.Context) error {
	st, err := s.store(c.Request.Context(), caller(c), verbAsk, c.Param("id"))
	if err != nil {
		return err
	}
	shown, err := s.shownStore(c.Request.Context(), caller(c), st)
	if err != nil {
		return err
	}
	s.reply(c, http.StatusOK, shown)
	return nil
}

// shownStore counts what the caller may read.
func (s *Server) shownStore(ctx context.Context, p rag.Principal, st rag.Store) (openai.VectorStore, error) {
	var err error
	if p.Groups != nil {
		st.Counts, st.Bytes, err = s.Stores.Readable(ctx, scopeOf(p, st))
	}
	return fromStore(st), err
}

func (s *Server) updateStore(c *gin.Context) error {
	ctx, p := c.Request.Context(), caller(c)
	fields, _, err := s.body(c)
	if err != nil {
		return err
	}
	r, bad := openai.ToStore(fields, false)
	if bad != nil {
		return refuse(bad)
	}
	st, err := s.store(ctx, p, verbWrite, c.Param("id"))
	if err != nil {
		return err
	}
	if r.Name != nil {
		if err := checkStoreName(*r.Name); err != nil {
			return err
		}
		if renamed := (rag.Store{ID: st.ID, Tenant: st.Tenant, Name: *r.Name}); !reaches(p, renamed) {
			return authorize(p, verbWrite, object{tenant: true})
		}
	}
	if st, err = s.Stores.UpdateStore(ctx, p.Tenant, st.ID, r.Name, r.Metadata); err != nil {
		return err
	}
	s.reply(c, http.StatusOK, fromStore(st))
	return nil
}

func (s *Server) deleteStore(c *gin.Context) error {
	ctx := c.Request.Context()
	st, err := s.store(ctx, caller(c), verbWrite, c.Param("id"))
	if err != nil {
		return err
	}
	if err := s.Uploader.RemoveStore(ctx, scopeOf(caller(c), st)); err != nil {
		return err
	}
	s.reply(c, http.StatusOK, deleted(st.ID, "vector_store.deleted", nil))
	return nil
}

func (s *Server) attachFile(c *gin.Context) error {
	ctx, p := c.Request.Context(), caller(c)
	fields, _, err := s.body(c)
	if err != nil {
		return err
	}
	in, bad := openai.ToAttach(fields)
	if bad != nil {
		return refuse(bad)
	}
	st, err := s.store(ctx, p, verbWrite, c.Param("id"))
	if err != nil {
		return err
	}
	if _, err := s.file(ctx, p, verbWrite, in.FileID); err != nil {
		return err
	}
	doc, err := s.Uploader.Attach(ctx, scopeOf(p, st), in.FileID, toLabels(in.Labels))
	if err != nil {
		return err
	}
	s.reply(c, http.StatusOK, openai.FromDocument(fromDocument(p, doc)))
	return nil
}

// relabelFile answers POST /v1/vector_stores/{id}/files/{file_id}: attributes and
// groups are replaced, as far as they are given.
func (s *Server) relabelFile(c *gin.Context) error {
	ctx, p := c.Request.Context(), caller(c)
	fields, _, err := s.body(c)
	if err != nil {
		return err
	}
	labels, bad := openai.ToLabels(fields)
	if bad != nil {
		return refuse(bad)
	}
	st, err := s.store(ctx, p, verbWrite, c.Param("id"))
	if err != nil {
		return err
	}
	doc, err := s.Uploader.Relabel(ctx, scopeOf(p, st), c.Param("file_id"), toLabels(labels))
	if err != nil {
		return noDocument(err, c.Param("file_id"))
	}
	s.reply(c, http.StatusOK, openai.FromDocument(fromDocument(p, doc)))
	return nil
}

func (s *Server) listStoreFiles(c *gin.Context) error {
	st, err := s.store(c.Request.Context(), caller(c), verbAsk, c.Param("id"))
	if err != nil {
		return err
	}
	return s.sendFiles(c, func(page rag.Page) ([]rag.Document, bool, error) {
		return s.Documents.Documents(c.Request.Context(), scopeOf(caller(c), st), page)
	})
}

// sendFiles sends the page of documents that the request asks for, as files of a store.
func (s *Server) sendFiles(c *gin.Context, fetch func(rag.Page) ([]rag.Document, bool, error)) error {
	page, err := pageOf(c.Request.URL.Query(), 100, 20)
	if err != nil {
		return err
	}
	keep, err := byStatus(c.Query("filter"))
	if err != nil {
		return err
	}
	docs, more, err := collect(page, func(d rag.Document) string { return d.ID }, fetch, keep)
	if err != nil {
		return err
	}
	data := make([]openai.StoreFile, len(docs))
	for i, d := range docs {
		data[i] = openai.FromDocument(fromDocument(caller(c), d))
	}
	s.reply(c, http.StatusOK, openai.NewList(data, more, func(f openai.StoreFile) string { return f.ID }))
	return nil
}

// byStatus keeps the documents whose state is filter in OpenAI's words; an empty one keeps all.
func byStatus(filter string) (func(rag.Document) (bool, error), error) {
	switch filter {
	case "", "in_progress", "completed", "failed", "cancelled":
		return func(d rag.Document) (bool, error) {
			return filter == "" || openai.FileStatus(string(d.State)) == filter, nil
		}, nil
	}
	return nil, badParam("filter", "filter must be in_progress, completed, failed or cancelled.")
}

func (s *Server) getStoreFile(c *gin.Context) error {
	ctx := c.Request.Context()
	st, err := s.store(ctx, caller(c), verbAsk, c.Param("id"))
	if err != nil {
		return err
	}
	doc, err := s.Documents.Document(ctx, scopeOf(caller(c), st), c.Param("file_id"))
	if err != nil {
		return noDocument(err, c.Param("file_id"))
	}
	s.reply(c, http.StatusOK, openai.FromDocument(fromDocument(caller(c), doc)))
	return nil
}

func (s *Server) detachFile(c *gin.Context) error {
	ctx := c.Request.Context()
	st, err := s.store(ctx, caller(c), verbWrite, c.Param("id"))
	if err != nil {
		return err
	}
	receipt, err := s.Uploader.Remove(ctx, scopeOf(caller(c), st), c.Param("file_id"))
	if err != nil {
		return noDocument(err, c.Param("file_id"))
	}
	s.reply(c, http.StatusOK, deleted(c.Param("file_id"), "vector_store.file.deleted", &receipt))
	return nil
}

// noDocument words a missing document alike everywhere.
func noDocument(err error, id string) error {
	if rag.CodeOf(err) != rag.CodeNotFound {
		return err
	}
	return rag.Fail(rag.CodeNotFound, fmt.Sprintf("There is no document %q in this store. GET /v1/documents?store=… lists them.", clip(id)))
}
