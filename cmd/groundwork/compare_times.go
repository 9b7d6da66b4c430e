package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"syscall"
	"time"
)

// stepTime is what one start of a step of a chain took (times.jsonl): a step that was interrupted has several.
type stepTime struct {
	Step    string    `json:"step"`
	Began   time.Time `json:"began"`
	Seconds float64   `json:"seconds"`
	CPU     float64   `json:"cpu_seconds"` // of this process and of the ones that it started and that have ended
	Done    bool      `json:"done"`
}

// timed runs a step and notes what it took.
func (k *chaining) timed(ctx context.Context, name string, do func(context.Context) error) error {
	t := stepTime{Step: name, Began: time.Now().UTC(), CPU: -processorTime()}
	err := do(ctx)
	t.Seconds, t.CPU, t.Done = time.Since(t.Began).Seconds(), t.CPU+processorTime(), err == nil
	raw, encodeErr := json.Marshal(t)
	if encodeErr != nil {
		return encodeErr
	}
	if mkErr := os.MkdirAll(k.dir, 0o700); mkErr != nil {
		return mkErr
	}
	log, openErr := os.OpenFile(k.path("times.jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if openErr != nil {
		return openErr
	}
	defer log.Close() // the line was written, or an error says so
	if _, writeErr := log.Write(append(raw, '\n')); writeErr != nil && err == nil {
		err = writeErr
	}
	return err
}

// processorTime is that of this process and its ended children, in seconds.
func processorTime() float64 {
	total := 0.0
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			total += time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
		}
	}
	return total
}

// tellTimes says what each step took, all starts together.
func (k *chaining) tellTimes() error {
	var order []string
	took := map[string]stepTime{}
	all, err := readLines(k.path("times.jsonl"), func(line string) (t stepTime, err error) {
		if json.Unmarshal([]byte(line), &t) != nil {
			return stepTime{}, nil // torn by a power cut: what it told is lost, and nothing else
		}
		return t, nil
	})
	if err != nil {
		return err
	}
	for _, t := range all {
		if t.Step == "" {
			continue
		}
		sum, known := took[t.Step]
		if !known {
			order = append(order, t.Step)
		}
		sum.Seconds, sum.CPU = sum.Seconds+t.Seconds, sum.CPU+t.CPU
		took[t.Step] = sum
	}
	for _, name := range order {
		k.cli.printf("%-14s %s, %s of processor time\n", name, minutes(took[name].Seconds), minutes(took[name].CPU))
	}
	return nil
}

func minutes(seconds float64) string { return fmt.Sprintf("%.1f min", seconds/60) }
