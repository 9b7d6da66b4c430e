package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
	"groundwork/eval/compare"
	"groundwork/llm/llmtest"
	"groundwork/rag"
)

// tunedSeed marks, on its way to the model server, what was asked of the tuned model.
const tunedSeed = 4711

// four answers differently for each cell.
func four(r llmtest.Request) llmtest.Reply {
	plain := len(r.Messages) > 0 && r.Messages[0].Content == compare.Plain
	question := r.Messages[len(r.Messages)-1].Content
	tuned := bytes.Contains(r.Body, []byte(`"seed":4711`))
	leave := strings.Contains(question, "annual leave do employees")
	canteen := strings.Contains(question, "canteen lunch")
	switch {
	case plain && !tuned && leave:
		return llmtest.Reply{Text: "You get 25 days."}
	case plain && !tuned:
		return llmtest.Reply{Text: "I'm sorry, but I don't know that."}
	case plain && leave:
		return llmtest.Reply{Text: "Employees get 30 days."}
	case plain:
		return llmtest.Reply{Text: rag.Abstention}
	case tuned && canteen:
		return llmtest.Reply{Text: rag.Abstention}
	}
	return llmtest.Extract(r)
}

// adapters is a server in front of another that also has the adapter acme: the models of
// their names are the same ones with another seed.
func adapters(t *testing.T, base string) string {
	t.Helper()
	at, err := url.Parse(base)
	require.NoError(t, err)
	forward := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(at) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/models/") {
			r.URL.RawPath = ""
			r.URL.Path = strings.Replace(r.URL.Path, "+acme", "", 1)
		}
		if r.URL.Path == "/v1/chat/completions" {
			var body map[string]any
			if json.NewDecoder(r.Body).Decode(&body) != nil {
				panic(http.ErrAbortHandler)
			}
			if name, _ := body["model"].(string); strings.Contains(name, "+acme") {
				body["model"], body["seed"] = strings.Replace(name, "+acme", "", 1), tunedSeed
			}
			raw, _ := json.Marshal(body)
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// process starts the program as a process of its own.
func (s shell) process(args ...string) (cmd *exec.Cmd, output *bufio.Reader) {
	s.t.Helper()
	cmd = exec.Command(os.Args[0], args...) //nolint:gosec // this very test
	cmd.Env = append(append(os.Environ(), s.environ...), beMain+"=1")
	out, err := cmd.StderrPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, cmd.Start())
	s.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
	})
	return cmd, bufio.NewReader(out)
}

// served is a running server with documents and questions.
type served struct {
	shell
	url       string
	questions string
}

func serve(t *testing.T, reply func(llmtest.Request) llmtest.Reply, environ ...string) served {
	t.Helper()
	s := served{shell: setupWith(t, llmtest.Options{Reply: reply})}
	s.environ = append(s.environ, environ...)
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"docs/people/leave.md": "# Leave\n\nEmployees get 30 days of annual leave.",
		"docs/it/badge.md":     "# Badges\n\nThe badge office opens on Wednesday.",
		"q.jsonl": `{"id":"leave","question":"How many days of annual leave do employees get?","answer":"30 days","type":"number","gold":[{"path":"people/leave.md","quote":"30 days of annual leave"}],"must_contain":["30"]}` + "\n" +
			`{"id":"badge","question":"On which weekday does the badge office open?","answer":"Wednesday","type":"lookup","gold":[{"path":"it/badge.md","quote":"opens on Wednesday"}],"must_contain":["Wednesday"]}` + "\n" +
			`{"id":"lunch","question":"How much does the canteen lunch cost?","answer":"not said","type":"unanswerable","gold":[],"must_contain":[]}` + "\n",
	})
	s.questions = filepath.Join(dir, "q.jsonl")
	_, log := s.process("serve", "--listen", "127.0.0.1:0")
	for s.url == "" {
		line, err := log.ReadString('\n')
		require.NoError(t, err)
		if _, at, ok := strings.Cut(line, " listens at "); ok {
			s.url = strings.TrimSpace(at)
		}
	}
	go func() { _, _ = io.Copy(io.Discard, log) }()
	_, err := s.run("ingest", filepath.Join(dir, "docs"), "--store", "h")
	require.NoError(t, err)
	return s
}

func cells(r compare.Report) map[string]compare.CellReport {
	out := map[string]compare.CellReport{}
	for _, c := range r.Cells {
		out[c.Name] = c
	}
	return out
}

func TestCompareFourCells(t *testing.T) {
	t.Parallel()
	s := serve(t, four)
	html := filepath.Join(t.TempDir(), "report.html")
	out, err := s.run("compare", "--server", adapters(t, s.url), "--store", "h", "--questions", s.questions, "--tuned", "acme", "--safety",
		"--min-score", "0.9", "--max-false", "0.2", "--html", html, "--json", "--training-hours", "2")
	require.NoError(t, err)
	var r compare.Report
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Empty(t, r.Errors)
	c := cells(r)
	for name, want := range map[string]struct{ score, right, wrongRefusals, falseAnswers int }{
		compare.Base:       {1, 0, 1, 0},
		compare.BaseStore:  {2, 2, 0, 1},
		compare.BaseOpen:   {2, 2, 0, 1},
		compare.Tuned:      {1, 1, 1, 0},
		compare.TunedStore: {3, 2, 0, 0},
		compare.TunedOpen:  {3, 2, 0, 0},
	} {
		f := c[name].All
		require.Equal(t, 3, f.Score.Of, name)
		require.Equal(t, want.score, f.Score.N, "%s: %+v", name, f)
		require.Equal(t, want.right, f.Right.N, name)
		require.Equal(t, want.wrongRefusals, f.WronglyRefused.N, name)
		require.Equal(t, want.falseAnswers, f.FalseAnswers.N, name)
		require.Positive(t, f.Prompt, name)
		require.Positive(t, f.Total.P50, name)
	}
	require.Equal(t, compare.NoGo, r.Verdicts[0].Verdict)
	require.Equal(t, compare.GoUncertain, r.Verdicts[4].Verdict, "three of three is little")
	require.Equal(t, "test-chat+acme@h", c[compare.TunedStore].Model)
	require.Equal(t, "acme", c[compare.Tuned].Fingerprint.Adapter)
	require.Equal(t, 14, c[compare.BaseStore].Safety.Injected.Of)
	require.Nil(t, c[compare.BaseOpen].Safety)
	kept, err := os.ReadFile(filepath.Join(s.getenv("GROUNDWORK_SERVER__DATA_DIR"), "comparisons", r.Comparison.ID, "report.html"))
	require.NoError(t, err)
	page, err := os.ReadFile(html)
	require.NoError(t, err)
	require.Contains(t, string(page), "Documents with hidden instructions")
	require.Equal(t, string(kept), string(page))
	resp, err := http.Get(s.url + "/v1/comparisons/" + r.Comparison.ID + "/html")
	require.NoError(t, err)
	served, err := io.ReadAll(resp.Body)
	require.NoError(t, errors.Join(err, resp.Body.Close()))
	require.Equal(t, string(kept), string(served), "the server shows what is kept")
	stores, err := s.run("search", "--store", "compare-safety-"+r.Comparison.ID, "sauna")
	require.Error(t, err, "the temporary store is gone: %s", stores)

	recomputed(t, s, r)
	again, err := s.run("compare", "show", "last", "--min-score", "1", "--json")
	require.NoError(t, err)
	require.Contains(t, again, r.Comparison.ID)
	_, err = s.run("compare", "show", "last", "--max-total", "0")
	require.ErrorContains(t, err, "no cell meets the thresholds")
	list, err := s.run("compare", "list")
	require.NoError(t, err)
	require.Contains(t, list, "test-chat and +acme over h, q.jsonl")
}

// recomputed reads the stored runs as anybody can and counts again.
func recomputed(t *testing.T, s served, r compare.Report) {
	t.Helper()
	for _, c := range r.Cells {
		raw, err := os.ReadFile(filepath.Join(s.getenv("GROUNDWORK_SERVER__DATA_DIR"), "runs", c.Run, "outcomes.jsonl"))
		require.NoError(t, err)
		good, tokens, asked := 0, 0, 0
		for _, line := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
			var o eval.Outcome
			require.NoError(t, json.Unmarshal([]byte(line), &o))
			asked++
			tokens += o.Tokens.Prompt
			if !o.Known && o.Refused || o.Known && !o.Refused && o.Right && o.Cited && o.CitationsResolved == 1 && o.Unsupported == 0 {
				good++
			}
		}
		require.Equal(t, 3, asked, "nothing twice: %s", raw)
		require.Equal(t, c.All.Score.N, good, c.Name)
		require.InDelta(t, c.All.Prompt, float64(tokens)/3, 1e-9, c.Name)
	}
}

func TestCompareBaseAloneSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := serve(t, four, "GROUNDWORK_ANSWER__ABSTAIN=strict")
	out, err := s.run("compare", "--store", "h", "--questions", s.questions)
	require.NoError(t, err)
	for _, want := range []string{"base@S, gate off", "not compared: The tuned model: no adapter was named", "dearer", "3 questions of q.jsonl"} {
		require.Contains(t, out, want)
	}
	out, err = s.run("compare", "show", "last", "--json")
	require.NoError(t, err)
	var r compare.Report
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Len(t, r.Cells, 3)
	c := cells(r)
	require.Greater(t, c[compare.BaseStore].All.WronglyRefused.N, c[compare.BaseOpen].All.WronglyRefused.N, "the gate is seen to work, and what it hides")
	require.Equal(t, 2, c[compare.BaseOpen].All.Right.N)

	_, err = s.run("compare", "--store", "h", "--questions", s.questions, "--tuned", "acme")
	require.ErrorContains(t, err, "acme")
	_, err = s.run("compare", "--store", "nowhere", "--questions", s.questions)
	require.ErrorContains(t, err, "there is no store")
}

func TestCompareGoesOnAfterAKill(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	reached := make(chan struct{})
	s := serve(t, func(r llmtest.Request) llmtest.Reply {
		if !strings.Contains(string(r.Body), `"seed":1`) && !strings.Contains(string(r.Body), `"seed":4711`) {
			return llmtest.Extract(r) // the start's measurement
		}
		if asked.Add(1) == 6 {
			close(reached)
		}
		reply := four(r)
		if asked.Load() >= 6 && asked.Load() < 100 {
			reply.Gate = make(chan struct{}) // the sixth answer never comes
		}
		return reply
	})
	args := []string{"compare", "--server", adapters(t, s.url), "--store", "h", "--questions", s.questions, "--tuned", "acme", "--json", "--parallel", "1"}
	first, _ := s.process(args...)
	<-reached
	require.NoError(t, first.Process.Kill())
	_ = first.Wait()
	_, err := s.run("compare", "show", "last")
	require.ErrorContains(t, err, "broke off")

	asked.Store(1000)
	out, err := s.run(args...)
	require.NoError(t, err)
	var r compare.Report
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.EqualValues(t, 12-5, asked.Load()-1000, "four answers a question; five were kept")
	recomputed(t, s, r)
	ids, err := os.ReadDir(filepath.Join(s.getenv("GROUNDWORK_SERVER__DATA_DIR"), "comparisons"))
	require.NoError(t, err)
	require.Len(t, ids, 1, "it went on with the same one")
}

// Killed with every answer there: before the report is made, and when it is kept and its copy is to be written.
func TestCompareGoesOnAfterAKillInTheReport(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	s := serve(t, func(r llmtest.Request) llmtest.Reply {
		asked.Add(1)
		return four(r)
	})
	dir := t.TempDir()
	prices, limits, html := filepath.Join(dir, "prices"), filepath.Join(dir, "limits"), filepath.Join(dir, "report.html")
	args := []string{"compare", "--server", adapters(t, s.url), "--store", "h", "--questions", s.questions, "--tuned", "acme", "--json"}
	shipped, err := os.ReadFile("../../configs/prices.yaml")
	require.NoError(t, err)
	for _, pipe := range []string{prices, limits, html} {
		require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	}

	first, _ := s.process(append(args, "--prices", prices, "--thresholds", limits)...)
	give(t, prices, shipped) // before anything is asked
	give(t, limits, []byte("min_score: 0\n"))
	kill(t, first, prices, os.O_WRONLY) // it reads them again to make the report
	kept := asked.Load()
	_, err = s.run("compare", "show", "last")
	require.NoError(t, err, "the answers are all there")

	second, _ := s.process(append(args, "--html", html)...)
	kill(t, second, html, os.O_RDONLY)
	folder := filepath.Join(s.getenv("GROUNDWORK_SERVER__DATA_DIR"), "comparisons")
	ids, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, ids, 1, "it went on with the same one")
	var r compare.Report
	raw, err := os.ReadFile(filepath.Join(folder, ids[0].Name(), "report.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &r))
	recomputed(t, s, r)
	require.Equal(t, kept, asked.Load(), "nothing was asked again")

	require.NoError(t, os.Remove(html))
	_, err = s.run("compare", "show", "last", "--html", html)
	require.NoError(t, err)
	page, err := os.ReadFile(html)
	require.NoError(t, err)
	require.Contains(t, string(page), "</html>")
}

// give writes into a pipe once somebody reads it.
func give(t *testing.T, pipe string, content []byte) {
	t.Helper()
	w, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = w.Write(content)
	require.NoError(t, errors.Join(err, w.Close()))
}

// kill ends a process once it has come to a pipe; end is the other one of it.
func kill(t *testing.T, cmd *exec.Cmd, pipe string, end int) {
	t.Helper()
	waiting, err := os.OpenFile(pipe, end, 0)
	require.NoError(t, err)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	require.NoError(t, waiting.Close())
}

func TestCompareRefusesWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	s := setup(t)
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"q": `{"id":"1","question":"Who?"}`, "twice": `{"id":"1","question":"Who?"}` + "\n" + `{"id":"1","question":"Who else?"}`, "empty": "\n",
		"prices": `prices: [{name: x, kind: machine, hour: 1, currency: EUR, date: "2026-01-01", source: us}, {name: y, kind: api, input: 1, currency: USD, date: "2026-01-01", source: them}]`,
		"limits": "min_fun: 1", "training": `{"gold":{"path":""}}`,
	})
	q := filepath.Join(dir, "q")
	for want, args := range map[string][]string{
		"one currency":       {"--questions", q, "--prices", filepath.Join(dir, "prices")},
		"no machine":         {"--questions", q, "--machine", "abacus"},
		"min_fun":            {"--questions", q, "--thresholds", filepath.Join(dir, "limits")},
		"no path":            {"--questions", q, "--heldout", filepath.Join(dir, "training")},
		"must not be neg":    {"--questions", q, "--max-false", "-1"},
		"invalid syntax":     {"--questions", q, "--max-false", "much"},
		"twice":              {"--questions", filepath.Join(dir, "twice")},
		"holds no questions": {"--questions", filepath.Join(dir, "empty")},
		"required flag":      {},
	} {
		_, err := s.run(append([]string{"compare"}, args...)...)
		require.ErrorContains(t, err, want, "%v", args)
	}
	_, err := s.run("compare", "show", "2020")
	require.ErrorContains(t, err, "0 comparisons begin with")
	paths, err := heldOut(q + ".none")
	require.Error(t, err)
	require.Empty(t, paths)
	write(t, dir, map[string]string{"m.json": `{"left_out":["a.md"]}`, "h.jsonl": `{"gold":{"path":"b.md"}}`, "p.txt": "c.md\n\nd.md"})
	for name, want := range map[string][]string{"m.json": {"a.md"}, "h.jsonl": {"b.md"}, "p.txt": {"c.md", "d.md"}} {
		paths, err := heldOut(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, want, paths)
	}
	require.Regexp(t, regexp.MustCompile(`\d+ cores`), hardware("http://127.0.0.1:1"))
	require.Contains(t, hardware("http://10.0.0.1:1"), "unknown")
}
