package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval/compare"
	"groundwork/eval/tune/tunetest"
)

// chainTrainer speaks as train.py and convert.py do. The first training dies after two of four steps; what comes out is the adapter beside it.
const chainTrainer = `#!/bin/sh
read -r settings
out=$(printf %s "$settings" | sed 's/.*"out":"\([^"]*\)".*/\1/')
case "$3$2" in
*convert.py) cp "$(dirname "$0")/adapter.gguf" "$out"; echo '{"event":"done"}'; exit 0;;
esac
step=$(cat "$out/step" 2>/dev/null || echo 0)
echo "$step" >> "$out/starts"
echo "{\"event\":\"start\",\"step\":$step,\"of\":4}"
while [ $step -lt 4 ]; do
  step=$((step+1)); echo $step > "$out/step"
  echo "{\"event\":\"step\",\"step\":$step,\"of\":4,\"loss\":1.5}"
  if [ $step = 2 ]; then kill -9 $$; fi
done
echo '{"event":"done","step":4,"of":4,"loss":1.25,"seconds":1800}'
`

// chained is a server with documents, a trainer, and a base model that is only a name.
func chained(t *testing.T, before http.HandlerFunc) (s served, args []string) {
	t.Helper()
	s = serve(t, four)
	dir := t.TempDir()
	require.NoError(t, tunetest.Write(filepath.Join(dir, "adapter.gguf"), tunetest.Qwen05B, 1, 1))
	python := filepath.Join(dir, "python")
	require.NoError(t, tunetest.Program(python, chainTrainer))
	const model, sum = "qwen2.5-coder-0.5b-instruct", "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"
	base := filepath.Join(dir, "models", model, model+"-q4_k_m.gguf")
	require.NoError(t, os.MkdirAll(filepath.Dir(base), 0o700))
	require.NoError(t, tunetest.Write(base, tunetest.Qwen05B, 2, 1))
	info, err := os.Stat(base)
	require.NoError(t, err)
	verified, err := json.Marshal(map[string]any{filepath.Base(base): map[string]any{"sha256": sum, "size": info.Size(), "mod_time": info.ModTime()}})
	require.NoError(t, err)
	docs := filepath.Join(filepath.Dir(s.questions), "docs")
	write(t, dir, map[string]string{
		"models/" + model + "/verified.json": string(verified), "heldout.txt": "people/leave.md\n",
	})
	write(t, docs, map[string]string{"it/desk.md": "# Help desk\n\nManagers must report leavers within three working days.\n\n- Owner: Katrin Saar\n"})
	s.environ = append(s.environ, "GROUNDWORK_LLM__MODELS_DIR="+dir)
	return s, []string{"compare", "chain", "--server", guarded(t, adapters(t, s.url), before), "--docs", docs, "--store", "h", "--questions", s.questions,
		"--heldout", filepath.Join(dir, "heldout.txt"), "--name", "acme", "--python", python, "--json"}
}

// guarded is a server in front of another: before sees every request first, and answers those that must not go on.
func guarded(t *testing.T, base string, before http.HandlerFunc) string {
	t.Helper()
	at, err := url.Parse(base)
	require.NoError(t, err)
	forward := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(at) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answered := &answering{ResponseWriter: w}
		if before(answered, r); !answered.done {
			forward.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

type answering struct {
	http.ResponseWriter
	done bool
}

func (a *answering) WriteHeader(status int) {
	a.done = true
	a.ResponseWriter.WriteHeader(status)
}

// The chain is interrupted in training and in the comparison; each start goes on, and nothing is done twice.
func TestCompareChain(t *testing.T) {
	t.Parallel()
	var asked, refuse atomic.Int64
	s, args := chained(t, func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(raw))
		if r.URL.Path == "/v1/chat/completions" && bytes.Contains(raw, []byte(`"stream":true`)) && asked.Add(1) == 3 && refuse.Load() == 0 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	data := s.getenv("GROUNDWORK_SERVER__DATA_DIR")
	_, err := s.run(args...)
	require.ErrorContains(t, err, "training: ")
	set := hashOf(t, filepath.Join(data, "chains/acme/training/trl/train.jsonl"))
	raw, err := os.ReadFile(filepath.Join(data, "chains/acme/training/train.jsonl"))
	require.NoError(t, err)
	require.Contains(t, string(raw), "badge.md", "a labelled question is learnt from")
	require.NotContains(t, string(raw), "leave.md", "what is held out is not")
	ask, err := os.ReadFile(filepath.Join(data, "chains/acme/questions.jsonl"))
	require.NoError(t, err)
	require.Contains(t, string(ask), `"id":"leave"`)
	require.Contains(t, string(ask), `"id":"lunch"`, "what nothing answers")
	require.NotContains(t, string(ask), `"id":"badge"`, "what is trained on is not asked")

	_, err = s.run(args...)
	require.ErrorContains(t, err, "comparison: ", "trained, registered, and broken off while it asked")
	starts, err := os.ReadFile(filepath.Join(data, "tune/acme/starts"))
	require.NoError(t, err)
	require.Equal(t, "0\n2\n", string(starts), "training went on at its second step")

	refuse.Store(1)
	out, err := s.run(args...)
	require.NoError(t, err)
	var r compare.Report
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Empty(t, r.Errors)
	require.Equal(t, 2, r.Questions)
	require.Len(t, r.Cells, 6)
	require.Equal(t, 400, r.Comparison.Budget)
	require.InDelta(t, 0.5, r.Terms.TrainingHours, 1e-9, "what training took goes into the costs")

	before := asked.Load()
	out, err = s.run(args...)
	require.NoError(t, err)
	require.Contains(t, out, r.Comparison.ID, "the same report again")
	require.Equal(t, before, asked.Load(), "nothing is asked again")
	require.Equal(t, set, hashOf(t, filepath.Join(data, "chains/acme/training/trl/train.jsonl")), "nor made again")
	versions, err := os.ReadDir(filepath.Join(data, "adapters/acme"))
	require.NoError(t, err)
	require.Len(t, versions, 1, "nor registered again")
	held := args[slices.Index(args, "--heldout")+1]
	recount(t, s, held, true)

	// A change of one answer is seen.
	cell := r.Cells[0]
	file := filepath.Join(data, "runs", cell.Run, "outcomes.jsonl")
	raw, err = os.ReadFile(file)
	require.NoError(t, err)
	changed := strings.Replace(string(raw), `"refused":true`, `"refused":false`, 1)
	require.NotEqual(t, string(raw), changed)
	require.NoError(t, os.WriteFile(file, []byte(changed), 0o600))
	recount(t, s, held, false)
}

// recount runs the script that counts a report's figures again from its stored answers.
func recount(t *testing.T, s served, heldOut string, agrees bool) {
	t.Helper()
	python, err := exec.LookPath("python3")
	require.NoError(t, err, "Python is needed for the model servers too")
	out, err := exec.CommandContext(t.Context(), python, "../../eval/python/recompute.py", s.getenv("GROUNDWORK_SERVER__DATA_DIR"), "--heldout", heldOut).CombinedOutput()
	if agrees {
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), " 0 differ")
		return
	}
	require.Error(t, err)
	require.Contains(t, string(out), "the report says")
}

func hashOf(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}
