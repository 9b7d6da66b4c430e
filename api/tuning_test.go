package api_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/api"
	"groundwork/api/openai"
	"groundwork/rag"
)

// workshop takes every job and has three events for each.
type workshop struct{ jobs []openai.TuneJob }

func (w *workshop) CreateJob(_ context.Context, tenant string, r openai.TuneRequest) (openai.TuneJob, error) {
	if r.Model == "untrainable" {
		return openai.TuneJob{}, rag.Fail(rag.CodeUnavailable, "Run `groundwork tune setup`.")
	}
	j := openai.NewTuneJob(openai.TuneJob{ID: fmt.Sprint("ftjob-", len(w.jobs)+1), CreatedAt: 1, Status: "validating_files"}, r)
	w.jobs = append([]openai.TuneJob{j}, w.jobs...)
	return j, nil
}

func (w *workshop) Jobs(string) ([]openai.TuneJob, error) { return w.jobs, nil }

func (w *workshop) Job(_, id string) (openai.TuneJob, error) {
	for _, j := range w.jobs {
		if j.ID == id {
			return j, nil
		}
	}
	return openai.TuneJob{}, rag.Fail(rag.CodeNotFound, "There is no such job.")
}

func (w *workshop) CancelJob(tenant, id string) (openai.TuneJob, error) {
	j, err := w.Job(tenant, id)
	if err == nil && j.Status == "cancelled" {
		err = rag.Fail(rag.CodeConflict, "It is over.")
	}
	j.Status = "cancelled"
	for i := range w.jobs {
		if w.jobs[i].ID == id {
			w.jobs[i].Status = "cancelled"
		}
	}
	return j, err
}

func (w *workshop) JobEvents(tenant, id string) ([]openai.TuneEvent, error) {
	var out []openai.TuneEvent
	for _, n := range []string{"c", "b", "a"} {
		out = append(out, openai.NewTuneEvent(openai.TuneEvent{ID: "ftevent-" + n, Level: "info", Message: n, Data: map[string]float64{"step": 1}}))
	}
	_, err := w.Job(tenant, id)
	return out, err
}

func TestFineTuningJobs(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *api.Deps, _ *api.Options) { d.Tuner = &workshop{} })
	file, err := b.library.AddFile(t.Context(), "default", "train.jsonl", "fine-tune", strings.NewReader("{}"))
	require.NoError(t, err)
	other, err := b.library.AddFile(t.Context(), "default", "doc.md", "assistants", strings.NewReader("x"))
	require.NoError(t, err)
	const path = "/v1/fine_tuning/jobs"
	create := func(more string) result {
		return b.do(t, "POST", path, keyAdmin, fmt.Sprintf(`{"model":"m","training_file":%q%s}`, file.ID, more))
	}
	job := create(`,"validation_file":null,"suffix":"acme","seed":3,"metadata":{"a":"b"},"integrations":null,"method":{"type":"supervised","supervised":{"hyperparameters":{"n_epochs":2,"batch_size":"auto","learning_rate_multiplier":0.5}}}`)
	require.Equal(t, 200, job.status, job.body)
	for _, part := range []string{`"status":"validating_files"`, `"user_provided_suffix":"acme"`, `"n_epochs":2`, `"batch_size":"auto"`, `"learning_rate_multiplier":0.5`, `"seed":3`, `"metadata":{"a":"b"}`, `"fine_tuned_model":null`} {
		require.Contains(t, job.body, part)
	}
	require.Contains(t, create(`,"hyperparameters":{"n_epochs":"auto","batch_size":4}`).body, `"batch_size":4`)
	require.Contains(t, create(``).body, `"n_epochs":"auto"`)

	for more, param := range map[string]string{
		`,"suffix":"A b"`: "suffix", `,"seed":-1`: "seed", `,"n_epochs":3`: "n_epochs", `,"validation_file":"file-none"`: "validation_file", `,"integrations":[{}]`: "integrations",
		`,"method":{"type":"dpo"}`: "method.type", `,"method":{}`: "method.type", `,"method":{"type":"supervised","dpo":{}}`: "method.dpo",
		`,"method":{"type":"supervised","supervised":{"x":1}}`:                            "method.supervised.x",
		`,"method":{"type":"supervised","supervised":{"hyperparameters":{"n_epochs":0}}}`: "method.supervised.hyperparameters.n_epochs",
		`,"hyperparameters":{"batch_size":"many"}`:                                        "hyperparameters.batch_size",
		fmt.Sprintf(`,"validation_file":%q`, other.ID):                                    "validation_file",
		`,"metadata":{"a":1}`: "metadata",
	} {
		res := create(more)
		require.Equal(t, 400, res.status, more)
		require.Equal(t, param, res.problem(t)["param"], more)
	}
	require.Equal(t, "training_file", b.do(t, "POST", path, keyAdmin, `{"model":"m"}`).problem(t)["param"])
	require.Equal(t, "model", b.do(t, "POST", path, keyAdmin, `{"training_file":"x"}`).problem(t)["param"])
	missing := b.do(t, "POST", path, keyAdmin, fmt.Sprintf(`{"model":"untrainable","training_file":%q}`, file.ID))
	require.Equal(t, 503, missing.status)
	require.Contains(t, missing.body, "groundwork tune setup")

	page := b.do(t, "GET", path+"?limit=2", keyAdmin, "")
	require.Contains(t, page.body, `"first_id":"ftjob-3","last_id":"ftjob-2","has_more":true`)
	require.Contains(t, b.do(t, "GET", path+"?limit=2&after=ftjob-2", keyAdmin, "").body, `"last_id":"ftjob-1","has_more":false`)
	require.Equal(t, 400, b.do(t, "GET", path+"?after=ftjob-9", keyAdmin, "").status)
	require.Equal(t, 400, b.do(t, "GET", path+"?order=asc", keyAdmin, "").status)
	require.Contains(t, b.do(t, "GET", path+"/ftjob-1", keyAdmin, "").body, `"object":"fine_tuning.job"`)
	require.Contains(t, b.do(t, "GET", path+"/ftjob-1/events?limit=1&after=ftevent-c", keyAdmin, "").body, `"type":"metrics"`)
	require.Contains(t, b.do(t, "GET", path+"/ftjob-1/checkpoints", keyAdmin, "").body, `"data":[]`)
	require.Contains(t, b.do(t, "POST", path+"/ftjob-1/cancel", keyAdmin, "").body, `"status":"cancelled"`)
	require.Equal(t, 409, b.do(t, "POST", path+"/ftjob-1/cancel", keyAdmin, "").status)
	for _, p := range []string{"", "/events", "/checkpoints"} {
		require.Equal(t, 404, b.do(t, "GET", path+"/ftjob-9"+p, keyAdmin, "").status)
	}
	for key, status := range map[string]int{keyAsk: 403, keyWrite: 403, keyLimited: 403, keyNothing: 403, keyOther: 404, "": 401} {
		require.Equal(t, status, b.do(t, "GET", path, key, "").status, key)
		require.Equal(t, status, b.do(t, "POST", path, key, `{}`).status, key)
	}
}
