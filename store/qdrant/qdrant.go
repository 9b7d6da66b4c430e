package qdrant

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	qc "github.com/qdrant/go-client/qdrant"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"groundwork/rag"
)

// Ledger keeps what Qdrant cannot keep in step: which version of a document is
// searchable, and how many chunks of a store hold a term.
type Ledger interface {
	// Publish makes version the searchable one of the document unless a newer one
	// is, and moves the store's statistics, in one transaction; frequencies are the
	// number of the version's chunks that hold each term. It returns the version
	// that is searchable afterwards. Running twice changes nothing; the same version
	// with other frequencies corrects the statistics.
	Publish(ctx context.Context, scope rag.Scope, documentID string, version, chunks int, frequencies map[uint32]int) (searchable int, err error)
	// Forget takes a document out (documentID "": the whole store), and its part of the statistics.
	Forget(ctx context.Context, scope rag.Scope, documentID string) error
	// Searchable gives the searchable version of each of the documents that has one.
	Searchable(ctx context.Context, scope rag.Scope, documentIDs []string) (map[string]int, error)
	// Frequencies gives the number of searchable chunks of the store, how many of
	// them hold each term (in order), and the index's generation, which rises with
	// each Publish and Forget.
	Frequencies(ctx context.Context, scope rag.Scope, terms []uint32) (chunks int, holding []int, generation int, err error)
}

// Options says where Qdrant is and what the index is for.
type Options struct {
	URL    string      // of the gRPC port: http://host:6334, https://host:6334
	APIKey string      // empty: none
	TLS    *tls.Config // for https; nil: the system's authorities, TLS 1.3

	Alias       string // of this installation in Qdrant; empty means groundwork
	Dimensions  int    // of the vectors, 1 to 16,384
	Fingerprint string // of everything that vectors and chunks depend on: embedding model, pooling, chunker …
	Reset       bool   // make a new collection, and drop that of another fingerprint or dimension, instead of refusing it
	Beside      bool   // leave the alias where it is; a ledger of its own says what is searchable, until Promote
	Fresh       bool   // with Beside: drop what an earlier index beside left, unless the alias points to it
	Quantise    bool   // also keep one byte a dimension, search with it and rescore; counts when the collection is made

	Timeout       time.Duration // of one call that writes or lists; 0 means 10 s
	SearchTimeout time.Duration // of one call that searches; 0 means 3 s
	Log           *slog.Logger  // nil: slog.Default()

	dial []grpc.DialOption // more ones, for tests
}

func (o Options) withDefaults() Options {
	if o.Alias == "" {
		o.Alias = "groundwork"
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.SearchTimeout == 0 {
		o.SearchTimeout = 3 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

const (
	format        = 1 // of points; another one is another collection
	maxDimensions = 1 << 14
	defaultPort   = 6334
	maxAnswer     = 256 << 20 // bytes of one answer of Qdrant
)

// Index implements ingest.Index, ingest.Describer, ingest.Inventory and rag.Searcher. Any number
// of goroutines and processes may use the same collection.
type Index struct {
	opts       Options
	ledger     Ledger
	client     *qc.Client
	calls      *caller
	collection string
	seen       atomic.Int64 // the ledger's generation, when it was last read
}

// Open connects, and makes the collection when there is none. A collection made
// for another fingerprint or dimension is refused with a *rag.Error, unless
// o.Reset. It fails with rag.CodeUnavailable while Qdrant does not answer.
func Open(ctx context.Context, o Options, ledger Ledger) (*Index, error) {
	o = o.withDefaults()
	if o.Dimensions < 1 || o.Dimensions > maxDimensions {
		return nil, fmt.Errorf("open index: dimensions must be 1 to %d, not %d", maxDimensions, o.Dimensions)
	}
	client, err := connect(o)
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	x := &Index{opts: o, ledger: ledger, client: client, calls: newCaller(), collection: collectionName(o)}
	if err := x.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open index: %w", err), client.Close())
	}
	if _, err := x.statistics(ctx, rag.Scope{}, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("open index: %w", err), client.Close())
	}
	return x, nil
}

func connect(o Options) (*qc.Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, rag.Fail(rag.CodeInvalid, "The address of Qdrant must be http://host:6334 or https://host:6334 (its gRPC port); correct it in the configuration.")
	}
	port := defaultPort
	if p := u.Port(); p != "" {
		if port, err = strconv.Atoi(p); err != nil {
			return nil, fmt.Errorf("port of Qdrant: %w", err)
		}
	}
	return qc.NewClient(&qc.Config{
		Host: u.Hostname(), Port: port, APIKey: o.APIKey, UseTLS: u.Scheme == "https", TLSConfig: o.TLS,
		PoolSize:               1,    // with several, one may still wait to connect when another is back
		SkipCompatibilityCheck: true, // prepare looks at the version
		GrpcOptions: append([]grpc.DialOption{
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
			// Short, so that the index is back within seconds after Qdrant is.
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
				MinConnectTimeout: 2 * time.Second,
			}),
		}, o.dial...),
	})
}

// collectionName is another one for everything that makes vectors differ.
func collectionName(o Options) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\x00%d\x00%s", format, o.Dimensions, o.Fingerprint))
	return o.Alias + "-" + hex.EncodeToString(sum[:8])
}

// Close closes the connections. Calls after it fail.
func (x *Index) Close() error { return x.client.Close() }

// Generation counts the changes of what can be found, as last seen; it is part
// of an answer's fingerprint.
func (x *Index) Generation() int { return int(x.seen.Load()) }

// Breaker is closed, half-open or open: in the last state calls fail at once,
// for a second.
func (x *Index) Breaker() string { return x.calls.breaker.State().String() }

// Ready fails while Qdrant cannot be used, or has lost the collection.
func (x *Index) Ready(ctx context.Context) error {
	exists, err := call(ctx, x, x.opts.SearchTimeout, func(ctx context.Context) (bool, error) {
		return x.client.CollectionExists(ctx, x.collection)
	})
	if err == nil && !exists {
		err = missing(errors.New("there is no collection " + x.collection))
	}
	return wrap("look at Qdrant", err)
}
