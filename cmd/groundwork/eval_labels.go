package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"

	"groundwork/eval"
	"groundwork/eval/judge"
)

// label is a line of a file of people's verdicts. What is not labelled yet has an empty one.
type label struct {
	ID       string        `json:"id"`
	Label    judge.Verdict `json:"label"`
	Question string        `json:"question,omitempty"`
	Expected string        `json:"expected,omitempty"`
	Answer   string        `json:"answer,omitempty"`
}

// readLabels gives the verdicts by question; none for an empty path.
func readLabels(path string) (map[string]judge.Verdict, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	out := map[string]judge.Verdict{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var l label
		if len(lines.Bytes()) == 0 {
			continue
		}
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("line %d of %s: %w", n, path, err)
		}
		switch {
		case l.Label == "":
		case !slices.Contains([]judge.Verdict{judge.Right, judge.Partly, judge.Wrong}, l.Label):
			return nil, fmt.Errorf("line %d of %s: the label is right, partly or wrong", n, path)
		default:
			out[l.ID] = l.Label
		}
	}
	return out, lines.Err()
}

// makeLabels writes answers for people to label: refusals are left out, which no judge is asked about.
func (c *cli) makeLabels(j judgeRun, outcomes []eval.Outcome) error {
	if j.labels == "" {
		return errors.New("name the file to write with --labels")
	}
	outcomes = slices.DeleteFunc(outcomes, func(o eval.Outcome) bool { return o.Refused })
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same answers each time
	random.Shuffle(len(outcomes), func(a, b int) { outcomes[a], outcomes[b] = outcomes[b], outcomes[a] })
	outcomes = outcomes[:min(j.sample, len(outcomes))]
	file, err := os.OpenFile(j.labels, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // what people wrote is never overwritten
	if err != nil {
		return err
	}
	enc := json.NewEncoder(file)
	enc.SetEscapeHTML(false)
	for _, o := range outcomes {
		if err == nil {
			err = enc.Encode(label{ID: o.ID, Question: o.Question, Expected: o.Expected, Answer: o.Answer})
		}
	}
	if err = errors.Join(err, file.Close()); err == nil {
		c.printf("%d answers are in %s; set each label to right, partly or wrong\n", len(outcomes), j.labels)
	}
	return err
}
