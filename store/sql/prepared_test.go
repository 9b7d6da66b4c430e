package sql_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
	"groundwork/store/sql"
)

// Reads keep their statements compiled; they must see what was written since,
// and many at once must not get in each other's way.
func TestReadsThatAreCompiledOnceSeeEveryChange(t *testing.T) {
	t.Parallel()
	s := open(t, sql.Options{Path: filepath.Join(t.TempDir(), "library.db")})
	for i := range 20 {
		made, err := s.CreateStore(t.Context(), "acme", fmt.Sprint("store ", i), nil)
		require.NoError(t, err)
		_, token, err := s.CreateKey(t.Context(), rag.Key{Tenant: "acme", Name: "k", Verbs: []string{"ask"}})
		require.NoError(t, err)
		var readers sync.WaitGroup
		for range 8 {
			readers.Go(func() {
				found, err := s.Store(t.Context(), "acme", made.Name)
				if err != nil || found.ID != made.ID {
					t.Errorf("%s: %+v, %v", made.Name, found, err)
				}
				if who, err := s.Authenticate(t.Context(), token); err != nil || who.Tenant != "acme" {
					t.Errorf("%+v, %v", who, err)
				}
			})
		}
		readers.Wait()
		keys, err := s.Keys(t.Context(), "acme")
		require.NoError(t, err)
		require.Len(t, keys, i+1)
		_, err = s.RevokeKey(t.Context(), "acme", keys[i].ID)
		require.NoError(t, err)
		_, err = s.Authenticate(t.Context(), token)
		require.Equal(t, rag.CodeUnauthorized, rag.CodeOf(err), "a key that was revoked lets nobody in")
	}
}
