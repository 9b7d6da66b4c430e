package load

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// byRate orders the steps of a sweep for a plot.
func byRate(runs []Result) []Result {
	return slices.SortedFunc(slices.Values(runs), func(a, b Result) int { return cmp.Compare(a.Rate, b.Rate) })
}

// milliseconds is a latency for people.
func milliseconds(v float64) string {
	switch {
	case v == 0:
		return "–"
	case v < 10:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v < 100:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

func rate(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

// row is one line of the table of latencies.
type row struct {
	Name string
	Latency
}

// rows are the latencies that were seen.
func (r Result) rows() []row {
	var out []row
	for _, k := range r.Kinds {
		for _, l := range []row{{string(k.Kind), k.TotalMs}, {string(k.Kind) + ": first token", k.FirstMs}, {string(k.Kind) + ": refusal", k.RefusalMs}} {
			if l.Count > 0 {
				out = append(out, l)
			}
		}
	}
	return out
}

// Lines are a result for a terminal.
func (r Result) Lines() []string {
	load := fmt.Sprintf("%d clients", r.Clients)
	if r.Mode == "open" {
		load = rate(r.Rate) + "/s offered"
	}
	out := []string{
		fmt.Sprintf("%s for %.1f s: %s/s complete (%d), %d refused, %d failed", load, r.Seconds, rate(r.Achieved), r.OK, r.Refused, r.Failed),
		fmt.Sprintf("%-20s %8s %10s %10s %10s %10s %10s", "milliseconds", "count", "p50", "p90", "p99", "p99.9", "max"),
	}
	for _, l := range r.rows() {
		out = append(out, fmt.Sprintf("%-20s %8d %10s %10s %10s %10s %10s", l.Name, l.Count,
			milliseconds(l.P50), milliseconds(l.P90), milliseconds(l.P99), milliseconds(l.P999), milliseconds(l.Max)))
	}
	for _, k := range r.Kinds {
		if k.Abstained > 0 {
			out = append(out, fmt.Sprintf("%d of %d answers were abstentions: they cost no generation", k.Abstained, k.OK))
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Reasons)) {
		out = append(out, fmt.Sprintf("failed: %d × %s", r.Reasons[reason], reason))
	}
	if r.Unfinished > 0 {
		out = append(out, fmt.Sprintf("%d requests were given up when the run ended", r.Unfinished))
	}
	if r.LagMs.P99 > lateMs {
		out = append(out, fmt.Sprintf("this program itself was late by %s ms (p99): it had too little processor time, and latencies contain that", milliseconds(r.LagMs.P99)))
	}
	return out
}

// lateMs is from when on the generator's own lag is worth a word.
const lateMs = 10
