package plot

import (
	"encoding/xml"
	"errors"
	"html/template"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAxes(t *testing.T) {
	t.Parallel()
	for _, most := range []float64{0, 0.4, 1, 7, 29, 100, 999, 12345} {
		a := FromZero("x", most)
		require.GreaterOrEqual(t, a.to, most)
		require.LessOrEqual(t, len(a.ticks), 8, "%v: %v", most, a.ticks)
		require.GreaterOrEqual(t, len(a.ticks), 2)
		require.Zero(t, a.place(0))
		require.InDelta(t, 1, a.place(a.to), 1e-9)
	}
	n := Nines(99.9)
	require.InDelta(t, 1.0/3, n.place(90), 0.01)
	require.InDelta(t, 2.0/3, n.place(99), 0.01)
	p := Powers("ms", 3, 4500)
	require.Equal(t, []string{"1", "10", "100", "1000", "10000"}, func() (out []string) {
		for _, k := range p.ticks {
			out = append(out, k.label)
		}
		return out
	}())
}

func TestIntervalsKeepToTheirAxis(t *testing.T) {
	t.Parallel()
	rows := []Interval{{"a", -0.32, -0.1, 0.05, 0}, {"b < c", 0, 0.2, 0.31, 3}}
	p := Intervals("Differences", "more right answers", true, rows, func(r Interval) string { return Short(100 * r.Mid) })
	require.Equal(t, []string{"-40 %", "-20 %", "0 %", "20 %", "40 %"}, []string{p.X[0].Label, p.X[1].Label, p.X[2].Label, p.X[3].Label, p.X[4].Label})
	require.InDelta(t, (p.Left+p.Right)/2, p.Zero, 1e-9)
	require.InDelta(t, p.Zero, p.Rows[1].Low, 1e-9)
	require.InDelta(t, p.Left+(p.Right-p.Left)*(0.4-0.32)/0.8, p.Rows[0].Low, 1e-9)
	require.Less(t, p.Rows[1].Y, p.Bottom)
	require.NotEqual(t, p.Rows[0].Style, p.Rows[1].Style)
	require.Equal(t, styles[2], p.Rows[1].Style)

	shares := Intervals("Shares", "", false, []Interval{{"a", 0, 0.5, 1, 0}}, func(Interval) string { return "" })
	require.Zero(t, shares.Zero)
	require.InDelta(t, shares.Left, shares.Rows[0].Low, 1e-9)
	require.InDelta(t, shares.Right, shares.Rows[0].High, 1e-9)

	var out strings.Builder
	page := template.Must(Into(template.New("page")).Parse(`<div>{{range .}}{{template "plot" .}}{{end}}</div>`))
	styled := Draw("Styled", FromZero("x", 1), FromZero("y", 1), []Line{{Name: "a", Style: 4}, {Name: "b"}})
	require.Equal(t, styles[3], styled.Lines[0].Style)
	require.Equal(t, styles[1], styled.Lines[1].Style)
	require.NoError(t, page.Execute(&out, []Plot{p, shares, Draw("Lines", FromZero("x", 1), FromZero("y", 1), []Line{{Name: "l", Points: [][2]float64{{0, 0}, {1, 1}}, Marked: true}})}))
	require.Contains(t, out.String(), "b &lt; c")
	for dec := xml.NewDecoder(strings.NewReader(out.String())); ; {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
	}
}
