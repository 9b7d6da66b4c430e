package runtime_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/llm/runtime"
	"groundwork/rag"
)

type pythonBundle struct {
	dir, notes string
	mu         sync.Mutex
	lines      []string
}

func newPython(t *testing.T) *pythonBundle {
	t.Helper()
	return &pythonBundle{dir: t.TempDir(), notes: t.TempDir()}
}

// env is an Env over a Python that is this test binary.
func (b *pythonBundle) env(extra ...string) *runtime.Env {
	return runtime.NewEnv(runtime.EnvOptions{
		Dir: b.dir, Python: os.Args[0],
		Environ: append([]string{roleEnv + "=python", "RUNTIME_TEST_PYTHON_DIR=" + b.notes}, extra...),
		Progress: func(line string) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.lines = append(b.lines, line)
		},
	})
}

// times says how often the Python was asked to do something.
func (b *pythonBundle) times(t *testing.T, what string) int {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(b.notes, what))
	if os.IsNotExist(err) {
		return 0
	}
	require.NoError(t, err)
	return strings.Count(string(raw), "\n")
}

func (b *pythonBundle) say(t *testing.T, what, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(b.notes, what), []byte(text), 0o600))
}

func TestEnsureMakesTheEnvironmentOnce(t *testing.T) {
	t.Parallel()
	b := newPython(t)
	require.ErrorContains(t, b.env().Check(t.Context()), "groundwork models pull")
	old := filepath.Join(b.dir, "python-000000000000")
	require.NoError(t, os.MkdirAll(old, 0o700))

	require.NoError(t, b.env("GROUNDWORK_LLM__CHAT__API_KEY=secret", "PIP_TARGET=/elsewhere", "PYTHONPATH=/elsewhere", "PIP_INDEX_URL=https://mirror.example/simple").Ensure(t.Context()))
	require.NoError(t, b.env().Check(t.Context()))
	require.NoError(t, b.env().Ensure(t.Context()))
	require.Equal(t, 1, b.times(t, "venv"))
	require.Equal(t, 1, b.times(t, "install"))
	require.NoDirExists(t, old)
	require.Contains(t, strings.Join(b.lines, "\n"), "Downloading something-1.0.whl (3 MB)")

	args, err := os.ReadFile(filepath.Join(b.notes, "args"))
	require.NoError(t, err)
	for _, flag := range []string{"--require-hashes", "--only-binary :all:", "--no-deps", "-I "} {
		require.Contains(t, string(args), flag)
	}
	environ, err := os.ReadFile(filepath.Join(b.notes, "environ"))
	require.NoError(t, err)
	require.NotContains(t, string(environ), "secret")
	require.NotContains(t, string(environ), "elsewhere")
	require.Contains(t, string(environ), "PIP_INDEX_URL=https://mirror.example/simple")
}

func TestEnsureMakesABrokenEnvironmentAnew(t *testing.T) {
	t.Parallel()
	b := newPython(t)
	b.say(t, "no-network", "")
	err := b.env().Ensure(t.Context())
	require.Equal(t, rag.CodeUnavailable, rag.CodeOf(err))
	require.ErrorContains(t, err, "Could not find a version")
	require.NotContains(t, err.Error(), "Retrying")
	require.ErrorContains(t, err, "run the same command again")
	require.Error(t, b.env().Check(t.Context()))

	require.NoError(t, os.Remove(filepath.Join(b.notes, "no-network")))
	require.NoError(t, b.env().Ensure(t.Context()), "over the half-made one")
	require.Equal(t, 2, b.times(t, "venv"))

	b.say(t, "version", "3.14") // the system's Python was upgraded
	require.ErrorContains(t, b.env().Check(t.Context()), "made with Python 3.12, which is now 3.14")
	require.NoError(t, b.env().Ensure(t.Context()))
	require.Equal(t, 3, b.times(t, "venv"))

	require.NoError(t, os.Remove(b.env().Python())) // or removed
	require.ErrorContains(t, b.env().Check(t.Context()), "broken")
	require.NoError(t, b.env().Ensure(t.Context()))
}

func TestEnsureTakesTurns(t *testing.T) {
	t.Parallel()
	b := newPython(t)
	errs := make(chan error, 4)
	for range cap(errs) {
		go func() { errs <- b.env().Ensure(t.Context()) }()
	}
	for range cap(errs) {
		require.NoError(t, <-errs)
	}
	require.Equal(t, 1, b.times(t, "install"))
}

func TestEnsureSaysWhatPythonLacks(t *testing.T) {
	t.Parallel()
	b := newPython(t)
	b.say(t, "version", "3.9")
	require.ErrorContains(t, b.env().Ensure(t.Context()), "need Python 3.11 or newer")
	require.ErrorContains(t, b.env().Ensure(t.Context()), "is 3.9")
	b.say(t, "version", "3.13")
	b.say(t, "no-venv", "")
	err := b.env().Ensure(t.Context())
	require.ErrorContains(t, err, "python3-venv")
	require.ErrorContains(t, err, "ensurepip is not available")

	none := runtime.NewEnv(runtime.EnvOptions{Dir: b.dir, Python: filepath.Join(b.dir, "python9")})
	require.ErrorContains(t, none.Ensure(t.Context()), "llm.python")
}

func TestEnvDownloadsFromRegistries(t *testing.T) {
	t.Parallel()
	b := newPython(t)
	env := b.env()
	require.NoError(t, env.Ready(t.Context()))
	var done []int64
	path, err := env.Wheel(t.Context(), t.TempDir(), "part", "1.0", zeros, func(n int64) { done = append(done, n) })
	require.NoError(t, err)
	require.FileExists(t, path)
	require.Equal(t, []int64{1, 2}, done)

	path, err = env.Jar(t.Context(), t.TempDir(), "g:a:1", func(n int64) { done = append(done, n) })
	require.NoError(t, err)
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "g:a:1", string(got))
	require.Equal(t, []int64{1, 2, 5}, done)
}

func TestLaunch(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data := content(100)
	chat, embed := entry(data), entry(data)
	chat.Context = 4096
	embed.Name, embed.Kind, embed.MaxTokens, embed.Pooling = "emb", runtime.Embed, 512, "cls"
	embed.Files = append(embed.Files, runtime.File{Role: "tokenizer", Name: "tokenizer.json", Size: 100, SHA256: sum(data), Hub: chat.Files[0].Hub})
	l := runtime.Launch{Env: newPython(t).env(), Dir: dir, LogDir: filepath.Join(dir, "logs"), Environ: []string{"PATH=/bin", "HOME=/root", "SECRET=1"}}

	_, err := l.Chat(chat, 8192, 2, 4)
	require.ErrorContains(t, err, "groundwork models pull tiny")
	p := newHub(t, file(data)).puller(t, dir)
	require.NoError(t, p.Pull(t.Context(), chat, nil))
	require.NoError(t, p.Pull(t.Context(), embed, nil))

	opt, err := l.Chat(chat, 8192, 2, 4)
	require.NoError(t, err)
	require.Equal(t, []string{"LANG=C.UTF-8", "PATH=/bin"}, opt.Env)
	require.Equal(t, 4096, opt.Settings["context"], "no more than the model was made for")
	require.FileExists(t, opt.Command[len(opt.Command)-1])
	require.Equal(t, filepath.Join(dir, "logs", "chat.log"), opt.Log)

	opt, err = l.Embed(embed, 2)
	require.NoError(t, err)
	require.FileExists(t, opt.Settings["tokenizer"].(string))
	require.Equal(t, "embed", opt.Name)

	_, err = l.Chat(embed, 8192, 1, 1)
	require.ErrorContains(t, err, "no chat model")
	_, err = l.Embed(chat, 1)
	require.ErrorContains(t, err, "no embedding model")
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	b, data := newPython(t), content(100)
	env, e := b.env(), entry(data)
	e.RAMMB = 1
	all := func(deep bool) map[string]runtime.Check {
		found := map[string]runtime.Check{}
		for _, c := range runtime.Doctor(t.Context(), env, b.dir, []runtime.Entry{e}, deep) {
			require.Equal(t, c.OK, c.Fix == "", "%+v", c)
			found[c.Name] = c
		}
		return found
	}
	found := all(false)
	require.True(t, found["python"].OK)
	require.True(t, found["memory"].OK)
	require.Equal(t, "Run `groundwork models pull`.", found["python environment"].Fix)
	require.Equal(t, "Run `groundwork models pull tiny`.", found["chat model"].Fix)

	require.NoError(t, env.Ensure(t.Context()))
	require.NoError(t, newHub(t, file(data)).puller(t, b.dir).Pull(t.Context(), e, nil))
	for name, c := range all(true) {
		require.True(t, c.OK, "%s: %+v", name, c)
	}

	e.RAMMB = 1 << 40
	require.Contains(t, all(false)["memory"].Fix, "smaller model")
	b.say(t, "version", "3.8")
	require.Contains(t, all(false)["python"].Fix, "Install a newer one")
	require.NoError(t, os.WriteFile(runtime.FilePath(b.dir, e, e.Files[0]), data[1:], 0o600))
	require.False(t, all(true)["chat model"].OK)
}
