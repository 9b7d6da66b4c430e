package clienttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"
)

// alone is the model's name without the store.
func (c *goClient) alone() string { return strings.TrimSuffix(c.model, "@"+c.target.Store) }

func (c *goClient) respond() responses.ResponseNewParams {
	return responses.ResponseNewParams{
		Model: c.alone(),
		Input: responses.ResponseNewParamsInputUnion{OfString: openai.String(c.target.Question)},
		Tools: []responses.ToolUnionParam{responses.ToolParamOfFileSearch([]string{c.target.Store})},
	}
}

func (c *goClient) response(ctx context.Context) error {
	reply, err := c.api.Responses.New(ctx, c.respond())
	if err != nil {
		return err
	}
	earlier := c.respond()
	earlier.PreviousResponseID = openai.String(reply.ID)
	_, earlierErr := c.api.Responses.New(ctx, earlier)
	return errors.Join(c.checkResponse(ctx, *reply), refused(earlierErr, 400, "invalid_request"))
}

func (c *goClient) streamResponse(ctx context.Context) error {
	stream := c.api.Responses.NewStreaming(ctx, c.respond())
	var kinds []string
	var text strings.Builder
	var final responses.Response
	for number := int64(0); stream.Next(); number++ {
		event := stream.Current()
		if event.SequenceNumber != number {
			return fmt.Errorf("event %d (%s) has the number %d", number, event.Type, event.SequenceNumber)
		}
		kinds = append(kinds, strings.TrimPrefix(event.Type, "response."))
		switch event.Type {
		case "response.output_text.delta":
			text.WriteString(event.Delta)
		case "response.completed":
			final = event.Response
		}
	}
	if err := stream.Err(); err != nil {
		return err
	}
	return errors.Join(
		same("events", slices.Compact(slices.DeleteFunc(kinds, func(k string) bool { return strings.Contains(k, "annotation") })), []string{
			"created", "in_progress", "output_item.added", "file_search_call.in_progress", "file_search_call.searching", "file_search_call.completed",
			"output_item.done", "output_item.added", "content_part.added", "output_text.delta", "output_text.done", "content_part.done", "output_item.done", "completed"}),
		same("text of the events", text.String(), final.OutputText()),
		c.checkResponse(ctx, final))
}

// checkResponse wants one search and one message, whose file citations are the citations that hold.
func (c *goClient) checkResponse(ctx context.Context, r responses.Response) error {
	if len(r.Output) != 2 || r.Output[0].Type != "file_search_call" || len(r.Output[1].Content) != 1 {
		return fmt.Errorf("output is %s", r.RawJSON())
	}
	part := r.Output[1].Content[0]
	holding, err := c.checkCitations(ctx, part.Text, r.JSON.ExtraFields["groundwork"].Raw())
	if err != nil {
		return err
	}
	type place struct {
		Kind, File string
		Index      int
	}
	got, want := []place{}, []place{}
	for _, n := range part.Annotations {
		got = append(got, place{n.Type, n.FileID, int(n.Index)})
	}
	for _, h := range holding {
		want = append(want, place{"file_citation", h.DocumentID, h.AnswerEnd})
	}
	u := r.Usage
	return errors.Join(same("status", r.Status, "completed"), same("annotations", got, want),
		checkUsage(openai.CompletionUsage{PromptTokens: u.InputTokens, CompletionTokens: u.OutputTokens, TotalTokens: u.TotalTokens}))
}

func (c *goClient) completion(ctx context.Context) error {
	params := openai.CompletionNewParams{Model: openai.CompletionNewParamsModel(c.alone()), MaxTokens: openai.Int(8),
		Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("One, two, three,")}}
	reply, err := c.api.Completions.New(ctx, params)
	if err != nil {
		return err
	}
	stream := c.api.Completions.NewStreaming(ctx, params)
	var text strings.Builder
	for stream.Next() {
		for _, choice := range stream.Current().Choices {
			text.WriteString(choice.Text)
		}
	}
	params.Model = openai.CompletionNewParamsModel(c.model)
	_, storeErr := c.api.Completions.New(ctx, params)
	if len(reply.Choices) != 1 || reply.Choices[0].Text == "" || text.Len() == 0 {
		return fmt.Errorf("the completion is %s, streamed %q", reply.RawJSON(), text.String())
	}
	return errors.Join(stream.Err(), refused(storeErr, 400, "invalid_request"))
}

func (c *goClient) batch(ctx context.Context) error {
	batch, err := c.api.VectorStores.FileBatches.NewAndPoll(ctx, c.store, openai.VectorStoreFileBatchNewParams{FileIDs: []string{c.file}}, 0)
	if err != nil {
		return err
	}
	files, err := c.api.VectorStores.FileBatches.ListFiles(ctx, c.store, batch.ID, openai.VectorStoreFileBatchListFilesParams{})
	if err != nil {
		return err
	}
	cancelled, err := c.api.VectorStores.FileBatches.Cancel(ctx, c.store, batch.ID)
	if err != nil {
		return err
	}
	return errors.Join(
		same("completed files", []any{batch.Status, batch.FileCounts.Completed, batch.FileCounts.Total}, []any{"completed", 1, 1}),
		same("files of the batch", len(files.Data), 1),
		same("cancelled", []any{cancelled.Status, cancelled.FileCounts.Completed}, []any{"cancelled", 1})) // it was ready
}

// extensionOf reads a `groundwork` object.
func extensionOf(raw string) (gw extension, err error) {
	if err = json.Unmarshal([]byte(raw), &gw); err != nil {
		return gw, fmt.Errorf("extension object %q: %w", raw, err)
	}
	if gw.Abstained || len(gw.Citations) == 0 {
		err = errors.New("the server abstained or cited nothing; Question must be one that the store answers")
	}
	return gw, err
}
