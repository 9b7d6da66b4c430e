package tune

import (
	"bytes"
	"fmt"
	"math"
	"os"
)

// Estimate is what a training run will cost, said before it starts. Once it runs, its own speed counts.
type Estimate struct {
	Examples int     `json:"examples"`      // to train on
	Tokens   int     `json:"tokens"`        // read in all epochs
	Seconds  float64 `json:"seconds"`       // at most
	Fewest   float64 `json:"least_seconds"` // and at least
	MemoryMB int64   `json:"memory_mb"`     // at most
	DiskMB   int64   `json:"disk_mb"`       // of the unpacked base; once for each base
	Type     string  `json:"dtype"`
}

// costs are of a model of 0.49 billion weights and examples of up to 620 tokens: tokens a second on each core, from a
// busy or older one to a new one that is free, and MiB at the end of a run, when it has grown by a half since the first
// step (PyTorch 2.15, Linux). Measured in bfloat16; of float32 only slow is, the others are at most twice those.
type costs struct {
	slow, fast float64
	memory     int64
}

var (
	inBF16 = costs{slow: 31, fast: 116, memory: 6600}
	inFP32 = costs{slow: 17, fast: 34, memory: 13200}
)

const (
	measuredSize   = 0.49
	bytesPerToken  = 4.2
	bytesPerWeight = 2.6 // on disk
)

// EstimateRun tells what training on examples costs on this machine's cores. Sizes are in billions of weights.
func EstimateRun(examples []Example, epochs, size float64, cores int, bf16 bool) Estimate {
	e := Estimate{Type: "float32", DiskMB: int64(size * bytesPerWeight * 1e9 / (1 << 20))}
	for _, ex := range examples {
		if ex.HeldOut {
			continue
		}
		e.Examples++
		for _, m := range ex.Messages {
			e.Tokens += int(float64(len(m.Content))/bytesPerToken) + 5
		}
	}
	e.Tokens = int(float64(e.Tokens) * epochs)
	as := inFP32
	if bf16 {
		e.Type, as = "bfloat16", inBF16
	}
	took := func(speed float64) float64 { return float64(e.Tokens) / (speed * measuredSize / size * float64(cores)) }
	e.Seconds, e.Fewest = took(as.slow), took(as.fast)
	e.MemoryMB = int64(float64(as.memory) * size / measuredSize)
	return e
}

func (e Estimate) String() string {
	return fmt.Sprintf("%d examples, about %d tokens: %.0f to %.0f minutes in %s on this machine's cores, up to %d MB of memory, %d MB of disk for the unpacked model",
		e.Examples, e.Tokens, math.Ceil(e.Fewest/60), math.Ceil(e.Seconds/60), e.Type, e.MemoryMB, e.DiskMB)
}

// HasBF16 tells whether this machine's cores compute in bfloat16.
func HasBF16() bool {
	raw, err := os.ReadFile("/proc/cpuinfo")
	return err == nil && (bytes.Contains(raw, []byte(" avx512_bf16")) || bytes.Contains(raw, []byte(" amx_bf16")))
}
