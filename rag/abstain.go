package rag

import "encoding/json"

// Abstain says how weak the evidence must be for an abstention.
type Abstain string

// The operating points.
const (
	AbstainOff      Abstain = "off"      // always answer
	AbstainBalanced Abstain = "balanced" // few wrong refusals
	AbstainStrict   Abstain = "strict"   // few wrong answers
)

// Evidence is what the decision to answer or to abstain was made by.
type Evidence struct {
	Strength  float64 // of what was found; 0 when nothing was
	Threshold float64 // below it the answer is the abstention; -1: never
	Embedding string  // fingerprint of the embedding model that measured it
}

// weak reports whether the answer is the abstention.
func (e Evidence) weak() bool { return e.Strength < e.Threshold }

// Calibration are the thresholds of one store, fitted to questions about its
// documents. They hold for the embedding model whose fingerprint they carry.
type Calibration struct {
	Balanced  float64 `json:"balanced"`
	Strict    float64 `json:"strict"`
	Embedding string  `json:"embedding"`
}

// CalibrationKey is where a store's metadata keeps its calibration, as JSON.
const CalibrationKey = "groundwork_abstain"

// CalibrationIn is the calibration in a store's metadata; nil when there is none that can be read.
func CalibrationIn(metadata map[string]string) *Calibration {
	raw, ok := metadata[CalibrationKey]
	if !ok {
		return nil
	}
	var c Calibration
	if json.Unmarshal([]byte(raw), &c) != nil || c.Embedding == "" {
		return nil
	}
	return &c
}

// threshold is the strength below which the answer is the abstention. The
// default figures hold for the cosines of bge-small-en-v1.5; docs/adr/0007 has the
// curve they were read off. A store's own calibration goes before them, if it was made with the same embedding model.
func (a Abstain) threshold(own *Calibration, embedding string) float64 {
	c := Calibration{Balanced: 0.65, Strict: 0.68}
	if own != nil && own.Embedding == embedding {
		c = *own
	}
	switch a {
	case AbstainOff:
		return -1
	case AbstainStrict:
		return c.Strict
	default:
		return c.Balanced
	}
}
