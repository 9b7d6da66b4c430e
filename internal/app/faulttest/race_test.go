//go:build race

package faulttest_test

// The race detector maps more address space than any limit would leave the parser child.
const parserMemory = 1 << 50
