package llm

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// The kinds of servers that are told apart.
const (
	serverLlama  = "llama.cpp"
	serverVLLM   = "vllm"
	serverOllama = "ollama"
	serverOther  = "other"
)

// facts are what a chat server says about itself.
type facts struct {
	kind         string // one of the server kinds
	window       int    // tokens, prompt and reply together, of one slot
	quantisation string
	slots        int // requests at once; 0: unknown
	models       []string
	weights      string   // what the server tells of the weights, to compare servers by; empty: nothing
	adapters     []string // files of the adapters that llama.cpp was started with, by their place
	lora         bool     // adapters can be chosen for each request
}

// ollamaWindow is what Ollama gives a model that names no num_ctx. It cuts
// longer prompts without a word, so nothing larger may be assumed.
const ollamaWindow = 4096

// ask finds out what a server is and has. Only an unreachable server is an
// error; what it does not tell comes from the options.
func (c *Chat) ask(ctx context.Context, s *server) (facts, error) {
	f := facts{kind: serverOther}
	window, err := c.askModels(ctx, s, &f)
	if err != nil {
		return f, err
	}
	for _, source := range []func(context.Context, *server, *facts) error{c.askProps, c.askOllama, c.askLora} {
		if err := source(ctx, s, &f); err != nil && !unsupported(err) {
			return f, err
		}
	}
	f.window = cmp.Or(f.window, window, c.opts.ContextTokens)
	f.quantisation = cmp.Or(c.opts.Quantisation, f.quantisation)
	return f, nil
}

// askModels lists the models; vLLM and others tell a window there.
func (c *Chat) askModels(ctx context.Context, s *server, f *facts) (window int, err error) {
	var list modelList
	if err := s.call(ctx, s.base+"/models", nil, &list); err != nil {
		return 0, err
	}
	for _, m := range list.Data {
		f.models = append(f.models, m.ID)
		f.lora = f.lora || m.Parent != "" // vLLM lists adapters with the model they belong to
		if m.Owner == serverVLLM {
			f.kind = serverVLLM
		}
		if m.ID == c.opts.Model || len(list.Data) == 1 {
			window = max(m.MaxModelLen, m.Meta.Window)
			if m.Meta.Parameters > 0 {
				f.weights = fmt.Sprintf("%d parameters, vocabulary of %d", m.Meta.Parameters, m.Meta.Vocabulary)
			}
		}
	}
	return window, nil
}

// modelList is /v1/models.
type modelList struct {
	Data []struct {
		ID          string `json:"id"`
		Owner       string `json:"owned_by"`
		Parent      string `json:"parent"`
		MaxModelLen int    `json:"max_model_len"`
		Meta        struct {
			Window     int   `json:"n_ctx"`
			Parameters int64 `json:"n_params"`
			Vocabulary int   `json:"n_vocab"`
		} `json:"meta"`
	} `json:"data"`
}

// askProps asks llama.cpp.
func (c *Chat) askProps(ctx context.Context, s *server, f *facts) error {
	if f.kind != serverOther {
		return nil
	}
	var props struct {
		Settings struct {
			Window int `json:"n_ctx"`
		} `json:"default_generation_settings"`
		Slots int    `json:"total_slots"`
		Ftype string `json:"model_ftype"`
	}
	if err := s.call(ctx, s.root+"/props", nil, &props); err != nil {
		return err
	}
	if props.Settings.Window > 0 {
		f.kind = serverLlama
		f.window, f.slots, f.quantisation = props.Settings.Window, props.Slots, shortQuantisation(props.Ftype)
	}
	return nil
}

// askLora asks llama.cpp which adapters it was started with; it takes no others later.
func (c *Chat) askLora(ctx context.Context, s *server, f *facts) error {
	if f.kind != serverLlama {
		return nil
	}
	var adapters []struct {
		ID   int    `json:"id"`
		Path string `json:"path"`
	}
	if err := s.call(ctx, s.root+"/lora-adapters", nil, &adapters); err != nil {
		return err
	}
	f.adapters = make([]string, len(adapters))
	for _, a := range adapters {
		if a.ID >= 0 && a.ID < len(adapters) {
			f.adapters[a.ID] = a.Path
		}
	}
	f.lora = len(adapters) > 0
	return nil
}

var numCtx = regexp.MustCompile(`(?m)^num_ctx\s+(\d+)`)

// askOllama asks Ollama.
func (c *Chat) askOllama(ctx context.Context, s *server, f *facts) error {
	if f.kind != serverOther {
		return nil
	}
	var show struct {
		Parameters string         `json:"parameters"`
		Info       map[string]any `json:"model_info"`
		Details    struct {
			Quantisation string `json:"quantization_level"`
		} `json:"details"`
	}
	if err := s.call(ctx, s.root+"/api/show", map[string]string{"model": c.opts.Model}, &show); err != nil {
		return err
	}
	f.kind, f.quantisation = serverOllama, show.Details.Quantisation
	if m := numCtx.FindStringSubmatch(show.Parameters); m != nil {
		f.window, _ = strconv.Atoi(m[1]) // digits; too many of them leave the largest int
		return nil
	}
	for name, value := range show.Info {
		if trained, ok := value.(float64); ok && strings.HasSuffix(name, ".context_length") {
			f.window = min(int(trained), ollamaWindow, c.opts.ContextTokens)
		}
	}
	return nil
}

// shortQuantisation turns llama.cpp's "Q4_K - Medium" into Q4_K_M.
func shortQuantisation(ftype string) string {
	name, size, found := strings.Cut(ftype, " - ")
	if !found || size == "" {
		return ftype
	}
	return name + "_" + size[:1]
}
