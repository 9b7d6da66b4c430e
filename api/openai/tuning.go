package openai

import (
	"encoding/json"
	"fmt"
	"regexp"
)

// TuneRequest is the body of POST /v1/fine_tuning/jobs. Zero settings mean auto.
type TuneRequest struct {
	Model, TrainingFile, ValidationFile string
	Epochs, Batch                       int
	Rate                                float64 // learning_rate_multiplier
	Suffix                              string
	Seed                                int
	Metadata                            map[string]string
}

// TuneJob is a fine_tuning.job object.
type TuneJob struct {
	ID              string            `json:"id"`
	Object          string            `json:"object"`
	Model           string            `json:"model"`
	CreatedAt       int64             `json:"created_at"`
	FinishedAt      *int64            `json:"finished_at"`
	EstimatedFinish *int64            `json:"estimated_finish"`
	FineTunedModel  *string           `json:"fine_tuned_model"` // MODEL+ADAPTER
	OrganizationID  string            `json:"organization_id"`
	ResultFiles     []string          `json:"result_files"`
	Status          string            `json:"status"`
	TrainingFile    string            `json:"training_file"`
	ValidationFile  *string           `json:"validation_file"`
	Hyperparameters TuneHyper         `json:"hyperparameters"`
	Method          TuneMethod        `json:"method"`
	TrainedTokens   *int64            `json:"trained_tokens"`
	Error           *TuneError        `json:"error"`
	Suffix          *string           `json:"user_provided_suffix"`
	Seed            int               `json:"seed"`
	Integrations    []string          `json:"integrations"`
	Metadata        map[string]string `json:"metadata"`
}

// TuneHyper are settings, each a number or "auto".
type TuneHyper struct {
	Epochs any `json:"n_epochs"`
	Batch  any `json:"batch_size"`
	Rate   any `json:"learning_rate_multiplier"`
}

// TuneMethod is always supervised.
type TuneMethod struct {
	Type       string `json:"type"`
	Supervised struct {
		Hyperparameters TuneHyper `json:"hyperparameters"`
	} `json:"supervised"`
}

// TuneError says why a job failed.
type TuneError struct {
	Code    string  `json:"code"`
	Message string  `json:"message"`
	Param   *string `json:"param"`
}

// NewTuneJob completes a job that was asked for by r.
func NewTuneJob(j TuneJob, r TuneRequest) TuneJob {
	j.Object, j.Model, j.TrainingFile, j.Seed = "fine_tuning.job", r.Model, r.TrainingFile, r.Seed
	j.ValidationFile, j.Suffix = orNull(r.ValidationFile), orNull(r.Suffix)
	j.Hyperparameters = TuneHyper{auto(float64(r.Epochs)), auto(float64(r.Batch)), auto(r.Rate)}
	j.Method.Type, j.Method.Supervised.Hyperparameters = "supervised", j.Hyperparameters
	j.ResultFiles, j.Integrations = []string{}, []string{}
	if j.Metadata = r.Metadata; j.Metadata == nil {
		j.Metadata = map[string]string{}
	}
	return j
}

func auto(n float64) any {
	if n == 0 {
		return "auto"
	}
	return n
}

// NewTuneError is null when there is no code.
func NewTuneError(code, message, param string) *TuneError {
	if code == "" {
		return nil
	}
	return &TuneError{code, message, orNull(param)}
}

// TuneEvent is a fine_tuning.job.event object.
type TuneEvent struct {
	ID        string             `json:"id"`
	Object    string             `json:"object"`
	CreatedAt int64              `json:"created_at"`
	Level     string             `json:"level"`
	Message   string             `json:"message"`
	Type      string             `json:"type"` // metrics when there is data
	Data      map[string]float64 `json:"data"`
}

// NewTuneEvent completes an event.
func NewTuneEvent(e TuneEvent) TuneEvent {
	e.Object, e.Type = "fine_tuning.job.event", "message"
	if len(e.Data) > 0 {
		e.Type = "metrics"
	} else {
		e.Data = map[string]float64{}
	}
	return e
}

var suffixForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// ToTune reads POST /v1/fine_tuning/jobs.
func ToTune(f Fields) (r TuneRequest, bad *Invalid) {
	if bad = check(f, "", map[string]rule{
		"model": text, "training_file": text, "validation_file": text, "seed": integer(0, 1<<31-1), "method": object, "hyperparameters": object,
		"integrations": exactly("null", "[]"), "metadata": as[map[string]string]("an object of strings"),
		"suffix": func(raw json.RawMessage) string {
			var s string
			if json.Unmarshal(raw, &s) != nil || !suffixForm.MatchString(s) {
				return "must be a name for the adapter: at most 64 small letters, digits, dots and dashes"
			}
			return ""
		},
	}); bad != nil {
		return r, bad
	}
	if r.Model, bad = f.Model(); bad != nil {
		return r, bad
	}
	for name, to := range map[string]any{"training_file": &r.TrainingFile, "validation_file": &r.ValidationFile, "suffix": &r.Suffix, "seed": &r.Seed, "metadata": &r.Metadata} {
		if raw, there := f[name]; there {
			_ = json.Unmarshal(raw, to) // the rules have read it
		}
	}
	if r.TrainingFile == "" {
		return r, invalid("training_file", "training_file must be the id of a file that POST /v1/files took with the purpose fine-tune.")
	}
	if len(r.Metadata) > 16 {
		return r, invalid("metadata", "metadata holds at most 16 pairs.")
	}
	hyper, at, bad := tuneHyper(f)
	if bad != nil {
		return r, bad
	}
	return r, r.settings(hyper, at)
}

// tuneHyper finds the settings: in method.supervised, or where they were before there were methods.
func tuneHyper(f Fields) (hyper Fields, at string, bad *Invalid) {
	if raw, there := f["hyperparameters"]; there {
		_ = json.Unmarshal(raw, &hyper) // the rules have read it
		at = "hyperparameters."
	}
	raw, there := f["method"]
	if !there {
		return hyper, at, nil
	}
	var method, supervised Fields
	_ = json.Unmarshal(raw, &method) // likewise
	dropNulls(method)
	if bad := check(method, "method.", map[string]rule{"type": exactly(`"supervised"`), "supervised": object}); bad != nil {
		return nil, "", bad
	}
	if method["type"] == nil {
		return nil, "", invalid("method.type", "method.type is missing; it can only be supervised here.")
	}
	if raw, there := method["supervised"]; there {
		_ = json.Unmarshal(raw, &supervised) // likewise
		dropNulls(supervised)
		if bad := check(supervised, "method.supervised.", map[string]rule{"hyperparameters": object}); bad != nil {
			return nil, "", bad
		}
		if raw, there := supervised["hyperparameters"]; there {
			hyper, at = nil, "method.supervised.hyperparameters."
			_ = json.Unmarshal(raw, &hyper) // likewise
		}
	}
	return hyper, at, nil
}

func (r *TuneRequest) settings(hyper Fields, at string) *Invalid {
	dropNulls(hyper)
	orAuto := func(number rule) rule {
		return func(raw json.RawMessage) string {
			if string(raw) == `"auto"` {
				return ""
			}
			if wrong := number(raw); wrong != "" {
				return fmt.Sprintf("%s, or auto", wrong)
			}
			return ""
		}
	}
	if bad := check(hyper, at, map[string]rule{"n_epochs": orAuto(integer(1, 50)), "batch_size": orAuto(integer(1, 256)), "learning_rate_multiplier": orAuto(number(0.001, 100))}); bad != nil {
		return bad
	}
	for name, to := range map[string]any{"n_epochs": &r.Epochs, "batch_size": &r.Batch, "learning_rate_multiplier": &r.Rate} {
		if raw, there := hyper[name]; there && string(raw) != `"auto"` {
			_ = json.Unmarshal(raw, to) // the rules have read it
		}
	}
	return nil
}
