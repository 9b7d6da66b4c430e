package llm_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/llm"
	"groundwork/llm/llmtest"
	"groundwork/rag"
)

func about(prefix, text string) rag.Prompt {
	p := ask(text)
	p.Prefix = prefix
	return p
}

func TestSamePassagesGoToTheSameServer(t *testing.T) {
	t.Parallel()
	servers := llmtest.StartMany(t, 3, script(answer))
	chat := over(t, servers, nil)
	counts := func() [3]int {
		var n [3]int
		for i, s := range servers {
			n[i] = len(generations(s))
		}
		return n
	}
	used := [3]bool{}
	for passage := range 30 {
		before := counts()
		for q := range 4 {
			_, _, err := collect(t.Context(), chat, about(fmt.Sprint("chunk ", passage), fmt.Sprint("question ", q)))
			require.NoError(t, err)
		}
		homes := 0
		for i, n := range counts() {
			if n > before[i] {
				require.Equal(t, before[i]+4, n, "the questions over one passage went to several servers")
				used[i], homes = true, homes+1
			}
		}
		require.Equal(t, 1, homes)
	}
	require.Equal(t, [3]bool{true, true, true}, used, "one server got all passages")
}

// The turns of a conversation start alike, also when they are passed through.
func TestAConversationStaysOnItsServer(t *testing.T) {
	t.Parallel()
	servers := llmtest.StartMany(t, 2, script(answer))
	chat := over(t, servers, nil)
	_, _, embed := setup(t, llmtest.Options{}, nil)
	models := llm.NewModels(chat, embed)
	for talk := range 8 {
		before := len(generations(servers[0]))
		first := fmt.Sprintf(`{"role":"user","content":"talk %d"}`, talk)
		for _, rest := range []string{"", `,{"role":"assistant","content":"Yes."},{"role":"user","content":"And?"}`} {
			resp, err := models.Forward(t.Context(), "", "chat", "/v1/chat/completions", []byte(`{"messages":[`+first+rest+`]}`))
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
		}
		require.Zero(t, (len(generations(servers[0]))-before)%2)
	}
}

func TestALoadedServerSharesItsPassages(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	servers := llmtest.StartMany(t, 2, held(gate, 8))
	chat := over(t, servers, nil)
	var replies []<-chan reply
	for i := range 5 {
		replies = append(replies, later(t.Context(), chat, about("chunk", fmt.Sprint("question ", i))))
		eventually(t, func() bool { return servers[0].Busy()+servers[1].Busy() == i+1 }, "runs")
	}
	// A quarter of the slots is the slack: three at home, the fourth elsewhere, the fifth at home.
	require.Equal(t, 4, max(servers[0].Busy(), servers[1].Busy()))
	close(gate)
	for _, r := range replies {
		require.NoError(t, soon(t, r).err)
	}
}

func TestTheLeastLoadedServerIsNext(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	servers := llmtest.StartMany(t, 3, held(gate, 8))
	chat := over(t, servers, nil)
	var replies []<-chan reply
	for i := range 12 {
		p := about("", fmt.Sprint("question ", i))
		p.Messages[0].Content = fmt.Sprint(i) // conversations of their own
		replies = append(replies, later(t.Context(), chat, p))
		eventually(t, func() bool {
			return servers[0].Busy()+servers[1].Busy()+servers[2].Busy() == i+1
		}, "runs")
	}
	for _, s := range servers {
		require.InDelta(t, 4, s.Busy(), 2)
	}
	close(gate)
	for _, r := range replies {
		require.NoError(t, soon(t, r).err)
	}
}

func TestBreakerOpensAndCloses(t *testing.T) {
	t.Parallel()
	servers := llmtest.StartMany(t, 2, script(answer))
	chat := over(t, servers, nil)
	ill := servers[0]
	ill.Inject(llmtest.Fault{Kind: llmtest.Broken}, llmtest.Fault{Kind: llmtest.Broken, Path: "/health"})
	ask := func() {
		t.Helper()
		text, _, err := collect(t.Context(), chat, about(fmt.Sprint(time.Now().UnixNano()), "What?"))
		require.NoError(t, err)
		require.Equal(t, answer, text)
	}
	eventually(t, func() bool { ask(); return !chat.Stats().Servers[0].Up }, "the breaker opens")
	require.EqualValues(t, 5, chat.Stats().Servers[0].Failures)
	require.Equal(t, "closed", chat.Stats().Servers[1].Breaker)
	before := len(generations(ill))
	for range 20 {
		ask()
	}
	require.Len(t, generations(ill), before, "a server that is out got a request")
	probes := len(ill.Requests("/health"))
	eventually(t, func() bool { return len(ill.Requests("/health")) > probes+1 }, "it is looked at again and again")
	ill.Heal()
	eventually(t, func() bool { return chat.Stats().Servers[0].Up }, "a probe closes the breaker")
	eventually(t, func() bool { ask(); return len(generations(ill)) > before }, "it gets requests again")
}

func TestAServerThatHangsIsLeftAside(t *testing.T) {
	t.Parallel()
	servers := llmtest.StartMany(t, 2, script(answer))
	chat := over(t, servers, func(o *llm.ChatOptions) { o.Timeouts.FirstToken = time.Second })
	servers[0].Inject(llmtest.Fault{Kind: llmtest.HangBefore}, llmtest.Fault{Kind: llmtest.HangBefore, Path: "/health"})
	for chat.Stats().Servers[0].Up {
		var replies []<-chan reply
		for i := range 12 {
			replies = append(replies, later(t.Context(), chat, about(fmt.Sprint(i), "What?")))
		}
		for _, r := range replies {
			if err := soon(t, r).err; err != nil {
				require.Equal(t, rag.CodeTimeout, rag.CodeOf(err), "%v", err)
			}
		}
	}
	require.GreaterOrEqual(t, chat.Stats().Servers[0].Failures, uint64(5))
	before := len(generations(servers[0]))
	answered := 0
	eventually(t, func() bool { // on a busy machine the other one may take its second too
		if _, _, err := collect(t.Context(), chat, about(fmt.Sprint(answered), "What?")); err == nil {
			answered++
		}
		return answered == 10
	}, "the other server answers")
	require.Len(t, generations(servers[0]), before, "a server that hangs got a request")
}

func TestAllServersOut(t *testing.T) {
	t.Parallel()
	servers := llmtest.StartMany(t, 2, script(answer))
	addr := servers[0].URL[len("http://"):]
	chat := over(t, servers, nil)
	for _, s := range servers {
		s.Close()
	}
	eventually(t, func() bool {
		_, _, err := collect(t.Context(), chat, ask("What?"))
		require.Equal(t, rag.CodeUnavailable, rag.CodeOf(err), "%v", err)
		stats := chat.Stats()
		return !stats.Servers[0].Up && !stats.Servers[1].Up
	}, "both breakers open")
	start := time.Now()
	_, _, err := collect(t.Context(), chat, ask("What?"))
	require.Equal(t, rag.CodeUnavailable, rag.CodeOf(err))
	require.ErrorContains(t, err, "cannot be reached", "the operator sees why")
	require.Less(t, time.Since(start), 10*time.Second)
	require.False(t, chat.Health(t.Context()).OK)

	options := script(answer)
	options.Addr = addr
	llmtest.Start(t, options)
	eventually(t, func() bool { return chat.Stats().Servers[0].Up }, "it is back by itself")
	text, _, err := collect(t.Context(), chat, ask("What?"))
	require.NoError(t, err)
	require.Equal(t, answer, text)
}

func TestBusyServers(t *testing.T) {
	t.Parallel()
	servers := llmtest.StartMany(t, 2, script(answer))
	chat := over(t, servers, nil)
	servers[0].Inject(llmtest.Fault{Kind: llmtest.Busy, Delay: 7 * time.Second})
	for i := range 6 {
		_, _, err := collect(t.Context(), chat, about(fmt.Sprint(i), "What?"))
		require.NoError(t, err)
	}
	require.LessOrEqual(t, len(generations(servers[0])), 1, "Retry-After was not respected")
	servers[1].Inject(llmtest.Fault{Kind: llmtest.Busy, Delay: 7 * time.Second})
	_, _, err := collect(t.Context(), chat, ask("What?"))
	var e *rag.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, rag.CodeBusy, e.Code)
	require.Equal(t, 7*time.Second, e.RetryAfter)
	require.True(t, chat.Stats().Servers[0].Up, "busy is not ill")
}

// What the server finds wrong is wrong everywhere.
func TestABadRequestIsSentOnce(t *testing.T) {
	t.Parallel()
	servers := llmtest.StartMany(t, 2, script(answer))
	chat := over(t, servers, nil)
	for kind, code := range map[llmtest.Kind]rag.Code{llmtest.BadRequest: rag.CodeInvalid, llmtest.TooLong: rag.CodeTooLong} {
		before := len(generations(servers[0])) + len(generations(servers[1]))
		for _, s := range servers {
			s.Inject(llmtest.Fault{Kind: kind})
		}
		for range 6 {
			_, _, err := collect(t.Context(), chat, ask("What?"))
			require.Equal(t, code, rag.CodeOf(err))
		}
		require.Equal(t, before+6, len(generations(servers[0]))+len(generations(servers[1])))
		require.True(t, chat.Stats().Servers[0].Up)
		servers[0].Heal()
		servers[1].Heal()
	}
}

func TestWhoLeavesStopsTheServerThatRunsIt(t *testing.T) {
	t.Parallel()
	servers := llmtest.StartMany(t, 2, llmtest.Options{Reply: func(llmtest.Request) llmtest.Reply {
		return llmtest.Reply{Text: "on and on ", Endless: true, Pace: time.Millisecond}
	}})
	chat := over(t, servers, nil)
	for i := range 6 {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := chat.Generate(ctx, about(fmt.Sprint(i), "Go on."), func(string) error { cancel(); return nil })
		require.ErrorIs(t, err, context.Canceled)
	}
	for range 6 {
		select {
		case <-servers[0].Cancelled():
		case <-servers[1].Cancelled():
		case <-time.After(20 * time.Second):
			t.Fatal("a generation was not stopped")
		}
	}
	eventually(t, func() bool { return servers[0].Busy()+servers[1].Busy() == 0 }, "nothing runs")
	require.Zero(t, chat.Stats().Servers[0].Outstanding+chat.Stats().Servers[1].Outstanding)
	require.Zero(t, chat.Stats().Servers[0].Failures, "a caller that leaves is not the server's fault")
}
