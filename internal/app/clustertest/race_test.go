//go:build race

package clustertest_test

// The race detector maps more address space than any limit would leave the parser child.
const parserMemory = 1 << 50
