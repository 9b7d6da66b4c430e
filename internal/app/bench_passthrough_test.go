package app_test

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/llm/llmtest"
)

// BenchmarkPassThrough asks the model alone, streamed, of the model server itself and through
// Groundwork, by turns in one run: the difference of the times to the first token is what Groundwork adds.
func BenchmarkPassThrough(b *testing.B) {
	model := llmtest.Start(b, llmtest.Options{KeepNothing: true, Reply: func(llmtest.Request) llmtest.Reply {
		return llmtest.Reply{Text: "Forty-two, and nothing else at all."}
	}})
	s := startBench(b, model)
	s.ready(20 * time.Second)
	const body = `{"model":"test-chat","stream":true,"messages":[{"role":"user","content":"What is the answer?"}]}`
	for range 200 { // connections, and the speed of the last prompts
		firstToken(b, model.URL, body)
		firstToken(b, s.url, body)
	}
	var direct, through, added []float64
	for i := 0; b.Loop(); i++ {
		order := []string{model.URL, s.url}
		if i%2 == 1 {
			order[0], order[1] = order[1], order[0]
		}
		took := map[string]float64{}
		for _, url := range order {
			took[url] = firstToken(b, url, body)
		}
		direct, through = append(direct, took[model.URL]), append(through, took[s.url])
		added = append(added, took[s.url]-took[model.URL])
	}
	b.ReportMetric(median(direct), "us_p50_direct")
	b.ReportMetric(median(through), "us_p50_through")
	b.ReportMetric(median(through)-median(direct), "us_p50_added")
	b.ReportMetric(median(added), "us_p50_added_in_pairs")
}

// firstToken asks and gives the microseconds until the first piece of text has come; the rest is read as well.
func firstToken(b *testing.B, url, body string) (micros float64) {
	b.Helper()
	began := time.Now()
	resp, err := http.Post(url+"/v1/chat/completions", "application/json", bytes.NewReader([]byte(body)))
	require.NoError(b, err)
	defer resp.Body.Close()
	require.Equal(b, http.StatusOK, resp.StatusCode)
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if micros == 0 && strings.Contains(lines.Text(), `"content":"`) && !strings.Contains(lines.Text(), `"content":""`) {
			micros = float64(time.Since(began).Nanoseconds()) / 1000
		}
	}
	require.NoError(b, lines.Err())
	require.Positive(b, micros)
	return micros
}
