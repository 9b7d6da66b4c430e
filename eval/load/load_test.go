package load

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestArrivalsAreAPoissonProcessAndRepeat(t *testing.T) {
	t.Parallel()
	const rate, n = 50.0, 20_000
	times := func(seed uint64) []time.Duration {
		var out []time.Duration
		for at := range arrivals(rate, source(seed, 0)) {
			if out = append(out, at); len(out) == n {
				break
			}
		}
		return out
	}
	a := times(7)
	require.Equal(t, a, times(7))
	require.NotEqual(t, a, times(8))
	require.True(t, slices.IsSorted(a))
	require.InEpsilon(t, n/rate, a[n-1].Seconds(), 0.03, "mean rate")
	// The gaps of a Poisson process vary as much as their mean.
	mean, square := 1/rate, 0.0
	for i := 1; i < n; i++ {
		d := (a[i] - a[i-1]).Seconds() - mean
		square += d * d
	}
	require.InEpsilon(t, mean, math.Sqrt(square/n), 0.05)
}

// A server that serves one request at a time and stalls for a second: all who
// came meanwhile waited, and the result must say so.
func TestOpenLoopCountsTheWaitOfEverybodyWhoCameMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stalled := false
		turn := make(chan struct{}, 1)
		send := func(context.Context, Request) Reply {
			turn <- struct{}{}
			defer func() { <-turn }()
			if !stalled {
				stalled = true
				<-time.After(time.Second)
			}
			<-time.After(time.Millisecond)
			return Reply{Status: 200}
		}
		r, err := Run(t.Context(), Plan{Rate: 100, Duration: 10 * time.Second, Seed: 1}, send)
		require.NoError(t, err)
		require.InDelta(t, 1000, r.OK, 120)
		ask := r.Kinds[0]
		require.Less(t, ask.TotalMs.P50, 5.0)
		require.Greater(t, ask.TotalMs.P99, 500.0, "a tenth of the requests came during the stall")
		require.Greater(t, ask.TotalMs.P90, 10.0)
		require.InEpsilon(t, 1001, ask.TotalMs.Max, 0.01)
		require.Zero(t, r.Failed+r.Refused+r.Unfinished)
	})
}

func TestClosedLoopKeepsItsClientsBusyAndBacksOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		open := 0
		gate := make(chan struct{}, 1)
		send := func(_ context.Context, r Request) Reply {
			gate <- struct{}{}
			open++
			most := open
			<-gate
			require.LessOrEqual(t, most, 4)
			<-time.After(10 * time.Millisecond)
			gate <- struct{}{}
			open--
			<-gate
			if r.N%10 == 9 {
				return Reply{Status: 429, RetryAfter: 100 * time.Millisecond}
			}
			return Reply{Status: 200, First: time.Now()}
		}
		r, err := Run(t.Context(), Plan{Clients: 4, Duration: 10 * time.Second, Warmup: time.Second}, send)
		require.NoError(t, err)
		// 10 requests take 10*10 ms and one pause of 100 ms: 50 a second and client, a tenth of them refused.
		require.InEpsilon(t, 4*45*10, r.OK, 0.05)
		require.InEpsilon(t, 4*5*10, r.Refused, 0.05)
		require.InEpsilon(t, 4*45, r.Achieved, 0.05)
		require.Zero(t, r.Failed)
		require.Equal(t, 10.0, r.Seconds)
		require.InDelta(t, 10, r.Kinds[0].FirstMs.P50, 0.1)
		require.InDelta(t, 10, r.Kinds[0].RefusalMs.P99, 0.1)
	})
}

func TestInterruptedRunTellsWhatItSaw(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		hangs := errors.New("given up")
		var heard []Progress
		r, err := Run(ctx, Plan{Rate: 20, Duration: time.Minute, Progress: func(p Progress) { heard = append(heard, p) }},
			func(ctx context.Context, r Request) Reply {
				if r.N%2 == 0 {
					<-ctx.Done()
					return Reply{Err: hangs}
				}
				return Reply{Status: 200}
			})
		require.NoError(t, err)
		require.True(t, r.Interrupted)
		require.InDelta(t, 2.5, r.Seconds, 0.01)
		require.Zero(t, r.Failed, "what was cut off is no failure")
		require.InDelta(t, r.OK, r.Unfinished, 1)
		require.Len(t, r.Timeline, 3)
		require.Len(t, heard, 2)
		require.Equal(t, 59*time.Second, heard[0].Left)
		require.Positive(t, heard[1].OK)
		require.Positive(t, heard[1].Open)
	})
}

func TestRefusalsAndFailuresAreCountedApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		replies := []Reply{
			{Status: 200}, {Status: 200, Abstained: true}, {Status: 429}, {Status: 503}, {Status: 500, Err: errors.New("status 500")},
			{Err: errors.New("dial: refused")}, {Status: 200, Err: errCut},
		}
		r, err := Run(t.Context(), Plan{Clients: 1, Duration: 7 * time.Second, Mix: Mix{Search: 1}}, func(ctx context.Context, r Request) Reply {
			<-time.After(500 * time.Millisecond)
			if r.N >= len(replies) { // one that never ends is given up after the drain
				<-ctx.Done()
				return Reply{Err: ctx.Err()}
			}
			return replies[r.N]
		})
		require.NoError(t, err)
		require.Equal(t, 2, r.OK)
		require.Equal(t, 2, r.Refused)
		require.Equal(t, 3, r.Failed)
		require.Equal(t, 1, r.Unfinished)
		require.Equal(t, 1, r.Kinds[0].Abstained)
		require.Equal(t, map[string]int{"200": 3, "429": 1, "503": 1, "500": 1, "none": 1}, r.Statuses)
		require.Equal(t, map[string]int{"status 500": 1, "dial: refused": 1, errCut.Error(): 1}, r.Reasons)
		require.Equal(t, Search, r.Kinds[0].Kind)
	})
}

func TestMix(t *testing.T) {
	t.Parallel()
	m, err := ParseMix("ask=90, search=8,upload=2")
	require.NoError(t, err)
	got := map[Kind]int{}
	random := source(1, 1)
	for range 10_000 {
		got[m.pick(random)]++
	}
	require.InDelta(t, 9000, got[Ask], 150)
	require.InDelta(t, 800, got[Search], 150)
	require.InDelta(t, 200, got[Upload], 80)
	for _, bad := range []string{"", "ask", "ask=x", "fly=3", "ask=0", "ask=1,ask=2", "ask=-1", "ask=NaN"} {
		_, err := ParseMix(bad)
		require.Error(t, err, "%q", bad)
	}
}

func TestPlansThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for _, p := range []Plan{{Duration: 1}, {Rate: 1, Clients: 1, Duration: 1}, {Rate: 1}, {Rate: 1, Duration: 1, Warmup: -1}} {
		_, err := Run(t.Context(), p, nil)
		require.Error(t, err)
	}
}

// queue is a server that does capacity requests a second, one after the other.
func queue(capacity float64) Send {
	turn := make(chan struct{}, 1)
	return func(ctx context.Context, _ Request) Reply {
		turn <- struct{}{}
		defer func() { <-turn }()
		select {
		case <-time.After(time.Duration(float64(time.Second) / capacity)):
			return Reply{Status: 200}
		case <-ctx.Done():
			return Reply{Err: ctx.Err()}
		}
	}
}

func TestSweepFindsTheKnee(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rates []float64
		s := Sweep{Start: 10, Bound: 500 * time.Millisecond, Refine: 4}
		knee, steps, err := s.Run(t.Context(), Plan{Duration: 20 * time.Second, Seed: 3}, queue(100), func(_ int, rate float64) { rates = append(rates, rate) })
		require.NoError(t, err)
		require.Len(t, steps, len(rates))
		require.InDelta(t, 92, knee.Rate, 8, "a queue of this kind fills up near its capacity of 100 a second: %v", rates)
		require.Greater(t, knee.Limit, knee.Rate)
		require.Less(t, knee.Limit, knee.Rate*1.05)
		require.NotEmpty(t, knee.Why)
	})
}

func TestSweepOfAServerThatCarriesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		knee, steps, err := Sweep{Start: 10, Bound: time.Second}.Run(t.Context(), Plan{Duration: time.Second},
			func(context.Context, Request) Reply { return Reply{Status: 500} }, func(int, float64) {})
		require.NoError(t, err)
		require.Len(t, steps, 1)
		require.Zero(t, knee.Rate)
		require.Equal(t, 10.0, knee.Limit)
		require.Contains(t, knee.Why, "failed")
	})
}
