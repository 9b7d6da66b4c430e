//go:build race

package eval_test

// The PDF reader takes minutes under the race detector.
const raced = true
