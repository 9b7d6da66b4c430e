package runtime_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/llm/runtime"
	"groundwork/rag"
)

// server starts this binary as a model server that plays role.
func server(t *testing.T, role string, change ...func(*runtime.Options)) *runtime.Server {
	t.Helper()
	opt := runtime.Options{
		Name: "chat", Command: []string{os.Args[0]}, Env: []string{roleEnv + "=" + role},
		Log:          filepath.Join(t.TempDir(), "chat.log"),
		Settings:     map[string]any{"file": filepath.Join(t.TempDir(), "runs")},
		StartTimeout: 20 * time.Second, HealthEvery: 10 * time.Millisecond, HealthWait: 5 * time.Second,
		StopGrace: 5 * time.Second, BackoffMin: time.Millisecond, BackoffMax: 5 * time.Millisecond,
	}
	for _, c := range change {
		c(&opt)
	}
	s, err := runtime.Start(t.Context(), opt)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.Stop(context.Background()))
		require.Equal(t, runtime.Stopped, s.State().Status)
	})
	return s
}

// until waits for a state.
func until(t *testing.T, s *runtime.Server, ok func(runtime.State) bool) runtime.State {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		changed, state := s.Changed(), s.State()
		if ok(state) {
			return state
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("the state stays %+v", state)
		}
	}
}

func ask(t *testing.T, s *runtime.Server, path string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.BaseURL()[:len(s.BaseURL())-len("/v1")]+path, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+s.APIKey())
	reply, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		return nil // the child ended
	}
	t.Cleanup(func() { reply.Body.Close() })
	return reply
}

func TestServerServesWithLittleEnvironment(t *testing.T) {
	t.Parallel()
	s := server(t, "ok")
	require.NoError(t, s.WaitReady(t.Context()))
	reply := ask(t, s, "/environ")
	require.Equal(t, http.StatusOK, reply.StatusCode, "the child knows the key")
	var environ []string
	require.NoError(t, json.NewDecoder(reply.Body).Decode(&environ))
	require.Equal(t, []string{roleEnv + "=ok"}, environ)
	require.NotEmpty(t, s.State().PID)
	require.NoError(t, s.Stop(t.Context()))
	require.NoError(t, s.Stop(t.Context()), "again")
	require.ErrorContains(t, s.WaitReady(t.Context()), "was stopped")
}

func TestServerIsStartedAgainAtTheSameAddress(t *testing.T) {
	t.Parallel()
	s := server(t, "ok")
	require.NoError(t, s.WaitReady(t.Context()))
	address, key, first := s.BaseURL(), s.APIKey(), s.State().PID
	ask(t, s, "/exit")
	state := until(t, s, func(st runtime.State) bool { return st.Status == runtime.Ready && st.PID != first && st.PID != 0 })
	require.Equal(t, 1, state.Restarts)
	require.Contains(t, state.Error, "exit status 9")
	require.Equal(t, address, s.BaseURL())
	require.Equal(t, key, s.APIKey())
	require.Equal(t, http.StatusOK, ask(t, s, "/environ").StatusCode)
}

func TestServerThatCrashesFirstBecomesReady(t *testing.T) {
	t.Parallel()
	s := server(t, "crash-once")
	require.NoError(t, s.WaitReady(t.Context()))
	require.Equal(t, 1, s.State().Restarts)
}

func TestServerInCrashLoopSaysWhy(t *testing.T) {
	t.Parallel()
	s := server(t, "crash")
	err := s.WaitReady(t.Context())
	require.Equal(t, rag.CodeUnavailable, rag.CodeOf(err))
	require.ErrorContains(t, err, "does not start")
	require.ErrorContains(t, err, "cannot read the model: file is broken")
	require.ErrorContains(t, err, s.State().Log)
	before := s.State().Restarts
	until(t, s, func(st runtime.State) bool { return st.Restarts > before }) // it goes on trying
}

func TestServerThatNeverAnswersIsStartedAgain(t *testing.T) {
	t.Parallel()
	s := server(t, "hang", func(o *runtime.Options) { o.StartTimeout = 100 * time.Millisecond })
	state := until(t, s, func(st runtime.State) bool { return st.Restarts >= 2 })
	require.Contains(t, state.Error, "no answer within 100ms")
}

func TestServerThatFreezesIsStartedAgain(t *testing.T) {
	t.Parallel()
	s := server(t, "freeze", func(o *runtime.Options) { o.HealthWait = 50 * time.Millisecond })
	state := until(t, s, func(st runtime.State) bool { return st.Restarts == 1 && st.Status == runtime.Ready })
	require.Contains(t, state.Error, "health checks failed")
}

func TestStopKillsWhatIgnoresIt(t *testing.T) {
	t.Parallel()
	s := server(t, "stubborn", func(o *runtime.Options) { o.StopGrace = 50 * time.Millisecond })
	require.NoError(t, s.WaitReady(t.Context()))
	require.NoError(t, s.Stop(t.Context()))
	require.Nil(t, ask(t, s, "/health"), "nobody answers any more")

	impatient := server(t, "stubborn", func(o *runtime.Options) { o.StopGrace = time.Hour })
	require.NoError(t, impatient.WaitReady(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.NoError(t, impatient.Stop(ctx))
	require.Nil(t, ask(t, impatient, "/health"))
}

func TestWaitReadyEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := server(t, "hang")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.WaitReady(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, rag.CodeUnavailable, rag.CodeOf(err))
}

func TestServerThatCannotBeStarted(t *testing.T) {
	t.Parallel()
	s := server(t, "ok", func(o *runtime.Options) { o.Command = []string{filepath.Join(t.TempDir(), "nothing")} })
	require.ErrorContains(t, s.WaitReady(t.Context()), "no such file")
	_, err := runtime.Start(t.Context(), runtime.Options{})
	require.ErrorContains(t, err, "no command")
}

func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "logs", "chat.log")
	run := func() {
		s := server(t, "noisy", func(o *runtime.Options) { o.Log, o.LogLimit = log, 10_000 })
		require.NoError(t, s.WaitReady(t.Context()))
		require.NoError(t, s.Stop(t.Context()))
	}
	run()
	for _, name := range []string{log, log + ".old"} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.LessOrEqual(t, info.Size(), int64(10_000))
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	run() // and begins anew
}

func TestServerDiesWithItsParent(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"ok", "stubborn"} { // the stubborn one looks at neither stdin nor signals
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer l.Close()
			parent := exec.CommandContext(t.Context(), os.Args[0])
			parent.Env = append(os.Environ(), roleEnv+"=parent", "RUNTIME_TEST_CHILD="+role, "RUNTIME_TEST_DIAL="+l.Addr().String(), "RUNTIME_TEST_DIR="+t.TempDir())
			out, err := parent.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, parent.Start())
			child, err := l.Accept() // open as long as the child lives
			require.NoError(t, err)
			defer child.Close()
			line, err := bufio.NewReader(out).ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "ready\n", line)

			require.NoError(t, parent.Process.Kill())
			require.Error(t, parent.Wait())
			require.NoError(t, child.SetReadDeadline(time.Now().Add(20*time.Second)))
			_, err = child.Read(make([]byte, 1))
			require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the child outlives its parent")
			require.Error(t, err)
		})
	}
}

// parentOfServer starts a server and waits to be killed.
func parentOfServer() int {
	s, err := runtime.Start(context.Background(), runtime.Options{
		Name: "chat", Command: []string{os.Args[0]}, Env: []string{roleEnv + "=" + os.Getenv("RUNTIME_TEST_CHILD")},
		Settings: map[string]any{"dial": os.Getenv("RUNTIME_TEST_DIAL")},
		Log:      filepath.Join(os.Getenv("RUNTIME_TEST_DIR"), "chat.log"),
	})
	if err == nil {
		err = s.WaitReady(context.Background())
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("ready")
	select {}
}
