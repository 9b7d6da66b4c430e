//go:build race

package parse_test

// The race detector maps more address space than any limit would leave it.
const memory, raced = 1 << 50, true
