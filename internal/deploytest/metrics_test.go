package deploytest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

type volume = types.ServiceVolumeConfig

type metric struct {
	labels    []string
	histogram bool
}

// registered reads from the source what internal/telemetry registers: each call
// or literal that holds a name groundwork_…, with the strings beside it as its
// labels. That takes a few words too many for labels, and misses none.
func registered(t *testing.T) map[string]metric {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "internal/telemetry/*.go"))
	require.NoError(t, err)
	out := map[string]metric{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		ast.Inspect(parsed, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			found, words, histogram := "", []string(nil), strings.Contains(name(call.Fun), "Histogram")
			ast.Inspect(call, func(n ast.Node) bool {
				if inner, ok := n.(*ast.CallExpr); ok && inner != call {
					return false
				}
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					s, err := strconv.Unquote(lit.Value)
					require.NoError(t, err)
					switch {
					case strings.HasPrefix(s, "groundwork_"):
						found = s
					case !strings.Contains(s, " "):
						words = append(words, s)
					}
				}
				return true
			})
			if found != "" {
				out[found] = metric{labels: words, histogram: histogram}
			}
			return true
		})
	}
	require.NotEmpty(t, out)
	return out
}

func name(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}
