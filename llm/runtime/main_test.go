package runtime_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// roleEnv tells this test binary to be something else: a model server, the
// process above one, or a Python interpreter.
const roleEnv = "RUNTIME_TEST_ROLE"

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleEnv); {
	case role == "python":
		os.Exit(fakePython(os.Args[1:]))
	case role == "parent":
		os.Exit(parentOfServer())
	case role != "":
		os.Exit(fakeServer(role))
	}
	goleak.VerifyTestMain(m)
}

type settings struct {
	Port   int    `json:"port"`
	APIKey string `json:"api_key"`
	File   string `json:"file"` // of the test: what the child says about itself
	Dial   string `json:"dial"` // of the test: an address to hold a connection to
}

// fakeServer is a model server that behaves as its role says.
func fakeServer(role string) int {
	var s settings
	in := bufio.NewReader(os.Stdin)
	line, err := in.ReadString('\n')
	if err == nil {
		err = json.Unmarshal([]byte(line), &s)
	}
	if err != nil {
		fmt.Println("no settings:", err)
		return 2
	}
	if s.Dial != "" {
		if _, err := net.Dial("tcp", s.Dial); err != nil {
			return 3
		}
	}
	runs := count(s.File)
	switch {
	case role == "crash", role == "crash-once" && runs == 1:
		fmt.Println("cannot read the model: file is broken")
		return 1
	case role == "stubborn":
		signal.Ignore(syscall.SIGTERM)
	case role == "noisy":
		for range 1000 {
			fmt.Println(strings.Repeat("x", 99))
		}
	}
	hang := role == "hang" || (role == "freeze" && runs == 1)
	healthy := 0
	mux := http.NewServeMux()
	mux.HandleFunc("/health", func(w http.ResponseWriter, r *http.Request) {
		if healthy++; hang && (role == "hang" || healthy > 1) {
			<-r.Context().Done()
		}
	})
	mux.HandleFunc("/exit", func(http.ResponseWriter, *http.Request) { os.Exit(9) })
	mux.HandleFunc("/environ", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+s.APIKey {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		json.NewEncoder(w).Encode(os.Environ())
	})
	if role != "stubborn" {
		go func() {
			in.ReadString(0)
			os.Exit(0)
		}()
	}
	fmt.Println(http.ListenAndServe(fmt.Sprintf("127.0.0.1:%d", s.Port), mux))
	return 1
}

// count adds a line to file and says how many there are.
func count(file string) int {
	if file == "" {
		return 0
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return -1
	}
	defer f.Close()
	fmt.Fprintln(f, "run")
	raw, err := os.ReadFile(file)
	if err != nil {
		return -1
	}
	return strings.Count(string(raw), "\n")
}

// fakePython is a Python interpreter as far as Env can tell. In the directory
// RUNTIME_TEST_PYTHON it notes what it was asked to do, and reads how to fail.
func fakePython(args []string) int {
	notes := os.Getenv("RUNTIME_TEST_PYTHON_DIR")
	note := func(what string) int { return count(filepath.Join(notes, what)) }
	has := func(what string) bool { _, err := os.Stat(filepath.Join(notes, what)); return err == nil }
	all := strings.Join(args, " ")
	switch {
	case strings.Contains(all, "sys.version_info"):
		version, err := os.ReadFile(filepath.Join(notes, "version"))
		if err != nil {
			version = []byte("3.12")
		}
		fmt.Println(string(version))
	case strings.Contains(all, "-m venv"):
		note("venv")
		if has("no-venv") {
			fmt.Fprintln(os.Stderr, "ensurepip is not available")
			return 1
		}
		bin := filepath.Join(args[len(args)-1], "bin")
		self, err := os.Executable()
		if err == nil {
			err = os.MkdirAll(bin, 0o700)
		}
		if err == nil {
			err = os.Symlink(self, filepath.Join(bin, "python"))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	case strings.Contains(all, "pip install"):
		note("install")
		os.WriteFile(filepath.Join(notes, "args"), []byte(all), 0o600)
		os.WriteFile(filepath.Join(notes, "environ"), []byte(strings.Join(os.Environ(), "\n")), 0o600)
		fmt.Println("  Downloading something-1.0.whl (3 MB)")
		if has("no-network") {
			fmt.Fprintln(os.Stderr, "WARNING: Retrying after connection broken")
			fmt.Fprintln(os.Stderr, "ERROR: Could not find a version that satisfies the requirement something")
			return 1
		}
	case strings.Contains(all, "pip download"):
		note("download")
		dir := args[len(args)-3]
		fmt.Println("Progress 1 of 2")
		fmt.Println("Progress 2 of 2")
		os.WriteFile(filepath.Join(dir, "part-1.0-py3-none-any.whl"), []byte("ok"), 0o600)
	case strings.Contains(all, "fetch_jar.py"):
		var s struct{ Artifact, Dir string }
		if err := json.NewDecoder(os.Stdin).Decode(&s); err != nil {
			return 1
		}
		path := filepath.Join(s.Dir, "some.jar")
		os.WriteFile(path, []byte(s.Artifact), 0o600)
		fmt.Printf("Progress 5 of 5\nPath %s\n", path)
	default:
		fmt.Fprintln(os.Stderr, "unexpected:", all)
		return 1
	}
	return 0
}
