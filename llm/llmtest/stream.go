package llmtest

import (
	"encoding/json"
	"net/http"
	"strings"
)

// stream sends the reply as server-sent events.
func (g *generation) stream() {
	g.w.Header().Set("Content-Type", "text/event-stream")
	if g.req.Path != "/v1/completions" {
		g.event(g.chunk(map[string]any{"role": "assistant", "content": nil}, nil))
	}
	for {
		if g.fault.Kind != "" && g.fault.Kind != MissingDone && g.pieces >= g.fault.After {
			if g.misbehave() {
				return
			}
			g.fault = Fault{}
		}
		piece, finish, gone := g.next()
		if gone {
			g.s.hungUp(g.r, g.req)
			return
		}
		if finish == "" {
			g.send(piece)
			continue
		}
		last := g.chunk(map[string]any{}, finish)
		if g.s.opts.Flavour == LlamaCPP && !g.req.usage {
			g.account(last)
			delete(last, "usage")
		}
		g.event(last)
		if g.req.usage {
			usage := g.envelope(".chunk")
			usage["choices"] = []any{}
			g.account(usage)
			g.event(usage)
		}
		if g.fault.Kind != MissingDone {
			g.write("data: [DONE]\n\n")
		}
		return
	}
}

// misbehave carries out a mid-stream fault; false means the stream goes on.
func (g *generation) misbehave() (over bool) {
	switch g.fault.Kind {
	case HangMid:
		g.s.hang(g.r.Context())
		g.s.hungUp(g.r, g.req)
	case DieMid:
		g.s.die()
		panic(http.ErrAbortHandler)
	case ResetMid:
		reset(g.w)
	case CutMid:
	case ErrorMid:
		g.write("data: {\"error\":{\"code\":500,\"message\":\"scripted failure\",\"type\":\"server_error\"}}\n\n")
	case MalformedMid:
		g.write("data: {\"choices\":[{\"delta\":{\"content\":\"lost\n\n")
		return false
	case LongLineMid:
		g.write("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" + strings.Repeat("a", 10<<20) + "\"}}]}\n\n")
		return false
	case InvalidUTF8Mid:
		g.write("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"caf\xe9 \xff\"}}]}\n\n")
		return false
	default:
		return false // a fault of another route
	}
	return true
}

func (g *generation) chunk(delta map[string]any, finish any) map[string]any {
	out := g.envelope(".chunk")
	choice := map[string]any{"index": 0, "finish_reason": finish, "delta": delta}
	if g.req.Path == "/v1/completions" {
		delete(choice, "delta")
		choice["text"], _ = delta["content"].(string)
	}
	out["choices"] = []any{choice}
	return out
}

// logged adds log-probabilities when they were asked for and the flavour has them.
func (g *generation) logged(chunk map[string]any, piece string) map[string]any {
	if g.req.logprobs && g.s.opts.Flavour != Ollama {
		chunk["choices"].([]any)[0].(map[string]any)["logprobs"] = map[string]any{
			"content": []any{map[string]any{"token": piece, "logprob": -0.1, "top_logprobs": []any{}}},
		}
	}
	return chunk
}

// send sends a piece of the reply. The usual event is written out, because
// under load this server shares its cores with the one that is measured.
func (g *generation) send(piece string) {
	if g.req.Path == "/v1/completions" || g.req.logprobs {
		g.event(g.logged(g.chunk(map[string]any{"content": piece}, nil), piece))
		return
	}
	if g.around == nil {
		whole, _ := json.Marshal(g.chunk(map[string]any{"content": "|"}, nil)) // as in event
		before, after, _ := strings.Cut(string(whole), `"|"`)
		g.around = []string{"data: " + before, after + "\n\n"}
	}
	text, _ := json.Marshal(piece) // a string always marshals
	g.write(g.around[0] + string(text) + g.around[1])
}

func (g *generation) event(v any) {
	raw, _ := json.Marshal(v) // maps of strings and numbers always marshal
	g.write("data: " + string(raw) + "\n\n")
}

// write ignores errors: a client that left is noticed by its context.
func (g *generation) write(s string) {
	_, _ = g.w.Write([]byte(s))
	_ = http.NewResponseController(g.w).Flush()
}
