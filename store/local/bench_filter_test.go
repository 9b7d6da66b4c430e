package local_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
	"groundwork/store/local"
)

// BenchmarkFilter compares both legs of a question without a filter and with
// one, turn by turn on the same index, so that what else the machine does falls
// on both: all is a filter that every chunk fits, half and hundredth such a part
// of them, new one that was not asked for lately.
func BenchmarkFilter(b *testing.B) {
	c := newCorpus(b, 10_000)
	x := c.openIndex(b, local.Options{})
	defer func() { require.NoError(b, x.Close()) }()
	for n := 1; n <= c.size/20; n++ {
		facts := rag.Attributes{
			rag.FactPath: fmt.Sprintf("folder/file-%06d.md", n), rag.FactFilename: fmt.Sprintf("file-%06d.md", n), rag.FactMediaType: "text/markdown",
			rag.FactCreatedAt: float64(1_700_000_000 + n), "team": []string{"hr", "it"}[n%2], "n": float64(n % 100), "draft": n%3 == 0, "title": fmt.Sprint("Title ", n),
		}
		d := ingest.Description{DocumentID: fmt.Sprintf("file-%06d", n), Facts: facts, Allow: []string{"all"}}
		require.NoError(b, x.Describe(b.Context(), benchScope, d))
	}
	names := []string{"whole", "all", "half", "hundredth", "new"}
	scope := func(name string, n int) rag.Scope {
		s, f := benchScope, rag.Filter{}
		switch name {
		case "whole":
			return s
		case "all":
			f = rag.Filter{Op: rag.OpAnd, Filters: []rag.Filter{{Op: rag.OpGte, Key: "n", Values: []any{0.0}}, {Op: rag.OpNe, Key: "title", Values: []any{"none"}}}}
		case "half":
			f = rag.Filter{Op: rag.OpEq, Key: "team", Values: []any{"hr"}}
		case "hundredth":
			f = rag.Filter{Op: rag.OpEq, Key: "n", Values: []any{7.0}}
		case "new":
			f = rag.Filter{Op: rag.OpNe, Key: "n", Values: []any{float64(n) + 1000}}
		}
		s.Only = &rag.Only{Filter: &f, Groups: []string{"all"}}
		return s
	}
	took := map[string][]time.Duration{}
	search := func(name string, n int) {
		s := scope(name, n)
		start := time.Now()
		dense, err := x.Dense(b.Context(), s, c.nearby[n%len(c.nearby)], 50)
		require.NoError(b, err)
		text, err := x.Text(b.Context(), s, c.queries[n%len(c.queries)], 50)
		require.NoError(b, err)
		took[name] = append(took[name], time.Since(start))
		require.Len(b, dense, 50)
		require.NotEmpty(b, text)
	}
	for n := range benchWarm {
		for _, name := range names {
			search(name, n)
		}
	}
	clear(took)
	for n := benchWarm; b.Loop(); n++ {
		for i := range names { // each begins as often as the others: it meets the caches cold
			search(names[(n+i)%len(names)], n)
		}
	}
	for _, name := range names {
		slices.Sort(took[name])
	}
	for _, name := range names {
		p50 := took[name][len(took[name])/2]
		b.ReportMetric(ms(p50), name+"-p50-ms")
		if name != "whole" {
			b.ReportMetric(float64(p50)/float64(took["whole"][len(took["whole"])/2]), name+"-of-whole")
		}
	}
}
