package sql

import (
	"crypto/rand"
	"math/big"
)

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// newID is prefix and 24 random characters, 142 bits.
func newID(prefix string) string {
	id := make([]byte, 24)
	size := big.NewInt(int64(len(alphabet)))
	for i := range id {
		n, err := rand.Int(rand.Reader, size)
		if err != nil {
			panic(err) // crypto/rand never fails on a supported system
		}
		id[i] = alphabet[n.Int64()]
	}
	return prefix + string(id)
}
