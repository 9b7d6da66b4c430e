package llm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPick(t *testing.T) {
	t.Parallel()
	p, err := newPool(kindChat, []string{"http://a/v1", "http://b/v1", "http://c/v1"}, "", time.Minute, PoolOptions{Parallel: 4})
	require.NoError(t, err)
	defer p.close()
	p.check = nil // nothing is looked at here
	a, b, c := p.servers[0], p.servers[1], p.servers[2]
	plain := &ticket{}

	for turn := range 6 { // wherever the round of ties stands
		p.turn = turn
		a.outstanding, b.outstanding, c.outstanding = 3, 1, 2
		require.Same(t, b, p.pick(plain), "the least loaded")
		a.outstanding, b.outstanding, c.outstanding = 3, 4, 4
		require.Same(t, a, p.pick(plain), "the one with a free slot")
		a.outstanding = 4
		require.Nil(t, p.pick(plain), "all full")

		a.slots, a.outstanding, b.outstanding, c.outstanding = 16, 7, 3, 3
		require.Same(t, a, p.pick(plain), "load is the share of the slots")
		a.slots = 4

		a.outstanding, b.outstanding, c.outstanding = 0, 1, 2
		a.busyUntil = time.Now().Add(time.Hour)
		require.Same(t, b, p.pick(plain), "one that said 429 comes last")
		b.outstanding, c.outstanding = 4, 4
		require.Same(t, a, p.pick(plain), "and is better than none")
		a.busyUntil = time.Time{}
		require.Nil(t, p.pick(&ticket{tried: map[*server]int{a: a.life}}), "not where it failed")
		require.Same(t, a, p.pick(&ticket{tried: map[*server]int{a: a.life - 1}}), "but where it failed before a restart")
	}
}
