package local

// A stride is the number of bytes between rows of codes: a multiple of what
// the kernel reads at once.
func strideOf(dim int) int { return (dim + 15) &^ 15 }

// dotPortable sets out[i] to the dot product of q and row i of codes.
func dotPortable(q []int16, codes []int8, out []int32) {
	stride := len(q)
	for i := range out {
		row := codes[i*stride : (i+1)*stride]
		var s0, s1 int32
		for j := 0; j+1 < len(row) && j+1 < len(q); j += 2 {
			s0 += int32(q[j]) * int32(row[j])
			s1 += int32(q[j+1]) * int32(row[j+1])
		}
		out[i] = s0 + s1
	}
}
