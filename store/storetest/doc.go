// Package storetest holds the suites that every adapter of a store passes, and
// every fake of one: a test of the adapter calls the suite with a function that
// opens a fresh, empty one.
package storetest
