package local

import "golang.org/x/sys/cpu"

// dotRows sets out[i] to the dot product of q and row i of codes. len(q) is
// the stride.
func dotRows(q []int16, codes []int8, out []int32) {
	n := 0
	if cpu.X86.HasAVX2 && len(q) > 0 {
		if n = len(out) &^ 3; n > 0 {
			codes := codes[:len(q)*len(out)]
			dotAVX2(&q[0], &codes[0], len(q), n, &out[0])
		}
	}
	dotPortable(q, codes[n*len(q):], out[n:])
}

// dotAVX2 does rows, a multiple of 4 and at least 4, of stride bytes, a
// multiple of 16 and at least 16.
//
//go:noescape
func dotAVX2(q *int16, codes *int8, stride, rows int, out *int32)
