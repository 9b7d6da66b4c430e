// Package qdranttest is what tests of store/qdrant need: a ledger in memory and
// a Qdrant server.
package qdranttest
