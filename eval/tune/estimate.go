package tune

import (
	"bytes"
	"fmt"
	"os"
	"time"
)

// Estimate is what a training run will cost, said before it starts. Once it runs, its own speed counts.
type Estimate struct {
	Examples int           `json:"examples"` // to train on
	Tokens   int           `json:"tokens"`   // read in all epochs
	Time     time.Duration `json:"-"`
	Seconds  float64       `json:"seconds"`
	MemoryMB int64         `json:"memory_mb"`
	DiskMB   int64         `json:"disk_mb"` // of the unpacked base; once for each base
	Type     string        `json:"dtype"`
}

// Measured on two cores with a model of 0.49 billion weights: tokens a second and memory in MiB.
const (
	measuredSize   = 0.49
	measuredCores  = 2
	speedBF16      = 62.0
	speedFP32      = 34.0
	memoryBF16     = 2700
	memoryFP32     = 4300
	memoryUnpack   = 4200 // while a GGUF file is unpacked
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
	speed, memory := speedFP32, int64(memoryFP32)
	if bf16 {
		e.Type, speed, memory = "bfloat16", speedBF16, memoryBF16
	}
	speed *= measuredSize / size * float64(cores) / measuredCores
	e.Time = (time.Duration(float64(e.Tokens)/speed) * time.Second).Round(time.Second)
	e.Seconds = e.Time.Seconds()
	e.MemoryMB = int64(float64(max(memory, memoryUnpack)) * size / measuredSize)
	return e
}

func (e Estimate) String() string {
	return fmt.Sprintf("%d examples, about %d tokens: about %s in %s on this machine's cores, %d MB of memory, %d MB of disk for the unpacked model",
		e.Examples, e.Tokens, e.Time.Round(time.Minute), e.Type, e.MemoryMB, e.DiskMB)
}

// HasBF16 tells whether this machine's cores compute in bfloat16.
func HasBF16() bool {
	raw, err := os.ReadFile("/proc/cpuinfo")
	return err == nil && (bytes.Contains(raw, []byte(" avx512_bf16")) || bytes.Contains(raw, []byte(" amx_bf16")))
}
