package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"groundwork/configs"
	"groundwork/eval/draft"
	"groundwork/internal/app"
)

// draftRun is what `eval draft` was asked for.
type draftRun struct {
	store, out, dataDir string
	kinds, questions    []string
	seed                uint64
	count               int
	fresh               bool
	model               endpoint
}

const (
	draftTokens = 160 // of a question and its answer
	draftHeat   = 0.3 // temperature: a little, so that questions are not all worded alike
	draftSearch = 10  // passages that a search for a draft's question is looked at for
)

func (c *cli) evalDraftCmd() *cobra.Command {
	var d draftRun
	cmd := &cobra.Command{
		Use: "draft", Short: "Draft questions from a store's documents, for a person to accept, edit or drop", Args: cobra.NoArgs,
		Long: "draft lets a chat model word questions and answers about spans of a store's documents, and checks each by program: the\n" +
			"answer is in the span, the question neither copies it nor gives the answer away, no other document answers it, and it\n" +
			"repeats no other question. Some are meant to be hard: unanswerable but close (unanswerable), a wrong figure taken for\n" +
			"granted (false-premise), two documents needed (multi-passage), figures in tables (table), an older document that says\n" +
			"otherwise (outdated). A larger model drafts better: --base-url and --model name any OpenAI-compatible server; what it\n" +
			"is sent are spans of your documents.\n\n" +
			"Drafts are a question set that `eval run` leaves out until somebody accepts them, with `eval review` or on the page /drafts.\n" +
			"The command goes on where it was interrupted, and adds to the file when --count is raised.",
		Example: "  groundwork eval draft --store handbook\n  groundwork eval draft --store handbook --count 100 --kind table --kind unanswerable --base-url http://gpu:8000/v1 --model qwen3-32b",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.evalDraft(cmd.Context(), d)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&d.store, "store", "s", "documents", "store to ask about")
	f.StringVarP(&d.out, "out", "o", "", "file of drafts; default: drafts/STORE.jsonl in the data directory, where the page finds it")
	f.IntVarP(&d.count, "count", "n", 30, "drafts in the file in the end")
	f.StringArrayVar(&d.kinds, "kind", nil, "lookup, table, multi-passage, false-premise, outdated or unanswerable (repeatable; default: all in turns)")
	f.StringArrayVar(&d.questions, "questions", nil, "question set that no draft may repeat (repeatable)")
	f.Uint64Var(&d.seed, "seed", 1, "another seed takes the documents in another order")
	f.BoolVar(&d.fresh, "fresh", false, "add to the file although documents, model, seed or prompts are others than before")
	d.model.flags(cmd, "base-url", "model", "model that drafts; default: the server's chat model")
	dataDirFlag(cmd, &d.dataDir)
	return cmd
}

// draftsOf are the files of drafts of a data directory.
func draftsOf(cfg configs.Config) draft.Folder { return draft.Folder{Dir: app.DraftsDir(cfg)} }

// draftFile is a file of drafts by its path, or by its name in the data directory.
func draftFile(cfg configs.Config, name string) (draft.File, error) {
	if strings.ContainsAny(name, `/\`) || strings.HasSuffix(name, ".jsonl") {
		return draft.File{Path: name}, nil
	}
	file, ok := draftsOf(cfg).File(name)
	if !ok {
		return file, fmt.Errorf("%q is no name of drafts; give a file, or a name of %s", name, app.DraftsDir(cfg))
	}
	return file, nil
}

func (d draftRun) kindsWanted() ([]draft.Kind, error) {
	var out []draft.Kind
	for _, name := range d.kinds {
		if !slices.Contains(draft.Kinds(), draft.Kind(name)) {
			return nil, fmt.Errorf("%q is no kind of question; there is lookup, table, multi-passage, false-premise, outdated and unanswerable", name)
		}
		out = append(out, draft.Kind(name))
	}
	return out, nil
}

func (c *cli) evalDraft(ctx context.Context, d draftRun) error {
	kinds, err := d.kindsWanted()
	if err != nil {
		return err
	}
	known, err := questionSets(d.questions)
	if err != nil {
		return err
	}
	cfg, err := c.config()
	if err != nil {
		return err
	}
	override(&cfg, "", d.dataDir, "")
	file, err := draftFile(cfg, d.store)
	if d.out != "" {
		file, err = draft.File{Path: d.out}, nil
	}
	if err != nil {
		return err
	}
	api, started, stop, err := c.connectFor(ctx, cfg, d.model)
	if err != nil {
		return err
	}
	defer stop()
	chat, err := d.model.chat(ctx, api, started, d.seed)
	if err != nil {
		return err
	}
	opt := draft.Options{Seed: d.seed, Count: d.count, Kinds: kinds, Model: chat.model, Code: version, Store: d.store, Now: time.Now,
		Ask: func(ctx context.Context, prompt string) (string, error) {
			return chat.say(ctx, prompt, draftTokens, draftHeat)
		}, Search: api.chunks(d.store)}
	for _, s := range known {
		for _, q := range s.Questions {
			opt.Known = append(opt.Known, q.Question)
		}
	}
	return c.draftInto(ctx, api, file, d, opt)
}

// draftInto drafts what is missing in a file.
func (c *cli) draftInto(ctx context.Context, api *client, file draft.File, d draftRun, opt draft.Options) error {
	corpus, err := api.corpus(ctx, d.store)
	if err != nil {
		return err
	}
	if d.fresh {
		if err := file.Forget(); err != nil {
			return err
		}
	}
	tried, err := file.OpenTried(draft.Made{Store: d.store, Corpus: corpus, Seed: d.seed, Model: opt.Model})
	if err != nil {
		return err
	}
	there, err := file.Read()
	if err != nil {
		return err
	}
	for _, q := range there {
		opt.Known = append(opt.Known, q.Question.Question)
	}
	opt.Tried, opt.Kept = maps.Clone(tried.Done), len(there)
	listed, err := api.passages(ctx, d.store)
	if err != nil {
		return err
	}
	docs := make([]draft.Document, len(listed))
	for i, doc := range listed {
		docs[i] = draft.Document{ID: doc.ID, Path: doc.Path, Version: doc.Version, Passages: doc.Passages}
	}
	bar := c.progress("drafting", d.count)
	bar.skip(len(there))
	kept := len(there)
	opt.Heard = func(o draft.Outcome) error {
		if o.Reason == "" {
			if err := file.Add(o.Draft); err != nil {
				return err
			}
			kept++
		}
		bar.set(kept)
		return tried.Note(o)
	}
	err = draft.Make(ctx, docs, opt)
	bar.done()
	if err != nil && !errors.Is(err, draft.ErrNoMore) {
		return fmt.Errorf("%d of %d questions are drafted; the same command goes on: %w", kept, d.count, err)
	}
	return c.printDrafts(file, tried, d, err)
}

func (c *cli) printDrafts(file draft.File, tried *draft.Tried, d draftRun, ended error) error {
	all, err := file.Read()
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(map[string]any{"file": file.Path, "drafts": len(all), "wanted": d.count, "tried": len(tried.Done), "thrown_out": tried.Why})
	}
	c.printf("%d drafts in %s; %d candidates were tried\n", len(all), file.Path, len(tried.Done))
	if lines := tried.Lines(); len(lines) > 0 {
		c.printf("thrown out:\n%s\n", strings.Join(lines, "\n"))
	}
	if ended != nil {
		c.printf("%s: another --seed, more documents or a larger model (--base-url, --model) give more\n", ended)
	}
	name := file.Path
	if filepath.Clean(filepath.Dir(name)) != "." && d.out == "" {
		name = d.store
	}
	c.printf("look at them: `groundwork eval review %s`, or the page /drafts of the server\n", name)
	return nil
}

// chunks finds the chunk ids that a store's search gives for a question.
func (c *client) chunks(store string) draft.Search {
	return func(ctx context.Context, question string) ([]string, error) {
		found, err := patient(ctx, func() (found foundPassages, err error) {
			err = c.call(ctx, http.MethodPost, "/v1/search", map[string]any{"query": question, "store": store, "k": draftSearch}, &found)
			return found, err
		})
		out := make([]string, len(found.Data))
		for i, r := range found.Data {
			out[i] = r.ChunkID
		}
		return out, err
	}
}
