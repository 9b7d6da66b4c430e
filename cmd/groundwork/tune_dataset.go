package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"groundwork/configs"
	"groundwork/eval/tune"
	"groundwork/rag"
)

// datasetRun is what `tune dataset` was asked for.
type datasetRun struct {
	store, out, dataDir, model string
	questions, labelled        []string
	heldOut                    string // file
	seed                       uint64
	limit, copies, budget      int
	abstain                    float64
	holdOut, draft, own        bool
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
			"With --labelled it learns from questions in people's own words, with the passages that the store gives for each.\n" +
			"Documents that a question set (--questions) is about are left out, and so is what asks nearly the same; what\n" +
			"leaks all the same makes the command fail. The same documents, options and seed give the same set.",
		Example: "  groundwork tune dataset --store handbook --out training\n  groundwork tune dataset --store handbook --out training --questions questions.jsonl --limit 200 --draft\n" +
			"  groundwork tune dataset --store sample --out training --labelled eval/sample/questions.jsonl --heldout eval/sample/heldout.txt --context-budget 400",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.tuneDataset(cmd.Context(), d)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&d.store, "store", "s", "documents", "store to make it of")
	f.StringVarP(&d.out, "out", "o", "training", "folder to write")
	f.StringArrayVar(&d.questions, "questions", nil, "question set that must stay unknown (repeatable)")
	f.StringArrayVar(&d.labelled, "labelled", nil, "question set with answers and gold quotes to learn from (repeatable); what is about held-out documents, or has no answer, is not learnt and must stay unknown")
	f.StringVar(&d.heldOut, "heldout", "", "documents to leave out: paths, one a line")
	f.BoolVar(&d.own, "own-words", true, "answer labelled questions as the chat model does that sees their gold passages alone, where that is right (seconds each)")
	f.IntVar(&d.copies, "copies", 2, "of each labelled question, with its passages in another order")
	f.Float64Var(&d.abstain, "abstain", 0.1, "share of examples whose passages do not answer, so that the answer is the abstention")
	f.IntVar(&d.budget, "context-budget", 0, "prompt tokens for the passages of labelled questions; 0: what this machine's speed allows, which another machine's may not")
	f.Uint64Var(&d.seed, "seed", 1, "another seed gives another set")
	f.IntVar(&d.limit, "limit", 0, "examples at most; 0: all")
	f.BoolVar(&d.holdOut, "hold-out", true, "leave out the documents that question sets are about")
	d.teacher.flags(cmd, "teacher-url", "teacher", "larger model that writes the answers; what is not in the passage by program is not taken")
	f.BoolVar(&d.draft, "draft", false, "let the chat model word the questions (seconds each)")
	addLocalFlags(cmd, &d.dataDir, &d.model)
	return cmd
}

func (c *cli) tuneDataset(ctx context.Context, d datasetRun) error {
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
	m, err := c.dataset(ctx, api, cfg, d)
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(m)
	}
	c.printf("%d examples to train on and %d held out in %s (%d with the passage that answers, %d abstentions, %d without passages; %d of labelled questions); %d documents left out\n",
		m.Counts["train"], m.Counts["heldout"], d.out, m.Counts["grounded"], m.Counts["abstains"], m.Counts["closed_book"], m.Counts["method_labelled"], len(m.LeftOut))
	return nil
}

// dataset makes the training set and writes it, unless it leaks.
func (c *cli) dataset(ctx context.Context, api *client, cfg configs.Config, d datasetRun) (m tune.Manifest, err error) {
	sets, err := questionSets(d.questions)
	if err != nil {
		return m, err
	}
	learn, sets, held, err := d.partOut(sets)
	if err != nil {
		return m, err
	}
	all, err := api.passages(ctx, d.store)
	if err != nil {
		return m, err
	}
	docs, left := tune.HoldOut(all, held)
	if d.holdOut {
		var about []string
		docs, about = tune.Apart(docs, sets)
		left = append(left, about...)
	}
	opt, err := c.datasetOptions(ctx, api, cfg, d)
	if err != nil {
		return m, err
	}
	if opt.Labelled, err = c.label(ctx, asker{api, d.store, all, cfg.Search.K, d.budget}, learn, left); err != nil {
		return m, err
	}
	examples, err := tune.Build(ctx, docs, opt)
	if err != nil {
		if len(left) > 0 {
			err = fmt.Errorf("%w (%d documents were left out because the question sets are about them)", err, len(left))
		}
		return m, err
	}
	if examples, err = c.teach(ctx, api, d, examples); err != nil {
		return m, err
	}
	leaks, err := tune.Leaks(ctx, examples, sets, opt.Embed)
	if err != nil {
		return m, err
	}
	if d.holdOut { // what asks nearly the same goes too, and what is left is checked again
		examples = tune.Without(examples, leaks)
		if leaks, err = tune.Leaks(ctx, examples, sets, opt.Embed); err != nil {
			return m, err
		}
	}
	if len(leaks) > 0 {
		return m, c.refuseLeaks(leaks)
	}
	m = tune.Manifest{Created: time.Now().UTC(), Store: d.store, Seed: d.seed, Teacher: d.teacher.model, LeftOut: append([]string{}, left...), CheckedFor: checkedFor(sets), Code: version}
	return tune.Write(d.out, examples, m)
}

func (c *cli) datasetOptions(ctx context.Context, api *client, cfg configs.Config, d datasetRun) (opt tune.Options, err error) {
	names, err := api.modelNames(ctx)
	if err != nil {
		return opt, err
	}
	opt = tune.Options{Seed: d.seed, Limit: d.limit, Passages: cfg.Search.K, Abstain: d.abstain, Copies: d.copies, Embed: api.embedder(names.embedding), Step: c.tuneSteps()}
	if d.abstain == 0 {
		opt.Abstain = -1
	}
	if d.own {
		opt.Own = api.own(names.chat)
	}
	if d.draft {
		opt.Draft = api.drafter(names.chat, d.seed)
	}
	return opt, nil
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
		d := tune.Document{ID: doc.ID, Path: doc.Filename, Within: within(doc, listed)}
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

// within are the paths of the mails that a document is attached to.
func within(doc document, all []document) (paths []string) {
	for doc.AttachedTo != "" {
		i := slices.IndexFunc(all, func(d document) bool { return d.ID == doc.AttachedTo })
		if i < 0 {
			return paths
		}
		doc = all[i]
		paths = append(paths, doc.Filename)
	}
	return paths
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
