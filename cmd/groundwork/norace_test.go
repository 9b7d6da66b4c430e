//go:build !race

package main

const parserMemory = 2 << 30
