package compare

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"groundwork/eval"
)

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

func listed(path string, paths []string) bool {
	return slices.ContainsFunc(paths, func(p string) bool {
		return p == path || strings.HasSuffix(p, "/"+path) || strings.HasSuffix(path, "/"+p)
	})
}

// percent of a share.
func percent(v float64) string { return strconv.FormatFloat(100*v, 'f', 0, 64) + " %" }

// told is a rate with its interval and counts.
func (r Rate) told() string {
	if r.Of == 0 {
		return "–"
	}
	return fmt.Sprintf("%s (%.0f–%.0f)", percent(r.Value()), 100*r.Low, 100*r.High)
}

// told is a difference in points, or in seconds.
func (d Difference) told() string {
	if d.Measure == "seconds" {
		return fmt.Sprintf("%+.1f s (%+.1f to %+.1f)", d.Mean, d.Low, d.High)
	}
	return fmt.Sprintf("%+.0f (%+.0f to %+.0f)", 100*d.Mean, 100*d.Low, 100*d.High)
}

// seconds of milliseconds.
func seconds(ms float64) string {
	if ms == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f s", ms/1000)
}

// latency are the three percentiles, in seconds.
func latency(l eval.Latency) string {
	if l == (eval.Latency{}) {
		return "–"
	}
	return fmt.Sprintf("%.1f / %.1f / %.1f s", l.P50/1000, l.P95/1000, l.P99/1000)
}

// money is a sum with as many digits as it needs.
func money(v float64) string {
	switch {
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

func count(v float64) string { return strconv.FormatFloat(v, 'f', 0, 64) }
