package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"groundwork/eval"
	"groundwork/eval/tune"
	"groundwork/rag"
)

// datasetRun is what `tune dataset` was asked for.
type datasetRun struct {
	store, out, dataDir, model string
	questions                  []string
	seed                       uint64
	limit                      int
	holdOut, draft             bool
	teacher                    endpoint
}

func (c *cli) tuneDatasetCmd() *cobra.Command {
	var d datasetRun
	cmd := &cobra.Command{
		Use: "dataset", Short: "Make a training set from a store's documents", Args: cobra.NoArgs,
		Long: "dataset asks about what the documents say: values, table cells, rules, definitions, sections. Each example has\n" +
			"the prompt that the server would send: the passage that answers among near ones that do not; in a share it is\n" +
			"missing and the answer is the abstention; a share has no passages. Every question and answer is checked against\n" +
			"the document's words. With --draft the chat model words the questions, checked the same way. With --teacher a larger model\n" +
			"(of the server, or behind --teacher-url) words the answers, checked likewise; examples and manifest say so.\n" +
			"Documents that a question set (--questions) is about are left out, and so is what asks nearly the same; what\n" +
			"leaks all the same makes the command fail. The same documents, options and seed give the same set.",
		Example: "  groundwork tune dataset --store handbook --out training\n  groundwork tune dataset --store handbook --out training --questions questions.jsonl --limit 200 --draft",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.tuneDataset(cmd.Context(), d)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&d.store, "store", "s", "documents", "store to make it of")
	f.StringVarP(&d.out, "out", "o", "training", "folder to write")
	f.StringArrayVar(&d.questions, "questions", nil, "question set that must stay unknown (repeatable)")
	f.Uint64Var(&d.seed, "seed", 1, "another seed gives another set")
	f.IntVar(&d.limit, "limit", 0, "examples at most; 0: all")
	f.BoolVar(&d.holdOut, "hold-out", true, "leave out the documents that question sets are about")
	d.teacher.flags(cmd, "teacher-url", "teacher", "larger model that writes the answers; what is not in the passage by program is not taken")
	f.BoolVar(&d.draft, "draft", false, "let the chat model word the questions (seconds each)")
	addLocalFlags(cmd, &d.dataDir, &d.model)
	return cmd
}

func (c *cli) tuneDataset(ctx context.Context, d datasetRun) error {
	sets, err := questionSets(d.questions)
	if err != nil {
		return err
	}
	cfg, err := c.config()
	if err != nil {
		return err
	}
	override(&cfg, "", d.dataDir, d.model)
	api, stop, err := c.connectReady(ctx, cfg)
	if err != nil {
		return err
	}
	defer stop()
	docs, err := api.passages(ctx, d.store)
	if err != nil {
		return err
	}
	var left []string
	if d.holdOut {
		docs, left = tune.Apart(docs, sets)
	}
	names, err := api.modelNames(ctx)
	if err != nil {
		return err
	}
	opt := tune.Options{Seed: d.seed, Limit: d.limit, Passages: cfg.Search.K, Embed: api.embedder(names.embedding), Step: c.tuneSteps()}
	if d.draft {
		opt.Draft = api.drafter(names.chat, d.seed)
	}
	examples, err := tune.Build(ctx, docs, opt)
	if err != nil {
		if len(left) > 0 {
			err = fmt.Errorf("%w (%d documents were left out because the question sets are about them)", err, len(left))
		}
		return err
	}
	if examples, err = c.teach(ctx, api, d, examples); err != nil {
		return err
	}
	leaks, err := tune.Leaks(ctx, examples, sets, opt.Embed)
	if err != nil {
		return err
	}
	if d.holdOut { // what asks nearly the same goes too, and what is left is checked again
		examples = tune.Without(examples, leaks)
		if leaks, err = tune.Leaks(ctx, examples, sets, opt.Embed); err != nil {
			return err
		}
	}
	if len(leaks) > 0 {
		return c.refuseLeaks(leaks)
	}
	m := tune.Manifest{Created: time.Now().UTC(), Store: d.store, Seed: d.seed, Teacher: d.teacher.model, LeftOut: append([]string{}, left...), CheckedFor: checkedFor(sets), Code: version}
	if m, err = tune.Write(d.out, examples, m); err != nil {
		return err
	}
	if c.json {
		return c.printJSON(m)
	}
	c.printf("%d examples to train on and %d held out in %s (%d with the passage that answers, %d abstentions, %d without passages); %d documents left out\n",
		m.Counts["train"], m.Counts["heldout"], d.out, m.Counts["grounded"], m.Counts["abstains"], m.Counts["closed_book"], len(left))
	return nil
}

func (c *cli) tuneCheckCmd() *cobra.Command {
	var questions []string
	var dataDir, model string
	cmd := &cobra.Command{
		Use: "check DIR", Short: "Compare a training set with question sets; it fails when one leaks", Args: cobra.ExactArgs(1),
		Long: "check compares every example with every question: is it about a document that the question is about, does a passage\n" +
			"hold a gold quote (in whatever file), does its question ask the same, by words and by meaning? Each leak is listed.",
		Example: "  groundwork tune check training --questions eval/sample/questions.jsonl",
		RunE: func(cmd *cobra.Command, args []string) error {
			sets, err := questionSets(questions)
			if err != nil {
				return err
			}
			m, examples, err := tune.Read(args[0])
			if err != nil {
				return err
			}
			cfg, err := c.config()
			if err != nil {
				return err
			}
			override(&cfg, "", dataDir, model)
			api, stop, err := c.connectReady(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer stop()
			names, err := api.modelNames(cmd.Context())
			if err != nil {
				return err
			}
			leaks, err := tune.Leaks(cmd.Context(), examples, sets, api.embedder(names.embedding))
			if err != nil {
				return err
			}
			if len(leaks) > 0 {
				return c.refuseLeaks(leaks)
			}
			if c.json {
				return c.printJSON(map[string]any{"examples": len(examples), "checked_for": checkedFor(sets), "data": m.Data, "leaks": leaks})
			}
			c.printf("%d examples have nothing of %d question sets\n", len(examples), len(sets))
			return nil
		},
	}
	cmd.Flags().StringArrayVar(&questions, "questions", nil, "question set to compare with (repeatable)")
	addLocalFlags(cmd, &dataDir, &model)
	if err := cmd.MarkFlagRequired("questions"); err != nil {
		panic(err) // the flag is defined above
	}
	return cmd
}

// refuseLeaks lists leaks; the command has failed.
func (c *cli) refuseLeaks(leaks []tune.Leak) error {
	if c.json {
		if err := c.printJSON(map[string]any{"leaks": leaks}); err != nil {
			return err
		}
		return errReported
	}
	for _, l := range leaks {
		c.printf("%s\n", l)
	}
	return fmt.Errorf("the training set leaks in %d places: what is trained on must not be what is asked; nothing was written", len(leaks))
}

func questionSets(files []string) ([]tune.Set, error) {
	var sets []tune.Set
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		questions, err := eval.Read(bytes.NewReader(raw))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		sum := sha256.Sum256(raw)
		sets = append(sets, tune.Set{Name: filepath.Base(name), SHA256: hex.EncodeToString(sum[:]), Questions: questions})
	}
	return sets, nil
}

func checkedFor(sets []tune.Set) []tune.CheckedSet {
	out := []tune.CheckedSet{}
	for _, s := range sets {
		out = append(out, tune.CheckedSet{Name: s.Name, SHA256: s.SHA256, Questions: len(s.Questions)})
	}
	return out
}

// tuneSteps shows one bar for each stage.
func (c *cli) tuneSteps() func(what string, done, all int) {
	var bar *progress
	last := ""
	return func(what string, done, all int) {
		if what != last {
			bar, last = c.progress(what, all), what
		}
		bar.set(done)
		if done == all {
			bar.done()
			last = ""
		}
	}
}

// passages are all searchable documents of a store with what they were cut into.
func (c *client) passages(ctx context.Context, store string) ([]tune.Document, error) {
	listed, err := c.documents(ctx, store)
	if err != nil {
		return nil, err
	}
	var out []tune.Document
	for _, doc := range listed {
		var reply struct {
			Data []struct {
				ChunkID string `json:"chunk_id"`
				Version int
				Start   int
				End     int
				Heading []string
				Header  string
				Text    string
			}
		}
		if err := c.call(ctx, http.MethodGet, "/v1/documents/"+url.PathEscape(doc.ID)+"/passages?store="+url.QueryEscape(store), nil, &reply); err != nil {
			return nil, fmt.Errorf("%s: %w", doc.Filename, err)
		}
		d := tune.Document{ID: doc.ID, Path: doc.Filename}
		for i, p := range reply.Data {
			d.Version = p.Version
			d.Passages = append(d.Passages, rag.Passage{ChunkID: p.ChunkID, DocumentID: doc.ID, Filename: doc.Filename, Seq: i,
				Start: p.Start, End: p.End, Heading: p.Heading, Header: p.Header, Text: p.Text})
		}
		if len(d.Passages) > 0 {
			out = append(out, d)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("store %q holds no searchable document", store)
	}
	return out, nil
}

// modelNames are the server's own models.
type modelNames struct{ chat, embedding string }

func (c *client) modelNames(ctx context.Context) (modelNames, error) {
	var list struct {
		Data []struct {
			ID         string
			Groundwork struct{ Kind string }
		}
	}
	if err := c.call(ctx, http.MethodGet, "/v1/models", nil, &list); err != nil {
		return modelNames{}, err
	}
	var n modelNames
	for _, m := range list.Data {
		switch {
		case m.Groundwork.Kind == "chat" && n.chat == "":
			n.chat = m.ID
		case m.Groundwork.Kind == "embedding":
			n.embedding = m.ID
		}
	}
	return n, nil
}

func (c *client) embedder(model string) tune.Embed {
	return func(ctx context.Context, texts []string) ([][]float32, error) {
		var reply struct {
			Data []struct{ Embedding []float32 }
		}
		err := c.call(ctx, http.MethodPost, "/v1/embeddings", map[string]any{"model": model, "input": texts}, &reply)
		if err == nil && len(reply.Data) != len(texts) {
			err = fmt.Errorf("the server embedded %d of %d texts", len(reply.Data), len(texts))
		}
		out := make([][]float32, len(reply.Data))
		for i, d := range reply.Data {
			out[i] = d.Embedding
		}
		return out, err
	}
}

func (c *client) drafter(model string, seed uint64) tune.Draft {
	return func(ctx context.Context, prompt string) (string, error) {
		var reply struct {
			Choices []struct{ Message struct{ Content string } }
		}
		err := c.call(ctx, http.MethodPost, "/v1/chat/completions", map[string]any{
			"model": model, "messages": []map[string]string{{"role": "user", "content": prompt}},
			"max_tokens": 48, "temperature": 0, "seed": seed & 0x7fffffff,
		}, &reply)
		if err != nil || len(reply.Choices) == 0 {
			return "", err
		}
		return strings.TrimSpace(reply.Choices[0].Message.Content), nil
	}
}
