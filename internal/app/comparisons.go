package app

import (
	"encoding/json"
	"errors"
	"io/fs"

	"groundwork/eval/reports"
	"groundwork/rag"
)

// comparisons are the reports that lie in the data directory (api.Comparisons).
type comparisons struct{ kept reports.Store }

func (c comparisons) Comparisons() ([]json.RawMessage, error) {
	ids, err := c.kept.List()
	if err != nil {
		return nil, err
	}
	var out []json.RawMessage
	for _, id := range ids {
		raw, err := c.kept.Read(id, reports.Setup)
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted just now
		}
		if err != nil {
			return nil, err
		}
		out = append(out, raw)
	}
	return out, nil
}

func (c comparisons) Comparison(id string, html bool) ([]byte, error) {
	name := reports.JSON
	if html {
		name = reports.HTML
	}
	raw, err := c.kept.Read(id, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, rag.Fail(rag.CodeNotFound, "There is no such comparison, or it is not finished. GET /v1/comparisons lists them.")
	}
	return raw, err
}
