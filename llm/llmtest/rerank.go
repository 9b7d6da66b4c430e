package llmtest

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

// rerank answers /v1/rerank as llama.cpp and vLLM do, and /rerank as TEI does: best first.
func (s *Server) rerank(w http.ResponseWriter, r *http.Request, req Request) {
	tei := s.opts.Flavour == TEI
	if req.Query == "" || len(req.Documents) == 0 || tei != req.texts {
		fail(w, http.StatusUnprocessableEntity, "invalid_request_error", "query and documents are required")
		return
	}
	fault, _ := s.take(req.Path, true)
	switch fault.Kind {
	case HangMid:
		s.hang(r.Context())
		return
	case ResetMid, CutMid:
		_, _ = w.Write([]byte(`{"results":[{"index":0,`))
		_ = http.NewResponseController(w).Flush()
		reset(w)
		return
	case NaN:
		_, _ = w.Write([]byte(`{"results":[{"index":0,"relevance_score":NaN}]}`))
		return
	}
	word := "relevance_score"
	if tei {
		word = "score"
	}
	results := make([]map[string]any, len(req.Documents))
	for i, d := range req.Documents {
		results[i] = map[string]any{"index": i, word: Relevance(req.Query, d)}
	}
	slices.SortStableFunc(results, func(a, b map[string]any) int { return cmp.Compare(b[word].(float64), a[word].(float64)) })
	last := results[len(results)-1]
	switch fault.Kind {
	case WrongCount:
		results = results[:len(results)-1]
	case SameIndex:
		last["index"] = results[0]["index"]
	case StrangeIndex:
		last["index"] = len(results)
	case NoScore:
		last[word] = nil
	}
	if tei {
		writeJSON(w, results)
		return
	}
	writeJSON(w, map[string]any{"object": "list", "model": req.Model, "results": results, "usage": map[string]int{"prompt_tokens": 1, "total_tokens": 1}})
}

// Relevance is the score that the fake gives a text: the share of the query's words that are in it, and
// as a cross-encoder's it may be below 0 and has nothing to do with a cosine.
func Relevance(query, text string) float64 {
	words := strings.Fields(strings.ToLower(query))
	n := 0
	for _, word := range words {
		if strings.Contains(strings.ToLower(text), strings.Trim(word, "?!.,")) {
			n++
		}
	}
	return 10*float64(n)/float64(max(len(words), 1)) - 5
}
