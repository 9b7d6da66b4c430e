// Package tunetest makes LoRA adapters of random weights, in the form that
// llama.cpp reads, for tests that need an adapter and no training.
package tunetest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
)

// Model is what has to be known of a base.
type Model struct {
	Arch   string
	Blocks int
	Hidden int // in and out of attn_q
}

// Qwen05B is Qwen2.5's 0.5B.
var Qwen05B = Model{Arch: "qwen2", Blocks: 24, Hidden: 896}

// rank of the adapters: one is enough to change every answer.
const rank = 1

// Write writes an adapter for m. The larger strength, the further it is from the base.
func Write(file string, m Model, seed uint64, strength float64) error {
	rng := rand.New(rand.NewPCG(seed, 1))
	w := &writer{}
	var names []string
	for i := range m.Blocks {
		names = append(names, fmt.Sprintf("blk.%d.attn_q.weight.lora_a", i), fmt.Sprintf("blk.%d.attn_q.weight.lora_b", i))
	}
	w.raw("GGUF")
	w.number(uint32(3), uint64(len(names)), uint64(4))
	for _, kv := range [][2]string{{"general.architecture", m.Arch}, {"general.type", "adapter"}, {"adapter.type", "lora"}} {
		w.text(kv[0])
		w.number(uint32(8))
		w.text(kv[1])
	}
	w.text("adapter.lora.alpha")
	w.number(uint32(6), float32(rank))
	size := (4*m.Hidden*rank + 31) / 32 * 32
	for i, name := range names {
		dims := []uint64{uint64(m.Hidden), rank}
		if i%2 == 1 {
			dims = []uint64{rank, uint64(m.Hidden)}
		}
		w.text(name)
		w.number(uint32(len(dims)), dims, uint32(0), uint64(i*size)) // 0: float32
	}
	w.pad()
	for range names {
		for range m.Hidden * rank {
			w.number(float32(rng.NormFloat64() * strength))
		}
		w.pad()
	}
	return os.WriteFile(file, w.out.Bytes(), 0o600)
}

type writer struct{ out bytes.Buffer }

func (w *writer) raw(s string) { w.out.WriteString(s) }

func (w *writer) text(s string) {
	w.number(uint64(len(s)))
	w.raw(s)
}

// number writes fixed-size values; a bytes.Buffer takes them all.
func (w *writer) number(values ...any) {
	for _, v := range values {
		if err := binary.Write(&w.out, binary.LittleEndian, v); err != nil {
			panic(err) // a value without a fixed size: a mistake in this file
		}
	}
}

// pad fills up to the alignment of tensors.
func (w *writer) pad() {
	for w.out.Len()%32 != 0 {
		w.out.WriteByte(0)
	}
}
