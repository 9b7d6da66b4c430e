package rag_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
	"groundwork/rag/analyze"
)

// moving is a shelf on which a document is replaced while it is searched: each
// call sees the versions that its turn says.
type moving struct {
	shelf
	dense, text, read []int // versions that the first, second … call sees; the last one stays
}

func turn(versions *[]int) int {
	v := (*versions)[0]
	if len(*versions) > 1 {
		*versions = (*versions)[1:]
	}
	return v
}

// at are the passages of a version; 0: all.
func (m *moving) at(version int) *shelf {
	s := &shelf{}
	for _, p := range m.passages {
		if version == 0 || p.Version == version {
			s.passages = append(s.passages, p)
		}
	}
	return s
}

func (m *moving) Dense(ctx context.Context, scope rag.Scope, q []float32, k int) ([]rag.Hit, error) {
	return m.at(turn(&m.dense)).Dense(ctx, scope, q, k)
}

func (m *moving) Text(ctx context.Context, scope rag.Scope, terms []string, k int) ([]rag.Hit, error) {
	return m.at(turn(&m.text)).Text(ctx, scope, terms, k)
}

func (m *moving) Passages(ctx context.Context, scope rag.Scope, ids []string) ([]rag.Passage, error) {
	return m.at(turn(&m.read)).Passages(ctx, scope, ids)
}

func TestASearchSeesOneVersionOfADocument(t *testing.T) {
	t.Parallel()
	var versions []rag.Passage
	for version, name := range []string{"", "old", "new"} {
		for seq, text := range []string{"leave is granted for a year", "leave that is not taken is lost in spring"} {
			if version > 0 {
				p := passage(name, seq, name+" "+text)
				p.DocumentID, p.Version = "file-leave", version
				versions = append(versions, p)
			}
		}
	}
	for name, c := range map[string]struct {
		dense, text, read []int
		want              int
	}{
		"nothing happens":                     {[]int{1}, []int{1}, []int{1}, 1},
		"it is replaced between the legs":     {[]int{1, 2}, []int{2}, []int{0}, 2},
		"and its old passages are gone":       {[]int{1, 2}, []int{2}, []int{2}, 2},
		"it is replaced after both":           {[]int{1, 2}, []int{1, 2}, []int{2}, 2},
		"twice in a row":                      {[]int{1, 1, 2}, []int{2, 2, 2}, []int{2}, 2},
		"the index never comes to rest":       {[]int{1}, []int{2}, []int{0}, 2},
		"the index names what is never there": {[]int{0}, []int{0}, []int{2}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &moving{shelf: shelf{passages: versions}, dense: c.dense, text: c.text, read: c.read}
			p := &rag.Pipeline{Embedder: m, Searcher: m, Passages: m, Vocabulary: m, Analyze: analyze.Terms, Options: rag.Options{Candidates: 10, DenseWeight: 0.5, K: 10}}
			found, err := p.Search(t.Context(), rag.Scope{}, "leave taken in spring", 10)
			require.NoError(t, err)
			require.Len(t, found, 2)
			for _, r := range found {
				require.Equal(t, c.want, r.Passage.Version)
			}
		})
	}
}
