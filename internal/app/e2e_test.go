package app_test

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/configs"
	"groundwork/eval"
	"groundwork/internal/app"
	"groundwork/internal/app/clienttest"
	"groundwork/rag"
	"groundwork/web/webtest"
)

const sample = "../../eval/sample"

// TestRealModels is the whole product: the real model servers, the sample
// corpus, its questions, the page in a browser and OpenAI's own clients.
func TestRealModels(t *testing.T) {
	cfg := realConfig(t)
	s := start(t, cfg)
	s.ready(cfg.LLM.StartTimeout)
	s.uploadTree("sample", filepath.Join(sample, "documents"))
	questions := readQuestions(t)
	answerable := byID(t, questions, "sample-013")

	t.Run("retrieval", func(t *testing.T) {
		hits, known := 0, 0
		for _, q := range questions {
			if !q.Answerable() {
				continue
			}
			known++
			for _, found := range eval.Found(q, s.passages("sample", q.Question, 5)) {
				if found {
					hits++
					break
				}
			}
		}
		t.Logf("a gold passage is among the first 5 for %d of %d questions", hits, known)
		require.GreaterOrEqual(t, hits*100, known*80)
	})
	t.Run("answers", func(t *testing.T) {
		for _, q := range []eval.Question{byID(t, questions, "sample-007"), answerable} {
			a := s.ask(cfg.LLM.Chat.Model+"@sample", q.Question)
			require.False(t, a.Groundwork.Abstained, q.Question)
			require.NotEmpty(t, a.Groundwork.Citations, q.Question)
			s.checkCitations(a)
		}
		a := s.ask(cfg.LLM.Chat.Model+"@sample", "How tall is Mount Everest?")
		require.True(t, a.Groundwork.Abstained)
		require.Empty(t, a.Groundwork.Citations)
	})
	t.Run("a second question over the same passages is read in a third", func(t *testing.T) {
		s.upload("desk", "desk.md", "# Help desk\n\nThe help desk is on the third floor behind the kitchen. It opens at 9:00 and closes at 16:30 from Monday to Thursday.",
			"friday.md", "# Fridays\n\nOn Fridays the help desk opens at 10:00 and closes at 13:00, because its people are trained in the afternoon.",
			"phone.md", "# Telephone\n\nThe help desk answers the telephone under extension 4900. Outside its hours a machine takes messages.")
		model := cfg.LLM.Chat.Model + "@desk"
		first := s.ask(model, "On which floor is the help desk?")
		second := s.ask(model, "When does the help desk open on Fridays?")
		read := second.Usage.PromptTokens - second.Usage.Details.CachedTokens
		t.Logf("%d of %d prompt tokens were read; the first question's prompt had %d", read, second.Usage.PromptTokens, first.Usage.PromptTokens)
		require.Len(t, first.Groundwork.Sources, 3)
		require.Equal(t, first.Groundwork.Sources, second.Groundwork.Sources)
		require.LessOrEqual(t, read*100, first.Usage.PromptTokens*35)
	})
	t.Run("page", func(t *testing.T) {
		webtest.Walk(t, s.url, "sample", answerable.Question)
	})
	t.Run("clients", func(t *testing.T) {
		keys, closeKeys, err := app.OpenKeys(t.Context(), cfg)
		require.NoError(t, err)
		defer closeKeys()
		_, token, err := keys.CreateKey(t.Context(), rag.Key{Tenant: rag.DefaultTenant, Name: "clients", Verbs: []string{"admin"}})
		require.NoError(t, err)
		target := clienttest.Target{BaseURL: s.url + "/v1", Key: token, Store: "sample", Question: answerable.Question}
		t.Run("go", func(t *testing.T) { clienttest.Go(t, target) })
		t.Run("python", func(t *testing.T) { clienttest.Python(t, target, "") })
		t.Run("node", func(t *testing.T) { clienttest.Node(t, target, "") })
	})
}

// realConfig is the shipped configuration with the small chat model. The test
// is skipped, or fails when nothing may be skipped, where the models are not here.
func realConfig(t *testing.T) configs.Config {
	t.Helper()
	cfg, err := configs.Load("", os.Environ())
	require.NoError(t, err)
	cfg.Server.Listen, cfg.Server.DataDir = "127.0.0.1:0", t.TempDir()
	cfg.LLM.Chat.Model = "qwen2.5-coder-0.5b-instruct"
	cfg.Parse.Memory = parserMemory
	setup, err := app.NewSetup(cfg, os.Environ(), nil)
	require.NoError(t, err)
	needed, err := setup.Needed()
	require.NoError(t, err)
	for _, e := range needed {
		if !setup.Installed(e) {
			const why = "the models are not here; `make test-setup` fetches them"
			if os.Getenv("GROUNDWORK_TEST_STRICT") == "1" {
				t.Fatal(why)
			}
			t.Skip(why)
		}
	}
	return cfg
}

func readQuestions(t *testing.T) []eval.Question {
	t.Helper()
	file, err := os.Open(filepath.Join(sample, "questions.jsonl"))
	require.NoError(t, err)
	defer file.Close()
	questions, err := eval.Read(file)
	require.NoError(t, err)
	require.Len(t, questions, 288)
	return questions
}

func byID(t *testing.T, questions []eval.Question, id string) eval.Question {
	t.Helper()
	for _, q := range questions {
		if q.ID == id {
			return q
		}
	}
	t.Fatalf("there is no question %s", id)
	return eval.Question{}
}

// uploadTree uploads a folder and waits until all of it is searchable.
func (s *server) uploadTree(store, root string) {
	s.t.Helper()
	files := 0
	require.NoError(s.t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		body, contentType := form(s.t, store, filepath.ToSlash(rel), string(content))
		resp := s.do(http.MethodPost, "/v1/documents", contentType, body)
		raw, err := io.ReadAll(resp.Body)
		require.NoError(s.t, err)
		require.Equal(s.t, http.StatusAccepted, resp.StatusCode, "%s", raw)
		return nil
	}))
	require.Eventually(s.t, func() bool {
		var list struct{ Data []document }
		s.json(http.MethodGet, "/v1/documents?limit=100&store="+store, nil, http.StatusOK, &list)
		ready := 0
		for _, d := range list.Data {
			require.NotEqual(s.t, "failed", d.Status, "%s: %+v", d.Filename, d.Error)
			if d.Status == "ready" {
				ready++
			}
		}
		return ready == files
	}, 5*time.Minute, 200*time.Millisecond)
}

// passages are the first k of a search.
func (s *server) passages(store, question string, k int) []eval.Passage {
	s.t.Helper()
	var found struct {
		Data []struct {
			Filename, Text string
			Dropped        *string
		}
	}
	raw, err := json.Marshal(map[string]any{"store": store, "query": question, "k": k})
	require.NoError(s.t, err)
	resp := s.do(http.MethodPost, "/v1/search", "application/json", bytes.NewReader(raw))
	require.NoError(s.t, json.NewDecoder(resp.Body).Decode(&found))
	var out []eval.Passage
	for _, r := range found.Data {
		if r.Dropped == nil {
			out = append(out, eval.Passage{Path: r.Filename, Text: r.Text})
		}
	}
	return out
}
