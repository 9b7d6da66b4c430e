package llm_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/llm"
	"groundwork/llm/llmtest"
	"groundwork/rag"
)

// over makes a Chat over servers; mod may change its options.
func over(t testing.TB, servers []*llmtest.Server, mod func(*llm.ChatOptions)) *llm.Chat {
	t.Helper()
	o := llm.ChatOptions{
		Model: "test-chat", Timeouts: llm.Timeouts{FirstToken: time.Hour, Total: time.Hour}, // a busy machine must not fail a test
		Pool: llm.PoolOptions{ProbeEvery: 5 * time.Millisecond, MaxWait: time.Hour},
	}
	for _, s := range servers {
		o.BaseURLs = append(o.BaseURLs, s.BaseURL())
	}
	if mod != nil {
		mod(&o)
	}
	chat, err := llm.NewChat(o)
	require.NoError(t, err)
	t.Cleanup(chat.Close)
	return chat
}

// eventually polls until ok.
func eventually(t *testing.T, ok func() bool, what string) {
	t.Helper()
	require.Eventually(t, ok, 20*time.Second, time.Millisecond, what)
}

// reply is how one generation ended.
type reply struct {
	text string
	err  error
}

// later runs a generation in the background.
func later(ctx context.Context, chat *llm.Chat, p rag.Prompt) <-chan reply {
	out := make(chan reply, 1)
	go func() {
		text, _, err := collect(ctx, chat, p)
		out <- reply{text, err}
	}()
	return out
}

func from(caller, text string) rag.Prompt {
	p := ask(text)
	p.Caller = caller
	return p
}

// held answers one piece a token of gate.
func held(gate <-chan struct{}, slots int) llmtest.Options {
	return llmtest.Options{Slots: slots, Reply: func(llmtest.Request) llmtest.Reply { return llmtest.Reply{Text: "done", Gate: gate} }}
}

// open lets n pieces through.
func open(t *testing.T, gate chan<- struct{}, n int) {
	t.Helper()
	for range n {
		select {
		case gate <- struct{}{}:
		case <-time.After(time.Minute):
			t.Fatal("nobody waits at the gate")
		}
	}
}

func generations(s *llmtest.Server) []llmtest.Request { return s.Requests("/v1/chat/completions") }

// Time is counted in rounds: in each, every busy slot finishes its answer. Two
// servers must be kept full and so need half the rounds of one.
func TestTwoServersServeTwiceAsMuch(t *testing.T) {
	t.Parallel()
	const slots, requests = 4, 40
	rounds := func(n int) int {
		gate := make(chan struct{})
		servers := llmtest.StartMany(t, n, held(gate, slots))
		chat := over(t, servers, func(o *llm.ChatOptions) { o.Pool.Parallel = slots })
		var replies []<-chan reply
		for i := range requests {
			replies = append(replies, later(t.Context(), chat, ask(fmt.Sprint("question ", i))))
		}
		count := 0
		for left := requests; left > 0; count++ {
			full := min(left, n*slots)
			eventually(t, func() bool {
				busy := 0
				for _, s := range servers {
					busy += s.Busy()
				}
				return busy == full
			}, fmt.Sprintf("%d servers are not kept full with %d requests left", n, left))
			open(t, gate, 2*full) // the piece and the end of each
			left -= full
		}
		for _, r := range replies {
			require.NoError(t, soon(t, r).err)
		}
		return count
	}
	one, two := rounds(1), rounds(2)
	t.Logf("%d requests, %d slots a server: %d rounds on one server, %d on two", requests, slots, one, two)
	require.GreaterOrEqual(t, float64(one), 1.8*float64(two))
}

// One of two servers is killed with 200 requests in flight. Whatever had not
// begun to stream is answered by the other; what had ends with an error.
func TestServerIsKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	const slots, requests = 100, 200
	text := "one two three four five"
	release := make(chan struct{})
	scripted := func(doomed bool) llmtest.Options {
		return llmtest.Options{Slots: slots, Reply: func(r llmtest.Request) llmtest.Reply {
			if !doomed {
				return llmtest.Reply{Text: text, Gate: release}
			}
			gate := make(chan struct{}, 2)
			if strings.Contains(r.Messages[1].Content, "early") {
				gate <- struct{}{} // lets two pieces through
				gate <- struct{}{}
			}
			return llmtest.Reply{Text: text, Gate: gate}
		}}
	}
	doomed, other := llmtest.Start(t, scripted(true)), llmtest.Start(t, scripted(false))
	chat := over(t, []*llmtest.Server{doomed, other}, func(o *llm.ChatOptions) { o.Pool.Parallel = slots })

	var begun atomic.Int64
	var work sync.WaitGroup
	began, replies := make([]atomic.Bool, requests), make([]reply, requests)
	for i := range requests {
		work.Go(func() {
			question := fmt.Sprint("question ", i)
			if i%3 == 0 {
				question += " early"
			}
			var b strings.Builder
			_, err := chat.Generate(t.Context(), ask(question), func(delta string) error {
				if b.WriteString(delta); !began[i].Swap(true) {
					begun.Add(1)
				}
				return nil
			})
			replies[i] = reply{b.String(), err}
		})
	}
	eventually(t, func() bool { return doomed.Busy() == slots && other.Busy() == slots }, "200 requests in flight")
	early := 0
	for _, r := range generations(doomed) {
		if strings.Contains(r.Messages[1].Content, "early") {
			early++
		}
	}
	eventually(t, func() bool { return begun.Load() == int64(early) }, "some have begun")
	doomed.Close()
	close(release)
	work.Wait()

	failed := 0
	for i, r := range replies {
		if r.err == nil {
			require.Equal(t, text, r.text)
			continue
		}
		failed++
		require.True(t, began[i].Load(), "request %d failed and had not begun to stream: %v", i, r.err)
		require.Equal(t, rag.CodeUnavailable, rag.CodeOf(r.err))
		require.True(t, strings.HasPrefix(text, r.text) && r.text != text, "%q", r.text)
	}
	require.Equal(t, early, failed, "those that had begun end with an error")
	require.Greater(t, early, 10)
	require.Len(t, generations(other), slots+slots-early)
	stats := chat.Stats()
	require.Zero(t, stats.Servers[0].Outstanding+stats.Servers[1].Outstanding+stats.Waiting)
}

// A server dies after its headers and before the first token: streamed or not,
// asked or passed through, another one answers.
func TestDeathBeforeTheFirstToken(t *testing.T) {
	t.Parallel()
	for _, kind := range []llmtest.Kind{llmtest.DieMid, llmtest.ResetBefore, llmtest.ResetMid, llmtest.CutMid, llmtest.ErrorMid, llmtest.Broken, llmtest.Busy, llmtest.Loading, llmtest.Denied} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			for _, way := range []string{"asked", "passed", "passed whole"} {
				if way == "passed whole" && kind == llmtest.ErrorMid {
					continue // is about streams
				}
				servers := llmtest.StartMany(t, 2, script(answer))
				for _, s := range servers {
					s.Inject(llmtest.Fault{Kind: kind, Times: 1})
				}
				servers[1].Heal()
				chat := over(t, servers, nil)
				embed, err := llm.NewEmbedder(llm.EmbedOptions{BaseURLs: []string{servers[1].BaseURL()}, Model: "test-embed"})
				require.NoError(t, err)
				defer embed.Close()
				for range 2 { // one of them meets the ill server first
					text := ""
					switch way {
					case "asked":
						text, _, err = collect(t.Context(), chat, ask("What?"))
						require.NoError(t, err)
						require.Equal(t, answer, text)
					default:
						body := fmt.Sprintf(`{"stream":%t,"messages":[{"role":"user","content":"Hi"}]}`, way == "passed")
						resp, err := llm.NewModels(chat, embed).Forward(t.Context(), "", "chat", "/v1/chat/completions", []byte(body))
						require.NoError(t, err)
						raw, err := io.ReadAll(resp.Body)
						require.NoError(t, err)
						require.NoError(t, resp.Body.Close())
						require.Contains(t, string(raw), `"finish_reason":"stop"`)
					}
				}
				stats := chat.Stats()
				require.Zero(t, stats.Servers[0].Outstanding+stats.Servers[1].Outstanding)
			}
		})
	}
}

func TestCallersTakeTurns(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	s := llmtest.Start(t, held(gate, 1))
	chat := over(t, []*llmtest.Server{s}, func(o *llm.ChatOptions) { o.Pool.Parallel = 1 })
	var replies []<-chan reply
	add := func(caller, text string, waiting int) {
		replies = append(replies, later(t.Context(), chat, from(caller, text)))
		eventually(t, func() bool { return chat.Stats().Waiting == waiting }, "waits")
	}
	add("big", "first", 0)
	eventually(t, func() bool { return s.Busy() == 1 }, "runs")
	for i := range 100 {
		add("big", fmt.Sprint("big ", i), i+1)
	}
	for i := range 3 {
		add("small", fmt.Sprint("small ", i), 101+i)
	}
	open(t, gate, 2*len(replies))
	for _, r := range replies {
		require.NoError(t, soon(t, r).err)
	}
	var order []string
	for _, r := range generations(s)[1:8] {
		order = append(order, r.Messages[1].Content)
	}
	require.Equal(t, []string{"big 0", "small 0", "big 1", "small 1", "big 2", "small 2", "big 3"}, order)
}

func TestTheLineIsBounded(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	s := llmtest.Start(t, held(gate, 1))
	chat := over(t, []*llmtest.Server{s}, func(o *llm.ChatOptions) { o.Pool.Parallel, o.Pool.Waiting = 1, 2 })
	running := later(t.Context(), chat, from("a", "first"))
	eventually(t, func() bool { return s.Busy() == 1 }, "runs")
	ctx, cancel := context.WithCancel(t.Context())
	leaves := later(ctx, chat, from("a", "second"))
	eventually(t, func() bool { return chat.Stats().Waiting == 1 }, "waits")
	newest := later(t.Context(), chat, from("a", "third"))
	eventually(t, func() bool { return chat.Stats().Waiting == 2 }, "waits")

	busy := func(err error) {
		t.Helper()
		var e *rag.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, rag.CodeBusy, e.Code)
		require.Positive(t, e.RetryAfter)
	}
	busy(soon(t, later(t.Context(), chat, from("a", "fourth"))).err)

	// Another caller has none there: the one that has most gives its newest place up.
	other := later(t.Context(), chat, from("b", "fifth"))
	busy(soon(t, newest).err)
	require.Equal(t, 2, chat.Stats().Waiting)
	require.EqualValues(t, 2, chat.Stats().Refused)

	cancel()
	require.ErrorIs(t, soon(t, leaves).err, context.Canceled)
	require.Equal(t, 1, chat.Stats().Waiting, "who leaves leaves the line")
	open(t, gate, 4)
	require.NoError(t, soon(t, running).err)
	require.NoError(t, soon(t, other).err)
	require.Len(t, generations(s), 2)
}

func TestNobodyWaitsTooLong(t *testing.T) {
	t.Parallel()
	s := llmtest.Start(t, held(nil, 1))
	s.Inject(llmtest.Fault{Kind: llmtest.HangBefore, Times: 1})
	chat := over(t, []*llmtest.Server{s}, func(o *llm.ChatOptions) { o.Pool.Parallel, o.Pool.MaxWait = 1, 50*time.Millisecond })
	ctx, cancel := context.WithCancel(t.Context())
	hangs := later(ctx, chat, ask("first"))
	eventually(t, func() bool { return len(generations(s)) == 1 }, "hangs")
	_, _, err := collect(t.Context(), chat, ask("second"))
	require.Equal(t, rag.CodeBusy, rag.CodeOf(err), "%v", err)
	cancel()
	require.ErrorIs(t, soon(t, hangs).err, context.Canceled)
	_, _, err = collect(t.Context(), chat, ask("third"))
	require.NoError(t, err, "the slot is free again")
}

// Who would have to wait for longer than anybody may is told so at once.
func TestNobodyWaitsInVain(t *testing.T) {
	t.Parallel()
	s := llmtest.Start(t, llmtest.Options{Slots: 1, Reply: func(llmtest.Request) llmtest.Reply {
		return llmtest.Reply{Text: "done", Pace: 30 * time.Millisecond}
	}})
	chat := over(t, []*llmtest.Server{s}, func(o *llm.ChatOptions) { o.Pool.Parallel, o.Pool.MaxWait = 1, 10*time.Millisecond })
	taken := 0
	ask := func(text string) rag.Prompt {
		p := ask(text)
		p.Taken = func() { taken++ }
		return p
	}
	_, _, err := collect(t.Context(), chat, ask("first"))
	require.NoError(t, err)
	require.Equal(t, 1, taken)
	s.Inject(llmtest.Fault{Kind: llmtest.HangBefore, Times: 1})
	ctx, cancel := context.WithCancel(t.Context())
	hangs := later(ctx, chat, ask("second"))
	eventually(t, func() bool { return len(generations(s)) == 2 }, "hangs")
	_, _, err = collect(t.Context(), chat, ask("third"))
	var busy *rag.Error
	require.ErrorAs(t, err, &busy)
	require.Equal(t, rag.CodeBusy, busy.Code)
	require.ErrorContains(t, busy.Err, "too many requests", "not the end of a wait")
	cancel()
	require.ErrorIs(t, soon(t, hangs).err, context.Canceled)
	require.Equal(t, 2, taken, "not for the one that was refused")
}

func TestCloseTurnsAwayWhatWaits(t *testing.T) {
	t.Parallel()
	s := llmtest.Start(t, held(make(chan struct{}), 1))
	chat := over(t, []*llmtest.Server{s}, func(o *llm.ChatOptions) { o.Pool.Parallel = 1 })
	running := later(t.Context(), chat, ask("first"))
	eventually(t, func() bool { return s.Busy() == 1 }, "runs")
	waiting := later(t.Context(), chat, ask("second"))
	eventually(t, func() bool { return chat.Stats().Waiting == 1 }, "waits")
	chat.Close()
	require.Equal(t, rag.CodeUnavailable, rag.CodeOf(soon(t, running).err))
	require.Equal(t, rag.CodeUnavailable, rag.CodeOf(soon(t, waiting).err))
}
