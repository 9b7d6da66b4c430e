//go:build !race

package clustertest_test

const parserMemory = 2 << 30
