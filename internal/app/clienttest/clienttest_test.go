package clienttest_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/internal/app/clienttest"
)

func target(t *testing.T, broken string) clienttest.Target {
	t.Helper()
	return clienttest.Target{BaseURL: serve(t, broken), Key: key, Store: "handbook", Question: "How much leave do I have?"}
}

func TestGo(t *testing.T) {
	t.Parallel()
	clienttest.Go(t, target(t, ""))
}

func TestPython(t *testing.T) {
	t.Parallel()
	clienttest.Python(t, target(t, ""), "")
}

func TestFrameworks(t *testing.T) {
	t.Parallel()
	clienttest.Frameworks(t, target(t, ""), "")
}

func TestNode(t *testing.T) {
	t.Parallel()
	clienttest.Node(t, target(t, ""), "")
}

// A server that does it wrong makes the clients fail, and they say where.
func TestClientsNotice(t *testing.T) {
	t.Parallel()
	wrong := map[string]string{"offsets": "streamed chat", "detach": "delete", "counts": "batch"} // what is broken, and the step that must notice
	for broken, step := range wrong {
		err := clienttest.CheckGo(t.Context(), target(t, broken), t.Logf)
		require.ErrorContains(t, err, step+": ")
	}
	for _, client := range [][]string{{"../../../.tools/clients-python/bin/python", "python/check.py"}, {"node", "node/check.mjs"}} {
		path, err := exec.LookPath(client[0])
		if err != nil {
			t.Logf("%s is not installed; TestPython or TestNode says so", client[0])
			continue
		}
		path, err = filepath.Abs(path)
		require.NoError(t, err)
		for broken, step := range wrong {
			srv := target(t, broken)
			script, err := filepath.Abs(client[1])
			require.NoError(t, err)
			cmd := exec.CommandContext(t.Context(), path, script)
			cmd.Env = append(cmd.Environ(), "BASE_URL="+srv.BaseURL, "KEY="+srv.Key, "STORE="+srv.Store, "QUESTION="+srv.Question)
			out, err := cmd.CombinedOutput()
			require.Error(t, err, "%s", out)
			require.Contains(t, string(out), "FAIL "+step)
		}
	}
}
