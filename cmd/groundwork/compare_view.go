package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"groundwork/configs"
	"groundwork/eval"
	"groundwork/eval/compare"
	"groundwork/eval/reports"
)

func (v *compareView) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&v.heldOut, "heldout", "", "documents that the adapter was not trained on: paths, one a line, or heldout.jsonl or manifest.json of the training set")
	flags.StringVar(&v.prices, "prices", "", "list of prices (YAML); default: the shipped one, configs/prices.yaml")
	flags.StringVar(&v.machine, "machine", "", "price that stands for the machine that answered; default: the first machine of the list")
	flags.Float64Var(&v.trainingHours, "training-hours", 0, "hours that training took on that machine")
	flags.Float64Var(&v.answers, "answers", defaultAnswers, "answers that the cost of training is spread over")
	flags.StringVar(&v.thresholds, "thresholds", "", "thresholds (YAML, such as `min_right: 0.6`), under those of flags")
	flags.StringVar(&v.html, "html", "", "also write the report to this file")
	v.limits = map[string]*float64{}
	for _, l := range limitFlags {
		flags.Var(limit{v.limits, l.name}, strings.ReplaceAll(l.name, "_", "-"), "threshold: "+l.help)
	}
}

// defaultAnswers are how many answers the cost of training is spread over.
const defaultAnswers = 100_000

// limit is a flag that knows whether it was given.
type limit struct {
	all  map[string]*float64
	name string
}

func (l limit) Set(text string) error {
	v, err := strconv.ParseFloat(text, 64)
	if err == nil && v < 0 {
		err = errors.New("must not be negative")
	}
	l.all[l.name] = &v
	return err
}

func (l limit) String() string { return "" }
func (l limit) Type() string   { return "number" }

// read gives what the flags name, as far as a report needs it.
func (v *compareView) read() (compare.Input, error) {
	var in compare.Input
	prices, err := configs.Prices(v.prices)
	if err != nil {
		return in, err
	}
	in.Terms = compare.Terms{Machine: v.machine, TrainingHours: v.trainingHours, Answers: v.answers}
	for _, p := range prices {
		in.Terms.Prices = append(in.Terms.Prices, compare.Price(p))
	}
	if err := in.Terms.Check(); err != nil {
		return in, err
	}
	if v.heldOut != "" {
		if in.HeldOut, err = heldOut(v.heldOut); err != nil {
			return in, err
		}
	}
	in.Thresholds, err = v.asked()
	return in, err
}

// asked are the thresholds of the file and, on top, those of flags.
func (v *compareView) asked() (t compare.Thresholds, err error) {
	all := map[string]float64{}
	if v.thresholds != "" {
		if all, err = configs.Thresholds(v.thresholds); err != nil {
			return t, err
		}
	}
	for name, value := range v.limits {
		all[name] = *value
	}
	raw, err := json.Marshal(all)
	if err != nil {
		return t, err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&t); err != nil {
		return t, fmt.Errorf("thresholds: %w", err)
	}
	return t, nil
}

// heldOut reads paths, one a line, or what a training set says: the examples of heldout.jsonl, or a manifest's documents that were left out.
func heldOut(name string) ([]string, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var manifest struct {
		LeftOut []string `json:"left_out"`
	}
	if json.Unmarshal(raw, &manifest) == nil && len(manifest.LeftOut) > 0 {
		return manifest.LeftOut, nil
	}
	paths, err := readLines(name, func(line string) (string, error) {
		if !strings.HasPrefix(line, "{") {
			return line, nil
		}
		var example struct {
			Gold struct{ Path string }
		}
		if err := json.Unmarshal([]byte(line), &example); err != nil {
			return "", err
		}
		if example.Gold.Path == "" {
			return "", errors.New("there is no path of a document: neither gold.path nor left_out")
		}
		return example.Gold.Path, nil
	})
	return paths, err
}

// reportOf makes the report of a comparison from its stored runs.
func (c *cli) reportOf(cfg configs.Config, id string, v compareView) (compare.Report, error) {
	in, err := v.read()
	if err != nil {
		return compare.Report{}, err
	}
	store := comparisonsOf(cfg)
	if err := store.Load(id, reports.Setup, &in.Comparison); err != nil {
		return compare.Report{}, err
	}
	if in.Comparison.Finished.IsZero() {
		return compare.Report{}, fmt.Errorf("comparison %s broke off; `groundwork compare` with the same flags goes on with it", id)
	}
	raw, err := store.Read(id, reports.Questions)
	if err != nil {
		return compare.Report{}, err
	}
	if in.Questions, err = eval.Read(bytes.NewReader(raw)); err != nil {
		return compare.Report{}, err
	}
	if in.Results, in.Safety, err = storedResults(cfg, in.Comparison); err != nil {
		return compare.Report{}, err
	}
	return compare.New(in)
}

func keepReport(store reports.Store, id string, r compare.Report) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	var html bytes.Buffer
	if err := r.WriteHTML(&html); err != nil {
		return err
	}
	if err := store.Save(id, reports.HTML, html.Bytes()); err != nil {
		return err
	}
	return store.Save(id, reports.JSON, raw)
}
