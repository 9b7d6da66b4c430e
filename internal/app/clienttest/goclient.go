package clienttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

const (
	deskName = "heron.md"
	deskFact = "The heron desk in room 9 opens at 11:50 on Mondays."
	deskText = "# Desk\n\n" + deskFact + "\n"
)

// Go runs the Go client.
func Go(t *testing.T, target Target) {
	t.Helper()
	if err := checkGo(t.Context(), target, t.Logf); err != nil {
		t.Fatalf("Go client: %v", err)
	}
}

// checkGo does one step after another and gives the error of the first that differs.
func checkGo(ctx context.Context, target Target, logf func(string, ...any)) error {
	c := &goClient{
		target: target,
		api:    openai.NewClient(option.WithBaseURL(target.BaseURL), option.WithAPIKey(target.Key)),
	}
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"list models", c.models},
		{"streamed chat", c.stream},
		{"chat", c.chat},
		{"response", c.response},
		{"streamed response", c.streamResponse},
		{"completion", c.completion},
		{"upload a file", c.upload},
		{"create a vector store", c.createStore},
		{"attach and poll", c.attach},
		{"batch", c.batch},
		{"search", c.search},
		{"delete", c.delete},
		{"embeddings", c.embeddings},
		{"errors", c.errors},
	} {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		logf("ok %s", step.name)
	}
	return nil
}

// goClient carries what one step leaves for the next.
type goClient struct {
	target           Target
	api              openai.Client
	model, embedding string
	file, store      string
}

func (c *goClient) models(ctx context.Context) error {
	pages := c.api.Models.ListAutoPaging(ctx)
	for pages.Next() {
		m := pages.Current()
		var kind struct{ Kind string }
		if err := json.Unmarshal([]byte(m.JSON.ExtraFields["groundwork"].Raw()), &kind); err != nil {
			return fmt.Errorf("extension of model %s: %w", m.ID, err)
		}
		switch {
		case kind.Kind == "embedding":
			c.embedding = m.ID
		case strings.HasSuffix(m.ID, "@"+c.target.Store):
			c.model = m.ID
		}
	}
	if err := pages.Err(); err != nil {
		return err
	}
	if c.model == "" || c.embedding == "" {
		return fmt.Errorf("no model over %s (%q) or no embedding model (%q)", c.target.Store, c.model, c.embedding)
	}
	got, err := c.api.Models.Get(ctx, c.model)
	if err != nil {
		return err
	}
	return same("retrieved model", got.ID, c.model)
}

func (c *goClient) question() openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model:    c.model,
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(c.target.Question)},
	}
}

func (c *goClient) stream(ctx context.Context) error {
	params := c.question()
	params.StreamOptions.IncludeUsage = openai.Bool(true)
	stream := c.api.Chat.Completions.NewStreaming(ctx, params)
	var text strings.Builder
	var extensions, notes, finish string
	var usage openai.CompletionUsage
	chunks := 0
	for stream.Next() {
		chunk := stream.Current()
		chunks++
		if chunk.Usage.TotalTokens > 0 {
			usage = chunk.Usage
		}
		if raw := chunk.JSON.ExtraFields["groundwork"].Raw(); raw != "" {
			if extensions == "" && chunks != 1 {
				return errors.New("the first chunk has no sources")
			}
			extensions = raw
		}
		for _, choice := range chunk.Choices {
			text.WriteString(choice.Delta.Content)
			if choice.FinishReason != "" {
				finish, notes = choice.FinishReason, choice.Delta.JSON.ExtraFields["annotations"].Raw()
			}
		}
	}
	if err := stream.Err(); err != nil {
		return err
	}
	if err := same("finish reason", finish, "stop"); err != nil {
		return err
	}
	var annotations []openai.ChatCompletionMessageAnnotation
	if err := json.Unmarshal([]byte(notes), &annotations); err != nil {
		return fmt.Errorf("annotations of the last chunk %q: %w", notes, err)
	}
	return errors.Join(c.checkAnswer(ctx, text.String(), extensions, annotations), checkUsage(usage))
}

func (c *goClient) chat(ctx context.Context) error {
	reply, err := c.api.Chat.Completions.New(ctx, c.question())
	if err != nil {
		return err
	}
	message := reply.Choices[0].Message
	return errors.Join(
		same("finish reason", reply.Choices[0].FinishReason, "stop"),
		c.checkAnswer(ctx, message.Content, reply.JSON.ExtraFields["groundwork"].Raw(), message.Annotations),
		checkUsage(reply.Usage))
}

func checkUsage(u openai.CompletionUsage) error {
	if u.PromptTokens <= 0 || u.CompletionTokens <= 0 {
		return fmt.Errorf("usage is %+v", u)
	}
	return same("total tokens", u.TotalTokens, u.PromptTokens+u.CompletionTokens)
}

func (c *goClient) upload(ctx context.Context) error {
	file, err := c.api.Files.New(ctx, openai.FileNewParams{
		File:    openai.File(strings.NewReader(deskText), deskName, "text/markdown"),
		Purpose: openai.FilePurposeAssistants,
	})
	if err != nil {
		return err
	}
	c.file = file.ID
	got, err := c.api.Files.Get(ctx, c.file)
	if err != nil {
		return err
	}
	res, err := c.api.Files.Content(ctx, c.file)
	if err != nil {
		return err
	}
	content, err := io.ReadAll(res.Body)
	return errors.Join(err, res.Body.Close(), same("file name", got.Filename, deskName), same("content", string(content), deskText))
}

func (c *goClient) createStore(ctx context.Context) error {
	name := fmt.Sprintf("clients-go-%d", os.Getpid())
	store, err := c.api.VectorStores.New(ctx, openai.VectorStoreNewParams{Name: openai.String(name)})
	if err != nil {
		return err
	}
	c.store = store.ID
	got, err := c.api.VectorStores.Get(ctx, c.store)
	if err != nil {
		return err
	}
	return same("name of the store", got.Name, name)
}

func (c *goClient) attach(ctx context.Context) error {
	file, err := c.api.VectorStores.Files.NewAndPoll(ctx, c.store, openai.VectorStoreFileNewParams{FileID: c.file}, 0)
	if err != nil {
		return err
	}
	if err := same("status "+file.LastError.Message, file.Status, openai.VectorStoreFileStatusCompleted); err != nil {
		return err
	}
	list, err := c.api.VectorStores.Files.List(ctx, c.store, openai.VectorStoreFileListParams{})
	if err != nil {
		return err
	}
	if len(list.Data) != 1 || list.Data[0].ID != c.file {
		return fmt.Errorf("files of the store are %+v", list.Data)
	}
	return nil
}

func (c *goClient) search(ctx context.Context) error {
	page, err := c.api.VectorStores.Search(ctx, c.store, openai.VectorStoreSearchParams{
		Query:         openai.VectorStoreSearchParamsQueryUnion{OfString: openai.String("When does the heron desk open?")},
		MaxNumResults: openai.Int(3),
	})
	if err != nil {
		return err
	}
	if len(page.Data) == 0 || len(page.Data[0].Content) == 0 {
		return errors.New("nothing was found")
	}
	best := page.Data[0]
	if !strings.Contains(best.Content[0].Text, deskFact) {
		return fmt.Errorf("the best hit is %q", best.Content[0].Text)
	}
	return errors.Join(same("file of the best hit", best.FileID, c.file), same("its name", best.Filename, deskName))
}

func (c *goClient) delete(ctx context.Context) error {
	detached, err := c.api.VectorStores.Files.Delete(ctx, c.store, c.file)
	if err != nil {
		return err
	}
	left, err := c.api.VectorStores.Files.List(ctx, c.store, openai.VectorStoreFileListParams{})
	if err != nil {
		return err
	}
	store, err := c.api.VectorStores.Delete(ctx, c.store)
	if err != nil {
		return err
	}
	file, err := c.api.Files.Delete(ctx, c.file)
	if err != nil {
		return err
	}
	_, storeErr := c.api.VectorStores.Get(ctx, c.store)
	_, fileErr := c.api.Files.Get(ctx, c.file)
	return errors.Join(
		same("files left in the store", len(left.Data), 0),
		same("deleted", []bool{detached.Deleted, store.Deleted, file.Deleted}, []bool{true, true, true}),
		refused(storeErr, 404, "not_found"), refused(fileErr, 404, "not_found"))
}

func (c *goClient) embeddings(ctx context.Context) error {
	params := openai.EmbeddingNewParams{
		Model: c.embedding,
		Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"carry over leave", "a different text"}},
	}
	plain, err := c.api.Embeddings.New(ctx, params)
	if err != nil {
		return err
	}
	params.EncodingFormat = openai.EmbeddingNewParamsEncodingFormatBase64
	packed, err := c.api.Embeddings.New(ctx, params)
	if err != nil {
		return err
	}
	for i, e := range plain.Data {
		var length, differ float64
		for k, x := range e.Embedding {
			length += x * x
			differ = max(differ, math.Abs(x-packed.Data[i].Embedding[k]))
		}
		if math.Abs(length-1) > 1e-3 || differ > 1e-5 {
			return fmt.Errorf("vector %d: squared length %f, base64 differs from float by %g", i, length, differ)
		}
	}
	if fmt.Sprint(packed.Data[0].Embedding) == fmt.Sprint(packed.Data[1].Embedding) {
		return errors.New("two texts have one vector")
	}
	return same("number of vectors", len(packed.Data), 2)
}

func (c *goClient) errors(ctx context.Context) error {
	wrong := openai.NewClient(option.WithBaseURL(c.target.BaseURL), option.WithAPIKey("gw_wrong"), option.WithMaxRetries(0))
	_, keyErr := wrong.Models.List(ctx)
	params := c.question()
	params.Model = "no-such-model"
	_, chatErr := c.api.Chat.Completions.New(ctx, params)
	stream := c.api.Chat.Completions.NewStreaming(ctx, params)
	if stream.Next() {
		return errors.New("an unknown model streams")
	}
	params = c.question()
	params.Messages = nil
	_, emptyErr := c.api.Chat.Completions.New(ctx, params)
	_, storeErr := c.api.VectorStores.Get(ctx, "vs_missing")
	return errors.Join(refused(keyErr, 401, "invalid_api_key"), refused(chatErr, 404, "model_not_found"),
		refused(stream.Err(), 404, "model_not_found"), refused(emptyErr, 400, "invalid_request"), refused(storeErr, 404, "not_found"))
}

// refused reports whether err is the API error wanted.
func refused(err error, status int, code string) error {
	var e *openai.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("want an API error %d %s, got %w", status, code, err)
	}
	return errors.Join(same("status of the error", e.StatusCode, status), same("code of the error", e.Code, code))
}

func same[T any](what string, got, want T) error {
	if fmt.Sprint(got) != fmt.Sprint(want) {
		return fmt.Errorf("%s is %v, want %v", what, got, want)
	}
	return nil
}
