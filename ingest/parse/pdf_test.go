package parse_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHiddenTextOfAPDFIsLeftOut(t *testing.T) {
	t.Parallel()
	const stream = `BT /F1 12 Tf 72 700 Td (Plain words) Tj ET
1 1 1 rg BT /F1 12 Tf 72 650 Td (white on paper) Tj ET
0 0 1 rg 60 590 200 40 re f 1 1 1 rg BT /F1 12 Tf 72 600 Td (White on blue) Tj ET
1 1 1 rg 60 490 200 40 re f BT /F1 12 Tf 72 500 Td (white on white) Tj ET
0 g BT /F1 0.5 Tf 72 450 Td (tiny words) Tj ET
BT /F1 1 Tf 12 0 0 12 72 430 Tm (Scaled words) Tj ET
BT /F1 12 Tf 3 Tr 72 400 Td (Words over a scan) Tj 0 Tr ET
BT /F1 12 Tf 1 0 0 1 72 900 Tm (above the page) Tj 1 0 0 1 -500 300 Tm (left of it) Tj ET`
	text, err := shared.Parse(t.Context(), "a.pdf", "", file(t, onePage(stream, "")))
	require.NoError(t, err)
	for _, s := range []string{"Plain words", "White on blue", "Scaled words", "Words over a scan"} {
		require.Contains(t, text.Body, s)
	}
	for _, s := range []string{"white", "tiny", "above", "left"} {
		require.NotContains(t, text.Body, s)
	}
}

// What is raised or lowered stays on its line, and makes no other number of a figure.
func TestRaisedAndLoweredLettersOfAPDFStayInTheirLine(t *testing.T) {
	t.Parallel()
	const stream = `BT /F1 12 Tf 72 700 Td (CO) Tj /F1 8 Tf -3 Ts (2) Tj /F1 12 Tf 0 Ts ( of 750) Tj /F1 8 Tf 5 Ts (12) Tj /F1 12 Tf 0 Ts ( sites on 5 m) Tj /F1 8 Tf 5 Ts (2) Tj ET
BT /F1 12 Tf 72 660 Td (I) Tj ET BT /F1 12 Tf 80 646 Td (Words below) Tj ET BT /F1 12 Tf 72 600 Td (end) Tj ET`
	text, err := shared.Parse(t.Context(), "a.pdf", "", file(t, onePage(stream, "")))
	require.NoError(t, err)
	require.Equal(t, "CO2 of 750¹² sites on 5 m2\nI\nWords below\nend", text.Body)
}

// Columns are read one after the other, and what stands on one line of a table stays together.
func TestColumnsAndRowsOfAPDFKeepTheirOrder(t *testing.T) {
	t.Parallel()
	notRaced(t)
	root := data(t, "formats")
	read := func(name string) string {
		raw, err := os.ReadFile(filepath.Join(root, "pdf", name))
		require.NoError(t, err)
		text, err := shared.Parse(t.Context(), name, "", file(t, raw))
		require.NoError(t, err)
		return text.Body
	}
	columns := read("multicolumn.pdf")
	last := -1
	for _, s := range []string{"Lorem ipsum dolor sit amet, consectetuer adipiscing elit. Ut purus", "Nam dui ligula", "Nulla malesuada porttitor", "Quisque ullamcorper",
		"Fusce mauris", "Sed commodo posuere", "Pellentesque habitant morbi tristique senectus et\\nnetus et malesuada fames ac turpis egestas. Donec", "Morbi luctus", "Suspendisse vitae elit"} {
		at := strings.Index(columns, strings.ReplaceAll(s, "\\n", "\n"))
		require.Greater(t, at, last, s)
		last = at
	}
	require.Contains(t, columns, "\nFinland 5.5 338,424 Helsinki Finnish, Swedish\n")
	require.Contains(t, read("SPARSE-2024-INV-1234_borderless_table.pdf"), "\nSKU-6678 Software $200.00 $42,000.00 2024-10-25 High Value\n")
}
