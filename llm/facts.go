package llm

import (
	"context"
	"regexp"
	"strconv"
	"strings"
)

// facts are what a chat server says about itself.
type facts struct {
	window       int // tokens, prompt and reply together, of one slot
	quantisation string
	slots        int // 0: unknown
	models       []string
	llama        bool // llama.cpp's server
}

// ollamaWindow is what Ollama gives a model that names no num_ctx. It cuts
// longer prompts without a word, so nothing larger may be assumed.
const ollamaWindow = 4096

// ask finds out what the server is and has. Only an unreachable server is an
// error; what it does not tell comes from the options.
func (c *Chat) ask(ctx context.Context) (facts, error) {
	f := facts{}
	window, err := c.askModels(ctx, &f)
	if err != nil {
		return f, err
	}
	for _, source := range []func(context.Context, *facts) error{c.askProps, c.askOllama} {
		if f.window > 0 {
			break
		}
		if err := source(ctx, &f); err != nil && !unsupported(err) {
			return f, err
		}
	}
	if f.window == 0 {
		f.window = window
	}
	if f.window == 0 {
		f.window = c.opts.ContextTokens
	}
	if c.opts.Quantisation != "" {
		f.quantisation = c.opts.Quantisation
	}
	return f, nil
}

// askModels lists the models; vLLM and others tell a window there.
func (c *Chat) askModels(ctx context.Context, f *facts) (window int, err error) {
	var list modelList
	if err := c.client.call(ctx, c.client.base+"/models", nil, &list); err != nil {
		return 0, err
	}
	for _, m := range list.Data {
		f.models = append(f.models, m.ID)
		if m.ID == c.opts.Model || len(list.Data) == 1 {
			window = max(m.MaxModelLen, m.Meta.Window)
		}
	}
	return window, nil
}

// modelList is /v1/models.
type modelList struct {
	Data []struct {
		ID          string `json:"id"`
		MaxModelLen int    `json:"max_model_len"`
		Meta        struct {
			Window int `json:"n_ctx"`
		} `json:"meta"`
	} `json:"data"`
}

// askProps asks llama.cpp.
func (c *Chat) askProps(ctx context.Context, f *facts) error {
	var props struct {
		Settings struct {
			Window int `json:"n_ctx"`
		} `json:"default_generation_settings"`
		Slots int    `json:"total_slots"`
		Ftype string `json:"model_ftype"`
	}
	if err := c.client.call(ctx, c.client.root+"/props", nil, &props); err != nil {
		return err
	}
	f.window, f.slots, f.quantisation = props.Settings.Window, props.Slots, shortQuantisation(props.Ftype)
	f.llama = f.window > 0
	return nil
}

var numCtx = regexp.MustCompile(`(?m)^num_ctx\s+(\d+)`)

// askOllama asks Ollama.
func (c *Chat) askOllama(ctx context.Context, f *facts) error {
	var show struct {
		Parameters string         `json:"parameters"`
		Info       map[string]any `json:"model_info"`
		Details    struct {
			Quantisation string `json:"quantization_level"`
		} `json:"details"`
	}
	if err := c.client.call(ctx, c.client.root+"/api/show", map[string]string{"model": c.opts.Model}, &show); err != nil {
		return err
	}
	f.quantisation = show.Details.Quantisation
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
