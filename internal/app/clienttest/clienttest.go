// Package clienttest runs OpenAI's official clients for Python, Node and Go,
// and LangChain and LlamaIndex, against a running server. Nothing is changed for
// them but base URL and key.
//
// Each client lists the models, streams a chat over a store and checks its citations,
// asks the same without a stream and as a response, completes a text, uploads a file, makes a
// vector store, attaches and polls, one by one and as a batch, searches, deletes all of it,
// embeds, and meets the errors that its own exception classes stand for.
package clienttest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Target is the server under test.
type Target struct {
	BaseURL  string // with /v1
	Key      string // any word on a server without keys: the clients insist on one
	Store    string // name of a store with ready documents
	Question string // one that they answer, so that the reply has citations
}

// strict reports whether a missing tool is a failure.
func strict() bool { return os.Getenv("GROUNDWORK_TEST_STRICT") == "1" }

// unavailable ends the test as skipped, or as failed when nothing may be skipped.
func unavailable(t *testing.T, why string) {
	t.Helper()
	if strict() {
		t.Fatal(why)
	}
	t.Skip(why)
}

// Python runs the Python client. Interpreter is a python with
// python/requirements.lock installed; empty means the one that `make test` installs.
func Python(t *testing.T, target Target, interpreter string) {
	t.Helper()
	python(t, target, "python", interpreter)
}

// Frameworks runs LangChain and LlamaIndex. Interpreter is as for Python, with frameworks/requirements.lock.
func Frameworks(t *testing.T, target Target, interpreter string) {
	t.Helper()
	python(t, target, "frameworks", interpreter)
}

// python runs check.py of a folder with the environment that belongs to it.
func python(t *testing.T, target Target, of, interpreter string) {
	t.Helper()
	if interpreter == "" {
		interpreter = filepath.Join(root(t), ".tools", "clients-"+of, "bin", "python")
	}
	path, err := exec.LookPath(interpreter)
	if err != nil {
		unavailable(t, "the Python packages of "+of+" are not installed: `make test-setup` installs them")
	}
	run(t, target, filepath.Join(folder(t), of), path, "check.py")
}

// Node runs the Node client. Interpreter is a node, version 20 or newer; empty
// means the one on the PATH. The client must be in node/node_modules of this folder.
func Node(t *testing.T, target Target, interpreter string) {
	t.Helper()
	if interpreter == "" {
		interpreter = "node"
	}
	dir, path := nodeClient(t, interpreter)
	run(t, target, dir, path, "check.mjs")
}

// nodeClient is the Node client's folder and the interpreter for it.
func nodeClient(t *testing.T, interpreter string) (dir, path string) {
	t.Helper()
	dir = filepath.Join(folder(t), "node")
	path, err := exec.LookPath(interpreter)
	if err != nil {
		unavailable(t, "there is no Node on this machine: install the packages `nodejs` and `npm`")
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "openai")); errors.Is(err, fs.ErrNotExist) {
		unavailable(t, "the Node client is not installed: `make test-setup` installs it")
	}
	return dir, path
}

// run executes a check, with more variables, and shows its lines.
func run(t *testing.T, target Target, dir, interpreter, script string, more ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), interpreter, script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "BASE_URL="+target.BaseURL, "KEY="+target.Key, "STORE="+target.Store, "QUESTION="+target.Question,
		"PYTHONDONTWRITEBYTECODE=1")
	cmd.Env = append(cmd.Env, more...)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
}

// folder is where this package's files lie.
func folder(t *testing.T) string {
	t.Helper()
	return filepath.Join(root(t), "internal", "app", "clienttest")
}

// root is the repository's, found from the test's working directory.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at
		}
		if at == filepath.Dir(at) {
			t.Fatal(fmt.Errorf("no go.mod above %s: run the tests inside the repository", dir))
		}
	}
}
