package qdrant_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
	"groundwork/store/qdrant"
	"groundwork/store/qdrant/qdranttest"
)

func TestAnotherModelIsRefused(t *testing.T) {
	t.Parallel()
	s, name, ledger := qdranttest.Start(t), alias(), newLedger()
	dropAfter(t, s, name)
	publish(t, open(t, s, ledger, qdrant.Options{Alias: name}), version("doc", 1, 1)...)
	for _, o := range []qdrant.Options{{Dimensions: 5}, {Fingerprint: "model b"}} {
		o.Alias = name
		_, err := qdrant.Open(t.Context(), options(s, o), ledger)
		var refused *rag.Error
		require.ErrorAs(t, err, &refused)
		require.Equal(t, rag.CodeConflict, refused.Code)
		require.Contains(t, refused.Message, "`groundwork reindex`")
		require.Contains(t, refused.Message, "model a")
	}
	x := open(t, s, ledger, qdrant.Options{Alias: name, Reset: true})
	require.Len(t, found(t, x), 1, "one that fits is kept")
	x = open(t, s, ledger, qdrant.Options{Alias: name, Fingerprint: "model b", Reset: true})
	missing, err := x.Missing(t.Context(), []rag.Scope{scope, {Tenant: "acme", Store: "vs_empty"}})
	require.NoError(t, err)
	require.Equal(t, []rag.Scope{scope}, missing)
	publish(t, x, version("doc", 1, 1)...)
	require.Len(t, found(t, x), 1)
	missing, err = x.Missing(t.Context(), []rag.Scope{scope})
	require.NoError(t, err)
	require.Empty(t, missing)
	_, err = qdrant.Open(t.Context(), options(s, qdrant.Options{Alias: name}), ledger)
	require.Equal(t, rag.CodeConflict, rag.CodeOf(err), "the old one is gone")
}

func TestAnIndexIsBuiltBesideAnotherAndPromoted(t *testing.T) {
	t.Parallel()
	s, name, ledger := qdranttest.Start(t), alias(), newLedger()
	dropAfter(t, s, name)
	dimensions, fingerprint, err := qdrant.Made(t.Context(), options(s, qdrant.Options{Alias: name}))
	require.NoError(t, err)
	require.Zero(t, dimensions)
	require.Empty(t, fingerprint)
	old := open(t, s, ledger, qdrant.Options{Alias: name})
	publish(t, old, version("doc", 1, 1)...)

	beside, own := qdrant.Options{Alias: name, Fingerprint: "model b", Beside: true}, newLedger()
	publish(t, open(t, s, own, beside), version("doc", 2, 3)...)
	require.Len(t, found(t, old), 1)
	next := open(t, s, own, beside)
	require.Len(t, found(t, next), 3, "it goes on where it was")
	beside.Fresh, own = true, newLedger()
	next = open(t, s, own, beside)
	published, staged := held(t, next)
	require.Zero(t, published+staged)
	publish(t, next, version("doc", 2, 2)...)
	dimensions, fingerprint, err = qdrant.Made(t.Context(), options(s, qdrant.Options{Alias: name}))
	require.NoError(t, err)
	require.Equal(t, 4, dimensions)
	require.Equal(t, "model a", fingerprint)

	require.NoError(t, next.Promote(t.Context()))
	require.NoError(t, next.Promote(t.Context()))
	require.Len(t, found(t, open(t, s, own, qdrant.Options{Alias: name, Fingerprint: "model b"})), 2)
	_, err = old.Text(t.Context(), scope, []string{"every"}, 10)
	require.Error(t, err, "the old one is gone")
	next = open(t, s, own, beside)
	require.Len(t, found(t, next), 2, "what the alias points to is never dropped")
}

func TestManyProcessesOpenAtOnce(t *testing.T) {
	t.Parallel()
	s, name, ledger := qdranttest.Start(t), alias(), newLedger()
	dropAfter(t, s, name)
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			x, err := qdrant.Open(t.Context(), options(s, qdrant.Options{Alias: name}), ledger)
			if err != nil {
				t.Error(err)
				return
			}
			if err := x.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestBadOptionsAreRefused(t *testing.T) {
	t.Parallel()
	for _, o := range []qdrant.Options{
		{URL: "localhost:6334", Dimensions: 4}, {URL: "", Dimensions: 4}, {URL: "ftp://host", Dimensions: 4},
		{URL: "http://localhost:6334", Dimensions: 0}, {URL: "http://localhost:6334", Dimensions: 1 << 20},
	} {
		_, err := qdrant.Open(t.Context(), o, newLedger())
		require.Error(t, err, "%+v", o)
		require.NotEqual(t, rag.CodeUnavailable, rag.CodeOf(err))
	}
}

func TestKeyAndTLS(t *testing.T) {
	t.Parallel()
	cert, key, pool := certificate(t)
	s := qdranttest.StartOwn(t, "--api-key", "secret", "--tls", cert, key)
	o := options(s, qdrant.Options{TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}})
	_, err := qdrant.Open(t.Context(), o, newLedger())
	var refused *rag.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, rag.CodeUnavailable, refused.Code)
	require.Contains(t, refused.Message, "API key")
	o.APIKey = "secret"
	x, err := qdrant.Open(t.Context(), o, newLedger())
	require.NoError(t, err)
	publish(t, x, version("doc", 1, 2)...)
	require.Len(t, found(t, x), 2)
	require.NoError(t, x.Close())
	o.TLS = nil
	_, err = qdrant.Open(t.Context(), o, newLedger())
	require.Equal(t, rag.CodeUnavailable, rag.CodeOf(err), "an unknown authority")
}

// certificate makes files of a self-signed one for localhost.
func certificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certFile, keyFile = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	require.NoError(t, os.WriteFile(certFile, certPEM, 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), 0o600))
	pool = x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(certPEM))
	return certFile, keyFile, pool
}
