package plot

import (
	"math"
	"strconv"
)

// Axis maps values to a plot: FromZero, Shares, Powers or Nines.
type Axis struct {
	name  string
	scale func(float64) float64 // monotone
	ticks []tick
	from  float64
	to    float64
}

type tick struct {
	at    float64
	label string
}

// place is the share of the axis at v, 0 to 1.
func (a Axis) place(v float64) float64 {
	lo, hi := a.scale(a.from), a.scale(a.to)
	if hi == lo {
		return 0
	}
	return min(max((a.scale(v)-lo)/(hi-lo), 0), 1)
}

// Short is a number for people: three digits that count.
func Short(v float64) string {
	if v >= 1000 {
		return strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

func linear(v float64) float64 { return v }

// Shares is a linear axis from 0 to 1, told in percent.
func Shares(name string) Axis {
	a := Axis{name: name, scale: linear, to: 1}
	for i := range 5 {
		a.ticks = append(a.ticks, tick{float64(i) / 4, percent(float64(i) / 4)})
	}
	return a
}

// FromZero is a linear axis from 0 to at least most.
func FromZero(name string, most float64) Axis {
	step := 1.0
	if most > 0 {
		step = math.Pow(10, math.Floor(math.Log10(most/4)))
		for _, m := range []float64{2, 5, 10} {
			if most/step > 6 {
				step = math.Pow(10, math.Floor(math.Log10(most/4))) * m
			}
		}
	}
	a := Axis{name: name, scale: linear, to: step}
	for at := 0.0; ; at += step {
		a.ticks, a.to = append(a.ticks, tick{at, Short(at)}), at
		if at >= most && at > 0 {
			return a
		}
	}
}

// Powers is a logarithmic axis over whole powers of ten around the values.
func Powers(name string, low, high float64) Axis {
	low, high = max(low, 0.001), max(high, 0.01)
	from := math.Floor(math.Log10(low))
	to := max(math.Ceil(math.Log10(high)), from+1)
	a := Axis{name: name, scale: math.Log10, from: math.Pow(10, from), to: math.Pow(10, to)}
	for e := from; e <= to; e++ {
		a.ticks = append(a.ticks, tick{math.Pow(10, e), Short(math.Pow(10, e))})
	}
	return a
}

// Nines is the axis of percentiles: the same room for 0 to 90, 90 to 99, 99 to 99.9 …
func Nines(most float64) Axis {
	a := Axis{name: "percentile", scale: func(p float64) float64 { return -math.Log10(1 - min(p, 99.999)/100) }, to: max(most, 90)}
	for _, p := range []float64{0, 50, 75, 90, 95, 99, 99.9, 99.99} {
		if p <= a.to {
			a.ticks = append(a.ticks, tick{p, short4(p)})
		}
	}
	return a
}

func short4(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
