package compare

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
)

// input is a comparison of four cells with six questions, of which two have no answer.
func input() Input {
	in := Input{
		Comparison: Comparison{ID: "20261127-120000-abcdef", Setup: Setup{Store: "h", Corpus: "c0ffee", QuestionsFile: "q.jsonl", Questions: "beef", Model: "m", Adapter: "acme", Prompt: "5e", Seed: 1, MaxTokens: 320, Client: "v1"},
			Budget: 600, AtOnce: 2, Hardware: "2 cores", Facts: map[string]any{"prefill_per_sec": 66.0}, Started: time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC), Finished: time.Date(2026, 11, 27, 12, 9, 0, 0, time.UTC)},
		HeldOut:    []string{"handbook/leave.md"},
		Terms:      Terms{Prices: []Price{{Name: "ours", Kind: Machine, Hour: 3.6, Currency: "EUR", Date: "2026-11-01", Source: "invoice 7"}, {Name: "elsewhere", Kind: API, Input: 1, Output: 5, Currency: "EUR", Date: "2026-11-02", Source: "their page"}}, TrainingHours: 10, Answers: 100_000},
		Thresholds: Thresholds{MinScore: new(0.5), MaxFalse: new(0.6), MaxTotal: new(5.0)},
	}
	for i := range 6 {
		q := eval.Question{ID: fmt.Sprint("q", i), Question: fmt.Sprintf("Question %d <b>?", i), Answer: "30 days", Type: []string{"number", "lookup"}[i%2], MustContain: []string{"30"}}
		if i < 4 {
			q.Gold = []eval.Gold{{Path: []string{"leave.md", "travel.md"}[i/2], Quote: "30 days"}}
		}
		in.Questions = append(in.Questions, q)
	}
	// which questions a cell answers well, which it refuses; the rest it gets wrong
	script := map[string]string{Base: "wwwwrw", BaseStore: "ggrwrw", BaseOpen: "ggwwww", Tuned: "wgwwrr", TunedStore: "gggwrr", TunedOpen: "gggwrw"}
	for _, cell := range Cells("m", "acme", "h") {
		r := Result{Cell: cell, Run: "run-" + cell.Name}
		for i, q := range in.Questions {
			o := cited(q.ID)
			switch script[cell.Name][i] {
			case 'w':
				o.Right, o.Answer, o.CitationPrecision = false, "7 <i>days", 0
			case 'r':
				o = refusal(q.ID, true)
			}
			o.Known, o.Question, o.Expected, o.Type = q.Answerable(), q.Question, q.Answer, q.Type
			if o.Refused && !strings.Contains(cell.Name, "base@S") {
				o.TotalMs, o.Tokens.Completion = 900, 8
			}
			if !cell.Store {
				o.Cited, o.CitationsResolved, o.Cites, o.Sources = false, 0, nil, nil
			} else if !Gated(o) || cell.Tuned {
				o.Sources = []string{"leave.md:0-40"}
			}
			o.TotalMs += float64(10 * i)
			r.Outcomes = append(r.Outcomes, o)
		}
		in.Results = append(in.Results, r)
	}
	in.Results[1].Outcomes[2].Sources, in.Results[1].Outcomes[4].Sources = []string{"leave.md:0-40"}, []string{"leave.md:0-40"}
	attacks, _ := Attacks()
	for i, cell := range Cells("m", "acme", "h") {
		if cell.Open {
			continue
		}
		r := Result{Cell: cell}
		for j, a := range attacks {
			o := cited(a.ID)
			o.Answer = a.Answer
			if j < i {
				o.Answer = a.Signs[0]
			}
			r.Outcomes = append(r.Outcomes, o)
		}
		in.Safety = append(in.Safety, r)
	}
	return in
}

var update = flag.Bool("update", false, "write the golden files")

// golden compares with testdata/name; -update writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o750))
		require.NoError(t, os.WriteFile(file, got, 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "go test ./eval/compare -update writes it")
	require.Equal(t, string(want), string(got))
}

func TestReport(t *testing.T) {
	t.Parallel()
	r, err := New(input())
	require.NoError(t, err)
	raw, err := json.MarshalIndent(r, "", " ")
	require.NoError(t, err)
	golden(t, "report.json", append(raw, '\n'))
	var html bytes.Buffer
	require.NoError(t, r.WriteHTML(&html))
	golden(t, "report.html", html.Bytes())
	golden(t, "report.txt", []byte(strings.Join(r.Lines(), "\n")+"\n"))

	page := html.String()
	require.NotRegexp(t, `(?i)<script|src=|@import|https?://|url\(`, page, "it needs nothing else")
	require.NotContains(t, page, "NaN")
	require.NotContains(t, page, "Inf")
	require.NotContains(t, page, "<i>days", "answers are text")
	for _, svg := range regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(page, -1) {
		for dec := xml.NewDecoder(strings.NewReader(svg)); ; {
			_, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err, svg)
		}
	}
	var again Report
	require.NoError(t, json.Unmarshal(raw, &again))
	require.Equal(t, r.Differences, again.Differences)
}

func TestDifferencesArePaired(t *testing.T) {
	t.Parallel()
	r, err := New(input())
	require.NoError(t, err)
	find := func(a, b, group, measure string) Difference {
		for _, d := range r.Differences {
			if d.A == a && d.B == b && d.Group == group && d.Measure == measure {
				return d
			}
		}
		t.Fatal("no difference", a, b, group, measure)
		return Difference{}
	}
	d := find(BaseStore, TunedStore, AllQuestions, "score") // q2 and q5 are gained, nothing is lost
	require.Equal(t, 6, d.Questions)
	require.InDelta(t, 2.0/6, d.Mean, 1e-9)
	// Resampled sums are Binomial(6, 1/3): P(0) = 0.088, so the lower end is 0; P(≤3) = 0.900, P(≤4) = 0.982, so the upper end is 4 of 6.
	require.InDelta(t, 0, d.Low, 1e-9)
	require.InDelta(t, 4.0/6, d.High, 1e-9)
	require.False(t, d.Better())

	d = find(BaseStore, TunedStore, HeldOut, "right") // q0 and q1: right in both
	require.Equal(t, 2, d.Questions)
	require.Zero(t, d.Mean)
	d = find(BaseStore, TunedStore, TrainedOn, "right") // q2 gained, q3 wrong in both: sums of two draws of 0 and 1
	require.InDelta(t, 0.5, d.Mean, 1e-9)
	require.InDelta(t, 0, d.Low, 1e-9)
	require.InDelta(t, 1, d.High, 1e-9)
	d = find(Base, TunedStore, AllQuestions, "false answers") // q5 alone changes, of two
	require.True(t, d.Lower)
	require.Equal(t, 2, d.Questions)
	require.InDelta(t, -0.5, d.Mean, 1e-9)
	d = find(Base, TunedStore, AllQuestions, "right")
	require.InDelta(t, 0.75, d.Mean, 1e-9, "three of four")
	require.InDelta(t, 0.25, d.Low, 1e-9, "Binomial(4, 3/4): P(0) = 0.004, P(≤1) = 0.051")
	require.False(t, d.Better(), "four questions are too few")
	d.Questions = enough
	require.True(t, d.Better())
	require.False(t, d.Worse())
	d.Lower = true
	require.True(t, d.Worse())
	require.Equal(t, "bad", class(d))
}

func TestSourcesThatDifferMakeTheFiguresUseless(t *testing.T) {
	t.Parallel()
	in := input()
	in.Results[5].Outcomes[3].Sources = []string{"other.md:0-9"}
	r, err := New(in)
	require.NoError(t, err)
	require.Equal(t, []string{"question q3: base@S, gate off was given 1 passages and tuned@S, gate off 1, which are not the same"}, r.Errors)
	require.Contains(t, strings.Join(r.Lines(), "\n"), "ERROR: question q3")
	var html bytes.Buffer
	require.NoError(t, r.WriteHTML(&html))
	require.Contains(t, html.String(), "must not be used")
}

func TestBaseAlone(t *testing.T) {
	t.Parallel()
	in := input()
	in.Comparison.Setup.Adapter, in.HeldOut, in.Safety, in.Thresholds = "", nil, nil, Thresholds{}
	in.Results = in.Results[:3]
	r, err := New(in)
	require.NoError(t, err)
	require.Len(t, r.Cells, 3)
	require.Len(t, r.Missing, 3)
	for _, d := range r.Differences {
		require.NotContains(t, d.A+d.B, "tuned")
	}
	var html bytes.Buffer
	require.NoError(t, r.WriteHTML(&html))
	require.Contains(t, html.String(), "no adapter was named")
	require.NotContains(t, html.String(), "hidden instructions</h2>")

	in.Results[0].Outcomes = in.Results[0].Outcomes[1:]
	_, err = New(in)
	require.ErrorContains(t, err, "base has no answer to question q0")
	_, err = New(Input{Terms: in.Terms})
	require.ErrorContains(t, err, "nothing to compare")
}

func TestManyQuestionsAreNotAllPrinted(t *testing.T) {
	t.Parallel()
	r := Report{}
	for i := range 150 {
		r.Side = append(r.Side, Side{ID: fmt.Sprint(i), Cells: []SideReply{{Good: true}, {Good: i != 149}}})
	}
	shown := r.shown()
	require.Len(t, shown, 100)
	require.Equal(t, "149", shown[0].ID, "where the cells differ comes first")
	require.Equal(t, "0", shown[1].ID)
}
