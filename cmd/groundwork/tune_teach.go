package main

import (
	"context"
	"errors"
	"fmt"

	"groundwork/eval/tune"
)

const taughtTokens = 160 // of an answer

// teach has the teacher, when there is one, write answers.
func (c *cli) teach(ctx context.Context, api *client, d datasetRun, examples []tune.Example) ([]tune.Example, error) {
	if d.teacher.model == "" {
		if d.teacher.baseURL != "" {
			return nil, errors.New("name the model of --teacher-url with --teacher")
		}
		return examples, nil
	}
	chat, err := d.teacher.chat(ctx, api, false, d.seed)
	if err != nil {
		return nil, err
	}
	steps := c.tuneSteps()
	examples, err = tune.Teach(ctx, examples, chat.model, func(ctx context.Context, messages []tune.Message) (string, error) {
		return chat.answer(ctx, messages, taughtTokens, 0)
	}, func(done, all int) { steps("teaching", done, all) })
	if err != nil {
		return nil, err
	}
	taught, grounded := 0, 0
	for _, e := range examples {
		if e.Kind == tune.Grounded {
			grounded++
		}
		if e.Teacher != "" {
			taught++
		}
	}
	fmt.Fprintf(c.err, "%d of %d answers are the teacher's; the others did not pass the checks\n", taught, grounded)
	return examples, nil
}
