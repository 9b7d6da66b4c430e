package api_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzUpload sends any bytes as a form: the answer is a result or the client's
// fault, and nothing of a broken form is kept.
func FuzzUpload(f *testing.F) {
	f.Add("--b\r\nContent-Disposition: form-data; name=\"store\"\r\n\r\nhandbook\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.md\"\r\n\r\n# x\r\n--b--\r\n", "b")
	f.Add("--b\r\nContent-Disposition: form-data; name=file; filename*=utf-8''%2e%2e%2fa\r\n\r\nx\r\n--b", "b")
	f.Add("--\r\n\r\n----\r\n", "")
	f.Fuzz(func(t *testing.T, body, boundary string) {
		if len(body) > 1<<14 || strings.ContainsFunc(boundary, control) {
			t.Skip("a client cannot send it, or it finds nothing new")
		}
		b := setup(t)
		res := b.do(t, "POST", docsPath, keyWrite, body, "Content-Type", "multipart/form-data; boundary="+boundary)
		require.Less(t, res.status, 500, res.body)
	})
}

// control characters cannot stand in a header.
func control(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
