package api

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"groundwork/api/openai"
	"groundwork/rag"
)

// search answers POST /v1/search: what is found, in order, and with explain
// what was found and dropped.
func (s *Server) search(c *gin.Context) error {
	fields, _, err := s.body(c)
	if err != nil {
		return err
	}
	q, bad := openai.ToSearch(fields, s.limits)
	if bad != nil {
		return refuse(bad)
	}
	q.Explain = q.Explain || c.Query("explain") == "true"
	st, err := s.store(c.Request.Context(), caller(c), verbAsk, q.Store)
	if err != nil {
		return err
	}
	scope := narrow(scopeOf(caller(c), st), q.Filter)
	ranked, err := s.find(c, scope, q)
	if err != nil {
		return err
	}
	out := openai.NewSearchResults(q.Queries[0], st.ID, fromRanked(ranked))
	if q.Explain {
		explained, err := s.explain(c, rag.Question{Scope: scope, Caller: lineOf(caller(c)), Messages: []rag.Message{{Role: "user", Content: q.Queries[0]}},
			Passages: q.K, Abstain: rag.Abstain(q.Abstain), Budget: q.Budget, Calibration: rag.CalibrationIn(st.Metadata)})
		if err != nil {
			return err
		}
		out.Explain(explained)
	}
	s.reply(c, http.StatusOK, out)
	return nil
}

// explain tells what an answer to the question would be made of.
func (s *Server) explain(c *gin.Context, q rag.Question) (openai.Explanation, error) {
	release, err := s.lookups.take(caller(c).KeyID)
	if err != nil {
		return openai.Explanation{}, err
	}
	defer release()
	ctx, cancel := s.bounded(c.Request.Context())
	defer cancel()
	e, err := s.Asker.Explain(ctx, q)
	if err != nil {
		return openai.Explanation{}, explain(ctx, err)
	}
	return fromExplanation(e), nil
}

func (s *Server) searchStore(c *gin.Context) error {
	fields, _, err := s.body(c)
	if err != nil {
		return err
	}
	q, bad := openai.ToStoreSearch(fields, s.limits)
	if bad != nil {
		return refuse(bad)
	}
	st, err := s.store(c.Request.Context(), caller(c), verbAsk, c.Param("id"))
	if err != nil {
		return err
	}
	ranked, err := s.find(c, narrow(scopeOf(caller(c), st), q.Filter), q)
	if err != nil {
		return err
	}
	s.reply(c, http.StatusOK, openai.NewSearchPage(q.Queries, fromRanked(ranked)))
	return nil
}

// find runs every query and merges them by each passage's best score.
func (s *Server) find(c *gin.Context, scope rag.Scope, q openai.Search) ([]rag.Ranked, error) {
	release, err := s.lookups.take(caller(c).KeyID)
	if err != nil {
		return nil, err
	}
	defer release()
	ctx, cancel := s.bounded(c.Request.Context())
	defer cancel()
	for try := 1; ; try++ {
		var all []rag.Ranked
		for _, query := range q.Queries {
			found, err := s.Asker.Search(ctx, scope, query, q.K)
			if err != nil {
				return nil, explain(ctx, err)
			}
			all = append(all, found...)
		}
		if len(q.Queries) == 1 {
			return shown(all, q), nil
		}
		newest, mixed := rag.NewestVersions(all)
		if mixed && try < searchTries { // a document was replaced between two queries
			continue
		}
		all = slices.DeleteFunc(all, func(r rag.Ranked) bool { return r.Passage.Version < newest[r.Passage.DocumentID] })
		return shown(merge(all), q), nil
	}
}

// searchTries is how often several queries are run until all see each document in one version.
const searchTries = 4

// merge keeps the best of each passage, what was chosen before what was dropped, what was reranked before what was not.
func merge(all []rag.Ranked) []rag.Ranked {
	slices.SortStableFunc(all, func(a, b rag.Ranked) int {
		if (a.Dropped == "") != (b.Dropped == "") {
			return cmp.Compare(len(a.Dropped), len(b.Dropped))
		}
		if (a.RerankRank > 0) != (b.RerankRank > 0) {
			return cmp.Compare(b.RerankRank, a.RerankRank)
		}
		return cmp.Or(cmp.Compare(b.Rerank, a.Rerank), cmp.Compare(b.Score, a.Score))
	})
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(r rag.Ranked) bool {
		twice := seen[r.Passage.ChunkID]
		seen[r.Passage.ChunkID] = true
		return twice
	})
}

// shown are the first K passages over the threshold, and with explain the dropped ones.
func shown(all []rag.Ranked, q openai.Search) []rag.Ranked {
	n := 0
	return slices.DeleteFunc(all, func(r rag.Ranked) bool {
		if r.Dropped != "" {
			return !q.Explain
		}
		n++
		return n > q.K || r.Score < q.Threshold
	})
}
