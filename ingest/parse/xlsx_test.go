package parse_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"groundwork/ingest/parse"
)

// workbook is a file of the sheets that fill makes; the first one is there already.
func workbook(t testing.TB, fill func(f *excelize.File)) []byte {
	t.Helper()
	f := excelize.NewFile()
	fill(f)
	var b bytes.Buffer
	require.NoError(t, f.Write(&b))
	require.NoError(t, f.Close())
	return b.Bytes()
}

func setRow(t testing.TB, f *excelize.File, sheet, cell string, values ...any) {
	t.Helper()
	require.NoError(t, f.SetSheetRow(sheet, cell, &values))
}

func style(t testing.TB, f *excelize.File, sheet, from, to string, s excelize.Style) {
	t.Helper()
	id, err := f.NewStyle(&s)
	require.NoError(t, err)
	require.NoError(t, f.SetCellStyle(sheet, from, to, id))
}

func TestGoldenXLSX(t *testing.T) {
	t.Parallel()
	raw := workbook(t, func(f *excelize.File) {
		require.NoError(t, f.SetDocProps(&excelize.DocProperties{Title: "Rates"}))
		require.NoError(t, f.SetSheetName("Sheet1", "Hotels 2025"))
		const s = "Hotels 2025"
		setRow(t, f, s, "B2", "Hotel rates")
		setRow(t, f, s, "B3", "City", "Night", "From", "Share", "Internal")
		setRow(t, f, s, "B4", "Hamburg", 1165.5, time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC), 0.25, "secret column")
		setRow(t, f, s, "B5", "Two\nlines | bar", 90, time.Date(2025, 4, 1, 13, 30, 0, 0, time.UTC), 1, "secret column")
		setRow(t, f, s, "B6", "hidden row", 1, nil, 1, "x")
		setRow(t, f, s, "B9", "Kiel", 70, time.Date(2025, 5, 1, 0, 0, 0, 0, time.UTC), 0.5)
		setRow(t, f, s, "B10", "Bonn", 80, time.Date(2025, 5, 2, 0, 0, 0, 0, time.UTC), 0.5)
		money, date := `#,##0.00 "€"`, "yyyy-mm-dd hh:mm"
		style(t, f, s, "C4", "C10", excelize.Style{CustomNumFmt: &money})
		style(t, f, s, "D4", "D4", excelize.Style{NumFmt: 14})
		style(t, f, s, "D5", "D10", excelize.Style{CustomNumFmt: &date})
		style(t, f, s, "E4", "E10", excelize.Style{NumFmt: 9})
		require.NoError(t, f.SetCellFormula(s, "C11", "SUM(C4:C10)")) // never worked out: no value
		require.NoError(t, f.SetColVisible(s, "F", false))
		require.NoError(t, f.SetRowVisible(s, 6, false))
		require.NoError(t, f.AddComment(s, excelize.Comment{Cell: "B4", Author: "a", Text: "a comment"}))
		_, err := f.NewSheet("Secret")
		require.NoError(t, err)
		setRow(t, f, "Secret", "A1", "hidden sheet")
		require.NoError(t, f.SetSheetVisible("Secret", false))
		_, err = f.NewSheet("Notes")
		require.NoError(t, err)
		setRow(t, f, "Notes", "A1", "One cell only.")
	})
	golden(t, "rates.xlsx", read(t, "rates.xlsx", "", raw))
}

func TestCellsOfAWorkbookAreBounded(t *testing.T) {
	t.Parallel()
	raw := workbook(t, func(f *excelize.File) {
		for i := range 20 {
			setRow(t, f, "Sheet1", fmt.Sprintf("A%d", i+1), "a", "b", "c")
		}
	})
	l := limits()
	l.Cells = 50
	_, err := parse.Document(t.Context(), raw, "a.xlsx", "", parse.Options{Limits: l})
	require.Equal(t, parse.CodeLimit, codeOf(t, err))
	l.Cells = 100
	_, err = parse.Document(t.Context(), raw, "a.xlsx", "", parse.Options{Limits: l})
	require.NoError(t, err)
}
