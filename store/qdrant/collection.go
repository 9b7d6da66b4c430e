package qdrant

import (
	"context"
	"errors"
	"fmt"
	"strings"

	qc "github.com/qdrant/go-client/qdrant"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"groundwork/rag"
)

// The names inside the collection.
const (
	denseVector   = "dense"
	textVector    = "text"
	fieldScope    = "scope"
	fieldDocument = "document"
	fieldVersion  = "version"
	fieldLive     = "live"
	fieldLength   = "length"
	fieldFacts    = "facts" // see filter.go
	fieldAllow    = "allow" // groups
	fieldMark     = "mark"  // of the description
	fieldSum      = "sum"   // ingest.Entry.Checksum

	metaFingerprint = "fingerprint"
	metaDimensions  = "dimensions"
)

// Bounds of requests; the collection's strict mode holds everybody to them.
const (
	maxLimit      = 10_000 // hits of one query
	maxBatch      = 256    // points of one upsert
	batchBytes    = 8 << 20
	maxConditions = 256
	hnswEf        = 256

	// exactUpTo is the number of chunks of a store up to which dense search scans
	// them all instead of walking a graph.
	exactUpTo = 20_000
)

// minVersion of Qdrant: older ones ignore the condition of an upsert.
var minVersion = [2]int{1, 16}

// prepare makes the alias point to this index's collection.
func (x *Index) prepare(ctx context.Context) error {
	if err := x.checkVersion(ctx); err != nil {
		return err
	}
	before, err := x.pointed(ctx)
	if err != nil {
		return err
	}
	if x.opts.Beside {
		return x.prepareBeside(ctx, before)
	}
	if before != "" && before != x.collection && !x.opts.Reset {
		return x.refuse(ctx, before)
	}
	if err := x.ensure(ctx); err != nil {
		return err
	}
	if before == x.collection {
		return nil
	}
	return x.point(ctx, before)
}

// pointed is the collection that the alias points to; empty: none.
func (x *Index) pointed(ctx context.Context) (string, error) {
	aliases, err := call(ctx, x, x.opts.Timeout, x.client.ListAliases)
	if err != nil {
		return "", wrap("list aliases", err)
	}
	for _, a := range aliases {
		if a.GetAliasName() == x.opts.Alias {
			return a.GetCollectionName(), nil
		}
	}
	return "", nil
}

func (x *Index) prepareBeside(ctx context.Context, pointed string) error {
	if x.opts.Fresh && pointed != x.collection {
		exists, err := x.exists(ctx)
		if err == nil && exists {
			err = x.drop(ctx, x.collection)
		}
		if err != nil {
			return err
		}
	}
	return x.ensure(ctx)
}

// Promote makes an index that was built beside another one the one that the alias
// points to, and drops the other. Its entries in the ledger must be there before.
func (x *Index) Promote(ctx context.Context) error {
	before, err := x.pointed(ctx)
	if err != nil || before == x.collection {
		return err
	}
	return x.point(ctx, before)
}

// Made tells what the collection that the alias points to was made for; zero values when there is none.
func Made(ctx context.Context, o Options) (dimensions int, fingerprint string, err error) {
	o = o.withDefaults()
	client, err := connect(o)
	if err != nil {
		return 0, "", fmt.Errorf("look at the index: %w", err)
	}
	x := &Index{opts: o, client: client, calls: newCaller()}
	defer func() { err = errors.Join(err, client.Close()) }()
	name, err := x.pointed(ctx)
	if err != nil || name == "" {
		return 0, "", err
	}
	meta, err := x.metadata(ctx, name)
	return int(meta[metaDimensions].GetIntegerValue()), meta[metaFingerprint].GetStringValue(), err
}

func (x *Index) metadata(ctx context.Context, collection string) (map[string]*qc.Value, error) {
	info, err := call(ctx, x, x.opts.Timeout, func(ctx context.Context) (*qc.CollectionInfo, error) {
		return x.client.GetCollectionInfo(ctx, collection)
	})
	return info.GetConfig().GetMetadata(), wrap("look at the collection "+collection, err)
}

func (x *Index) checkVersion(ctx context.Context) error {
	reply, err := call(ctx, x, x.opts.Timeout, x.client.HealthCheck)
	if err != nil {
		return wrap("ask Qdrant for its version", err)
	}
	var major, minor int
	if _, err := fmt.Sscanf(reply.GetVersion(), "%d.%d", &major, &minor); err != nil {
		return fmt.Errorf("read Qdrant's version %q: %w", reply.GetVersion(), err)
	}
	if major < minVersion[0] || major == minVersion[0] && minor < minVersion[1] {
		return rag.Fail(rag.CodeConflict, fmt.Sprintf("Qdrant is version %s and Groundwork needs %d.%d or newer; update Qdrant.",
			reply.GetVersion(), minVersion[0], minVersion[1]))
	}
	return nil
}

// refuse says how the collection that is there differs.
func (x *Index) refuse(ctx context.Context, other string) error {
	meta, err := x.metadata(ctx, other)
	if err != nil {
		return err
	}
	return rag.Fail(rag.CodeConflict, fmt.Sprintf(
		"The index was made with %q (%d dimensions) and the configuration says %q (%d); run `groundwork reindex` to build it anew, or go back to the old setting.",
		meta[metaFingerprint].GetStringValue(), meta[metaDimensions].GetIntegerValue(), x.opts.Fingerprint, x.opts.Dimensions))
}

// ensure makes the collection and its payload indexes, as far as they are missing.
func (x *Index) ensure(ctx context.Context) error {
	exists, err := x.exists(ctx)
	if err != nil {
		return err
	}
	if !exists {
		_, err := call(ctx, x, x.opts.Timeout, func(ctx context.Context) (struct{}, error) {
			err := x.client.CreateCollection(ctx, x.definition())
			if code := status.Code(err); code == codes.AlreadyExists || code == codes.InvalidArgument && strings.Contains(err.Error(), "already exists") {
				err = nil // another process was faster, or an earlier try had worked
			}
			return struct{}{}, err
		})
		if err != nil {
			return wrap("make the collection", err)
		}
		x.opts.Log.Info("made a collection in Qdrant", "collection", x.collection)
	}
	info, err := call(ctx, x, x.opts.Timeout, func(ctx context.Context) (*qc.CollectionInfo, error) {
		return x.client.GetCollectionInfo(ctx, x.collection)
	})
	if err != nil {
		return wrap("look at the collection", err)
	}
	for field, params := range fieldIndexes() {
		if info.GetPayloadSchema()[field] == nil {
			if err := x.index(ctx, field, params); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *Index) exists(ctx context.Context) (bool, error) {
	exists, err := call(ctx, x, x.opts.Timeout, func(ctx context.Context) (bool, error) {
		return x.client.CollectionExists(ctx, x.collection)
	})
	return exists, wrap("look for the collection", err)
}

// definition of the collection. Vectors have unit length, so the dot product is
// the cosine, and Qdrant keeps them as they came. There is no graph over all
// chunks (m 0), only one inside each store that is large enough.
func (x *Index) definition() *qc.CreateCollection {
	dense := &qc.VectorParams{Size: uint64(x.opts.Dimensions), Distance: qc.Distance_Dot} //nolint:gosec // 1 to 16,384
	if x.opts.Quantise {
		dense.QuantizationConfig = qc.NewQuantizationScalar(&qc.ScalarQuantization{
			Type: qc.QuantizationType_Int8, AlwaysRam: qc.PtrOf(true),
		})
		dense.OnDisk = qc.PtrOf(true)
	}
	exact := exactUpTo * uint64(x.opts.Dimensions) * 4 / 1024 //nolint:gosec // as above; in KB
	return &qc.CreateCollection{
		CollectionName:      x.collection,
		VectorsConfig:       qc.NewVectorsConfigMap(map[string]*qc.VectorParams{denseVector: dense}),
		SparseVectorsConfig: qc.NewSparseVectorsConfig(map[string]*qc.SparseVectorParams{textVector: {}}),
		HnswConfig: &qc.HnswConfigDiff{
			M: qc.PtrOf(uint64(0)), PayloadM: qc.PtrOf(uint64(24)), EfConstruct: qc.PtrOf(uint64(200)),
			FullScanThreshold: qc.PtrOf(max(exact, 10)), // Qdrant takes no less than 10
		},
		StrictModeConfig: &qc.StrictModeConfig{
			Enabled: qc.PtrOf(true), UnindexedFilteringRetrieve: qc.PtrOf(false), UnindexedFilteringUpdate: qc.PtrOf(false),
			MaxQueryLimit: qc.PtrOf(uint32(maxLimit)), UpsertMaxBatchsize: qc.PtrOf(uint64(maxBatch)),
			SearchMaxHnswEf: qc.PtrOf(uint32(hnswEf + 4*maxLimit)), SearchAllowExact: qc.PtrOf(true),
			FilterMaxConditions: qc.PtrOf(uint64(maxConditions)),
		},
		Metadata: map[string]*qc.Value{
			metaFingerprint: qc.NewValueString(x.opts.Fingerprint),
			metaDimensions:  qc.NewValueInt(int64(x.opts.Dimensions)),
		},
	}
}

// fieldIndexes: every field that a filter names. Only the scope gets graphs.
func fieldIndexes() map[string]*qc.CreateFieldIndexCollection {
	no, yes := qc.PtrOf(false), qc.PtrOf(true)
	return map[string]*qc.CreateFieldIndexCollection{
		fieldScope: {FieldType: qc.FieldType_FieldTypeKeyword.Enum(), FieldIndexParams: qc.NewPayloadIndexParamsKeyword(
			&qc.KeywordIndexParams{IsTenant: yes, EnableHnsw: yes})},
		fieldDocument: {FieldType: qc.FieldType_FieldTypeKeyword.Enum(), FieldIndexParams: qc.NewPayloadIndexParamsKeyword(
			&qc.KeywordIndexParams{EnableHnsw: no})},
		fieldVersion: {FieldType: qc.FieldType_FieldTypeInteger.Enum(), FieldIndexParams: qc.NewPayloadIndexParamsInt(
			&qc.IntegerIndexParams{Lookup: yes, Range: yes, EnableHnsw: no})},
		fieldLive: {FieldType: qc.FieldType_FieldTypeBool.Enum(), FieldIndexParams: qc.NewPayloadIndexParamsBool(
			&qc.BoolIndexParams{EnableHnsw: no})},
		fieldFacts: {FieldType: qc.FieldType_FieldTypeKeyword.Enum(), FieldIndexParams: qc.NewPayloadIndexParamsKeyword(
			&qc.KeywordIndexParams{EnableHnsw: no})},
		fieldAllow: {FieldType: qc.FieldType_FieldTypeKeyword.Enum(), FieldIndexParams: qc.NewPayloadIndexParamsKeyword(
			&qc.KeywordIndexParams{EnableHnsw: no})},
	}
}

func (x *Index) index(ctx context.Context, field string, params *qc.CreateFieldIndexCollection) error {
	params.CollectionName, params.FieldName, params.Wait = x.collection, field, qc.PtrOf(true)
	_, err := call(ctx, x, x.opts.Timeout, func(ctx context.Context) (*qc.UpdateResult, error) {
		return x.client.CreateFieldIndex(ctx, params)
	})
	return wrap("index the field "+field, err)
}

// point moves the alias in one step, and drops the collection it pointed to.
func (x *Index) point(ctx context.Context, before string) error {
	actions := []*qc.AliasOperations{qc.NewAliasCreate(x.opts.Alias, x.collection)}
	if before != "" {
		actions = append([]*qc.AliasOperations{qc.NewAliasDelete(x.opts.Alias)}, actions...)
	}
	_, err := call(ctx, x, x.opts.Timeout, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, x.client.UpdateAliases(ctx, actions)
	})
	if err != nil || before == "" {
		return wrap("move the alias", err)
	}
	return x.drop(ctx, before)
}

func (x *Index) drop(ctx context.Context, collection string) error {
	_, err := call(ctx, x, x.opts.Timeout, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, x.client.DeleteCollection(ctx, collection)
	})
	return wrap("drop the collection "+collection, err)
}
