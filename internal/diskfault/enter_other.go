//go:build !linux

package diskfault

// Enter does nothing here: no process is watched.
func Enter() {}
