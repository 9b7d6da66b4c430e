package app_test

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"testing"

	qc "github.com/qdrant/go-client/qdrant"
	"github.com/stretchr/testify/require"

	"groundwork/configs"
	"groundwork/internal/pgtest"
	"groundwork/llm/llmtest"
	"groundwork/store/qdrant/qdranttest"
)

// bench is what a test plants faults with in PostgreSQL and Qdrant.
type bench struct {
	db     *sql.DB
	qdrant *qc.Client
	alias  string
}

func newBench(t *testing.T, cfg configs.Config) bench {
	t.Helper()
	db, err := sql.Open("pgx", cfg.Store.SQL.Reveal())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	u, err := url.Parse(cfg.Store.Qdrant.URL)
	require.NoError(t, err)
	host, port, err := net.SplitHostPort(u.Host)
	require.NoError(t, err)
	n, err := strconv.Atoi(port)
	require.NoError(t, err)
	client, err := qc.NewClient(&qc.Config{Host: host, Port: n, SkipCompatibilityCheck: true, PoolSize: 1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	alias := cfg.Store.Qdrant.Alias
	if alias == "" {
		alias = "groundwork"
	}
	return bench{db, client, alias}
}

func (b bench) exec(query string, args ...func(v victim) any) func(*testing.T, victim) {
	return func(t *testing.T, v victim) {
		t.Helper()
		values := []any{v.document}
		for _, arg := range args {
			values[0] = arg(v)
		}
		result, err := b.db.ExecContext(t.Context(), query, values...)
		require.NoError(t, err)
		n, err := result.RowsAffected()
		require.NoError(t, err)
		require.Positive(t, n)
	}
}

// chunk is the id of a victim's first chunk.
func (b bench) chunk(t *testing.T, v victim) *qc.PointId {
	t.Helper()
	var id string
	require.NoError(t, b.db.QueryRowContext(t.Context(), "SELECT id FROM chunks WHERE document_id = $1 ORDER BY seq LIMIT 1", v.document).Scan(&id))
	return qc.NewIDUUID(id)
}

// change runs a change of Qdrant's points to its end.
func (b bench) change(do func(ctx context.Context, point *qc.PointId, v victim) (*qc.UpdateResult, error)) func(*testing.T, victim) {
	return func(t *testing.T, v victim) {
		t.Helper()
		_, err := do(t.Context(), b.chunk(t, v), v)
		require.NoError(t, err)
	}
}

// vectors replaces some vectors of a point; the rest stays as it is.
func (b bench) vectors(vectors map[string]*qc.Vector) func(*testing.T, victim) {
	return b.change(func(ctx context.Context, point *qc.PointId, v victim) (*qc.UpdateResult, error) {
		all, err := b.qdrant.Scroll(ctx, &qc.ScrollPoints{CollectionName: b.alias, Limit: qc.PtrOf(uint32(100)),
			Filter:      &qc.Filter{Must: []*qc.Condition{qc.NewMatchKeyword("document", v.document)}},
			WithPayload: qc.NewWithPayload(true), WithVectors: qc.NewWithVectors(true)})
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(all, func(p *qc.RetrievedPoint) bool { return p.GetId().GetUuid() == point.GetUuid() })
		if i < 0 {
			return nil, errors.New("there is no such point")
		}
		was := all[i].GetVectors().GetVectors().GetVectors()
		mixed := map[string]*qc.Vector{
			"dense": qc.NewVectorDense(was["dense"].GetDenseVector().GetData()),
			"text":  qc.NewVectorSparse(was["text"].GetSparseVector().GetIndices(), was["text"].GetSparseVector().GetValues()),
		}
		maps.Copy(mixed, vectors)
		return b.qdrant.Upsert(ctx, &qc.UpsertPoints{CollectionName: b.alias, Wait: qc.PtrOf(true),
			Points: []*qc.PointStruct{{Id: point, Vectors: qc.NewVectorsMap(mixed), Payload: all[i].GetPayload()}}})
	})
}

// ghost is an entry of a document that is not there.
func (b bench) ghost(id, scope string) func(*testing.T, victim) {
	return b.change(func(ctx context.Context, _ *qc.PointId, v victim) (*qc.UpdateResult, error) {
		if scope == "" {
			scope = "default/" + v.store
		}
		return b.qdrant.Upsert(ctx, &qc.UpsertPoints{CollectionName: b.alias, Wait: qc.PtrOf(true), Points: []*qc.PointStruct{{
			Id: qc.NewIDUUID(id), Vectors: qc.NewVectorsMap(map[string]*qc.Vector{"dense": qc.NewVectorDense(llmtest.Vector("ghost", 384))}),
			Payload: map[string]*qc.Value{"scope": qc.NewValueString(scope), "document": qc.NewValueString("file-ghost"),
				"version": qc.NewValueInt(1), "length": qc.NewValueInt(0), "live": qc.NewValueBool(true)},
		}}})
	})
}

func (b bench) faults() map[string]fault {
	return map[string]fault{
		"a missing original": {plant: func(t *testing.T, v victim) { require.NoError(t, os.Remove(v.original())) },
			kinds: []string{"missing_original"}, end: "lost, and answers"},
		"text of a chunk": {plant: b.exec("UPDATE chunks SET text = replace(text, 'Wednesday', 'Vednesday') WHERE document_id = $1 AND seq = 0"),
			kinds: []string{"bad_text", "bad_terms", "bad_frequencies"}},
		"text of a version": {plant: b.exec("UPDATE versions SET text = text || ' ' WHERE document_id = $1"), kinds: []string{"bad_text"}},
		"a gap in the chunks": {plant: b.exec("DELETE FROM chunks WHERE document_id = $1 AND seq = 1"),
			kinds: []string{"missing_chunk", "ghost_entry", "bad_frequencies"}},
		"a version that is gone": {plant: b.exec("DELETE FROM versions WHERE document_id = $1"), kinds: []string{"missing_chunk", "ghost_entry"}},
		"a vector": {plant: b.vectors(map[string]*qc.Vector{"dense": qc.NewVectorDense(llmtest.Vector("something else", 384))}),
			kinds: []string{"bad_vector"}},
		"terms of an entry": {plant: b.vectors(map[string]*qc.Vector{"text": qc.NewVectorSparse([]uint32{7}, []float32{1})}),
			kinds: []string{"bad_terms"}},
		"an entry that is gone": {plant: b.change(func(ctx context.Context, point *qc.PointId, _ victim) (*qc.UpdateResult, error) {
			return b.qdrant.Delete(ctx, &qc.DeletePoints{CollectionName: b.alias, Wait: qc.PtrOf(true), Points: qc.NewPointsSelector(point)})
		}), kinds: []string{"missing_entry", "bad_index"}},
		"a ghost document":     {plant: b.ghost("7d444840-9dc0-11d1-b245-5ffdce74fad2", ""), kinds: []string{"ghost_entry", "bad_index"}},
		"a store of a ghost":   {plant: b.ghost("7d444840-9dc0-11d1-b245-5ffdce74fad3", "default/vs_ghost")},
		"counts in the ledger": {plant: b.exec("UPDATE ledger_terms SET chunks = chunks + 1 WHERE store_id = $1", func(v victim) any { return v.store }), kinds: []string{"bad_frequencies"}},
		"attributes": {plant: b.change(func(ctx context.Context, point *qc.PointId, _ victim) (*qc.UpdateResult, error) {
			return b.qdrant.SetPayload(ctx, &qc.SetPayloadPoints{CollectionName: b.alias, Wait: qc.PtrOf(true),
				Payload: map[string]*qc.Value{"mark": qc.NewValueString("x")}, PointsSelector: qc.NewPointsSelector(point)})
		}), kinds: []string{"bad_attributes"}},
	}
}

// TestVerifyRepairsPostgreSQLAndQdrant is TestVerifyFindsWhatRottedAndRepairs on the other pair of stores.
func TestVerifyRepairsPostgreSQLAndQdrant(t *testing.T) {
	t.Parallel()
	cfg := config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{}))
	cfg.Store.SQL, cfg.Store.Index = configs.Secret(pgtest.URL(t)), "qdrant"
	cfg.Store.Qdrant.URL = qdranttest.StartOwn(t).URL
	b := newBench(t, cfg)
	faults := b.faults()
	victims, orphan := infest(t, cfg, faults)
	for name, p := range faults {
		p.plant(t, victims[name])
	}
	o, end := operator(t, cfg)
	r, err := o.Repair(t.Context(), nil)
	require.NoError(t, err)
	requirePlanted(t, r.Audit, victims, faults)
	require.Len(t, r.Lost, 1)
	require.Empty(t, r.Left)
	require.NoFileExists(t, orphan)
	end()
	s := start(t, cfg)
	for name, v := range victims {
		s.repaired(name, v, faults[name].end)
	}
	require.Empty(t, kinds(t, cfg))
}
