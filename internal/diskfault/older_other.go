//go:build linux && !amd64

package diskfault

// older are none: newer architectures have only the calls that name a folder.
var older = map[int]reader{}
