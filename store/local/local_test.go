package local_test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/store/local"
	"groundwork/store/storetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	var dirs sync.Map
	storetest.Index(t, func(t *testing.T) storetest.Searchable {
		dir, _ := dirs.LoadOrStore(t.Name(), t.TempDir())
		return open(t, dir.(string), local.Options{Dimensions: storetest.Dimensions, Fingerprint: filepath.Base(root)})
	})
}

func open(t testing.TB, dir string, o local.Options) *local.Index {
	t.Helper()
	x, err := local.Open(t.Context(), dir, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, x.Close()) })
	return x
}
