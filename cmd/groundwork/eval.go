package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"groundwork/configs"
	"groundwork/eval"
	"groundwork/eval/runs"
)

// evalFlags are what `eval run` was asked.
type evalFlags struct {
	store, questions, dataDir, model, label string
	k, parallel                             int
	answers, fresh, drafts                  bool
	prices                                  eval.Prices
}

func (c *cli) evalCmd() *cobra.Command {
	cmd := c.evalRunCmd("eval")
	cmd.Short = "Score retrieval and answers on questions whose answers are known"
	cmd.Long = "eval by itself is eval run: it asks every question of a file over a store, scores what comes back and\nkeeps the run. Its other words measure retrieval on sets of passages, and show and compare runs.\n\n" + evalRunHelp
	cmd.Example = "  groundwork eval --store sample --questions eval/sample/questions.jsonl\n  groundwork eval retrieval --data ../data\n  groundwork eval diff 20261127-0915 last"
	cmd.AddCommand(c.evalRunCmd("run"), c.evalDraftCmd(), c.evalReviewCmd(), c.evalListCmd(), c.evalShowCmd(), c.evalJudgeCmd(), c.evalDiffCmd(), c.evalAnswersCmd(), c.evalRetrievalCmd(), c.evalChunksCmd())
	return cmd
}

const evalRunHelp = "Scored are: is a gold passage among the passages found, is the answer right (must_contain), how many key\n" +
	"facts and numbers does it hold, is it refused rightly or wrongly, do its citations point at the gold quotes,\n" +
	"and is every citation the document's text at its offsets; latency, tokens and cost.\n" +
	"With --answers=false only retrieval is scored.\n\n" +
	"Every outcome is on the disk before the next question is asked. The same command after an interruption\n" +
	"goes on with the run, unless documents, questions, model or prompt changed, or --fresh is given."

func (c *cli) evalRunCmd(name string) *cobra.Command {
	var f evalFlags
	cmd := &cobra.Command{
		Use: name, Short: "Ask a question set over a store, score and keep what comes back", Args: cobra.NoArgs,
		Long:    "run asks every question of a JSONL file over a store.\n\n" + evalRunHelp,
		Example: "  groundwork eval run --store sample --questions eval/sample/questions.jsonl --label before\n  groundwork eval run --store handbook --questions questions.jsonl --answers=false -k 10",
		RunE: func(cmd *cobra.Command, _ []string) error {
			run, outcomes, err := c.evalRun(cmd.Context(), f)
			if err != nil {
				return err
			}
			return c.printRun(run, outcomes, f.prices)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.store, "store", "s", "documents", "store to ask")
	flags.StringVar(&f.questions, "questions", "", "question set (JSONL: id, question, answer, gold, type, must_contain)")
	flags.IntVarP(&f.k, "top-k", "k", 5, "passages that count as found")
	flags.BoolVar(&f.answers, "answers", true, "also ask the model and score its answers")
	flags.IntVar(&f.parallel, "parallel", 0, "questions at once; 0: as many as the model servers answer at once, at most 8")
	flags.StringVar(&f.label, "label", "", "a word that names the run in lists")
	flags.BoolVar(&f.drafts, "drafts", false, "also ask drafted questions that nobody has looked at")
	flags.BoolVar(&f.fresh, "fresh", false, "start a new run instead of going on with one that broke off")
	priceFlags(cmd, &f.prices)
	addLocalFlags(cmd, &f.dataDir, &f.model)
	if err := cmd.MarkFlagRequired("questions"); err != nil {
		panic(err) // the flag is defined above
	}
	return cmd
}

func priceFlags(cmd *cobra.Command, p *eval.Prices) {
	cmd.Flags().Float64Var(&p.Prompt, "price-prompt", 0, "price of a million prompt tokens")
	cmd.Flags().Float64Var(&p.Completion, "price-completion", 0, "price of a million tokens of answers")
	cmd.Flags().Float64Var(&p.Hour, "price-hour", 0, "price of an hour of the machine")
}

// runStore is where the runs of a data directory are kept.
func runStore(cfg configs.Config) runs.Store {
	return runs.In(filepath.Join(cfg.Server.DataDir, "runs"))
}

// readQuestions gives a question set and its hash; of drafted questions those that were accepted, or with drafts also those that
// nobody has looked at.
func readQuestions(path string, drafts bool) (set []eval.Question, hash string, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, "", err
	}
	all, err := eval.ReadAll(strings.NewReader(string(raw)))
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	for _, q := range all {
		if q.Status != eval.Dropped && (drafts || q.Status != eval.Drafted) {
			set = append(set, q)
		}
	}
	if len(set) == 0 && len(all) > 0 {
		return nil, "", fmt.Errorf("%s holds %d drafts and nobody has accepted one; look at them with `groundwork eval review %s`, or ask them with --drafts", path, len(all), path)
	}
	if len(set) == 0 {
		return nil, "", fmt.Errorf("%s holds no questions", path)
	}
	sum := sha256.Sum256(raw)
	return set, hex.EncodeToString(sum[:8]), nil
}

// evalRun asks, and keeps what comes back.
func (c *cli) evalRun(ctx context.Context, f evalFlags) (runs.Run, []eval.Outcome, error) {
	set, hash, err := readQuestions(f.questions, f.drafts)
	if err != nil {
		return runs.Run{}, nil, err
	}
	cfg, err := c.config()
	if err != nil {
		return runs.Run{}, nil, err
	}
	override(&cfg, "", f.dataDir, f.model)
	api, stop, err := c.connect(ctx, cfg)
	if err != nil {
		return runs.Run{}, nil, err
	}
	defer stop()
	if err := api.waitReady(ctx, cfg.LLM.StartTimeout, func(string) {}); err != nil {
		return runs.Run{}, nil, err
	}
	made := runs.Made{Label: f.label, Server: c.server, Store: f.store, Questions: hash, QuestionsFile: filepath.Base(f.questions), K: f.k, Client: version}
	if f.answers {
		if made.Model, err = api.storeModel(ctx, f.store); err != nil {
			return runs.Run{}, nil, err
		}
	}
	if made.Corpus, err = api.corpus(ctx, f.store); err != nil {
		return runs.Run{}, nil, err
	}
	if f.parallel == 0 {
		f.parallel = api.parallel(ctx)
	}
	return c.askAll(ctx, runStore(cfg), made, set, f, &evaluator{texts: &texts{api: api}, store: f.store, k: f.k, model: made.Model})
}

func (c *cli) askAll(ctx context.Context, store runs.Store, made runs.Made, set []eval.Question, f evalFlags, e *evaluator) (run runs.Run, outcomes []eval.Outcome, err error) {
	w, err := store.Begin(made, len(set), f.fresh)
	if err != nil {
		return run, nil, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if n := len(w.Known()); n > 0 {
		fmt.Fprintf(c.err, "going on with run %s: %d of %d questions are asked already\n", w.Run().ID, n, len(set))
	}
	bar := c.progress("asking", len(set))
	bar.skip(len(w.Known()))
	outcomes, err = w.Ask(ctx, set, f.parallel, e.question, bar.set)
	bar.done()
	if err != nil {
		return w.Run(), nil, fmt.Errorf("run %s broke off; the same command goes on with it: %w", w.Run().ID, err)
	}
	return w.Run(), outcomes, nil
}

// corpus is a hash of the names and contents of a store's documents.
func (c *client) corpus(ctx context.Context, store string) (string, error) {
	docs, err := c.documents(ctx, store)
	if err != nil {
		return "", err
	}
	lines := make([]string, 0, len(docs))
	for _, d := range docs {
		if d.Status == "ready" {
			lines = append(lines, d.Filename+"\x00"+d.SHA256+"\n")
		}
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return hex.EncodeToString(sum[:8]), nil
}

// parallel is how many answers the model servers make at once, 1 when they do not tell; a key has eight streams by default.
func (c *client) parallel(ctx context.Context) int {
	state, _, err := c.ready(ctx)
	if err != nil {
		return 1
	}
	slots := 0
	for _, check := range state.Checks {
		servers, ok := check.Facts["servers"].([]any)
		if check.Name != "chat" || !ok {
			continue
		}
		for _, s := range servers {
			facts, _ := s.(map[string]any)
			n, _ := facts["slots"].(float64)
			slots += int(n)
		}
	}
	return min(max(slots, 1), 8)
}
