//go:build !race

package app_test

const parserMemory = 2 << 30
