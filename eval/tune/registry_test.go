package tune_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval/tune"
	"groundwork/eval/tune/tunetest"
)

func adapterFile(t *testing.T, arch string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a.gguf")
	require.NoError(t, tunetest.Write(file, tunetest.Model{Arch: arch, Blocks: 2, Hidden: 8}, 1, 0.1))
	return file
}

func TestRegistry(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := tune.Registry{Root: filepath.Join(dir, "adapters")}
	all, err := r.All()
	require.NoError(t, err)
	require.Empty(t, all)
	// The base's architecture stands in its header, as that of an adapter does.
	base := tune.Base{Model: "m", File: adapterFile(t, "qwen2"), SHA256: "ab"}
	good := adapterFile(t, "qwen2")
	peft := filepath.Join(dir, "peft")
	require.NoError(t, os.MkdirAll(peft, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(peft, "adapter_config.json"), []byte("{}"), 0o600))

	first, err := r.Register(tune.Adapter{Name: "acme", Base: base, Data: "d1", Licence: "Apache-2.0"}, good, peft)
	require.NoError(t, err)
	require.Equal(t, "acme-v1", first.Tag())
	require.FileExists(t, first.File())
	require.FileExists(t, filepath.Join(first.Folder(), "adapter_config.json"))
	second, err := r.Register(tune.Adapter{Name: "acme", Base: base, Data: "d2"}, good, "")
	require.NoError(t, err)
	_, err = r.Register(tune.Adapter{Name: "for-another", Base: tune.Base{Model: "n", File: base.File}}, good, "")
	require.NoError(t, err)
	serving, err := r.Serving(base)
	require.NoError(t, err)
	require.Equal(t, "acme-v2="+second.SHA256, tune.Key(serving), "the newest version of what was made for this base")
	serving, err = r.Serving(tune.Base{Model: "m", SHA256: "another file of it"})
	require.NoError(t, err)
	require.Empty(t, serving)

	removed, err := r.Remove("acme-v2")
	require.NoError(t, err)
	require.Len(t, removed, 1)
	serving, err = r.Serving(base)
	require.NoError(t, err)
	require.Equal(t, "acme-v1="+first.SHA256, tune.Key(serving), "the one before is back")
	require.Equal(t, "Apache-2.0", serving[0].Licence)
	_, err = r.Remove("acme")
	require.NoError(t, err)
	_, err = r.Remove("acme")
	require.ErrorContains(t, err, "tune adapters")
}

func TestWhatIsNoAdapterIsRefused(t *testing.T) {
	t.Parallel()
	r := tune.Registry{Root: t.TempDir()}
	base := tune.Base{Model: "m", File: adapterFile(t, "qwen2")}
	text := filepath.Join(t.TempDir(), "x")
	require.NoError(t, os.WriteFile(text, []byte("not a model file at all"), 0o600))
	cut := filepath.Join(t.TempDir(), "y")
	whole, err := os.ReadFile(base.File)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(cut, whole[:40], 0o600))
	for file, why := range map[string]string{text: "no GGUF", cut: "no GGUF", adapterFile(t, "llama"): "architecture llama"} {
		_, err := r.Register(tune.Adapter{Name: "a", Base: base}, file, "")
		require.ErrorContains(t, err, why)
	}
	_, err = r.Register(tune.Adapter{Name: "a@b", Base: base}, base.File, "")
	require.ErrorContains(t, err, "no name")
	all, err := r.All()
	require.NoError(t, err)
	require.Empty(t, all)
}
