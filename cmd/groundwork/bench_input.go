package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"groundwork/configs"
	"groundwork/internal/app"
	"groundwork/rag"
)

// benchKeys are the keys to send with: those of a file, new ones, the one
// given, or none where the server asks for none (one key has few answers at once).
func (c *cli) benchKeys(ctx context.Context, cfg configs.Config, api *client, f benchFlags) (keys []string, revoke func(context.Context) error, err error) {
	nothing := func(context.Context) error { return nil }
	if f.keyFile != "" {
		keys, err := readLines(f.keyFile, func(line string) (string, error) { return line, nil })
		return keys, nothing, err
	}
	open := (&client{base: api.base, http: api.http}).call(ctx, http.MethodGet, "/v1/models", nil, nil) == nil
	switch {
	case f.keys == 0 && open:
		return nil, nothing, nil
	case f.keys == 0:
		return []string{api.key}, nothing, nil
	case open:
		return nil, nil, errors.New("this server has no keys, and the first one would lock out everybody without one; leave --keys out, or make a key with `groundwork keys create` first")
	case c.server != "":
		return nil, nil, errors.New("--keys makes keys in the data directory of this machine; for another server use --key-file")
	}
	return makeKeys(ctx, cfg, f)
}

// makeKeys makes keys that may ask and upload, until revoke is called.
func makeKeys(ctx context.Context, cfg configs.Config, f benchFlags) (tokens []string, revoke func(context.Context) error, err error) {
	keys, closeKeys, err := app.OpenKeys(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	var ids []string
	revoke = func(ctx context.Context) error {
		defer closeKeys()
		var errs []error
		for _, id := range ids {
			_, err := keys.RevokeKey(ctx, rag.DefaultTenant, id)
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	}
	for i := range f.keys {
		key, token, err := keys.CreateKey(ctx, rag.Key{Tenant: rag.DefaultTenant, Name: fmt.Sprintf("bench %d", i+1), Verbs: []string{"ask", "write"}})
		if err != nil {
			return nil, nil, errors.Join(err, revoke(context.WithoutCancel(ctx)))
		}
		tokens, ids = append(tokens, token), append(ids, key.ID)
	}
	return tokens, revoke, nil
}

// removeStore deletes the store of that name with its documents; one that was never made is fine.
func (c *client) removeStore(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err := c.call(ctx, http.MethodDelete, "/v1/vector_stores/"+name, nil, nil)
	var e *apiError
	if errors.As(err, &e) && e.Status == http.StatusNotFound {
		return nil
	}
	if err != nil {
		return fmt.Errorf("delete the store %s of the uploads: %w", name, err)
	}
	return nil
}

// questionOf reads a line of a question file.
func questionOf(line string) (string, error) {
	if !strings.HasPrefix(line, "{") {
		return line, nil
	}
	var q struct{ Question string }
	if err := json.Unmarshal([]byte(line), &q); err != nil {
		return "", err
	}
	if q.Question == "" {
		return "", errors.New(`there is no member "question"`)
	}
	return q.Question, nil
}

// readLines reads the lines of a file that are not blank.
func readLines[T any](name string, read func(string) (T, error)) ([]T, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var out []T
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" {
			continue
		}
		item, err := read(text)
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", name, n, err)
		}
		out = append(out, item)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s is empty", name)
	}
	return out, nil
}
