package faulttest_test

import (
	"context"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/internal/apptest"
	"groundwork/internal/failpoint"
	"groundwork/llm/llmtest"
)

// never is the time of a test that looks only at the end.
func never() int { return 0 }

// newSeed says which chance a run had.
func newSeed(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return seed
}

// TestKilledAtRandom kills a server at random moments while documents come,
// change and go, and compares everything after each kill.
func TestKilledAtRandom(t *testing.T) {
	t.Parallel()
	s := settings{Dir: t.TempDir(), Model: llmtest.Start(t, llmtest.Options{}).BaseURL()}
	l, seed := newLedger(never), newSeed(t)
	chance := rand.New(rand.NewPCG(seed, 0))
	kills, asked := scale(10, 200), 0
	for kill := range kills {
		child := apptest.Start(t, s)
		timer := time.AfterFunc(time.Duration(20+chance.IntN(800))*time.Millisecond, func() { child.Signal(os.Kill) })
		require.Error(t, l.crowd(t.Context(), newClient(child.URL), seed+uint64(kill), 1<<20), "nothing ends it but the kill")
		<-child.Done()
		timer.Stop()
		asked += l.acknowledged()
		recovered(t, s, l, 0)
	}
	row(t, "killed at random", "%d kills, %d wishes acknowledged: none lost, none double, none half visible", kills, asked)
}

// TestKilledBetweenSteps kills a server at each named place, again and again on
// the same data, and compares everything after each kill.
func TestKilledBetweenSteps(t *testing.T) {
	t.Parallel()
	s := settings{Dir: t.TempDir(), Model: llmtest.Start(t, llmtest.Options{}).BaseURL()}
	l, seed := newLedger(never), newSeed(t)
	chance := rand.New(rand.NewPCG(seed, 0))
	names := failpoint.Names()
	chance.Shuffle(len(names), func(i, k int) { names[i], names[k] = names[k], names[i] })
	kills := scale(12, 240)
	for kill := range kills {
		s.Place, s.Nth = names[kill%len(names)], 1+chance.IntN(4)
		child := apptest.Start(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), settleLimit)
		err := l.crowd(ctx, newClient(child.URL), seed+uint64(kill), 1<<20) // ends with the child
		cancel()
		select {
		case <-child.Done():
		case <-time.After(time.Second):
			t.Fatalf("%q was not reached %d times: %v", s.Place, s.Nth, err)
		}
		recovered(t, s, l, 0)
	}
	row(t, "killed between two steps", "%d kills at %d places: none lost, none double, none half visible", kills, min(kills, len(names)))
}
