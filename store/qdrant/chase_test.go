package qdrant_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
	"groundwork/store/qdrant"
	"groundwork/store/qdrant/qdranttest"
)

// counting is a ledger that does something before the n-th reading of statistics.
type counting struct {
	*ledger
	n    int
	call func() error
}

func (c *counting) Frequencies(ctx context.Context, scope rag.Scope, terms []uint32) (int, []int, int, error) {
	c.mu.Lock()
	c.n--
	now := c.n == 0
	c.mu.Unlock()
	if now {
		if err := c.call(); err != nil {
			return 0, nil, 0, err
		}
	}
	return c.Ledger.Frequencies(ctx, scope, terms)
}

// TestVersionPublishedWhileItWasLeftOut: a search sees points of a version that is
// not searchable yet and leaves them out; until it asks again, that version is
// published and the older one gone. Twice in a row, so that two readings are equal.
func TestVersionPublishedWhileItWasLeftOut(t *testing.T) {
	t.Parallel()
	s, name := qdranttest.Start(t), alias()
	dropAfter(t, s, name)
	l := &counting{ledger: newLedger()}
	x := open(t, s, l, qdrant.Options{Alias: name})
	publish(t, x, version("doc", 1, 2)...)
	// stage has the points of a version live and stops before the ledger knows; the next look at
	// searchable versions lets it go on to the end.
	stage := func(n int) error {
		if err := x.Upsert(t.Context(), scope, version("doc", n, n+1)); err != nil {
			return err
		}
		staged, goOn, published := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		l.hook(&l.before, func() error {
			close(staged)
			<-goOn
			return nil
		})
		go func() { published <- x.Publish(t.Context(), scope, "doc", n) }()
		<-staged
		l.hook(&l.read, func() error {
			close(goOn)
			return <-published
		})
		return nil
	}
	require.NoError(t, stage(2))
	// The search reads before and after its query, the publication at its end: the fourth is the second reading's first.
	l.n, l.call = 4, func() error { return stage(3) }
	hits, err := x.Dense(t.Context(), scope, []float32{1, 0, 0, 0}, 10)
	require.NoError(t, err)
	require.Len(t, hits, 4, "the document was searchable all the time")
	require.Len(t, found(t, x), 4)
}
