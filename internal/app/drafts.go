package app

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"groundwork/api"
	"groundwork/api/openai"
	"groundwork/configs"
	"groundwork/eval"
	"groundwork/eval/draft"
	"groundwork/rag"
)

// DraftsDir is where drafts of questions are, below the data directory.
func DraftsDir(cfg configs.Config) string { return filepath.Join(cfg.Server.DataDir, "drafts") }

// drafts are the drafted questions in the data directory (api.Drafts).
type drafts struct{ kept draft.Folder }

func (d drafts) DraftSets() ([]api.DraftSet, error) {
	names, err := d.kept.Names()
	if err != nil {
		return nil, err
	}
	out := []api.DraftSet{}
	for _, name := range names {
		all, err := d.read(name)
		if err != nil {
			return nil, err
		}
		out = append(out, api.DraftSet{ID: name, Object: "groundwork.drafts", Counts: draft.Counts(all)})
	}
	return out, nil
}

func (d drafts) read(set string) ([]draft.Draft, error) {
	file, ok := d.kept.File(set)
	if !ok {
		return nil, noDrafts()
	}
	return file.Read()
}

func (d drafts) Drafts(set string) ([]json.RawMessage, error) {
	all, err := d.read(set)
	if err == nil && len(all) == 0 {
		err = noDrafts()
	}
	out := make([]json.RawMessage, len(all))
	for i := range all {
		if err == nil {
			out[i], err = json.Marshal(all[i])
		}
	}
	return out, err
}

func (d drafts) EditDraft(set, id string, e openai.DraftEdit) (json.RawMessage, error) {
	file, ok := d.kept.File(set)
	if !ok {
		return nil, noDrafts()
	}
	changed, err := file.Edit(id, draft.Edit{Status: (*eval.Status)(e.Status), Question: e.Question, Answer: e.Answer, MustContain: e.MustContain}, time.Now())
	var refused *draft.Refused
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, noDrafts()
	case errors.As(err, &refused):
		return nil, rag.Fail(rag.CodeInvalid, "This would be no question that can be scored: "+refused.Error()+".")
	case err != nil:
		return nil, err
	}
	return json.Marshal(changed)
}

func noDrafts() error {
	return rag.Fail(rag.CodeNotFound, "There is no such draft. GET /v1/drafts lists what there is.")
}
