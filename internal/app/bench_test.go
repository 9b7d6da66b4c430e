package app_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/internal/apptest"
	"groundwork/llm/llmtest"
)

// BenchmarkQuestionPath asks over 10,000 chunks with a scripted model server,
// and asks the model server itself through a plain Go proxy in the same run:
// the difference is what Groundwork adds (search, fusion, budget, prompt, citations).
func BenchmarkQuestionPath(b *testing.B) {
	model := llmtest.Start(b, llmtest.Options{Reply: func(llmtest.Request) llmtest.Reply {
		return llmtest.Reply{Text: "Employees of unit 7 get 7 days of annual leave."}
	}})
	s := startBench(b, model)
	chunks := s.fill(b, 10_000)
	target, err := url.Parse(model.URL)
	require.NoError(b, err)
	proxy := httptest.NewServer(httputil.NewSingleHostReverseProxy(target))
	b.Cleanup(proxy.Close)

	var path, own, bound []float64
	for i := 0; b.Loop(); i++ { // the store is filled once
		question := fmt.Sprintf("How many days of annual leave do employees of unit %d in %s get?", i%500, word(i))
		began := time.Now()
		models := s.post(b, s.url+"/v1/chat/completions", fmt.Sprintf(`{"model":"test-chat@h","messages":[{"role":"user","content":%q}]}`, question))
		took := float64(time.Since(began).Microseconds()) / 1000
		path, own = append(path, took), append(own, took-models)
		began = time.Now()
		s.post(b, proxy.URL+"/v1/chat/completions", fmt.Sprintf(`{"model":"test-chat","messages":[{"role":"user","content":%q}]}`, question))
		bound = append(bound, float64(time.Since(began).Microseconds())/1000)
	}
	b.ReportMetric(path[0], "ms_first")
	b.ReportMetric(median(path), "ms_p50")
	b.ReportMetric(median(own), "ms_p50_without_models")
	b.ReportMetric(own[len(own)*99/100], "ms_p99_without_models")
	b.ReportMetric(median(bound), "ms_p50_plain_proxy")
	b.ReportMetric(median(path)/median(bound), "x_plain_proxy")
	b.ReportMetric(float64(chunks), "chunks")
}

// BenchmarkUploadToSearchable uploads one small document and waits until a search finds it.
func BenchmarkUploadToSearchable(b *testing.B) {
	s := startBench(b, llmtest.Start(b, llmtest.Options{}))
	for i := range b.N {
		s.uploadOne(b, fmt.Sprintf("rule-%d.md", i), handbook(i), true)
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/document")
}

// BenchmarkStart starts a server process until /healthz answers, and tells its resident memory.
func BenchmarkStart(b *testing.B) {
	model := llmtest.Start(b, llmtest.Options{})
	settings := serveSettings{Dir: b.TempDir(), Model: model.BaseURL()}
	var resident float64
	for range b.N {
		child := apptest.Start(b, settings)
		resp, err := http.Get(child.URL + "/healthz")
		require.NoError(b, err)
		require.NoError(b, resp.Body.Close())
		b.StopTimer()
		resident = residentMB(b, child.Cmd)
		child.Kill()
		b.StartTimer()
	}
	b.ReportMetric(resident, "MB_resident")
}

func residentMB(b *testing.B, cmd *exec.Cmd) float64 {
	b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", cmd.Process.Pid))
	if err != nil {
		b.Logf("resident memory is not known here: %v", err)
		return 0
	}
	pages, err := strconv.Atoi(strings.Fields(string(raw))[1])
	require.NoError(b, err)
	return float64(pages*os.Getpagesize()) / (1 << 20)
}

func startBench(b *testing.B, model *llmtest.Server) *server {
	b.Helper()
	return start(b, config(b, b.TempDir(), model))
}

// fill uploads documents until the store has about n chunks.
func (s *server) fill(b *testing.B, n int) int {
	b.Helper()
	const sections = 200
	for d := 0; d*sections < n; d++ {
		var doc strings.Builder
		for i := range sections {
			fmt.Fprintf(&doc, "# Unit %d in %s\n\n", d*sections+i, word(d*sections+i))
			for range 90 {
				doc.WriteString(word(int(rand.ExpFloat64()*400)) + " ")
			}
			fmt.Fprintf(&doc, "\nEmployees of unit %d get %d days of annual leave.\n\n", d*sections+i, i)
		}
		s.uploadOne(b, fmt.Sprintf("units-%03d.md", d), doc.String(), (d+1)*sections >= n)
	}
	return n
}

// word is the i-th word of a made-up language.
func word(i int) string {
	const consonants, vowels = "bdfgklmnprst", "aeiou"
	var w []byte
	for range 3 {
		w = append(w, consonants[i%len(consonants)], vowels[i/len(consonants)%len(vowels)])
		i = i/7 + 3*i%11
	}
	return string(w)
}

func (s *server) uploadOne(b *testing.B, path, content string, wait bool) {
	b.Helper()
	query := ""
	if wait {
		query = "?wait=ready&timeout=300s"
	}
	body, contentType := form(b, "h", path, content)
	resp, err := http.Post(s.url+"/v1/documents"+query, contentType, body)
	require.NoError(b, err)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(b, err)
	require.NoError(b, resp.Body.Close())
	require.Less(b, resp.StatusCode, 300, "%s", raw)
}

// post gives the milliseconds of a reply's time that went to the model servers.
func (s *server) post(b *testing.B, url, body string) (models float64) {
	b.Helper()
	resp, err := http.Post(url, "application/json", bytes.NewReader([]byte(body)))
	require.NoError(b, err)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(b, err)
	require.NoError(b, resp.Body.Close())
	require.Equal(b, http.StatusOK, resp.StatusCode, "%s", raw)
	for stage := range strings.SplitSeq(resp.Header.Get("Server-Timing"), ", ") {
		name, dur, _ := strings.Cut(stage, ";dur=")
		if name == "embed" || name == "first_token" || name == "generate" {
			ms, err := strconv.ParseFloat(dur, 64)
			require.NoError(b, err)
			models += ms
		}
	}
	return models
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
