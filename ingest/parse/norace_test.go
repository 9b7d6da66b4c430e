//go:build !race

package parse_test

const memory, raced = 2 << 30, false
