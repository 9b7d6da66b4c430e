package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"groundwork/eval"
)

func (c *cli) evalCmd() *cobra.Command {
	var store, questions, dataDir, model string
	var k int
	var answers bool
	cmd := &cobra.Command{
		Use: "eval", Short: "Score retrieval and answers on questions whose answers are known", Args: cobra.NoArgs,
		Long: "eval asks every question of a JSONL file over a store and counts: is a gold passage among the\n" +
			"passages found, is the answer right (must_contain), is it refused rightly or wrongly, is it cited,\n" +
			"and is every citation the document's text at its offsets. With --answers=false only retrieval is scored.",
		Example: "  groundwork eval --store sample --questions eval/sample/questions.jsonl\n  groundwork eval --store handbook --questions questions.jsonl --answers=false -k 10",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			override(&cfg, "", dataDir, model)
			file, err := os.Open(questions)
			if err != nil {
				return err
			}
			set, err := eval.Read(file)
			file.Close()
			if err != nil {
				return err
			}
			api, stop, err := c.connect(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer stop()
			if err := api.waitReady(cmd.Context(), cfg.LLM.StartTimeout, func(string) {}); err != nil {
				return err
			}
			return c.evaluate(cmd.Context(), &evaluator{api: api, store: store, k: k, texts: map[string][]rune{}}, set, answers)
		},
	}
	cmd.Flags().StringVarP(&store, "store", "s", "documents", "store to ask")
	cmd.Flags().StringVar(&questions, "questions", "", "question set (JSONL: id, question, answer, gold, type, must_contain)")
	cmd.Flags().IntVarP(&k, "top-k", "k", 5, "passages that count as found")
	cmd.Flags().BoolVar(&answers, "answers", true, "also ask the model and score its answers")
	addLocalFlags(cmd, &dataDir, &model)
	if err := cmd.MarkFlagRequired("questions"); err != nil {
		panic(err) // the flag is defined above
	}
	return cmd
}

type evaluator struct {
	api   *client
	store string
	k     int
	texts map[string][]rune // of documents, by id
}

func (c *cli) evaluate(ctx context.Context, e *evaluator, set []eval.Question, answers bool) error {
	model := ""
	if answers {
		var err error
		if model, err = e.api.storeModel(ctx, e.store); err != nil {
			return err
		}
	}
	bar := c.progress("asking", len(set))
	outcomes := make([]eval.Outcome, 0, len(set))
	for i, q := range set {
		o, err := e.question(ctx, q, model)
		if err != nil {
			return fmt.Errorf("question %s: %w", q.ID, err)
		}
		outcomes = append(outcomes, o)
		bar.set(i + 1)
	}
	bar.done()
	summary := eval.Summarise(outcomes, eval.Prices{})
	if c.json {
		return c.printJSON(map[string]any{"summary": summary, "questions": outcomes, "k": e.k, "model": model})
	}
	c.printf("%-42s %s\n", fmt.Sprintf("a gold passage among the first %d", e.k), summary.Hit)
	c.printf("%-42s %s\n", fmt.Sprintf("all gold passages among the first %d", e.k), summary.Recall)
	if answers {
		c.printf("%-42s %s\n", "answered right", summary.Right)
		c.printf("%-42s %s\n", "wrongly refused", summary.WronglyRefused)
		c.printf("%-42s %s\n", "unanswerable and rightly refused", summary.RightlyRefused)
		c.printf("%-42s %s\n", "answers with a citation", summary.Cited)
		c.printf("%-42s %s\n", "answers whose citations are all verbatim", summary.Verbatim)
	}
	return nil
}

func (e *evaluator) question(ctx context.Context, q eval.Question, model string) (eval.Outcome, error) {
	o := eval.Outcome{ID: q.ID, Type: q.Type, Question: q.Question, Expected: q.Answer, Known: q.Answerable()}
	var found struct{ Data []ranked }
	err := e.api.call(ctx, http.MethodPost, "/v1/search", map[string]any{"query": q.Question, "store": e.store, "k": e.k}, &found)
	if err != nil {
		return o, err
	}
	var passages []eval.Passage
	for _, r := range found.Data {
		if r.Dropped == nil {
			passages = append(passages, eval.Passage{Path: r.Filename, Text: r.Text})
		}
	}
	o.Recall = o.Known
	for _, ok := range eval.Found(q, passages) {
		o.Hit, o.Recall = o.Hit || ok, o.Recall && ok
	}
	if model == "" {
		return o, nil
	}
	a, err := e.api.ask(ctx, model, q.Question, func(string) {})
	if err != nil {
		return o, err
	}
	o.Answered = true
	o.Answer, o.Refused, o.Right = a.Text, a.Groundwork.Abstained, eval.Right(q, a.Text)
	o.Cited = len(a.Groundwork.Citations) > 0
	o.FirstMs = a.Groundwork.TimingsMs["first_token"]
	if n, ok := a.Groundwork.Context["prompt_tokens"].(float64); ok {
		o.Tokens.Prompt = int(n)
	}
	o.Verbatim, err = e.verbatim(ctx, a)
	return o, err
}

// verbatim checks every citation against the document's text, as anybody can through the API.
func (e *evaluator) verbatim(ctx context.Context, a answer) (bool, error) {
	for _, cite := range a.Groundwork.Citations {
		text, ok := e.texts[cite.DocumentID]
		if !ok {
			resp, err := e.api.send(ctx, http.MethodGet, "/v1/files/"+url.PathEscape(cite.DocumentID)+"/text", "", nil)
			if err != nil {
				return false, err
			}
			raw, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil {
				return false, err
			}
			text = []rune(string(raw))
			e.texts[cite.DocumentID] = text
		}
		inSource := false
		for _, s := range a.Groundwork.Sources {
			inSource = inSource || s.Index == cite.Source && s.DocumentID == cite.DocumentID && s.Start <= cite.Start && cite.End <= s.End
		}
		if !inSource || cite.Start < 0 || cite.End > len(text) || cite.Start >= cite.End || string(text[cite.Start:cite.End]) != cite.Quote {
			return false, nil
		}
	}
	return true, nil
}
