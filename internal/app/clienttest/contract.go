package clienttest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Contract makes requests up from the description that the server gives of
// itself, right ones and wrong ones, and fails at a status of 500 or above, and
// at any reply whose status, media type or shape is not in the description.
// Models are names that requests may use, file the id of a file in target's store. perOperation bounds the requests to
// each operation; with repeat they are the same in every run, and without it those at the bounds of each member come on top.
func Contract(t *testing.T, target Target, models []string, file string, perOperation int, repeat bool) {
	t.Helper()
	tester, err := exec.LookPath(filepath.Join(root(t), ".tools", "contract-python", "bin", "schemathesis"))
	if err != nil {
		unavailable(t, "schemathesis is not installed: `make test-setup` installs it")
	}
	args := []string{
		"run", strings.TrimSuffix(target.BaseURL, "/v1") + "/openapi.json", "--header", "Authorization: Bearer " + target.Key,
		"--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,unsupported_method",
		"--max-examples", strconv.Itoa(perOperation),
		"--request-timeout", "60", "--no-shrink", "--suppress-health-check", "all", "--warnings", "off", "--no-color",
	}
	if repeat {
		args = append(args, "--phases", "examples,fuzzing", "--seed", "1", "--generation-deterministic")
	} else {
		args = append(args, "--phases", "examples,coverage,fuzzing", "--generation-database", "none")
	}
	cmd := exec.CommandContext(t.Context(), tester, args...)
	cmd.Dir = t.TempDir() // reports and caches
	cmd.Env = append(os.Environ(), "SCHEMATHESIS_HOOKS=hooks", "PYTHONPATH="+filepath.Join(folder(t), "contract"), "PYTHONDONTWRITEBYTECODE=1",
		"MODELS="+strings.Join(models, " "), "STORE="+target.Store, "FILE="+file)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatal(fmt.Errorf("schemathesis: %w\n%s", err, out))
	}
	t.Logf("%s", out)
}
