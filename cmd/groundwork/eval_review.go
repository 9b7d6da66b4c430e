package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"groundwork/eval"
	"groundwork/eval/draft"
)

func (c *cli) evalReviewCmd() *cobra.Command {
	var dataDir string
	var editor bool
	cmd := &cobra.Command{
		Use: "review NAME|FILE", Short: "Accept, edit or drop drafted questions", Args: cobra.ExactArgs(1),
		Long: "review shows the drafts that nobody has looked at, one after the other, and keeps each decision at once. NAME is a store that was\n" +
			"drafted from. With --editor the whole file is opened in $EDITOR instead (one JSON object a line; set status to accepted or\n" +
			"dropped); what comes back is checked as a whole before anything of it is kept, and a line that was deleted is dropped.",
		Example: "  groundwork eval review handbook\n  groundwork eval review drafts.jsonl --editor",
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			override(&cfg, "", dataDir, "")
			file, err := draftFile(cfg, args[0])
			if err != nil {
				return err
			}
			if _, err := os.Stat(file.Path); err != nil {
				return fmt.Errorf("there are no drafts in %s; `groundwork eval draft` makes some", file.Path)
			}
			if editor {
				err = c.reviewAll(cmd.Context(), file)
			} else {
				err = c.reviewEach(cmd.Context(), file)
			}
			if err != nil {
				return err
			}
			return c.printReview(file)
		},
	}
	cmd.Flags().BoolVar(&editor, "editor", false, "open the whole file in $EDITOR")
	dataDirFlag(cmd, &dataDir)
	return cmd
}

func (c *cli) printReview(file draft.File) error {
	all, err := file.Read()
	if err != nil {
		return err
	}
	counts := draft.Counts(all)
	if c.json {
		return c.printJSON(map[string]any{"file": file.Path, "counts": counts})
	}
	c.printf("%d accepted, %d dropped, %d not looked at\n", counts["accepted"], counts["dropped"], counts["draft"])
	if counts["accepted"] > 0 {
		c.printf("ask them: `groundwork eval run --store STORE --questions %s`\n", file.Path)
	}
	return nil
}

// reviewEach asks for each draft that nobody has looked at.
func (c *cli) reviewEach(ctx context.Context, file draft.File) error {
	all, err := file.Read()
	if err != nil {
		return err
	}
	left := 0
	for _, d := range all {
		if d.Status == eval.Drafted {
			left++
		}
	}
	lines := bufio.NewReader(c.in)
	for _, d := range all {
		if d.Status != eval.Drafted {
			continue
		}
		c.printf("\n%d left\n", left)
		left--
		for again := true; again; {
			c.printDraft(d)
			again, err = c.decide(ctx, file, &d, lines)
			if errors.Is(err, errQuit) {
				return nil
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// errQuit ends a review.
var errQuit = errors.New("quit")

func (c *cli) printDraft(d draft.Draft) {
	c.printf("%s  %s\n  %s\n", d.ID, d.Type, d.Question.Question)
	if d.Unanswerable {
		c.printf("  the documents are not to answer it\n")
	} else {
		c.printf("  answer        %s\n  must contain  %s\n", d.Answer, strings.Join(d.MustContain, ", "))
	}
	for _, o := range d.Provenance.Shown {
		c.printf("  %s: %s\n", o.Path, o.Quote)
	}
}

// decide asks what becomes of a draft; again tells that it is to be shown once more.
func (c *cli) decide(ctx context.Context, file draft.File, d *draft.Draft, lines *bufio.Reader) (again bool, err error) {
	c.printf("[a]ccept, [e]dit, [d]rop, [s]kip, [q]uit: ")
	answer, err := lines.ReadString('\n')
	if err != nil && answer == "" {
		return false, errQuit
	}
	status := map[string]eval.Status{"a": eval.Accepted, "accept": eval.Accepted, "d": eval.Dropped, "drop": eval.Dropped}
	switch answer = strings.ToLower(strings.TrimSpace(answer)); answer {
	case "s", "skip":
		return false, nil
	case "q", "quit":
		return false, errQuit
	case "e", "edit":
		e, err := c.reword(ctx, *d, lines)
		if err != nil {
			return false, err
		}
		return true, c.keepEdit(file, d, e)
	}
	s, known := status[answer]
	if !known {
		c.printf("%q is none of these\n", answer)
		return true, nil
	}
	return false, c.keepEdit(file, d, draft.Edit{Status: &s})
}

// keepEdit tells the person when an edit cannot be.
func (c *cli) keepEdit(file draft.File, d *draft.Draft, e draft.Edit) error {
	changed, err := file.Edit(d.ID, e, time.Now())
	var refused *draft.Refused
	if errors.As(err, &refused) {
		c.printf("not kept: %s\n", refused)
		return nil
	}
	if err == nil {
		*d = changed
	}
	return err
}

// words are what of a draft a person words.
type words struct {
	Question    string   `json:"question"`
	Answer      string   `json:"answer"`
	MustContain []string `json:"must_contain"`
}

// reword takes the words of a draft through $EDITOR, or line by line where there is none.
func (c *cli) reword(ctx context.Context, d draft.Draft, lines *bufio.Reader) (draft.Edit, error) {
	w := words{d.Question.Question, d.Answer, d.MustContain}
	if c.getenv("EDITOR") == "" {
		c.retype(&w, lines)
		return draft.Edit{Question: &w.Question, Answer: &w.Answer, MustContain: &w.MustContain}, nil
	}
	raw, err := json.MarshalIndent(w, "", "  ")
	if err != nil {
		return draft.Edit{}, err
	}
	if raw, err = c.edited(ctx, "draft.json", append(raw, '\n')); err != nil {
		return draft.Edit{}, err
	}
	if err := json.Unmarshal(raw, &w); err != nil {
		c.printf("not kept: %s\n", err)
		return draft.Edit{}, nil
	}
	return draft.Edit{Question: &w.Question, Answer: &w.Answer, MustContain: &w.MustContain}, nil
}

func (c *cli) retype(w *words, lines *bufio.Reader) {
	must := strings.Join(w.MustContain, "; ")
	for _, f := range []struct {
		name string
		to   *string
	}{{"question", &w.Question}, {"answer", &w.Answer}, {"must contain (; between)", &must}} {
		c.printf("%s, empty to keep: ", f.name)
		if line, err := lines.ReadString('\n'); err == nil || errors.Is(err, io.EOF) {
			if line = strings.TrimSpace(line); line != "" {
				*f.to = line
			}
		}
	}
	w.MustContain = []string{}
	for _, part := range strings.Split(must, ";") {
		if part = strings.TrimSpace(part); part != "" {
			w.MustContain = append(w.MustContain, part)
		}
	}
}

// edited is content as $EDITOR leaves it.
func (c *cli) edited(ctx context.Context, name string, content []byte) ([]byte, error) {
	dir, err := os.MkdirTemp("", "groundwork-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the system clears it as well
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return nil, err
	}
	program := strings.Fields(c.getenv("EDITOR"))
	if len(program) == 0 {
		return nil, errors.New("EDITOR names no program; set it, or review without --editor")
	}
	cmd := exec.CommandContext(ctx, program[0], append(program[1:], path)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = c.in, c.out, c.err, c.environ
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w; nothing was kept", program[0], err)
	}
	return os.ReadFile(path)
}

// reviewAll takes the whole file through $EDITOR.
func (c *cli) reviewAll(ctx context.Context, file draft.File) error {
	raw, err := os.ReadFile(file.Path)
	if err != nil {
		return err
	}
	if raw, err = c.edited(ctx, filepath.Base(file.Path), raw); err != nil {
		return err
	}
	all, err := draft.Parse(raw)
	if err != nil {
		return fmt.Errorf("nothing was kept: %w", err)
	}
	return file.Put(all, time.Now())
}
