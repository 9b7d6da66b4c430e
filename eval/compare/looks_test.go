package compare

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/web/webtest"
)

// Nothing sticks out on a phone or a desk, everything has a name and enough contrast.
// With GROUNDWORK_SCREENSHOTS set to a folder, pictures for the eye go there.
func TestReportLooks(t *testing.T) {
	t.Parallel()
	r, err := New(input())
	require.NoError(t, err)
	var html bytes.Buffer
	require.NoError(t, r.WriteHTML(&html))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(html.Bytes())
	}))
	t.Cleanup(server.Close)
	p := webtest.Open(t, server.URL)
	for name, width := range map[string]int64{"phone": 390, "desk": 1280} {
		p.Look(width, false)
		if dir := os.Getenv("GROUNDWORK_SCREENSHOTS"); dir != "" {
			p.Screenshot(filepath.Join(dir, "compare-"+name+".png"))
		}
		require.LessOrEqual(t, webtest.Eval[int](p, "document.documentElement.scrollWidth - innerWidth"), 0, "nothing sticks out sideways: %s", name)
		require.Empty(t, p.Barriers(), name)
	}
}
