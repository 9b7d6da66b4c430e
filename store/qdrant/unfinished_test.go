package qdrant_test

import (
	"testing"

	qc "github.com/qdrant/go-client/qdrant"
	"github.com/stretchr/testify/require"

	"groundwork/rag"
	"groundwork/store/qdrant"
	"groundwork/store/qdrant/qdranttest"
)

// TestAnIndexThatIsBeingMade: after a wipe one process makes the collection and
// then its payload indexes; what others ask in between is to come again.
func TestAnIndexThatIsBeingMade(t *testing.T) {
	t.Parallel()
	s := qdranttest.StartOwn(t)
	x := open(t, s, newLedger(), qdrant.Options{})
	publish(t, x, version("doc", 1, 3)...)
	client, err := qc.NewClient(clientOf(t, s))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	names, err := client.ListCollections(t.Context())
	require.NoError(t, err)
	require.Len(t, names, 1)
	s.Wipe()
	s.Restart()
	require.Eventually(t, func() bool {
		return client.CreateCollection(t.Context(), &qc.CreateCollection{
			CollectionName: names[0],
			VectorsConfig: qc.NewVectorsConfigMap(map[string]*qc.VectorParams{
				"dense": {Size: 4, Distance: qc.Distance_Dot},
			}),
			SparseVectorsConfig: qc.NewSparseVectorsConfig(map[string]*qc.SparseVectorParams{"text": {}}),
			StrictModeConfig: &qc.StrictModeConfig{
				Enabled: qc.PtrOf(true), UnindexedFilteringRetrieve: qc.PtrOf(false), UnindexedFilteringUpdate: qc.PtrOf(false),
			},
		}) == nil
	}, recovery, often)
	for name, f := range map[string]func() error{
		"dense":  func() error { _, err := x.Dense(t.Context(), scope, []float32{1, 0, 0, 0}, 5); return err },
		"upsert": func() error { return x.Upsert(t.Context(), scope, version("doc", 2, 2)) },
	} {
		var later *rag.Error
		require.ErrorAs(t, f(), &later, name)
		require.Equal(t, rag.CodeUnavailable, later.Code, name)
		require.Positive(t, later.RetryAfter, name)
		require.Contains(t, later.Message, "is being made", name)
	}
	again := open(t, s, newLedger(), qdrant.Options{})
	publish(t, again, version("doc", 1, 3)...)
	require.Len(t, found(t, again), 3)
}
