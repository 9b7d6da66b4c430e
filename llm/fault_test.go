package llm_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/llm"
	"groundwork/llm/llmtest"
	"groundwork/rag"
)

const answer = "The answer is forty-two and nothing else at all."

// hasty makes the limits short, for faults that are about time.
func hasty(co *llm.ChatOptions, eo *llm.EmbedOptions) {
	co.Timeouts = llm.Timeouts{FirstToken: 5 * time.Second, Idle: 2 * time.Second, Total: 20 * time.Second}
	eo.Timeout, eo.QueryTimeout = 2*time.Second, 2*time.Second
}

func TestChatFaults(t *testing.T) {
	t.Parallel()
	patient := func(*llm.ChatOptions, *llm.EmbedOptions) {}
	tests := []struct {
		kind  llmtest.Kind
		after int
		mod   func(*llm.ChatOptions, *llm.EmbedOptions)
		code  rag.Code
		says  string
	}{
		{llmtest.Slow, 0, hasty, rag.CodeTimeout, "smaller model"},
		{llmtest.HangBefore, 0, hasty, rag.CodeTimeout, "smaller model"},
		{llmtest.HangMid, 0, hasty, rag.CodeTimeout, "smaller model"},
		{llmtest.HangMid, 3, hasty, rag.CodeTimeout, "fell silent"},
		{llmtest.ResetBefore, 0, patient, rag.CodeUnavailable, "llm.chat.base_url"},
		{llmtest.ResetMid, 3, patient, rag.CodeUnavailable, "ask again"},
		{llmtest.CutMid, 3, patient, rag.CodeUnavailable, "ask again"},
		{llmtest.ErrorMid, 3, patient, rag.CodeUnavailable, "ask again"},
		{llmtest.MalformedMid, 3, patient, rag.CodeUnavailable, "ask again"},
		{llmtest.LongLineMid, 3, patient, rag.CodeUnavailable, "ask again"},
		{llmtest.InvalidUTF8Mid, 3, patient, rag.CodeUnavailable, "ask again"},
		{llmtest.MissingDone, 0, patient, rag.CodeUnavailable, "ask again"},
		{llmtest.Busy, 0, patient, rag.CodeBusy, "in a moment"},
		{llmtest.Broken, 0, patient, rag.CodeUnavailable, "log"},
		{llmtest.Loading, 0, patient, rag.CodeUnavailable, "in a moment"},
		{llmtest.Denied, 0, patient, rag.CodeUnavailable, "llm.chat.api_key"},
		{llmtest.Unknown, 0, patient, rag.CodeUnavailable, "llm.chat.model"},
		{llmtest.BadRequest, 0, patient, rag.CodeInvalid, "change the request"},
		{llmtest.TooLong, 0, patient, rag.CodeTooLong, "shorten"},
		{llmtest.NotJSON, 0, patient, rag.CodeUnavailable, "ask again"},
	}
	for _, tt := range tests {
		t.Run(string(tt.kind), func(t *testing.T) {
			t.Parallel()
			s, chat, _ := setup(t, script(answer), tt.mod)
			s.Inject(llmtest.Fault{Kind: tt.kind, After: tt.after, Delay: 7 * time.Second})
			text, usage, err := collect(t.Context(), chat, ask("What is the answer?"))
			require.Equal(t, tt.code, rag.CodeOf(err), "%v", err)
			var e *rag.Error
			require.ErrorAs(t, err, &e)
			require.Contains(t, e.Message, tt.says)
			require.True(t, strings.HasSuffix(e.Message, "."), e.Message)
			require.Zero(t, usage)
			require.True(t, strings.HasPrefix(answer, text), "not a beginning of the answer: %q", text)
			if tt.kind == llmtest.Busy || tt.kind == llmtest.Loading {
				require.Equal(t, 7*time.Second, e.RetryAfter)
			}

			s.Heal()
			text, usage, err = collect(t.Context(), chat, ask("What is the answer?"))
			require.NoError(t, err)
			require.Equal(t, answer, text)
			require.Equal(t, "stop", usage.FinishReason)
		})
	}
}

func TestRedirectIsRefused(t *testing.T) {
	t.Parallel()
	reached := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer elsewhere.Close()
	s, chat, embed := setup(t, script(answer), nil)
	s.Inject(llmtest.Fault{Kind: llmtest.Redirect, Target: elsewhere.URL})
	_, _, err := collect(t.Context(), chat, ask("What?"))
	require.Equal(t, rag.CodeUnavailable, rag.CodeOf(err))
	require.ErrorContains(t, err, "redirects elsewhere")
	_, err = embed.EmbedQuery(t.Context(), "What?")
	require.ErrorContains(t, err, "redirects elsewhere")
	require.False(t, reached)
}

func TestServerIsDown(t *testing.T) {
	t.Parallel()
	s, chat, embed := setup(t, script(answer), nil)
	s.Close()
	_, _, err := collect(t.Context(), chat, ask("What?"))
	require.Equal(t, rag.CodeUnavailable, rag.CodeOf(err))
	_, err = chat.CountTokens(t.Context(), []string{"a"})
	require.Equal(t, rag.CodeUnavailable, rag.CodeOf(err))
	_, err = chat.Probe(t.Context())
	require.Equal(t, rag.CodeUnavailable, rag.CodeOf(err))
	_, err = embed.EmbedPassages(t.Context(), []string{"a"})
	require.Equal(t, rag.CodeUnavailable, rag.CodeOf(err))
	require.False(t, chat.Health(t.Context()).OK)
	h := embed.Health(t.Context())
	require.False(t, h.OK)
	require.Contains(t, h.Fix, "llm.embed.base_url")
}

func TestOneRetryBeforeTheFirstByte(t *testing.T) {
	t.Parallel()
	s, chat, _ := setup(t, script(answer), nil)
	s.Inject(llmtest.Fault{Kind: llmtest.ResetBefore, Times: 1})
	text, _, err := collect(t.Context(), chat, ask("What?"))
	require.NoError(t, err)
	require.Equal(t, answer, text)
	require.Len(t, s.Requests("/v1/chat/completions"), 2)

	s.Inject(llmtest.Fault{Kind: llmtest.ResetMid, After: 2, Times: 1})
	_, _, err = collect(t.Context(), chat, ask("What?"))
	require.Error(t, err)
	require.Len(t, s.Requests("/v1/chat/completions"), 3, "a stream that began must not be repeated")
}

func TestClientThatLeavesStopsTheGeneration(t *testing.T) {
	t.Parallel()
	endless := llmtest.Options{Reply: func(llmtest.Request) llmtest.Reply {
		return llmtest.Reply{Text: "on and on ", Endless: true, Pace: time.Millisecond}
	}}
	tests := map[string]func(context.Context, *llm.Chat, *llm.Models) error{
		"cancelled": func(ctx context.Context, chat *llm.Chat, _ *llm.Models) error {
			ctx, cancel := context.WithCancel(ctx)
			_, err := chat.Generate(ctx, ask("Go on."), func(string) error { cancel(); return nil })
			return err
		},
		"emit fails": func(ctx context.Context, chat *llm.Chat, _ *llm.Models) error {
			_, err := chat.Generate(ctx, ask("Go on."), func(string) error { return io.ErrClosedPipe })
			return err
		},
		"client closed": func(ctx context.Context, chat *llm.Chat, _ *llm.Models) error {
			closed := false
			_, err := chat.Generate(ctx, ask("Go on."), func(string) error {
				if !closed {
					closed = true
					chat.Close()
				}
				return nil
			})
			return err
		},
		"forward closed": func(ctx context.Context, _ *llm.Chat, models *llm.Models) error {
			resp, err := models.Forward(ctx, "", llm.ServerChat, "/v1/chat/completions", []byte(`{"stream":true,"messages":[{"role":"user","content":"Go on."}]}`))
			if err != nil {
				return err
			}
			_, err = io.ReadFull(resp.Body, make([]byte, 100))
			return errors.Join(err, resp.Body.Close(), io.ErrClosedPipe)
		},
		"forward cancelled, not streamed": func(ctx context.Context, _ *llm.Chat, models *llm.Models) error {
			ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
			defer cancel()
			resp, err := models.Forward(ctx, "", llm.ServerChat, "/v1/chat/completions", []byte(`{"messages":[{"role":"user","content":"Go on."}]}`))
			if err == nil {
				return resp.Body.Close()
			}
			return err
		},
	}
	for name, leave := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, chat, embed := setup(t, endless, nil)
			require.Error(t, leave(t.Context(), chat, llm.NewModels(chat, embed)))
			require.Equal(t, "/v1/chat/completions", soon(t, s.Cancelled()).Path)
		})
	}
}

// A reader that is slow is not a server that is silent.
func TestSlowReaderDoesNotTripTheIdleLimit(t *testing.T) {
	t.Parallel()
	s, chat, _ := setup(t, script(answer), hasty)
	read := make(chan struct{})
	timer := time.AfterFunc(3*time.Second, func() { close(read) })
	defer timer.Stop()
	got := ""
	_, err := chat.Generate(t.Context(), ask("What?"), func(piece string) error {
		if got != "" {
			<-read
		}
		got += piece
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, answer, got)
	require.Len(t, s.Requests("/v1/chat/completions"), 1)
}

// Keep-alive comments are no sign of progress.
func TestPingsDoNotRenewPatience(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_, _ = io.WriteString(w, ": ping\n\n")
				_ = http.NewResponseController(w).Flush()
			case <-r.Context().Done():
				return
			}
		}
	}))
	defer server.Close()
	chat, err := llm.NewChat(llm.ChatOptions{BaseURLs: []string{server.URL + "/v1"}, Model: "m", Timeouts: llm.Timeouts{FirstToken: 200 * time.Millisecond}})
	require.NoError(t, err)
	defer chat.Close()
	_, _, err = collect(t.Context(), chat, ask("What?"))
	require.Equal(t, rag.CodeTimeout, rag.CodeOf(err), "%v", err)
}

func TestDeadlineOfTheCaller(t *testing.T) {
	t.Parallel()
	s, chat, _ := setup(t, script(answer), nil)
	s.Inject(llmtest.Fault{Kind: llmtest.HangMid, After: 2})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, _, err := collect(ctx, chat, ask("What?"))
	require.Equal(t, rag.CodeTimeout, rag.CodeOf(err))
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestEmbedFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind llmtest.Kind
		code rag.Code
		says string
	}{
		{llmtest.WrongDimensions, rag.CodeEmbedding, "383 dimensions and 384"},
		{llmtest.NaN, rag.CodeEmbedding, "no set of vectors"},
		{llmtest.ZeroVector, rag.CodeEmbedding, "no set of vectors"},
		{llmtest.WrongCount, rag.CodeEmbedding, "no set of vectors"},
		{llmtest.NoVectors, rag.CodeEmbedding, "no set of vectors"},
		{llmtest.NotJSON, rag.CodeEmbedding, "no set of vectors"},
		{llmtest.Busy, rag.CodeBusy, "in a moment"},
		{llmtest.Broken, rag.CodeUnavailable, "log"},
		{llmtest.Denied, rag.CodeUnavailable, "llm.embed.api_key"},
		{llmtest.ResetBefore, rag.CodeUnavailable, "llm.embed.base_url"},
		{llmtest.ResetMid, rag.CodeUnavailable, "try again"},
		{llmtest.HangBefore, rag.CodeTimeout, "too long"},
		{llmtest.HangMid, rag.CodeTimeout, "too long"},
	}
	for _, tt := range tests {
		t.Run(string(tt.kind), func(t *testing.T) {
			t.Parallel()
			mod := hasty
			if tt.code != rag.CodeTimeout {
				mod = nil
			}
			s, _, embed := setup(t, llmtest.Options{}, mod)
			s.Inject(llmtest.Fault{Kind: tt.kind})
			_, err := embed.EmbedPassages(t.Context(), []string{"one", "two", "three"})
			require.Equal(t, tt.code, rag.CodeOf(err), "%v", err)
			var e *rag.Error
			require.ErrorAs(t, err, &e)
			require.Contains(t, e.Message, tt.says)
			_, err = embed.EmbedQuery(t.Context(), "one")
			require.Equal(t, tt.code, rag.CodeOf(err), "%v", err)
			s.Heal()
			_, err = embed.EmbedQuery(t.Context(), "one")
			require.NoError(t, err, "an error must not be cached")
		})
	}
}

func TestBaseURLIsChecked(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "localhost:8000", "ftp://x/v1", "http://"} {
		_, err := llm.NewChat(llm.ChatOptions{BaseURLs: llm.SplitURLs(bad), Model: "m"})
		require.ErrorContains(t, err, "llm.chat.base_url", bad)
		_, err = llm.NewEmbedder(llm.EmbedOptions{BaseURLs: llm.SplitURLs(bad), Model: "m"})
		require.ErrorContains(t, err, "llm.embed.base_url", bad)
	}
	_, err := llm.NewChat(llm.ChatOptions{BaseURLs: []string{"http://127.0.0.1:1/v1"}})
	require.ErrorContains(t, err, "llm.chat.model")
	_, err = llm.NewEmbedder(llm.EmbedOptions{BaseURLs: []string{"http://127.0.0.1:1/v1"}})
	require.ErrorContains(t, err, "llm.embed.model")
}

// A server that accepts and never speaks must not hold a caller for ever.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	chat, err := llm.NewChat(llm.ChatOptions{BaseURLs: []string{"http://" + l.Addr().String() + "/v1"}, Model: "m",
		Timeouts: llm.Timeouts{FirstToken: 100 * time.Millisecond}})
	require.NoError(t, err)
	defer chat.Close()
	_, err = chat.Probe(t.Context())
	require.Equal(t, rag.CodeTimeout, rag.CodeOf(err), "%v", err)
	_, err = chat.CountTokens(t.Context(), []string{"a"})
	require.Equal(t, rag.CodeTimeout, rag.CodeOf(err), "%v", err)
	require.False(t, chat.Health(t.Context()).OK)
}

func TestDimensionsThatTheModelCannotHave(t *testing.T) {
	t.Parallel()
	_, chat, embed := setup(t, llmtest.Options{}, nil)
	_, err := llm.NewModels(chat, embed).Forward(t.Context(), "", "embed", "/v1/embeddings", []byte(`{"input":"a","dimensions":7}`))
	var known *rag.Error
	require.ErrorAs(t, err, &known)
	require.Equal(t, []any{rag.CodeInvalid, "dimensions"}, []any{known.Code, known.Param})
}

// Pictures are the caller's mistake and do not count against the server.
func TestPicturesThatTheModelCannotSee(t *testing.T) {
	t.Parallel()
	_, chat, embed := setup(t, llmtest.Options{}, nil)
	models := llm.NewModels(chat, embed)
	for range 3 {
		_, err := models.Forward(t.Context(), "", "chat", "/v1/chat/completions",
			[]byte(`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]}`))
		var known *rag.Error
		require.ErrorAs(t, err, &known)
		require.Equal(t, []any{rag.CodeInvalid, "messages"}, []any{known.Code, known.Param})
	}
	require.Zero(t, chat.Stats().Servers[0].Failures)
}
