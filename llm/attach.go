package llm

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"groundwork/rag"
)

// Offer is an adapter that the servers should have: as a file that llama.cpp
// was started with, or as a folder that vLLM can load.
type Offer struct {
	Name    string
	Version int
	File    string // for llama.cpp: its path there, or any path whose last part is NAME-vN.gguf
	Folder  string // for vLLM; empty: it must have it already, under the name NAME-vN
}

// Attach finds every offer on the servers, which Probe has met, and makes it
// available to requests. It is called before c is used. A vLLM server that does not list an
// adapter under its own name (NAME-vN) is asked to load it.
func (c *Chat) Attach(ctx context.Context, offers []Offer) error {
	var attached []Adapter
	for _, o := range offers {
		a := Adapter{Name: o.Name, Version: o.Version}
		for i, s := range c.pool.known() {
			at, err := c.locate(ctx, s, a, o)
			if err != nil {
				return err
			}
			if i > 0 && at != a {
				return c.pool.fail(rag.CodeUnavailable, nil, "The %s model servers have the adapter %s in different places; start them with the same list of adapters.", c.pool.kind, a.Tag())
			}
			a = at
		}
		attached = append(attached, a)
	}
	c.opts.Adapters = attached
	return nil
}

// locate finds an adapter on one server.
func (c *Chat) locate(ctx context.Context, s *server, a Adapter, o Offer) (Adapter, error) {
	a.Slot, a.Model = 0, ""
	f := c.pool.factsOf(s)
	switch f.kind {
	case serverLlama:
		a.Slot = slices.IndexFunc(f.adapters, func(path string) bool { return path == o.File || filepath.Base(path) == a.Tag()+".gguf" })
		if a.Slot < 0 {
			return a, s.fail(rag.CodeUnavailable, nil, "The %s model server was not started with the adapter %s; start it with --lora-scaled %s.gguf:0.", s.kind, a.Tag(), a.Tag())
		}
		return a, nil
	case serverVLLM:
		a.Model = a.Tag()
		if slices.Contains(f.models, a.Model) {
			return a, nil
		}
		if err := s.loadAdapter(ctx, a.Model, o.Folder); err != nil {
			return a, err
		}
		return a, nil
	}
	return a, s.fail(rag.CodeUnavailable, nil, "The %s model server cannot choose adapters for each request; use llama.cpp or vLLM.", s.kind)
}

// loadAdapter asks vLLM to load an adapter while it runs; it answers with a plain text.
func (s *server) loadAdapter(ctx context.Context, name, folder string) error {
	var reply any
	err := s.call(ctx, s.base+"/load_lora_adapter", map[string]string{"lora_name": name, "lora_path": folder}, &reply)
	if err == nil || errors.Is(err, errNotJSON) {
		return nil
	}
	return s.fail(rag.CodeUnavailable, fmt.Errorf("load the adapter: %w", err),
		"The %s model server does not have the adapter %s and does not load it; start vLLM with --enable-lora and --lora-modules %s=FOLDER, or with VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 on a disk that it shares.", s.kind, name, name)
}
