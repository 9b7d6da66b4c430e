package load

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/eval/plot"
)

func sweepReport(t *testing.T) Report {
	var r Report
	synctest.Test(t, func(t *testing.T) {
		s := Sweep{Start: 20, Bound: 300 * time.Millisecond}
		p := Plan{Duration: 5 * time.Second, Mix: Mix{Ask: 8, Search: 2}, Seed: 1}
		serve := queue(100)
		knee, steps, err := s.Run(t.Context(), p, func(ctx context.Context, q Request) Reply {
			reply := serve(ctx, q)
			reply.First = time.Now()
			return reply
		}, func(int, float64) {})
		require.NoError(t, err)
		r = Report{Title: "Load <of> a & b", Target: "m@h", At: time.Unix(0, 0), Mix: p.Mix, Keys: 1, Knee: &knee, Runs: steps}
	})
	return r
}

func TestReportIsOneFileThatNeedsNothingElse(t *testing.T) {
	t.Parallel()
	r := sweepReport(t)
	var out strings.Builder
	require.NoError(t, r.WriteHTML(&out))
	html := out.String()
	for _, want := range []string{"Knee: ", "Load &lt;of&gt; a &amp; b", "Latency by percentile", "Requests in each second", "Achieved by offered rate",
		"99th percentile by offered rate", "ask: first token", "search", "stroke-dasharray", "@media print", "<title>"} {
		require.Contains(t, html, want)
	}
	require.NotRegexp(t, `(?i)<script|src=|@import|https?://|url\(`, html)
	require.NotContains(t, html, "NaN")
	require.NotContains(t, html, "Inf")
	for _, svg := range regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(html, -1) {
		dec := xml.NewDecoder(strings.NewReader(svg))
		for {
			_, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err, svg)
		}
	}
}

func TestReportOfARunThatGotNothing(t *testing.T) {
	t.Parallel()
	r, err := Run(t.Context(), Plan{Rate: 1, Duration: time.Millisecond}, nil)
	require.NoError(t, err)
	var out strings.Builder
	require.NoError(t, Report{Title: "empty", Runs: []Result{r}}.WriteHTML(&out))
	require.NotContains(t, out.String(), "NaN")
	require.NotContains(t, out.String(), "Inf")
}

// Every point of a plot lies within its axes, and the larger value is never drawn lower.
func TestPlotsKeepToTheirAxes(t *testing.T) {
	t.Parallel()
	r := sweepReport(t)
	for _, p := range []plot.Plot{latencies(r.shown()), throughput(r.shown()), achieved(r), bounds(r)} {
		require.NotEmpty(t, p.Lines, p.Title)
		require.Greater(t, len(p.X), 1, p.Title)
		require.Greater(t, len(p.Y), 1, p.Title)
		for i := 1; i < len(p.Y); i++ {
			require.Less(t, p.Y[i].At, p.Y[i-1].At, p.Title)
		}
		for i := 1; i < len(p.X); i++ {
			require.Greater(t, p.X[i].At, p.X[i-1].At, p.Title)
		}
		require.LessOrEqual(t, p.X[len(p.X)-1].At, p.Right+0.1)
	}
	p := latencies(r.shown())
	require.Equal(t, "0", p.X[0].Label)
	require.InDelta(t, p.Left, p.X[0].At, 0.01)
}

func TestLinesForATerminal(t *testing.T) {
	t.Parallel()
	r := Result{Mode: "open", Rate: 12.5, Seconds: 30, Achieved: 12.25, OK: 367, Refused: 5, Failed: 2, Unfinished: 1,
		Reasons: map[string]int{"status 500": 2}, LagMs: Latency{P99: 20},
		Kinds: []KindResult{{Kind: Ask, OK: 367, Abstained: 3, TotalMs: Latency{Count: 367, P50: 812, P99: 2000}, RefusalMs: Latency{Count: 5, P50: 0.8}}}}
	text := strings.Join(r.Lines(), "\n")
	for _, want := range []string{"12.5/s offered for 30.0 s: 12.2/s complete (367), 5 refused, 2 failed", "ask: refusal", "0.80", "3 of 367 answers were abstentions",
		"failed: 2 × status 500", "1 requests were given up", "this program itself was late by 20.0 ms"} {
		require.Contains(t, text, want)
	}
}
