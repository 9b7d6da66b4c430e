// Package loadtest_test measures a whole server with scripted models: `make load`.
package loadtest_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/eval/load"
	"groundwork/internal/apptest"
	"groundwork/llm/llmtest"
)

// The environment of BenchmarkAnswersPerSecond, all of it optional.
const (
	loadDirEnv     = "GROUNDWORK_LOAD_DIR"     // keeps the filled store between runs
	loadSecondsEnv = "GROUNDWORK_LOAD_SECONDS" // of each measurement; default 10
	loadProfileEnv = "GROUNDWORK_LOAD_PROFILE" // CPU profile of the server in the first measurement
)

// clients at once in the closed loop.
const loadClients = 32

// BenchmarkAnswersPerSecond measures what a server adds to its models: a server
// process over 10,000 chunks answers streamed questions, all of them different,
// with a scripted model server, while this process generates the load. First 32
// clients; then ten times what they got, in an open loop and as ten times the
// clients; then the open loop again with a model that takes its time, so that
// the slots for answers and not the processor are what is scarce.
func BenchmarkAnswersPerSecond(b *testing.B) {
	l := startLoad(b)
	defer func() { require.NoError(b, l.server.Stop()) }()
	calm := l.measure("32 clients", load.Plan{Clients: loadClients})
	require.Zero(b, calm.Failed+calm.Refused, "%v %v", calm.Reasons, calm.Statuses)
	b.ReportMetric(calm.Achieved, "answers/s")
	b.ReportMetric(calm.Kinds[0].TotalMs.P99, "ms_p99")
	if os.Getenv(loadProfileEnv) != "" {
		return
	}
	crowd := l.measure("320 clients that honour Retry-After", load.Plan{Clients: 10 * loadClients})
	flood := l.measure("open loop, ten times that rate", load.Plan{Rate: 10 * calm.Achieved, Seed: 1})
	l.pace.Store(int64(100 * time.Millisecond)) // before each of nine pieces
	slow := l.measure("slow model, 64 clients", load.Plan{Clients: 64})
	slowFlood := l.measure("slow model, open loop, ten times that rate", load.Plan{Rate: 10 * slow.Achieved, Seed: 2})
	for name, r := range map[string][2]load.Result{"crowd": {crowd, calm}, "flood": {flood, calm}, "slow_flood": {slowFlood, slow}} {
		require.Zero(b, r[0].Failed, "%s: %v", name, r[0].Reasons)
		require.Positive(b, r[0].Refused, name)
		b.ReportMetric(r[0].Achieved/r[1].Achieved, name+"_share")
	}
	b.ReportMetric(slowFlood.Kinds[0].RefusalMs.P99, "ms_refusal_p99")
}

// loaded is a server process with a filled store and its scripted models.
type loaded struct {
	b      *testing.B
	model  *llmtest.Server
	pace   *atomic.Int64
	server *apptest.Process
	send   load.Send
}

func startLoad(b *testing.B) *loaded {
	b.Helper()
	l := &loaded{b: b, pace: &atomic.Int64{}}
	l.model = llmtest.Start(b, llmtest.Options{KeepNothing: true, Reply: func(llmtest.Request) llmtest.Reply {
		return llmtest.Reply{Text: "Employees of unit 7 get 7 days of annual leave.", Pace: time.Duration(l.pace.Load())}
	}})
	dir := cmp.Or(os.Getenv(loadDirEnv), b.TempDir())
	_, err := os.Stat(filepath.Join(dir, "filled"))
	filled := err == nil
	l.server = apptest.Start(b, settings{Dir: dir, Model: l.model.BaseURL(), Profile: os.Getenv(loadProfileEnv)})
	if !filled {
		fill(b, l.server.URL, 10_000)
		require.NoError(b, os.WriteFile(filepath.Join(dir, "filled"), nil, 0o600))
	}
	require.InDelta(b, 10_000, chunks(b, l.server.URL), 500)
	send, closeIdle, err := load.HTTP(load.Target{Base: l.server.URL, Model: "test-chat@h", Store: "h", Questions: loadQuestions(20_000), Connections: 10 * loadClients})
	require.NoError(b, err)
	b.Cleanup(closeIdle)
	l.send = send
	return l
}

// loadQuestions are all different, so that no cache of whole questions helps.
func loadQuestions(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("How many days of %s leave do employees of unit %d in %s get, and is it %s %s?",
			word(1000+i%40), i%10_000, word(i), word(int(rand.ExpFloat64()*400)), word(int(rand.ExpFloat64()*400)))
	}
	return out
}

// measure runs a plan and prints what came of it, with the processor time of
// an answer: that is what tells, on a machine with other work, what a quiet one could do.
func (l *loaded) measure(name string, p load.Plan) load.Result {
	l.b.Helper()
	seconds, err := strconv.Atoi(cmp.Or(os.Getenv(loadSecondsEnv), "10"))
	require.NoError(l.b, err)
	p.Warmup, p.Duration = 2*time.Second, time.Duration(seconds)*time.Second
	served, here := l.cpu(l.server.Cmd.Process.Pid), l.cpu(os.Getpid())
	r, err := load.Run(l.b.Context(), p, l.send)
	require.NoError(l.b, err)
	served, here = l.cpu(l.server.Cmd.Process.Pid)-served, l.cpu(os.Getpid())-here
	require.NotEmpty(l.b, r.Kinds, "not one answer came in time: the machine is too busy, measure for longer (%s)", loadSecondsEnv)
	k := r.Kinds[0]
	all := float64(r.OK) * (p.Warmup + p.Duration).Seconds() / p.Duration.Seconds() // with the warm-up, about
	l.b.Logf("%s: %.0f answers/s, %d refused, %d failed; answer p50 %.1f p99 %.1f ms, first token p50 %.1f p99 %.1f ms, refusal p50 %.1f p99 %.1f ms, lag p99 %.1f ms; processor %.2f ms an answer in the server, %.2f ms in models and generator",
		name, r.Achieved, r.Refused, r.Failed, k.TotalMs.P50, k.TotalMs.P99, k.FirstMs.P50, k.FirstMs.P99, k.RefusalMs.P50, k.RefusalMs.P99, r.LagMs.P99,
		served.Seconds()*1000/all, here.Seconds()*1000/all)
	return r
}

// cpu is the processor time that a process has used.
func (l *loaded) cpu(pid int) time.Duration {
	l.b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0 // not Linux: the figure is left out
	}
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	user, err := strconv.Atoi(fields[11])
	require.NoError(l.b, err)
	system, err := strconv.Atoi(fields[12])
	require.NoError(l.b, err)
	const tick = 10 * time.Millisecond // USER_HZ is 100 on Linux
	return time.Duration(user+system) * tick
}
