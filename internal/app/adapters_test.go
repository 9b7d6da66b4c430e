package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/configs"
	"groundwork/eval/tune"
	"groundwork/eval/tune/tunetest"
	"groundwork/internal/app"
	"groundwork/llm/llmtest"
)

// randomAdapter registers an adapter of random weights in a data directory.
func randomAdapter(t *testing.T, cfg configs.Config, name string, base tune.Base, seed uint64) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "adapter.gguf")
	require.NoError(t, tunetest.Write(file, tunetest.Qwen05B, seed, 0.5))
	if base.File == "" {
		base.File = file
	}
	_, err := app.AdaptersOf(cfg).Register(tune.Adapter{Name: name, Base: base}, file, "")
	require.NoError(t, err)
}

// models are the names that the server lists.
func (s *server) models() []string {
	s.t.Helper()
	var list struct{ Data []struct{ ID string } }
	s.json(http.MethodGet, "/v1/models", nil, http.StatusOK, &list)
	var out []string
	for _, m := range list.Data {
		out = append(out, m.ID)
	}
	return out
}

// say asks a model without a store.
func (s *server) say(model, question string) (string, error) {
	body := fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":%q}],"max_tokens":16,"temperature":0}`, model, question)
	resp, err := http.Post(s.url+"/v1/chat/completions", "application/json", strings.NewReader(body)) //nolint:gosec // the test's own server
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s: %w", resp.Status, raw, err)
	}
	var reply struct {
		Choices []struct{ Message struct{ Content string } }
	}
	if err := json.Unmarshal(raw, &reply); err != nil {
		return "", err
	}
	return reply.Choices[0].Message.Content, nil
}

func TestAdaptersOfTheRegistryAreServed(t *testing.T) {
	t.Parallel()
	model := llmtest.Start(t, llmtest.Options{Flavour: llmtest.VLLM, Adapters: []string{"acme-v1"}})
	cfg := config(t, t.TempDir(), model)
	s := start(t, cfg)
	s.ready(time.Minute)
	s.upload("h", "leave.md", "# Leave\n\nEmployees get 30 days of annual leave.")
	require.NotContains(t, strings.Join(s.models(), " "), "+")

	randomAdapter(t, cfg, "acme", tune.Base{Model: "test-chat"}, 1)
	require.Eventually(t, func() bool { return strings.Contains(strings.Join(s.models(), " "), "test-chat+acme@h") }, 20*time.Second, 50*time.Millisecond)
	a := s.ask("test-chat+acme@h", "How many days of annual leave do employees get?")
	require.Equal(t, "acme-v1", a.Groundwork.Fingerprint["adapter"])
	a = s.ask("test-chat@h", "How many days of annual leave do employees get?")
	require.Nil(t, a.Groundwork.Fingerprint["adapter"])
	_, err := s.say("test-chat+other", "Hi")
	require.ErrorContains(t, err, "no adapter")

	_, err = app.AdaptersOf(cfg).Remove("acme")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return !strings.Contains(strings.Join(s.models(), " "), "+") }, 20*time.Second, 50*time.Millisecond)
}

// A server that is ready has the adapters that were there when it started.
func TestReadyWaitsForAdapters(t *testing.T) {
	t.Parallel()
	tried, goOn := make(chan struct{}), make(chan struct{})
	model := llmtest.Start(t, llmtest.Options{Flavour: llmtest.VLLM, Adapters: []string{"acme-v1"}, Reply: func(r llmtest.Request) llmtest.Reply {
		if r.Model == "acme-v1" { // it is tried before it is served
			close(tried)
			return llmtest.Reply{Text: "One.", Gate: goOn}
		}
		return llmtest.Extract(r)
	}})
	cfg := config(t, t.TempDir(), model)
	randomAdapter(t, cfg, "acme", tune.Base{Model: "test-chat"}, 1)
	s := start(t, cfg)
	<-tried
	var state struct {
		Checks []struct{ Name, Detail string }
	}
	s.json(http.MethodGet, "/readyz", nil, http.StatusServiceUnavailable, &state)
	require.Contains(t, fmt.Sprint(state.Checks), "starting acme-v1")
	require.NotContains(t, s.models(), "test-chat+acme")
	close(goOn)
	s.ready(time.Minute)
	require.Contains(t, s.models(), "test-chat+acme")
}

// TestAnAdapterIsTriedAgain: a model server that dies while an adapter is tried
// is no reason never to serve it.
func TestAnAdapterIsTriedAgain(t *testing.T) {
	t.Parallel()
	model := llmtest.Start(t, llmtest.Options{Flavour: llmtest.VLLM, Adapters: []string{"acme-v1"}})
	cfg := config(t, t.TempDir(), model)
	s := start(t, cfg)
	s.ready(time.Minute)
	model.Inject(llmtest.Fault{Kind: llmtest.Broken, Path: "/v1/chat/completions"})
	randomAdapter(t, cfg, "acme", tune.Base{Model: "test-chat"}, 1)
	require.Eventually(t, func() bool {
		resp, err := http.Get(s.url + "/readyz")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		var state struct {
			Checks []struct {
				Name string
				OK   bool
			}
		}
		if json.NewDecoder(resp.Body).Decode(&state) != nil {
			return false
		}
		for _, c := range state.Checks {
			if c.Name == "adapters" {
				return !c.OK
			}
		}
		return false
	}, time.Minute, 20*time.Millisecond)
	model.Heal()
	require.Eventually(t, func() bool { return slices.Contains(s.models(), "test-chat+acme") }, time.Minute, 50*time.Millisecond)
}

func TestAServerThatMixesAdaptersServesNone(t *testing.T) {
	t.Parallel()
	model := llmtest.Start(t, llmtest.Options{Flavour: llmtest.VLLM, Adapters: []string{"acme-v1"}, MixesAdapters: true})
	cfg := config(t, t.TempDir(), model)
	randomAdapter(t, cfg, "acme", tune.Base{Model: "test-chat"}, 1)
	s := start(t, cfg)
	s.ready(time.Minute)
	var state struct {
		Ready  bool
		Checks []struct {
			Name, Detail string
			OK           bool
		}
	}
	require.Eventually(t, func() bool {
		s.json(http.MethodGet, "/readyz", nil, http.StatusOK, &state)
		for _, c := range state.Checks {
			if c.Name == "adapters" {
				return !c.OK && strings.Contains(c.Detail, "mixes adapters up")
			}
		}
		return false
	}, 20*time.Second, 50*time.Millisecond)
	require.True(t, state.Ready, "the model itself answers")
	require.NotContains(t, strings.Join(s.models(), " "), "+")
	_, err := s.say("test-chat", "Hi")
	require.NoError(t, err)
}

// TestRealAdapter serves an adapter of random weights beside the real model:
// no request is lost over the change of servers, and no cache crosses.
func TestRealAdapter(t *testing.T) {
	cfg := realConfig(t)
	s := start(t, cfg)
	s.ready(cfg.LLM.StartTimeout)
	base := cfg.LLM.Chat.Model
	const question = "Count from one to ten in words."
	before, err := s.say(base, question)
	require.NoError(t, err)

	setup, err := app.NewSetup(cfg, nil, nil)
	require.NoError(t, err)
	made, _, err := setup.TuneBase(base)
	require.NoError(t, err)
	stop, lost := make(chan struct{}), make(chan error, 1)
	var asking sync.WaitGroup
	asking.Go(func() { // all the while
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := s.say(base, question); err != nil {
				select {
				case lost <- err:
				default:
				}
			}
		}
	})
	randomAdapter(t, cfg, "random", made, 7)
	require.Eventually(t, func() bool { return strings.Contains(strings.Join(s.models(), " "), base+"+random") }, cfg.LLM.StartTimeout, 100*time.Millisecond)
	close(stop)
	asking.Wait()
	require.Empty(t, lost)

	tuned, err := s.say(base+"+random", question)
	require.NoError(t, err)
	require.NotEqual(t, before, tuned, "the adapter changes the answer")
	after, err := s.say(base, question)
	require.NoError(t, err)
	require.Equal(t, before, after, "and leaves the base as it was")
	again, err := s.say(base+"+random", question)
	require.NoError(t, err)
	require.Equal(t, tuned, again)
}
