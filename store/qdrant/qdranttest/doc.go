// Package qdranttest is what tests of store/qdrant need: a ledger in memory and
// a Qdrant server.
//
// With QDRANT_URL (and QDRANT_API_KEY) tests run on that server. Without it they
// run on a test server: python/server.py speaks Qdrant's gRPC protocol, through
// the classes of the official Python client, over Qdrant's own engine as a
// library (qdrant-edge-py). Storage, filters, ranking, conditional upserts,
// quantisation and facets are the engine's. The engine has no collections,
// aliases, metadata, API keys and strict mode; the server keeps the first three as
// files, and checks the key, the fields of filters, limits and batch sizes
// itself. It has no replicas, answers write orderings all alike, and optimises
// segments when some thousand points were written.
package qdranttest
