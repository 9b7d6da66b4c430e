package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"groundwork/configs"
	"groundwork/eval/tune"
	"groundwork/internal/app"
)

// endpoint names a chat model that a command may ask: one behind an address of its own, or the server's.
type endpoint struct{ baseURL, model, keyFile string }

// flags defines them: url and model are the flags' names.
func (e *endpoint) flags(cmd *cobra.Command, url, model, what string) {
	cmd.Flags().StringVar(&e.baseURL, url, "", "address of another model server, as OpenAI's clients take it (https://host/v1)")
	cmd.Flags().StringVar(&e.model, model, "", what)
	cmd.Flags().StringVar(&e.keyFile, url+"-key-file", "", "file with the API key for that address")
}

// chatter asks one chat model for short texts.
type chatter struct {
	api   *client
	path  string
	model string
	seed  uint64
}

// foreign is the model behind the endpoint's own address.
func (e endpoint) foreign(seed uint64) (chatter, error) {
	at, err := url.Parse(e.baseURL)
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
		return chatter{}, fmt.Errorf("%q is no address of a model server: give one such as http://127.0.0.1:8000/v1", e.baseURL)
	}
	if e.model == "" {
		return chatter{}, fmt.Errorf("name the model that %s is asked for", e.baseURL)
	}
	c := chatter{api: &client{base: strings.TrimRight(e.baseURL, "/"), http: newHTTP()}, path: "/chat/completions", model: e.model, seed: seed}
	if e.keyFile != "" {
		raw, err := os.ReadFile(e.keyFile)
		if err != nil {
			return c, fmt.Errorf("read the API key: %w", err)
		}
		c.api.key = strings.TrimSpace(string(raw))
	}
	return c, nil
}

// own is the model of a server of ours: the one named, or its chat model.
func (e endpoint) own(ctx context.Context, api *client, started bool, seed uint64) (chatter, error) {
	names, err := api.modelNames(ctx)
	c := chatter{api: api, path: "/v1/chat/completions", model: names.chat, seed: seed}
	if err != nil || e.model == "" || started { // a server that this command started has the model it was told
		return c, err
	}
	c.model = e.model
	if err := api.call(ctx, http.MethodGet, "/v1/models/"+url.PathEscape(e.model), nil, nil); err != nil {
		return c, fmt.Errorf("the server cannot ask %s: %w", e.model, err)
	}
	return c, nil
}

// chat is the endpoint's model, on a server that is connected already. started tells that this command started it.
func (e endpoint) chat(ctx context.Context, api *client, started bool, seed uint64) (chatter, error) {
	if e.baseURL != "" {
		return e.foreign(seed)
	}
	return e.own(ctx, api, started, seed)
}

// connectFor connects to a server that is ready; where none runs it starts one with the endpoint's model.
func (c *cli) connectFor(ctx context.Context, cfg configs.Config, e endpoint) (api *client, started bool, stop func(), err error) {
	_, running := app.Locate(cfg.Server.DataDir)
	started = c.server == "" && !running
	if started && e.baseURL == "" {
		override(&cfg, "", "", e.model)
	}
	api, stop, err = c.connectReady(ctx, cfg)
	return api, started, stop, err
}

// say asks for a text of at most so many tokens.
func (c chatter) say(ctx context.Context, prompt string, most int, temperature float64) (string, error) {
	return c.answer(ctx, []tune.Message{{Role: "user", Content: prompt}}, most, temperature)
}

// answer asks for the next message of a conversation. A server that is busy is asked again.
func (c chatter) answer(ctx context.Context, messages []tune.Message, most int, temperature float64) (string, error) {
	var reply struct {
		Choices []struct{ Message struct{ Content string } }
	}
	_, err := patient(ctx, func() (struct{}, error) {
		return struct{}{}, c.api.call(ctx, http.MethodPost, c.path, map[string]any{
			"model": c.model, "messages": messages, "max_tokens": most, "temperature": temperature, "seed": c.seed & 0x7fffffff,
		}, &reply)
	})
	if err == nil && len(reply.Choices) == 0 {
		err = fmt.Errorf("%s answered without a choice", c.model)
	}
	if err != nil {
		return "", err
	}
	return reply.Choices[0].Message.Content, nil
}
