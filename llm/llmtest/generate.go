package llmtest

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Reply is one scripted answer.
type Reply struct {
	Text         string
	FinishReason string          // default stop
	Pace         time.Duration   // pause before each piece
	Gate         <-chan struct{} // when set, every piece waits for one receive from it
	Endless      bool            // repeats Text until the client hangs up
}

// generation is one reply on its way out.
type generation struct {
	s      *Server
	r      *http.Request
	w      http.ResponseWriter
	req    Request
	reply  Reply
	fault  Fault
	prompt int // tokens
	cached int
	pieces int      // sent so far
	around []string // the text in the event of a piece
}

// generate serves /v1/chat/completions and /v1/completions.
func (s *Server) generate(w http.ResponseWriter, r *http.Request, req Request) {
	if req.malformed || (len(req.Messages) == 0 && req.Prompt == "") {
		fail(w, http.StatusBadRequest, "invalid_request_error", "messages or prompt is missing")
		return
	}
	if bytes.Contains(req.Body, []byte(`"image_url"`)) { // as llama.cpp's server answers when its model takes no pictures
		fail(w, http.StatusInternalServerError, "server_error", "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj")
		return
	}
	tokens := Tokens(render(req))
	if len(tokens) >= s.opts.ContextTokens {
		s.tooLong(w, len(tokens))
		return
	}
	free, gone := s.occupy(r.Context())
	if gone {
		s.hungUp(r, req)
		return
	}
	defer free()
	g := &generation{s: s, r: r, w: w, req: req, prompt: len(tokens), cached: s.remember(req, tokens)}
	if s.opts.CutsAt > 0 {
		g.prompt = min(g.prompt, s.opts.CutsAt)
		g.cached = min(g.cached, g.prompt)
	}
	g.fault, _ = s.take(req.Path, true)
	g.reply = s.opts.Reply(req)
	if req.Stream {
		g.stream()
	} else {
		g.plain()
	}
}

// occupy waits for a slot and takes it until free is called; gone when the
// client or the server went away before.
func (s *Server) occupy(ctx context.Context) (free func(), gone bool) {
	select {
	case s.slots <- struct{}{}:
		return func() { <-s.slots }, false
	case <-ctx.Done():
	case <-s.done:
	}
	return nil, true
}

// remember updates the prefix cache and tells how much of it fits.
func (s *Server) remember(req Request, tokens []int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for n < len(tokens)-1 && n < len(s.last) && tokens[n] == s.last[n] {
		n++
	}
	if s.lastOf != req.Adapter && !s.opts.MixesAdapters {
		n = 0
	}
	s.last, s.lastOf = tokens, req.Adapter
	if !req.CachePrompt {
		return 0
	}
	return n
}

// next gives the reply piece by piece; finish is set once it is over, gone
// when the client or the server went away.
func (g *generation) next() (piece, finish string, gone bool) {
	if !g.s.wait(g.r.Context(), g.reply.Pace) {
		return "", "", true
	}
	if g.reply.Gate != nil {
		select {
		case <-g.reply.Gate:
		case <-g.r.Context().Done():
			return "", "", true
		case <-g.s.done:
			return "", "", true
		}
	}
	if g.req.MaxTokens > 0 && g.pieces >= g.req.MaxTokens {
		return "", "length", false
	}
	all := Pieces(g.reply.Text)
	if g.pieces >= len(all) && (!g.reply.Endless || len(all) == 0) {
		finish = g.reply.FinishReason
		if finish == "" {
			finish = "stop"
		}
		return "", finish, false
	}
	piece = all[g.pieces%len(all)]
	g.pieces++
	return piece, "", false
}

func (g *generation) plain() {
	var b strings.Builder
	for {
		if g.fault.Kind != "" && g.fault.Kind != MissingDone && g.pieces >= g.fault.After {
			g.breakOff()
			return
		}
		piece, finish, gone := g.next()
		if gone {
			g.s.hungUp(g.r, g.req)
			return
		}
		if finish == "" {
			b.WriteString(piece)
			continue
		}
		choice := map[string]any{"index": 0, "finish_reason": finish}
		if g.req.Path == "/v1/completions" {
			choice["text"] = b.String()
		} else {
			choice["message"] = map[string]any{"role": "assistant", "content": b.String()}
		}
		out := g.envelope("")
		out["choices"] = []any{choice}
		g.account(out)
		writeJSON(g.w, out)
		return
	}
}

// envelope is what every object of a generation carries.
func (g *generation) envelope(suffix string) map[string]any {
	object := "chat.completion" + suffix
	if g.req.Path == "/v1/completions" {
		object = "text_completion"
	}
	return map[string]any{
		"id": "chatcmpl-test", "object": object, "created": 1700000000,
		"model": g.s.opts.ChatModel, "system_fingerprint": "llmtest",
	}
}

// account adds usage and, where the flavour has them, timings.
func (g *generation) account(out map[string]any) {
	out["usage"] = map[string]any{
		"prompt_tokens": g.prompt, "completion_tokens": g.pieces, "total_tokens": g.prompt + g.pieces,
		"prompt_tokens_details": map[string]int{"cached_tokens": g.cached},
	}
	if g.s.opts.Flavour == LlamaCPP {
		fresh, o := g.prompt-g.cached, g.s.opts
		out["timings"] = map[string]any{
			"cache_n": g.cached, "prompt_n": fresh, "predicted_n": g.pieces,
			"prompt_ms": float64(fresh) / o.PrefillPerSec * 1000, "prompt_per_second": o.PrefillPerSec,
			"predicted_ms": float64(g.pieces) / o.DecodePerSec * 1000, "predicted_per_second": o.DecodePerSec,
		}
	}
}

// breakOff is a mid-stream fault of a reply that is not streamed.
func (g *generation) breakOff() {
	switch g.fault.Kind {
	case DieMid:
		g.s.die()
		panic(http.ErrAbortHandler)
	case HangMid:
		g.s.hang(g.r.Context())
		g.s.hungUp(g.r, g.req)
		return
	case InvalidUTF8Mid:
		g.w.Header().Set("Content-Type", "application/json")
		_, _ = g.w.Write([]byte("{\"choices\":[{\"message\":{\"content\":\"\xff\xfe\"}}]}"))
		return
	}
	g.w.Header().Set("Content-Type", "application/json")
	_, _ = g.w.Write([]byte(`{"choices":[{"message":{"content":"cut`))
	_ = http.NewResponseController(g.w).Flush()
	reset(g.w)
}

func (s *Server) tooLong(w http.ResponseWriter, n int) {
	failWith(w, http.StatusBadRequest, map[string]any{
		"code": 400, "type": "exceed_context_size_error", "n_prompt_tokens": n, "n_ctx": s.opts.ContextTokens,
		"message": fmt.Sprintf("request (%d tokens) exceeds the available context size (%d tokens), try increasing it", n, s.opts.ContextTokens),
	})
}
