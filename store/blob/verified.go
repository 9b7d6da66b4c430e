package blob

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"

	"groundwork/rag"
)

// ErrDamaged is in the chain of an error about stored bytes that do not hash
// to their name.
var ErrDamaged = errors.New("the stored bytes do not match their SHA-256")

func damaged(sum string) error {
	return &rag.Error{Code: rag.CodeOriginal, Err: ErrDamaged,
		Message: "the stored original " + sum + " is damaged; delete the document and upload it again, or restore the file from a backup"}
}

// verified checks a content while it is read: whoever reads it from the start
// to its end without a jump gets ErrDamaged instead of io.EOF when the bytes
// are not those that were stored.
type verified struct {
	io.ReadSeekCloser
	sum    string
	hash   hash.Hash
	pos    int64 // where the next Read begins
	hashed int64 // bytes from the start that hash has seen
}

func verify(content io.ReadSeekCloser, sum string) *verified {
	return &verified{ReadSeekCloser: content, sum: sum, hash: sha256.New()}
}

func (v *verified) Read(p []byte) (int, error) {
	if v.pos == 0 && v.hashed > 0 {
		v.hash.Reset()
		v.hashed = 0
	}
	n, err := v.ReadSeekCloser.Read(p)
	if v.pos == v.hashed {
		v.hash.Write(p[:n])
		v.hashed += int64(n)
	}
	v.pos += int64(n)
	if errors.Is(err, io.EOF) && v.pos == v.hashed && hex.EncodeToString(v.hash.Sum(nil)) != v.sum {
		return n, damaged(v.sum)
	}
	return n, err
}

func (v *verified) Seek(offset int64, whence int) (int64, error) {
	pos, err := v.ReadSeekCloser.Seek(offset, whence)
	if err == nil {
		v.pos = pos
	}
	return pos, err
}
