package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"groundwork/configs"
	"groundwork/eval"
	"groundwork/eval/compare"
	"groundwork/eval/reports"
	"groundwork/eval/runs"
)

// questionSet reads a question set and its hash.
func questionSet(path string) (set []eval.Question, hash string, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, "", err
	}
	if set, err = eval.Read(strings.NewReader(string(raw))); err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	if len(set) == 0 {
		return nil, "", fmt.Errorf("%s holds no questions", path)
	}
	seen := map[string]bool{}
	for _, q := range set {
		if seen[q.ID] {
			return nil, "", fmt.Errorf("%s has the id %s twice", path, q.ID)
		}
		seen[q.ID] = true
	}
	return set, shortHash(raw), nil
}

func shortHash(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8])
}

// compareSetup says what is compared, and finds out that all of it is there.
func (c *cli) compareSetup(ctx context.Context, api *client, cfg configs.Config, f compareFlags, hash string) (compare.Setup, error) {
	s := compare.Setup{Server: c.server, Store: f.store, QuestionsFile: filepath.Base(f.questions), Questions: hash, Adapter: f.tuned, Prompt: shortHash([]byte(compare.Plain)),
		Seed: f.seed, MaxTokens: cmp.Or(f.maxTokens, cfg.Answer.MaxTokens), Safety: f.safety, Budget: f.budget, Client: version}
	var err error
	if s.Model, err = api.baseModel(ctx, f.store); err != nil {
		return s, err
	}
	for _, cell := range compare.Cells(s.Model, s.Adapter, s.Store) {
		if err := api.call(ctx, http.MethodGet, "/v1/models/"+url.PathEscape(cell.Model), nil, nil); err != nil {
			return s, fmt.Errorf("%s cannot be asked: %w", cell.Name, err)
		}
	}
	s.Corpus, err = api.corpusHash(ctx, f.store)
	return s, err
}

// baseModel is the chat model without adapter or store.
func (c *client) baseModel(ctx context.Context, store string) (string, error) {
	if _, err := c.storeModel(ctx, store); err != nil {
		return "", err
	}
	var list struct {
		Data []struct{ ID string }
	}
	if err := c.call(ctx, http.MethodGet, "/v1/models", nil, &list); err != nil {
		return "", err
	}
	shortest := ""
	for _, m := range list.Data { // MODEL@STORE is shorter than MODEL+ADAPTER@STORE
		if name, ok := strings.CutSuffix(m.ID, "@"+store); ok && (shortest == "" || len(name) < len(shortest)) {
			shortest = name
		}
	}
	return shortest, nil
}

// corpusHash is a hash of the names and contents of a store's documents.
func (c *client) corpusHash(ctx context.Context, store string) (string, error) {
	var lines []string
	for after := ""; ; {
		var page struct {
			Data []struct {
				ID, Filename, Status, SHA256 string
			}
			HasMore bool `json:"has_more"`
		}
		path := "/v1/documents?limit=100&order=asc&store=" + url.QueryEscape(store) + "&after=" + url.QueryEscape(after)
		if err := c.call(ctx, http.MethodGet, path, nil, &page); err != nil {
			return "", err
		}
		for _, d := range page.Data {
			if d.Status == "ready" {
				lines = append(lines, d.Filename+"\x00"+d.SHA256+"\n")
			}
			after = d.ID
		}
		if !page.HasMore || len(page.Data) == 0 {
			break
		}
	}
	slices.Sort(lines)
	return shortHash([]byte(strings.Join(lines, ""))), nil
}

// takeUp goes on with the newest comparison of the same setup that has no report yet, or begins one.
func (c *cli) takeUp(ctx context.Context, api *client, cfg configs.Config, f compareFlags, setup compare.Setup) (*comparing, error) {
	k := &comparing{cli: c, api: api, kept: comparisonsOf(cfg), runs: runs.In(filepath.Join(cfg.Server.DataDir, "runs"))}
	ids, err := k.kept.List()
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		var old compare.Comparison
		if err := k.kept.Load(id, reports.Setup, &old); err != nil {
			return nil, err
		}
		_, missing := k.kept.Read(id, reports.JSON) // the last that is written
		if !f.fresh && old.Setup == setup && (f.again || missing != nil) {
			k.is = old
			fmt.Fprintf(c.err, "going on with comparison %s\n", id)
			break
		}
	}
	if k.is.ID == "" {
		if k.is, err = c.begin(ctx, api, f, setup); err != nil {
			return nil, err
		}
		raw, err := os.ReadFile(f.questions)
		if err == nil {
			err = k.kept.Save(k.is.ID, reports.Questions, raw)
		}
		if err == nil {
			err = k.save() // last: now it is there
		}
		if err != nil {
			return nil, err
		}
	}
	k.cells = compare.Cells(setup.Model, setup.Adapter, setup.Store)
	return k, nil
}

func (c *cli) begin(ctx context.Context, api *client, f compareFlags, setup compare.Setup) (compare.Comparison, error) {
	var random [3]byte
	_, _ = rand.Read(random[:]) // never fails
	now := time.Now().UTC()
	is := compare.Comparison{ID: now.Format("20060102-150405-") + hex.EncodeToString(random[:]), Setup: setup, Started: now, AtOnce: f.parallel, Hardware: f.hardware}
	state, _, err := api.ready(ctx)
	if err != nil {
		return is, err
	}
	slots := 0.0
	for _, check := range state.Checks {
		if check.Name != "chat" {
			continue
		}
		budget, _ := check.Facts["context_budget"].(float64)
		is.Budget = cmp.Or(f.budget, int(budget))
		is.Facts = check.Facts
		servers, _ := check.Facts["servers"].([]any)
		for _, s := range servers {
			facts, _ := s.(map[string]any)
			n, _ := facts["slots"].(float64)
			slots += n
		}
	}
	is.AtOnce = cmp.Or(is.AtOnce, min(max(int(slots), 1), 8))
	if is.Hardware == "" {
		is.Hardware = hardware(api.base)
	}
	return is, nil
}

// hardware is this machine, when the server is on it.
func hardware(server string) string {
	at, err := url.Parse(server)
	if err != nil || at.Hostname() != "localhost" && !strings.HasPrefix(at.Hostname(), "127.") && at.Hostname() != "::1" {
		return "unknown: the server is on another machine (--hardware)"
	}
	cpu := firstValue("/proc/cpuinfo", "model name")
	memory := firstValue("/proc/meminfo", "MemTotal")
	return strings.Join(slices.DeleteFunc([]string{cpu, fmt.Sprintf("%d cores", runtime.NumCPU()), memory, runtime.GOOS + "/" + runtime.GOARCH}, func(s string) bool { return s == "" }), ", ")
}

// firstValue reads "name : value" of a file of the kernel's; empty where there is none.
func firstValue(file, name string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.Join(strings.Fields(value), " ")
		}
	}
	return ""
}

func (k *comparing) save() error {
	raw, err := json.MarshalIndent(k.is, "", "  ")
	if err != nil {
		return err
	}
	return k.kept.Save(k.is.ID, reports.Setup, raw)
}
