//go:build !race

package faulttest_test

const parserMemory = 2 << 30
