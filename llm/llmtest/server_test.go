package llmtest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/llm/llmtest"
)

// post sends body and gives status and reply.
func post(t *testing.T, address, body string) (int, string) {
	t.Helper()
	resp, err := client(t).Post(address, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(raw)
}

func client(t *testing.T) *http.Client {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

const hello = `{"messages":[{"role":"user","content":"Hello there"}],"stream":true,"stream_options":{"include_usage":true}}`

func TestStreamHasOpenAIsShape(t *testing.T) {
	t.Parallel()
	s := llmtest.Start(t, llmtest.Options{Reply: func(llmtest.Request) llmtest.Reply { return llmtest.Reply{Text: "one two  three\n"} }})
	status, out := post(t, s.BaseURL()+"/chat/completions", hello)
	require.Equal(t, 200, status)
	var text, finish string
	usage := 0
	lines := bufio.NewScanner(strings.NewReader(out))
	var last string
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			require.Empty(t, lines.Text())
			continue
		}
		if last = data; data == "[DONE]" {
			continue
		}
		var chunk struct {
			Object  string
			Choices []struct {
				Delta        struct{ Content string }
				FinishReason string `json:"finish_reason"`
			}
			Usage *struct {
				CompletionTokens int `json:"completion_tokens"`
			}
		}
		require.NoError(t, json.Unmarshal([]byte(data), &chunk))
		require.Equal(t, "chat.completion.chunk", chunk.Object)
		for _, c := range chunk.Choices {
			text += c.Delta.Content
			finish += c.FinishReason
		}
		if chunk.Usage != nil {
			usage = chunk.Usage.CompletionTokens
		}
	}
	require.Equal(t, "[DONE]", last)
	require.Equal(t, "one two  three\n", text)
	require.Equal(t, "stop", finish)
	require.Equal(t, 4, usage)
}

func TestLimitsOfAServer(t *testing.T) {
	t.Parallel()
	s := llmtest.Start(t, llmtest.Options{ContextTokens: 50, APIKey: "k"})
	status, out := post(t, s.BaseURL()+"/chat/completions", hello)
	require.Equal(t, 401, status, out)
	status, _ = post(t, s.URL+"/health", "")
	require.Equal(t, 200, status)

	s = llmtest.Start(t, llmtest.Options{ContextTokens: 50})
	status, out = post(t, s.BaseURL()+"/chat/completions", `{"messages":[{"role":"user","content":"`+strings.Repeat("word ", 60)+`"}]}`)
	require.Equal(t, 400, status)
	require.Contains(t, out, "exceed_context_size_error")
	require.Contains(t, out, `"n_ctx":50`)
	status, _ = post(t, s.BaseURL()+"/chat/completions", `{broken`)
	require.Equal(t, 400, status)
	status, _ = post(t, s.URL+"/nowhere", "{}")
	require.Equal(t, 404, status)
	status, out = post(t, s.BaseURL()+"/chat/completions", `{"messages":[{"role":"user","content":"a b c d e"}],"max_tokens":2}`)
	require.Equal(t, 200, status)
	require.Contains(t, out, `"content":"You said:"`)
	require.Contains(t, out, `"finish_reason":"length"`)
}

func TestSlotsAndCancellation(t *testing.T) {
	t.Parallel()
	s := llmtest.Start(t, llmtest.Options{Slots: 2, Reply: func(llmtest.Request) llmtest.Reply {
		return llmtest.Reply{Text: "on ", Endless: true, Pace: time.Millisecond}
	}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.BaseURL()+"/chat/completions", strings.NewReader(hello))
	require.NoError(t, err)
	resp, err := client(t).Do(req)
	require.NoError(t, err)
	busy := func() int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/slots", nil)
		require.NoError(t, err)
		resp, err := client(t).Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		raw, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return strings.Count(string(raw), `"is_processing":true`)
	}
	require.Equal(t, 1, busy())
	cancel()
	require.NoError(t, resp.Body.Close())
	select {
	case r := <-s.Cancelled():
		require.Equal(t, "Hello there", r.Messages[0].Content)
	case <-time.After(20 * time.Second):
		t.Fatal("the server did not notice that its client left")
	}
	require.Eventually(t, func() bool { return busy() == 0 }, 20*time.Second, time.Millisecond)
}

func TestFaultsAreUsedUp(t *testing.T) {
	t.Parallel()
	s := llmtest.Start(t, llmtest.Options{})
	s.Inject(llmtest.Fault{Kind: llmtest.Busy, Times: 2}, llmtest.Fault{Kind: llmtest.Broken, Path: "/v1/embeddings"})
	want := []int{429, 429, 200}
	for _, status := range want {
		got, _ := post(t, s.BaseURL()+"/chat/completions", hello)
		require.Equal(t, status, got)
	}
	got, _ := post(t, s.BaseURL()+"/embeddings", `{"input":"a"}`)
	require.Equal(t, 500, got)
	s.Heal()
	got, _ = post(t, s.BaseURL()+"/embeddings", `{"input":"a"}`)
	require.Equal(t, 200, got)
	require.Len(t, s.Requests("/v1/chat/completions"), 3)
}

func TestCloseEndsHangingRequests(t *testing.T) {
	t.Parallel()
	s := llmtest.Start(t, llmtest.Options{})
	s.Inject(llmtest.Fault{Kind: llmtest.HangBefore})
	done := make(chan error, 1)
	c := client(t)
	go func() {
		resp, err := c.Post(s.BaseURL()+"/chat/completions", "application/json", strings.NewReader(hello))
		if err == nil {
			err = resp.Body.Close()
		}
		done <- err
	}()
	require.Eventually(t, func() bool { return len(s.Requests()) == 1 }, 20*time.Second, time.Millisecond)
	s.Close()
	s.Close()
	require.Error(t, <-done)
	require.Empty(t, s.Cancelled(), "the server closed, the client did not")
}

func TestExtract(t *testing.T) {
	t.Parallel()
	prompt := "Passages:\n\n" +
		"[1] Leave > Annual leave\nEveryone has 28 days of leave. Unused days expire in March.\n\n" +
		"[2] Expenses > Hotels\nA hotel may cost 120 EUR a night. Breakfast is not paid.\n\n" +
		"Question: How much may a hotel cost a night?\n\nHow to write: in French"
	r := llmtest.Extract(llmtest.Request{Messages: []llmtest.Message{{Role: "system", Content: "Use the passages."}, {Role: "user", Content: prompt}}})
	require.Equal(t, "A hotel may cost 120 EUR a night. [2]", r.Text)
	r = llmtest.Extract(llmtest.Request{Messages: []llmtest.Message{{Role: "user", Content: "Hi"}}})
	require.Equal(t, "You said: Hi", r.Text)
}

func TestVectors(t *testing.T) {
	t.Parallel()
	leave := llmtest.Vector("How many days of annual leave do employees have?", 384)
	near := llmtest.Vector("Employees have 28 days of annual leave.", 384)
	far := llmtest.Vector("Hotels may cost 120 EUR a night.", 384)
	require.InDelta(t, 1, dot(leave, leave), 1e-5)
	require.Greater(t, dot(leave, near), 0.5)
	require.Less(t, dot(leave, far), 0.2)
	require.Equal(t, leave, llmtest.Vector("How many days of annual leave do employees have?", 384))
	require.InDelta(t, 1, dot(llmtest.Vector("", 8), llmtest.Vector("the", 8)), 1e-9)
}

func dot(a, b []float32) float64 {
	var sum float64
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

func FuzzText(f *testing.F) {
	f.Add("Hello,  world\n\n[1] été 日本語 42")
	f.Add("\xff\xfe")
	f.Fuzz(func(t *testing.T, text string) {
		require.Equal(t, text, strings.Join(llmtest.Pieces(text), ""))
		for _, id := range llmtest.Tokens(text) {
			require.GreaterOrEqual(t, id, 100)
		}
		v := llmtest.Vector(text, 16)
		require.InDelta(t, 1, math.Sqrt(dot(v, v)), 1e-5)
		llmtest.Extract(llmtest.Request{Messages: []llmtest.Message{{Role: "user", Content: text}}})
	})
}
