//go:build !amd64

package local

// dotRows sets out[i] to the dot product of q and row i of codes. len(q) is
// the stride.
func dotRows(q []int16, codes []int8, out []int32) { dotPortable(q, codes, out) }
