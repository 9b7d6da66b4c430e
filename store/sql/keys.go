package sql

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"groundwork/rag"
)

// verbs a key may have.
var verbs = []string{"ask", "write", "admin"}

const keyColumns = "id, tenant, name, verbs, stores, reads_as, created_at, revoked_at"

// CreateKey makes a key from Tenant, Name, Verbs, Stores and Groups. The token is
// given this once; only its hash is kept.
func (s *Store) CreateKey(ctx context.Context, k rag.Key) (key rag.Key, token string, err error) {
	for _, v := range k.Verbs {
		if !slices.Contains(verbs, v) {
			return rag.Key{}, "", &rag.Error{Code: rag.CodeInvalid, Param: "verbs",
				Message: fmt.Sprintf("%q is nothing a key can allow; use ask, write or admin", v)}
		}
	}
	if len(k.Verbs) == 0 || k.Tenant == "" {
		return rag.Key{}, "", &rag.Error{Code: rag.CodeInvalid, Param: "verbs",
			Message: "a key must belong to a tenant and allow something; use ask, write or admin"}
	}
	if err := checkGroups(k); err != nil {
		return rag.Key{}, "", err
	}
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return rag.Key{}, "", fmt.Errorf("create a key: %w", err)
	}
	token = "gw_" + base64.RawURLEncoding.EncodeToString(secret)
	k.ID, k.CreatedAt, k.RevokedAt = newID("key_"), moment(s.now()), nil
	allowed, err := json.Marshal(k.Verbs)
	if err != nil {
		return rag.Key{}, "", fmt.Errorf("create a key: %w", err)
	}
	stores, err := json.Marshal(k.Stores)
	if err != nil {
		return rag.Key{}, "", fmt.Errorf("create a key: %w", err)
	}
	groups, err := json.Marshal(k.Groups)
	if err != nil {
		return rag.Key{}, "", fmt.Errorf("create a key: %w", err)
	}
	err = s.write(ctx, "create a key", func(ctx context.Context, tx *txn) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO keys (id, tenant, name, verbs, stores, reads_as, created_at, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			k.ID, k.Tenant, k.Name, string(allowed), string(stores), string(groups), k.CreatedAt.UnixMicro(), fingerprint(token))
		return err
	})
	if err != nil {
		return rag.Key{}, "", err
	}
	return k, token, nil
}

// Keys lists a tenant's keys, revoked ones too, oldest first.
func (s *Store) Keys(ctx context.Context, tenant string) (keys []rag.Key, err error) {
	err = s.read(ctx, "list keys", func(ctx context.Context, q querier) error {
		keys, err = collect(ctx, q, scanKey, "SELECT "+keyColumns+" FROM keys WHERE tenant = ? ORDER BY created_at, id", tenant)
		return err
	})
	return keys, err
}

// RevokeKey ends a key at once, by its id; a second time changes nothing.
func (s *Store) RevokeKey(ctx context.Context, tenant, id string) (key rag.Key, err error) {
	err = s.write(ctx, "revoke a key", func(ctx context.Context, tx *txn) error {
		_, err := tx.ExecContext(ctx, "UPDATE keys SET revoked_at = ? WHERE tenant = ? AND id = ? AND revoked_at IS NULL", s.now(), tenant, id)
		if err != nil {
			return err
		}
		key, err = scanKey(tx.QueryRowContext(ctx, "SELECT "+keyColumns+" FROM keys WHERE tenant = ? AND id = ?", tenant, id))
		if errors.Is(err, sql.ErrNoRows) {
			return rag.Fail(rag.CodeNotFound, fmt.Sprintf("there is no key %q; list the keys to find its id", id))
		}
		return err
	})
	return key, err
}

// HasKeys reports whether a key was ever made, by any tenant: from then on
// nobody is let in without one, even when all are revoked.
func (s *Store) HasKeys(ctx context.Context) (bool, error) {
	var n int
	err := s.read(ctx, "look for keys", func(ctx context.Context, q querier) error {
		return q.QueryRowContext(ctx, "SELECT COUNT(*) FROM (SELECT 1 FROM keys LIMIT 1) AS k").Scan(&n)
	})
	return n > 0, err
}

// Authenticate tells who holds the token. Without a token it is the default
// tenant's admin while Options.Keyless allows it and no key was made.
func (s *Store) Authenticate(ctx context.Context, token string) (rag.Principal, error) {
	if token == "" {
		return s.keyless(ctx)
	}
	var k rag.Key
	err := s.read(ctx, "check a key", func(ctx context.Context, q querier) (err error) {
		k, err = scanKey(q.QueryRowContext(ctx, "SELECT "+keyColumns+" FROM keys WHERE hash = ? AND revoked_at IS NULL", fingerprint(token)))
		if errors.Is(err, sql.ErrNoRows) {
			return rag.Fail(rag.CodeUnauthorized, "the API key is unknown or revoked; check it, or make one with `groundwork keys create`")
		}
		return err
	})
	if err != nil {
		return rag.Principal{}, err
	}
	return rag.Principal{Tenant: k.Tenant, KeyID: k.ID, Verbs: k.Verbs, Stores: k.Stores, Groups: k.Groups}, nil
}

// checkGroups refuses groups that no document can allow, and a key that may do
// more than ask: what it changes could tell it of documents that it may not read.
func checkGroups(k rag.Key) error {
	if k.Groups == nil {
		return nil
	}
	for _, g := range k.Groups {
		if !rag.IsGroup(g) {
			return &rag.Error{Code: rag.CodeInvalid, Param: "groups",
				Message: fmt.Sprintf("%q is no name of a group; use 1 to 64 characters, no control characters and no space at the ends", g)}
		}
	}
	if len(k.Groups) == 0 || len(k.Groups) > rag.MaxGroups || len(k.Verbs) != 1 || k.Verbs[0] != "ask" {
		return &rag.Error{Code: rag.CodeInvalid, Param: "groups",
			Message: fmt.Sprintf("a key with groups has 1 to %d of them and the verb ask only; make another key without groups for writing", rag.MaxGroups)}
	}
	return nil
}

func (s *Store) keyless(ctx context.Context) (rag.Principal, error) {
	if s.opt.Keyless != nil && s.opt.Keyless() {
		if has, err := s.HasKeys(ctx); err != nil || !has {
			return rag.Principal{Tenant: rag.DefaultTenant, Verbs: []string{"admin"}}, err
		}
	}
	return rag.Principal{}, rag.Fail(rag.CodeUnauthorized,
		"an API key is needed; send it as `Authorization: Bearer gw_…`, or make one with `groundwork keys create`")
}

func fingerprint(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func scanKey(row scanner) (rag.Key, error) {
	var k rag.Key
	var allowed, stores, groups string
	var created int64
	var revoked sql.NullInt64
	if err := row.Scan(&k.ID, &k.Tenant, &k.Name, &allowed, &stores, &groups, &created, &revoked); err != nil {
		return rag.Key{}, err
	}
	k.CreatedAt = moment(created)
	if revoked.Valid {
		at := moment(revoked.Int64)
		k.RevokedAt = &at
	}
	err := errors.Join(json.Unmarshal([]byte(allowed), &k.Verbs), json.Unmarshal([]byte(stores), &k.Stores), json.Unmarshal([]byte(groups), &k.Groups))
	return k, err
}
