package deploytest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

type dashboard struct {
	UID    string
	Title  string
	Panels []panel
}

type panel struct {
	ID          int
	Type        string
	Title       string
	Description string
	Datasource  struct{ UID string }
	GridPos     struct{ X, Y, W, H int }
	FieldConfig struct{ Defaults struct{ Unit string } }
	Targets     []struct{ Expr string }
}

func TestDashboards(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "configs/compose/grafana/dashboards/*.json"))
	require.NoError(t, err)
	require.Len(t, files, 2)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		var d dashboard
		require.NoError(t, json.Unmarshal(raw, &d), file)
		require.NotEmpty(t, d.UID)
		ids := map[int]bool{}
		for i, p := range d.Panels {
			require.False(t, ids[p.ID], "%s: panel %d twice", file, p.ID)
			ids[p.ID] = true
			require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
			for _, other := range d.Panels[:i] {
				require.False(t, overlap(p, other), "%s: %q lies on %q", file, p.Title, other.Title)
			}
			if p.Type == "row" {
				continue
			}
			require.NotEmpty(t, p.Description, p.Title)
			require.NotEmpty(t, p.FieldConfig.Defaults.Unit, p.Title)
			require.Equal(t, "prometheus", p.Datasource.UID, p.Title)
			require.NotEmpty(t, p.Targets, p.Title)
			for _, target := range p.Targets {
				checkQuery(t, d.Title+" / "+p.Title, target.Expr)
			}
		}
	}
}

func overlap(a, b panel) bool {
	p, q := a.GridPos, b.GridPos
	return p.X < q.X+q.W && q.X < p.X+p.W && p.Y < q.Y+q.H && q.Y < p.Y+p.H
}

func TestDataSourceIsTheOneThatPanelsName(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(root, "configs/compose/grafana/provisioning/datasources/prometheus.yml"))
	require.NoError(t, err)
	var file struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct{ UID, Type, URL string }
	}
	require.NoError(t, yaml.Unmarshal(raw, &file))
	require.Len(t, file.Datasources, 1)
	require.Equal(t, "prometheus", file.Datasources[0].UID)
	require.Equal(t, "http://prometheus:9090", file.Datasources[0].URL)

	raw, err = os.ReadFile(filepath.Join(root, "configs/compose/grafana/provisioning/dashboards/groundwork.yml"))
	require.NoError(t, err)
	var providers struct {
		Providers []struct{ Options struct{ Path string } }
	}
	require.NoError(t, yaml.Unmarshal(raw, &providers))
	mounted := slices.ContainsFunc(load(t, nil, "observability").Services["grafana"].Volumes, func(v volume) bool {
		return v.Target == providers.Providers[0].Options.Path
	})
	require.True(t, mounted, "the dashboards are mounted where Grafana looks for them")
}

// foreign are the metrics that are not ours: Prometheus' own and those of its Go client.
var foreign = []string{"up", "process_resident_memory_bytes"}

// checkQuery parses a query and compares each metric and label in it with what
// the server registers.
func checkQuery(t *testing.T, where, query string) {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(strings.ReplaceAll(query, "$__rate_interval", "1m"))
	require.NoError(t, err, where)
	known := registered(t)
	var labels []string
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok || slices.Contains(foreign, selector.Name) {
			return nil
		}
		m, ok := known[base(selector.Name, known)]
		require.True(t, ok, "%s: nobody registers %s", where, selector.Name)
		labels = append(labels, m.labels...)
		for _, matcher := range selector.LabelMatchers {
			if matcher.Name != "__name__" {
				require.Contains(t, append(m.labels, "job", "instance"), matcher.Name, "%s: %s", where, selector.Name)
			}
		}
		return nil
	})
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if sum, ok := node.(*parser.AggregateExpr); ok {
			for _, label := range sum.Grouping {
				require.Contains(t, append(labels, "job", "instance", "le"), label, where)
			}
		}
		return nil
	})
}

var histogramPart = regexp.MustCompile(`_(bucket|sum|count)$`)

func base(name string, known map[string]metric) string {
	if stem := histogramPart.ReplaceAllString(name, ""); stem != name && known[stem].histogram {
		return stem
	}
	return name
}
