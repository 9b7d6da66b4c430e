package llmtest

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strings"
)

func (s *Server) models(w http.ResponseWriter, _ *http.Request, _ Request) {
	data := []map[string]any{}
	for _, name := range []string{s.opts.ChatModel, s.opts.EmbedModel} {
		m := map[string]any{"id": name, "object": "model", "created": 1700000000, "owned_by": string(s.opts.Flavour)}
		if s.opts.Flavour == VLLM {
			m["max_model_len"] = s.opts.ContextTokens
		}
		data = append(data, m)
	}
	if s.opts.Flavour == VLLM {
		for _, name := range s.opts.Adapters {
			data = append(data, map[string]any{"id": name, "object": "model", "owned_by": "vllm", "parent": s.opts.ChatModel})
		}
	}
	writeJSON(w, map[string]any{"object": "list", "data": data})
}

func (s *Server) props(w http.ResponseWriter, _ *http.Request, _ Request) {
	writeJSON(w, map[string]any{
		"default_generation_settings": map[string]any{"n_ctx": s.opts.ContextTokens, "params": map[string]any{}},
		"total_slots":                 s.opts.Slots,
		"model_alias":                 s.opts.ChatModel,
		"model_ftype":                 s.opts.Ftype,
		"chat_template":               "",
	})
}

func (s *Server) adapters(w http.ResponseWriter, _ *http.Request, _ Request) {
	out := []map[string]any{}
	for i, name := range s.opts.Adapters {
		out = append(out, map[string]any{"id": i, "path": name, "scale": 0})
	}
	writeJSON(w, out)
}

func (s *Server) slotList(w http.ResponseWriter, _ *http.Request, _ Request) {
	busy := s.Busy()
	out := make([]map[string]any, s.opts.Slots)
	for i := range out {
		out[i] = map[string]any{"id": i, "n_ctx": s.opts.ContextTokens, "is_processing": i < busy}
	}
	writeJSON(w, out)
}

// show is Ollama's model description, as far as the window needs it.
func (s *Server) show(w http.ResponseWriter, _ *http.Request, req Request) {
	if req.Model != s.opts.ChatModel {
		fail(w, http.StatusNotFound, "not_found_error", "model not found")
		return
	}
	writeJSON(w, map[string]any{
		"details":    map[string]any{"quantization_level": "Q4_K_M"},
		"model_info": map[string]any{"general.architecture": "test", "test.context_length": s.opts.ContextTokens},
	})
}

func (s *Server) applyTemplate(w http.ResponseWriter, _ *http.Request, req Request) {
	writeJSON(w, map[string]string{"prompt": render(req)})
}

// tokenize answers in llama.cpp's, vLLM's or the embedding server's shape,
// whichever the body asks for and the flavour has.
func (s *Server) tokenize(w http.ResponseWriter, _ *http.Request, req Request) {
	var b struct {
		Content json.RawMessage `json:"content"`
		Prompt  *string         `json:"prompt"`
		Input   json.RawMessage `json:"input"`
	}
	if err := json.Unmarshal(req.Body, &b); err != nil {
		fail(w, http.StatusBadRequest, "invalid_request_error", err.Error())
		return
	}
	if s.opts.Flavour == VLLM {
		if b.Prompt == nil {
			fail(w, http.StatusBadRequest, "invalid_request_error", "prompt: field required")
			return
		}
		ids := Tokens(*b.Prompt)
		writeJSON(w, map[string]any{"count": len(ids), "max_model_len": s.opts.ContextTokens, "tokens": ids})
		return
	}
	if len(b.Input) > 0 {
		counts := make([]int, len(req.Input))
		for i, t := range req.Input {
			counts[i] = len(Tokens(t))
		}
		writeJSON(w, map[string]any{"counts": counts})
		return
	}
	writeJSON(w, map[string]any{"tokens": mixed(b.Content)})
}

// mixed reads llama.cpp's content: a text, or texts and token ids in a row.
func mixed(raw json.RawMessage) []int {
	out := []int{}
	var parts []json.RawMessage
	if json.Unmarshal(raw, &parts) != nil {
		return append(out, Tokens(text(raw))...)
	}
	for _, p := range parts {
		var id int
		if json.Unmarshal(p, &id) == nil {
			out = append(out, id)
			continue
		}
		out = append(out, Tokens(text(p))...)
	}
	return out
}

func (s *Server) embeddings(w http.ResponseWriter, r *http.Request, req Request) {
	if len(req.Input) == 0 {
		fail(w, http.StatusBadRequest, "invalid_request_error", "input must not be empty")
		return
	}
	if req.dimensions != 0 && req.dimensions != s.opts.Dimensions {
		failWith(w, http.StatusBadRequest, map[string]any{"message": "dimensions cannot be chosen", "type": "invalid_request_error", "param": "dimensions"})
		return
	}
	fault, _ := s.take(req.Path, true)
	switch fault.Kind {
	case HangMid:
		s.hang(r.Context())
		s.hungUp(r, req)
		return
	case ResetMid, CutMid:
		_, _ = w.Write([]byte(`{"object":"list","data":[{"embedding":[0.1,`))
		_ = http.NewResponseController(w).Flush()
		reset(w)
		return
	}
	tokens, data := 0, make([]map[string]any, 0, len(req.Input))
	for i, t := range req.Input {
		tokens += len(Tokens(t))
		v := spoil(Vector(strings.TrimPrefix(t, s.opts.QueryPrefix), s.opts.Dimensions), fault.Kind)
		if s.opts.OtherVectors {
			v = append(v[1:], v[0])
		}
		item := map[string]any{"object": "embedding", "index": i, "embedding": v}
		if req.base64 {
			item["embedding"] = encode(v)
		}
		data = append(data, item)
	}
	switch fault.Kind {
	case WrongCount:
		data = data[:len(data)-1]
	case NoVectors:
		data = data[:0]
	case ShuffledVectors:
		slices.Reverse(data)
	case NaN:
		_, _ = w.Write([]byte(`{"object":"list","data":[{"object":"embedding","index":0,"embedding":[NaN,0.5]}]}`))
		return
	}
	writeJSON(w, map[string]any{
		"object": "list", "model": s.opts.EmbedModel, "data": data,
		"usage": map[string]int{"prompt_tokens": tokens, "total_tokens": tokens},
	})
}

// spoil makes a vector wrong in the way of the fault.
func spoil(v []float32, kind Kind) []float32 {
	switch kind {
	case WrongDimensions:
		return v[:len(v)-1]
	case ZeroVector:
		clear(v)
	case UnnormalisedMuch:
		for i := range v {
			v[i] *= 7
		}
	}
	return v
}

func encode(v []float32) string {
	raw := make([]byte, 0, 4*len(v))
	for _, f := range v {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(f))
	}
	return base64.StdEncoding.EncodeToString(raw)
}
