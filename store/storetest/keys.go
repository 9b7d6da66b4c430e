package storetest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
)

// Keyring keeps API keys.
type Keyring interface {
	CreateKey(ctx context.Context, k rag.Key) (rag.Key, string, error)
	Keys(ctx context.Context, tenant string) ([]rag.Key, error)
	RevokeKey(ctx context.Context, tenant, id string) (rag.Key, error)
	HasKeys(ctx context.Context) (bool, error)
	Authenticate(ctx context.Context, token string) (rag.Principal, error)
}

// OpenKeys opens an empty keyring on a clock that advance moves. keyless is
// what decides whether callers without a key are let in while there is none.
type OpenKeys func(t *testing.T, keyless func() bool) (ring Keyring, advance func(time.Duration))

// Keys checks a keyring.
func Keys(t *testing.T, open OpenKeys) {
	never := func() bool { return false }
	ask := rag.Key{Tenant: tenant, Name: "intranet", Verbs: []string{"ask"}, Stores: []string{"handbook"}}
	t.Run("a token stands for its key", func(t *testing.T) {
		t.Parallel()
		ring, _ := open(t, never)
		key, token, err := ring.CreateKey(t.Context(), ask)
		require.NoError(t, err)
		require.Regexp(t, `^gw_[0-9A-Za-z_-]{43}$`, token)
		require.NotContains(t, key.ID, token)
		got, err := ring.Authenticate(t.Context(), token)
		require.NoError(t, err)
		require.Equal(t, rag.Principal{Tenant: tenant, KeyID: key.ID, Verbs: ask.Verbs, Stores: ask.Stores}, got)
		for _, wrong := range []string{token + "x", token[:45], "gw_", key.ID} {
			_, err := ring.Authenticate(t.Context(), wrong)
			requireCode(t, rag.CodeUnauthorized, err)
		}
	})
	t.Run("a key with groups only asks", func(t *testing.T) {
		t.Parallel()
		ring, _ := open(t, never)
		k := ask
		k.Groups = []string{"hr", "Finance Team"}
		key, token, err := ring.CreateKey(t.Context(), k)
		require.NoError(t, err)
		p, err := ring.Authenticate(t.Context(), token)
		require.NoError(t, err)
		require.Equal(t, k.Groups, p.Groups)
		listed, err := ring.Keys(t.Context(), tenant)
		require.NoError(t, err)
		require.Equal(t, []rag.Key{key}, listed)
		for _, groups := range [][]string{{}, {""}, {" hr"}, {"h\nr"}, {"hr", strings.Repeat("x", 65)}, make([]string, 65)} {
			k.Groups = groups
			_, _, err := ring.CreateKey(t.Context(), k)
			requireCode(t, rag.CodeInvalid, err)
		}
		for _, verbs := range [][]string{{"ask", "write"}, {"admin"}, {"write"}} {
			_, _, err := ring.CreateKey(t.Context(), rag.Key{Tenant: tenant, Verbs: verbs, Groups: []string{"hr"}})
			requireCode(t, rag.CodeInvalid, err)
		}
	})
	t.Run("a revoked key ends at once and stays listed", func(t *testing.T) {
		t.Parallel()
		ring, advance := open(t, never)
		first, token, err := ring.CreateKey(t.Context(), ask)
		require.NoError(t, err)
		advance(time.Hour)
		second, other, err := ring.CreateKey(t.Context(), ask)
		require.NoError(t, err)
		advance(time.Hour)
		_, err = ring.RevokeKey(t.Context(), "other", first.ID)
		requireCode(t, rag.CodeNotFound, err)
		revoked, err := ring.RevokeKey(t.Context(), tenant, first.ID)
		require.NoError(t, err)
		require.Equal(t, first.CreatedAt.Add(2*time.Hour), *revoked.RevokedAt)
		advance(time.Hour)
		again, err := ring.RevokeKey(t.Context(), tenant, first.ID)
		require.NoError(t, err)
		require.Equal(t, revoked, again)
		_, err = ring.Authenticate(t.Context(), token)
		requireCode(t, rag.CodeUnauthorized, err)
		_, err = ring.Authenticate(t.Context(), other)
		require.NoError(t, err)
		keys, err := ring.Keys(t.Context(), tenant)
		require.NoError(t, err)
		require.Equal(t, []rag.Key{revoked, second}, keys)
		none, err := ring.Keys(t.Context(), "other")
		require.NoError(t, err)
		require.Empty(t, none)
	})
	t.Run("without a key only while there is none", func(t *testing.T) {
		t.Parallel()
		loopback := true
		ring, _ := open(t, func() bool { return loopback })
		got, err := ring.Authenticate(t.Context(), "")
		require.NoError(t, err)
		require.Equal(t, rag.Principal{Tenant: rag.DefaultTenant, Verbs: []string{"admin"}}, got)
		loopback = false
		_, err = ring.Authenticate(t.Context(), "")
		requireCode(t, rag.CodeUnauthorized, err)
		loopback = true
		key, _, err := ring.CreateKey(t.Context(), ask)
		require.NoError(t, err)
		_, err = ring.RevokeKey(t.Context(), tenant, key.ID)
		require.NoError(t, err)
		_, err = ring.Authenticate(t.Context(), "")
		requireCode(t, rag.CodeUnauthorized, err)
		has, err := ring.HasKeys(t.Context())
		require.NoError(t, err)
		require.True(t, has)
	})
	t.Run("must allow something that exists", func(t *testing.T) {
		t.Parallel()
		ring, _ := open(t, never)
		for _, bad := range []rag.Key{{Tenant: tenant}, {Tenant: tenant, Verbs: []string{"ask", "sudo"}}, {Verbs: []string{"ask"}}} {
			_, _, err := ring.CreateKey(t.Context(), bad)
			requireCode(t, rag.CodeInvalid, err)
		}
		has, err := ring.HasKeys(t.Context())
		require.NoError(t, err)
		require.False(t, has)
	})
}
