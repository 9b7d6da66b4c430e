package llm

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever happens to a line, it holds exactly those that wait, serves the
// urgent first and each caller's in the order they came.
func TestLine(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	callers := []string{"", "a", "b", "c"}
	var l line
	var waiting []*ticket // in the order they came
	one := &server{}
	for range 20_000 {
		switch r.IntN(4) {
		case 0, 1:
			tk := &ticket{caller: callers[r.IntN(4)], urgent: r.IntN(8) == 0, ready: make(chan grant, 1)}
			l.push(tk)
			waiting = append(waiting, tk)
		case 2:
			got, s := l.next(func(*ticket) *server { return one })
			if len(waiting) == 0 {
				require.Nil(t, got)
				continue
			}
			require.Same(t, one, s)
			urgent := slices.ContainsFunc(waiting, func(o *ticket) bool { return o.urgent })
			require.Equal(t, urgent, got.urgent, "the urgent pass")
			first := slices.IndexFunc(waiting, func(o *ticket) bool { return o.caller == got.caller && o.urgent == got.urgent })
			require.Same(t, waiting[first], got, "a caller's requests keep their order")
			waiting = slices.Delete(waiting, first, first+1)
		case 3:
			if len(waiting) > 0 {
				at := r.IntN(len(waiting))
				require.True(t, l.remove(waiting[at]))
				require.False(t, l.remove(waiting[at]))
				waiting = slices.Delete(waiting, at, at+1)
			}
		}
		require.Equal(t, len(waiting), l.n)
		for _, q := range []*turns{&l.urgent, &l.usual} {
			require.Len(t, q.order, len(q.waiting))
			for _, caller := range q.order {
				require.NotEmpty(t, q.waiting[caller])
			}
		}
	}
}

func TestWhoHasWaitedBeforeIsNext(t *testing.T) {
	t.Parallel()
	var l line
	one := &server{}
	for _, tk := range []*ticket{{caller: "a"}, {caller: "b"}, {caller: "b"}, {caller: "b", again: true}} {
		l.push(tk)
	}
	l.push(&ticket{caller: "c", again: true})
	var order []string
	for {
		tk, _ := l.next(func(*ticket) *server { return one })
		if tk == nil {
			break
		}
		name := tk.caller
		if tk.again {
			name += " again"
		}
		order = append(order, name)
	}
	require.Equal(t, []string{"c again", "a", "b again", "b", "b"}, order)
}

// A ticket that no free server suits does not hold up the others.
func TestOneThatCannotBeServedIsPassed(t *testing.T) {
	t.Parallel()
	var l line
	one, two := &server{}, &server{}
	l.push(&ticket{caller: "a", tried: map[*server]int{one: 0}})
	l.push(&ticket{caller: "a"})
	pick := func(free *server) func(*ticket) *server {
		return func(tk *ticket) *server {
			if _, tried := tk.tried[free]; tried {
				return nil
			}
			return free
		}
	}
	got, _ := l.next(pick(one))
	require.Empty(t, got.tried)
	got, _ = l.next(pick(one))
	require.Nil(t, got)
	got, _ = l.next(pick(two))
	require.Len(t, got.tried, 1)
}

func TestWhoYields(t *testing.T) {
	t.Parallel()
	var l line
	tickets := []*ticket{{caller: "a"}, {caller: "a"}, {caller: "a"}, {caller: "b"}}
	for _, tk := range tickets {
		l.push(tk)
	}
	require.Nil(t, l.yield(&ticket{caller: "a"}), "not for more of the same")
	require.Same(t, tickets[2], l.yield(&ticket{caller: "c"}))
	require.Nil(t, l.yield(&ticket{caller: "b"}), "two against one is no unfairness")
	require.Same(t, tickets[1], l.yield(&ticket{caller: "c"}))
	require.Nil(t, l.yield(&ticket{caller: "c"}))
	require.NotNil(t, l.yield(&ticket{caller: "c", urgent: true}))
	require.Equal(t, 1, l.n)
}

// Every server that leaves moves only its own prefixes.
func TestAffinityMovesLittle(t *testing.T) {
	t.Parallel()
	home := func(prefix uint64, servers []*server) *server {
		return slices.MaxFunc(servers, func(a, b *server) int {
			if a.affinity(prefix) < b.affinity(prefix) {
				return -1
			}
			return 1
		})
	}
	var servers []*server
	for _, base := range []string{"http://10.0.0.1:8000/v1", "http://10.0.0.2:8000/v1", "http://10.0.0.3:8000/v1", "http://10.0.0.4:8000/v1"} {
		servers = append(servers, &server{seed: hash(base)})
	}
	counts := map[*server]int{}
	for i := range 4000 {
		prefix := hash(string(rune('a' + i)))
		before := home(prefix, servers)
		counts[before]++
		if after := home(prefix, servers[:3]); before != servers[3] {
			require.Same(t, before, after)
		}
	}
	for _, s := range servers {
		require.InDelta(t, 1000, counts[s], 150)
	}
}
