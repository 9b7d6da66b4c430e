package main

import (
	"slices"
	"strings"
)

// explanation is what an answer would be made of, as POST /v1/search with explain tells it.
type explanation struct {
	Abstains bool     `json:"abstains"`
	Given    []string `json:"given"`
	Spans    [][2]int `json:"spans"`
	Context  struct {
		Limit   int       `json:"limit"`
		Budget  int       `json:"budget"`
		Dropped []dropped `json:"dropped"`

		Reranking *reranking `json:"reranking,omitempty"`
	} `json:"context"`
	Prompt []struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	} `json:"prompt"`
	PromptError string             `json:"prompt_error,omitempty"`
	TimingsMs   map[string]float64 `json:"timings_ms"`
	Fingerprint map[string]any     `json:"fingerprint"`
}

type reranking struct {
	Model    string `json:"model"`
	Passages int    `json:"passages"`
	Failed   string `json:"failed,omitempty"`
}

type dropped struct {
	ChunkID string `json:"chunk_id"`
	Reason  string `json:"reason"`
}

// explain prints what an answer would be made of.
func (c *cli) explain(ev evidence, e explanation, data []ranked) {
	name := map[string]string{}
	for _, r := range data {
		name[r.ChunkID] = where(r.Filename, r.Heading, r.Page)
	}
	decision := "answer"
	if e.Abstains {
		decision = "abstain, and no model would be asked"
	}
	c.printf("evidence %.3f, threshold %.3f: %s\n", ev.Strength, ev.Threshold, decision)
	c.printf("window %d tokens, of which %d for the prompt\n", e.Context.Limit, e.Context.Budget)
	for _, d := range e.Context.Dropped {
		if name[d.ChunkID] != "" {
			c.printf("dropped (%s): %s\n", d.Reason, name[d.ChunkID])
		}
	}
	if r := e.Context.Reranking; r != nil && r.Failed != "" {
		c.printf("not reranked: %s\n", r.Failed)
	} else if r != nil {
		c.printf("%s reranked %d passages\n", r.Model, r.Passages)
	}
	var stages []string
	for stage := range e.TimingsMs {
		stages = append(stages, stage)
	}
	slices.Sort(stages)
	for i, stage := range stages {
		c.printf("%s%s %.1f ms", map[bool]string{true: "", false: ", "}[i == 0], stage, e.TimingsMs[stage])
	}
	c.printf("\n%v\n", e.Fingerprint)
	if e.PromptError != "" {
		c.printf("no prompt: %s\n", e.PromptError)
	}
	for _, m := range e.Prompt {
		c.printf("\n--- %s\n%s\n", m.Role, strings.TrimRight(m.Content, "\n"))
	}
}
