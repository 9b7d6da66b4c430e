package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"groundwork/eval"
	"groundwork/eval/tune"
)

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
