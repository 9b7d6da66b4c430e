package runtime

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"groundwork/rag"
)

// Launch says how the servers of this machine are started.
type Launch struct {
	Env     *Env
	Dir     string   // models directory
	LogDir  string   // for chat.log and embed.log
	Environ []string // the program's; the servers get a few names of it and no more
}

// Chat are the options of a chat server for e. contextTokens is the window of
// each of parallel answers; threads compute. All must be positive. Adapters are
// files that requests may choose by their place; none is used unless one does.
func (l Launch) Chat(e Entry, contextTokens, parallel, threads int, adapters ...string) (Options, error) {
	if e.Kind != Chat {
		return Options{}, rag.Fail(rag.CodeModel, fmt.Sprintf("%s is no chat model; `groundwork models list` shows which are.", e.Name))
	}
	return l.options("chat", "chat_server.py", e, map[string]any{
		"model": FilePath(l.Dir, e, e.file(roleModel)), "name": e.Name,
		"context": min(contextTokens, e.Context), "parallel": parallel, "threads": threads,
		"adapters": append([]string{}, adapters...),
	})
}

// ChatFile is the model file of a chat model that is here and whose checksum is known.
func ChatFile(dir string, e Entry) (string, error) {
	switch {
	case e.Kind != Chat:
		return "", rag.Fail(rag.CodeModel, fmt.Sprintf("%s is no chat model; `groundwork models list` shows which are.", e.Name))
	case !e.Pinned():
		return "", rag.Fail(rag.CodeModel, fmt.Sprintf("The checksum of %s is not known; an adapter belongs to one file of a model and no other.", e.Name))
	case !Installed(dir, e):
		return "", rag.Fail(rag.CodeModel, fmt.Sprintf("The model %s is not here yet; run `groundwork models pull %s`.", e.Name, e.Name))
	}
	return FilePath(dir, e, e.file(roleModel)), nil
}

// Embed are the options of an embedding server for e with this many workers, each on a thread of its own.
func (l Launch) Embed(e Entry, workers int) (Options, error) {
	if e.Kind != Embed {
		return Options{}, rag.Fail(rag.CodeModel, fmt.Sprintf("%s is no embedding model; `groundwork models list` shows which are.", e.Name))
	}
	return l.options("embed", "embed_server.py", e, map[string]any{
		"model": FilePath(l.Dir, e, e.file(roleModel)), "tokenizer": FilePath(l.Dir, e, e.file(roleTokenizer)), "name": e.Name,
		"pooling": e.Pooling, "max_tokens": e.MaxTokens, "workers": workers,
	})
}

// Rerank are the options of a server that reranks with the cross-encoder in a folder (model.onnx and
// tokenizer.json) with this many workers, and the name of that model, which changes when the file does.
func (l Launch) Rerank(ctx context.Context, folder string, maxTokens, workers int) (opts Options, name string, err error) {
	model, tokenizer := filepath.Join(folder, "model.onnx"), filepath.Join(folder, "tokenizer.json")
	for _, file := range []string{model, tokenizer} {
		if info, err := os.Stat(file); err != nil || info.IsDir() {
			return Options{}, "", rag.Fail(rag.CodeModel, fmt.Sprintf("%s is not there; llm.rerank.folder must hold model.onnx and tokenizer.json of a cross-encoder.", file))
		}
	}
	sum, err := hashFile(ctx, model)
	if err != nil {
		return Options{}, "", err
	}
	name = filepath.Base(folder) + "/" + sum[:8]
	opts, err = l.command("rerank", "embed_server.py", map[string]any{
		"task": "rerank", "model": model, "tokenizer": tokenizer, "name": name, "max_tokens": maxTokens, "workers": workers,
	})
	return opts, name, err
}

func (l Launch) options(name, program string, e Entry, settings map[string]any) (Options, error) {
	if !Installed(l.Dir, e) {
		return Options{}, rag.Fail(rag.CodeModel, fmt.Sprintf("The model %s is not here yet; run `groundwork models pull %s`.", e.Name, e.Name))
	}
	return l.command(name, program, settings)
}

func (l Launch) command(name, program string, settings map[string]any) (Options, error) {
	path, err := script(l.Dir, program)
	if err != nil {
		return Options{}, err
	}
	return Options{
		Name:     name,
		Command:  []string{l.Env.Python(), "-I", "-u", path},
		Settings: settings,
		Env:      serverEnviron(l.Environ),
		Log:      filepath.Join(l.LogDir, name+".log"),
	}, nil
}

// serverEnviron is all that a model server gets to see of the environment.
func serverEnviron(environ []string) []string {
	out := []string{"LANG=C.UTF-8"}
	for _, kv := range environ {
		switch name, _, _ := strings.Cut(kv, "="); name {
		case "PATH", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH":
			out = append(out, kv)
		}
	}
	return out
}

// Fingerprint names everything about an embedding model that its vectors
// depend on: an index made under one fingerprint must not be searched under another.
func (e Entry) Fingerprint() string {
	model, tokenizer := e.file(roleModel), e.file(roleTokenizer)
	return strings.Join([]string{
		e.Name, cmp.Or(model.SHA256, "unpinned")[:8], cmp.Or(tokenizer.SHA256, "unpinned")[:8],
		"onnxruntime-" + PackageVersion("onnxruntime"), e.Pooling, fmt.Sprint(e.MaxTokens),
		digest([]byte(e.QueryPrefix + "\x00" + e.PassagePrefix)),
	}, "/")
}
