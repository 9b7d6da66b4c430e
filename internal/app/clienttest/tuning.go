package clienttest

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// TuneGo makes, lists and cancels a fine-tuning job of model with the Go client. The server's trainer must not come to its end by itself.
func TuneGo(t *testing.T, target Target, model string) {
	t.Helper()
	if err := tuneGo(t.Context(), target, model); err != nil {
		t.Fatalf("Go client: %v", err)
	}
}

// TunePython is TuneGo with the Python client that `make test-setup` installs.
func TunePython(t *testing.T, target Target, model string) {
	t.Helper()
	path, err := exec.LookPath(filepath.Join(root(t), ".tools", "clients-python", "bin", "python"))
	if err != nil {
		unavailable(t, "the Python packages are not installed: `make test-setup` installs them")
	}
	run(t, target, filepath.Join(folder(t), "python"), path, "tuning.py", "MODEL="+model)
}

// TuneNode is TuneGo with the Node client.
func TuneNode(t *testing.T, target Target, model string) {
	t.Helper()
	dir, path := nodeClient(t, "node")
	run(t, target, dir, path, "tuning.mjs", "MODEL="+model)
}

func tuneGo(ctx context.Context, target Target, model string) error {
	api := openai.NewClient(option.WithBaseURL(target.BaseURL), option.WithAPIKey(target.Key))
	lines := strings.Repeat(`{"messages":[{"role":"user","content":"What is a heron?"},{"role":"assistant","content":"A bird."}]}`+"\n", 10)
	file, err := api.Files.New(ctx, openai.FileNewParams{File: openai.File(strings.NewReader(lines), "train.jsonl", "application/jsonl"), Purpose: openai.FilePurposeFineTune})
	if err != nil {
		return err
	}
	jobs := api.FineTuning.Jobs
	job, err := jobs.New(ctx, openai.FineTuningJobNewParams{Model: openai.FineTuningJobNewParamsModel(model), TrainingFile: file.ID, Suffix: openai.String("go"), Seed: openai.Int(2)})
	if err != nil {
		return err
	}
	got, err := jobs.Get(ctx, job.ID)
	if err != nil {
		return err
	}
	found := false
	for pages := jobs.ListAutoPaging(ctx, openai.FineTuningJobListParams{Limit: openai.Int(1)}); pages.Next(); {
		found = found || pages.Current().ID == job.ID
	}
	cancelled, err := jobs.Cancel(ctx, job.ID)
	if err != nil {
		return err
	}
	events, err := jobs.ListEvents(ctx, job.ID, openai.FineTuningJobListEventsParams{})
	if err != nil {
		return err
	}
	if !found || len(events.Data) == 0 {
		err = fmt.Errorf("in the list: %t, events: %d", found, len(events.Data))
	}
	return errors.Join(err, same("seed", got.Seed, 2), same("status", string(job.Status), "validating_files"), same("status", string(cancelled.Status), "cancelled"))
}
