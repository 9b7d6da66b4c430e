package app_test

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/configs"
	"groundwork/eval/tune"
	"groundwork/eval/tune/tunetest"
	"groundwork/internal/app"
	"groundwork/internal/app/clienttest"
	"groundwork/llm/llmtest"
)

// tuned is the model of the catalogue that the tests pretend to have: its file is an adapter, of which only the
// architecture and the size are ever looked at here.
const tuned = "qwen2.5-coder-0.5b-instruct"

// trainable makes a configuration whose trainer is a stand-in, with a file of the right size in the place of the base's.
func trainable(t *testing.T, cfg configs.Config) (configs.Config, string) {
	t.Helper()
	dir := t.TempDir()
	python, err := tunetest.Trainer(dir)
	require.NoError(t, err)
	require.NoError(t, tunetest.Write(python+".adapter", tunetest.Qwen05B, 1, 0.5))
	catalogue, err := app.Catalogue()
	require.NoError(t, err)
	entry, err := catalogue.Find(tuned)
	require.NoError(t, err)
	cfg.LLM.ModelsDir, cfg.Tune.Python = dir, python
	file := filepath.Join(dir, "models", tuned, entry.Files[0].Name)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
	raw, err := os.ReadFile(python + ".adapter")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, raw, 0o600))
	require.NoError(t, os.Truncate(file, entry.Files[0].Size)) // sparse
	info, err := os.Stat(file)
	require.NoError(t, err)
	verified, err := json.Marshal(map[string]any{entry.Files[0].Name: map[string]any{"sha256": entry.Files[0].SHA256, "size": info.Size(), "mod_time": info.ModTime()}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(file), "verified.json"), verified, 0o600))
	return cfg, python
}

// uploadFile uploads a file with a purpose.
func (s *server) uploadFile(purpose, content string) string {
	s.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	require.NoError(s.t, form.WriteField("purpose", purpose))
	part, err := form.CreateFormFile("file", "file.jsonl")
	require.NoError(s.t, err)
	_, err = part.Write([]byte(content))
	require.NoError(s.t, err)
	require.NoError(s.t, form.Close())
	var f struct{ ID string }
	resp := s.do(http.MethodPost, "/v1/files", form.FormDataContentType(), &body)
	require.Equal(s.t, http.StatusOK, resp.StatusCode)
	require.NoError(s.t, json.NewDecoder(resp.Body).Decode(&f))
	return f.ID
}

type tuneJob struct {
	ID, Status     string
	FineTunedModel string `json:"fine_tuned_model"`
	Error          *struct{ Code, Message string }
}

func (s *server) tuneJob(id, status string) (j tuneJob) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		s.json(http.MethodGet, "/v1/fine_tuning/jobs/"+id, nil, http.StatusOK, &j)
		return j.Status == status || j.Status == "failed"
	}, time.Minute, 20*time.Millisecond)
	require.Equal(s.t, status, j.Status, "%+v", j.Error)
	return j
}

func chats(n int) string {
	var out strings.Builder
	for i := range n {
		out.WriteString(`{"messages":[{"role":"user","content":"What is the code of room ` + string(rune('a'+i)) + `?"},{"role":"assistant","content":"Code ` + string(rune('a'+i)) + `."}]}` + "\n")
	}
	return out.String()
}

func TestFineTuningJobSurvivesARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg, python := trainable(t, config(t, dir, llmtest.Start(t, llmtest.Options{})))
	require.NoError(t, os.WriteFile(python+".wait", nil, 0o600))
	s := start(t, cfg)
	body := map[string]any{"model": "small", "training_file": s.uploadFile("fine-tune", chats(10)), "suffix": "acme"}
	var made tuneJob
	s.json(http.MethodPost, "/v1/fine_tuning/jobs", body, http.StatusOK, &made)
	require.Equal(t, "validating_files", made.Status)
	s.tuneJob(made.ID, "running")
	require.NoError(t, s.stop())

	require.NoError(t, os.Remove(python+".wait"))
	s = start(t, cfg)
	j := s.tuneJob(made.ID, "succeeded")
	require.Equal(t, tuned+"+acme", j.FineTunedModel)
	all, err := app.AdaptersOf(cfg).All()
	require.NoError(t, err)
	require.Equal(t, "acme-v1", all[0].Tag())
	require.Contains(t, all[0].Licence, "Apache-2.0")
	runs, err := tune.Runs(app.RunsDir(cfg))
	require.NoError(t, err)
	require.Equal(t, tune.Done, runs[0].State)
}

func TestFineTuningRefusesWhatEvaluationsAsk(t *testing.T) {
	t.Parallel()
	cfg, _ := trainable(t, config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{})))
	s := start(t, cfg)
	s.uploadFile("evals", `{"id":"q1","question":"What's the code of room c?"}`+"\n")
	s.uploadFile("evals", "no question set")
	var made tuneJob
	s.json(http.MethodPost, "/v1/fine_tuning/jobs", map[string]any{"model": tuned, "training_file": s.uploadFile("fine-tune", chats(10))}, http.StatusOK, &made)
	require.Eventually(t, func() bool {
		s.json(http.MethodGet, "/v1/fine_tuning/jobs/"+made.ID, nil, http.StatusOK, &made)
		return made.Status == "failed"
	}, time.Minute, 20*time.Millisecond)
	require.Equal(t, "leak", made.Error.Code)
	var events struct{ Data []struct{ Message string } }
	s.json(http.MethodGet, "/v1/fine_tuning/jobs/"+made.ID+"/events", nil, http.StatusOK, &events)
	require.Contains(t, events.Data[1].Message, "is no question set")
	s.json(http.MethodPost, "/v1/fine_tuning/jobs/"+made.ID+"/cancel", nil, http.StatusConflict, nil)
}

func TestFineTuningSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	cfg, _ := trainable(t, config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{})))
	cfg.Tune.Python = ""
	s := start(t, cfg)
	file := s.uploadFile("fine-tune", chats(10))
	var reply struct {
		Error struct{ Code, Message, Param string }
	}
	s.json(http.MethodPost, "/v1/fine_tuning/jobs", map[string]any{"model": tuned, "training_file": file}, http.StatusServiceUnavailable, &reply)
	require.Contains(t, reply.Error.Message, "groundwork tune setup")
	for _, model := range []string{"test-chat", "qwen2.5-coder-1.5b-instruct", tuned + "+acme"} {
		s.json(http.MethodPost, "/v1/fine_tuning/jobs", map[string]any{"model": model, "training_file": file}, http.StatusNotFound, &reply)
		require.Equal(t, "model", reply.Error.Param)
	}
}

func TestFineTuningWithTheOfficialClients(t *testing.T) {
	t.Parallel()
	cfg, python := trainable(t, config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{})))
	require.NoError(t, os.WriteFile(python+".wait", nil, 0o600))
	s := start(t, cfg)
	target := clienttest.Target{BaseURL: s.url + "/v1", Key: "none"}
	t.Run("go", func(t *testing.T) { clienttest.TuneGo(t, target, tuned) })
	t.Run("python", func(t *testing.T) { clienttest.TunePython(t, target, tuned) })
	t.Run("node", func(t *testing.T) { clienttest.TuneNode(t, target, tuned) })
}
