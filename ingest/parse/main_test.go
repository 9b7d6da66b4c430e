package parse_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"groundwork/ingest/parse"
)

// The test binary is also the child, in several characters.
var characters = map[string]func() int{
	"child": func() int { return parse.Main(os.Stdin, os.Stdout) },
	"hang":  hang,
	"spin":  spin,
	"flood": flood,
	"panic": func() int { fmt.Print(parse.Greeting); panic("a crash") },
	"eat":   eat,
	"mute":  func() int { return 0 },
	"exit":  func() int { return 3 },
	"lie":   lie,
	"break": breakOut, "parent": parent,
}

var cacheDir string

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if act := characters[os.Args[1]]; act != nil {
			os.Exit(act())
		}
	}
	dir, err := os.MkdirTemp("", "parse-cache-*")
	if err != nil {
		panic(err)
	}
	cacheDir = cmp.Or(os.Getenv("GROUNDWORK_TEST_PDF_CACHE"), filepath.Join(dir, "pdf")) // one that stays saves the time of compiling
	shared = runner("child", limits())
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir) // the system removes it otherwise
		os.Exit(code)
	}))
}

func limits() parse.Limits {
	return parse.Limits{
		CPU: 30 * time.Second, Wall: 60 * time.Second, Memory: memory, OutputFile: 256 << 20, Descriptors: 64,
		Text: 10 << 20, Pages: 5000, Unpacked: 200 << 20, Entries: 10_000, Depth: 256, Cells: 1_000_000,
		Attachments: 50, AttachedBytes: 50 << 20,
	}
}

func runner(character string, l parse.Limits) *parse.Runner {
	return &parse.Runner{Exe: []string{os.Args[0], character}, Limits: l, CacheDir: cacheDir}
}

// shared compiles the PDF reader once for all tests.
var shared *parse.Runner

// file is a document on disk.
func file(t testing.TB, data []byte) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "document")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	f, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}

// codeOf is the code of a *parse.Error.
func codeOf(t *testing.T, err error) parse.Code {
	t.Helper()
	var e *parse.Error
	require.ErrorAs(t, err, &e)
	require.Regexp(t, `^[a-z].*[^.]$`, e.Message)
	return e.Code
}

// notRaced skips what needs the limit of memory, or a child at full speed.
func notRaced(t *testing.T) {
	t.Helper()
	if raced {
		t.Skip("under the race detector a child has no limit of memory; the run without it tests this")
	}
}

// data is the folder of shared test data; the test is skipped without it.
func data(t testing.TB, name string) string {
	t.Helper()
	root := os.Getenv("GROUNDWORK_DATA")
	if root == "" {
		root = "../../../shared/data"
	}
	path := filepath.Join(root, name)
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("GROUNDWORK_TEST_STRICT") == "1" {
			t.Fatalf("the test data is missing: set GROUNDWORK_DATA to its folder")
		}
		t.Skip("the test data is missing: set GROUNDWORK_DATA to its folder")
	}
	return path
}

func hang() int {
	fmt.Print(parse.Greeting)
	<-time.After(time.Hour) // an empty select would be noticed as a deadlock, and end
	return 1
}

func spin() int {
	var req struct{ Limits parse.Limits }
	if err := json.NewDecoder(os.Stdin).Decode(&req); err != nil {
		return 1
	}
	if err := parse.Confine(req.Limits, "", false); err != nil {
		return 1
	}
	fmt.Print(parse.Greeting)
	for {
		_ = strings.Repeat("x", 100)
	}
}

func flood() int {
	fmt.Print(parse.Greeting)
	for {
		if _, err := io.WriteString(os.Stdout, strings.Repeat(" ", 1<<16)); err != nil {
			return 1
		}
	}
}

func eat() int {
	var req struct{ Limits parse.Limits }
	if err := json.NewDecoder(os.Stdin).Decode(&req); err != nil {
		return 1
	}
	if err := parse.Confine(req.Limits, "", false); err != nil {
		return 1
	}
	fmt.Print(parse.Greeting)
	var kept [][]byte
	for {
		kept = append(kept, make([]byte, 64<<20))
		for i := 0; i < len(kept[len(kept)-1]); i += 4096 {
			kept[len(kept)-1][i] = 1
		}
	}
}

// lie answers with what the document asks for, whatever it is.
func lie() int {
	doc, err := io.ReadAll(os.NewFile(3, "document"))
	if err != nil {
		return 1
	}
	fmt.Print(parse.Greeting + string(doc))
	return 0
}

// breakOut tries what a confined child must not be able to do, and answers with what it could.
func breakOut() int {
	var req struct{ Limits parse.Limits }
	if err := json.NewDecoder(os.Stdin).Decode(&req); err != nil {
		return 1
	}
	if err := parse.Confine(req.Limits, "", false); err != nil {
		return 1
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	tries := map[string]func() error{
		"read": func() error { _, err := os.ReadFile("/etc/passwd"); return err },
		"list": func() error { _, err := os.ReadDir("/"); return err },
		"write": func() error {
			return os.WriteFile(filepath.Join(os.TempDir(), "parse-broke-out"), nil, 0o600)
		},
		"dial": func() error {
			_, err := new(net.Dialer).DialContext(ctx, "udp", "127.0.0.1:53")
			return err
		},
		"listen": func() error {
			_, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
			return err
		},
		"fork": fork,
		"exec": func() error { return exec.CommandContext(ctx, "/bin/true").Run() },
		"environment": func() error {
			if len(os.Environ()) == 0 {
				return errors.New("empty")
			}
			return nil
		},
	}
	could := []string{"nothing"}
	for name, try := range tries {
		if try() == nil {
			could = append(could, name)
		}
	}
	out, err := json.Marshal(map[string]any{"text": parse.Text{Body: strings.Join(could, " ")}})
	if err != nil {
		return 1
	}
	fmt.Print(parse.Greeting + string(out))
	return 0
}

// parent reads a PDF, says which child waits for the next one, and stays.
func parent() int {
	r := runner("child", limits())
	r.Ahead, r.CacheDir = time.Minute, os.Args[3]
	doc, err := os.Open(os.Args[2])
	if err != nil {
		return 1
	}
	if _, err := r.Parse(context.Background(), "a.pdf", "", doc); err != nil {
		return 1
	}
	fmt.Println(r.Waiting().Pid)
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}
