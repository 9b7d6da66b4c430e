package app_test

import (
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/ingest/parse/parsetest"
	"groundwork/llm/llmtest"
)

// TestHostileUploads sends hostile files of each class over HTTP (make faults:
// all of them). Each ends as ready or failed with a code; the file sent after
// each class is indexed and found, and when they are deleted the server holds at most 50 MB more.
func TestHostileUploads(t *testing.T) {
	// Not parallel: others' memory would be taken for the server's.
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("what nobody may read"), 0o600))
	step := parsetest.PerClass / 2
	if os.Getenv("GROUNDWORK_FAULTS") == "1" {
		step = 1
	}
	s := start(t, config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{KeepNothing: true})))
	s.upload("h", "first.md", handbook(3))
	before := heap()
	for _, class := range parsetest.Classes {
		ends := map[string]int{}
		for i := len(class) % step; i < parsetest.PerClass; i += step {
			f := parsetest.Hostile(class, i, secret)
			for _, d := range s.upload("h", f.Name, string(f.Data)) {
				end := d.Status
				if d.Error != nil {
					end = d.Error.Code
				}
				ends[end]++
				require.Contains(t, []string{"ready", "failed"}, d.Status, f.Name)
				if d.Status == "ready" {
					require.NotContains(t, string(s.text(d.ID)), "nobody may read", f.Name)
				}
				s.json(http.MethodDelete, "/v1/documents/"+d.ID+"?store=h", nil, http.StatusOK, nil) // its vectors are in memory while it is there
			}
		}
		t.Logf("%-10s %v", class, ends)
		good := s.upload("h", "after "+class+".md", handbook(3))
		require.Equal(t, "ready", good[0].Status, class)
	}
	s.checkCitations(s.ask("test-chat@h", "How many days of annual leave?"))
	require.Less(t, heap(), before+50<<20, "the server's memory")
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
