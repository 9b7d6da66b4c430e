package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"groundwork/api/openai"
	"groundwork/rag"
)

// target is what a model name stands for: the chat model or an adapter by itself, or answers over a store.
type target struct {
	name    string
	adapter string     // empty for the model as it is
	store   *rag.Store // nil for the model by itself
}

// resolve reads MODEL, MODEL@STORE, MODEL+ADAPTER and MODEL+ADAPTER@STORE.
// Model and store may hold any character; the configured model's name tells
// where it ends, and an adapter's name holds no @.
func (s *Server) resolve(ctx context.Context, p rag.Principal, name string) (target, error) {
	chat := s.Models.Chat()
	rest, ok := strings.CutPrefix(name, chat)
	adapter := ""
	if tuned, found := strings.CutPrefix(rest, "+"); ok && found {
		adapter, _, _ = strings.Cut(tuned, "@")
		rest = strings.TrimPrefix(tuned, adapter)
		if !slices.Contains(s.Models.Adapters(), adapter) {
			return target{}, noModel(fmt.Sprintf("%s has no adapter %q. GET /v1/models lists the models you may use; leave out what follows the + for the model itself.", chat, clip(adapter)))
		}
	}
	switch {
	case ok && rest == "":
		return target{name: name, adapter: adapter}, nil
	case ok && strings.HasPrefix(rest, "@"):
		st, err := s.store(ctx, p, verbAsk, rest[1:])
		if rag.CodeOf(err) == rag.CodeNotFound {
			err = noModel(fmt.Sprintf("There is no store %q to answer from. GET /v1/models lists the models and stores you may use.", clip(rest[1:])))
		}
		return target{name: name, adapter: adapter, store: &st}, err
	case name == s.Models.Embedding():
		return target{}, noModel(fmt.Sprintf("%s makes embeddings and cannot chat. Use it with POST /v1/embeddings, or chat with %s.", name, chat))
	}
	return target{}, noModel(fmt.Sprintf("There is no model %q. GET /v1/models lists the models you may use.", clip(name)))
}

func noModel(message string) error {
	return &rag.Error{Code: rag.CodeModel, Message: message, Param: "model"}
}

func (s *Server) listModels(c *gin.Context) error {
	created := s.started.Unix()
	chat := s.Models.Chat()
	stores, err := s.allStores(c.Request.Context(), caller(c))
	if err != nil {
		return err
	}
	var models []openai.Model
	for _, variant := range append([]string{""}, s.Models.Adapters()...) {
		name := chat
		if variant != "" {
			name += "+" + variant
		}
		models = append(models, openai.NewModel(name, "chat", "", created))
		for _, st := range stores {
			models = append(models, openai.NewModel(name+"@"+st.Name, "answers", st.ID, st.CreatedAt.Unix()))
		}
	}
	models = append(models, openai.NewModel(s.Models.Embedding(), "embedding", "", created))
	s.reply(c, http.StatusOK, openai.NewModelList(models))
	return nil
}

// allStores are the stores the caller may use.
func (s *Server) allStores(ctx context.Context, p rag.Principal) ([]rag.Store, error) {
	page, all := rag.Page{Limit: 100, Ascending: true}, []rag.Store(nil)
	for {
		stores, more, err := s.Stores.Stores(ctx, p.Tenant, page)
		if err != nil {
			return nil, err
		}
		for _, st := range stores {
			if authorize(p, verbAsk, object{store: &st}) == nil {
				all = append(all, st)
			}
			page.After = st.ID
		}
		if !more || len(stores) == 0 {
			return all, nil
		}
	}
}

func (s *Server) getModel(c *gin.Context) error {
	name := strings.TrimPrefix(c.Param("model"), "/")
	if name == s.Models.Embedding() {
		s.reply(c, http.StatusOK, openai.NewModel(name, "embedding", "", s.started.Unix()))
		return nil
	}
	t, err := s.resolve(c.Request.Context(), caller(c), name)
	if err != nil {
		return err
	}
	model := openai.NewModel(name, "chat", "", s.started.Unix())
	if t.store != nil {
		model = openai.NewModel(name, "answers", t.store.ID, t.store.CreatedAt.Unix())
	}
	s.reply(c, http.StatusOK, model)
	return nil
}
