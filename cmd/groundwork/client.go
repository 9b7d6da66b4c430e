package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"groundwork/eval"
)

// client talks to a server's HTTP interface.
type client struct {
	base   string
	key    string
	http   *http.Client
	labels labels // of what is uploaded
}

// apiError is OpenAI's error envelope.
type apiError struct {
	Status     int           `json:"-"`
	RetryAfter time.Duration `json:"-"`
	Message    string        `json:"message"`
	Code       string        `json:"code"`
	Param      string        `json:"param"`
}

func (e *apiError) Error() string {
	if e.Code == "" {
		return e.Message
	}
	return fmt.Sprintf("%s (%s)", e.Message, e.Code)
}

// call sends in as JSON (nil: no body) and decodes the reply into out (nil: dropped).
func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(raw)
	}
	resp, err := c.send(ctx, method, path, "application/json", body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// send returns the reply of a request that succeeded; the caller closes its body.
func (c *client) send(ctx context.Context, method, path, contentType string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", contentType)
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the server at %s cannot be reached: %w", c.base, err)
	}
	if resp.StatusCode < 400 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, readError(resp)
}

func readError(resp *http.Response) error {
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	var envelope struct{ Error apiError }
	if json.Unmarshal(raw, &envelope) != nil || envelope.Error.Message == "" {
		envelope.Error.Message = "the server answered " + resp.Status
	}
	envelope.Error.Status = resp.StatusCode
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
		envelope.Error.RetryAfter = time.Duration(s) * time.Second
	}
	return &envelope.Error
}

// document is a document as the API shows it.
type document struct {
	ID         string         `json:"id"`
	Filename   string         `json:"filename"`
	Status     string         `json:"status"`
	Error      *problem       `json:"error"`
	Attempts   int            `json:"attempts,omitempty"`
	WaitingFor string         `json:"waiting_for,omitempty"`
	SHA256     string         `json:"sha256,omitempty"`
	Bytes      int64          `json:"bytes,omitempty"`
	Version    int            `json:"version,omitempty"`
	Chunks     int            `json:"chunks,omitempty"`
	ChunksDone int            `json:"chunks_done,omitempty"`
	Attributes map[string]any `json:"attributes,omitempty"`
	Allow      []string       `json:"allow,omitempty"`
	AttachedTo string         `json:"attached_to,omitempty"` // id of the mail
}

// problem is why a document failed.
type problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// why names a failed document and what went wrong.
func (d document) why() string {
	if d.Error == nil {
		return d.Filename
	}
	return fmt.Sprintf("%s: %s (%s)", d.Filename, d.Error.Message, d.Error.Code)
}

// upload sends one file. A server that is busy is asked again until ctx ends.
func (c *client) upload(ctx context.Context, store, path string, open func() (io.ReadCloser, error)) (document, error) {
	return patiently(ctx, func() (document, error) { return c.uploadOnce(ctx, store, path, open) })
}

// remove deletes a document; one that is gone already is as good.
func (c *client) remove(ctx context.Context, store, id string) error {
	_, err := patiently(ctx, func() (document, error) {
		return document{}, c.call(ctx, http.MethodDelete, "/v1/documents/"+url.PathEscape(id)+"?store="+url.QueryEscape(store), nil, nil)
	})
	if statusOf(err) == http.StatusNotFound {
		return nil
	}
	return err
}

// retry has a failed document processed again.
func (c *client) retry(ctx context.Context, store, id string) (document, error) {
	return patiently(ctx, func() (doc document, err error) {
		err = c.call(ctx, http.MethodPost, "/v1/documents/"+url.PathEscape(id)+"/retry?store="+url.QueryEscape(store), nil, &doc)
		return doc, err
	})
}

// document is one document with its state.
func (c *client) document(ctx context.Context, store, id string) (doc document, err error) {
	err = c.call(ctx, http.MethodGet, "/v1/documents/"+url.PathEscape(id)+"?store="+url.QueryEscape(store), nil, &doc)
	return doc, err
}

// patiently asks a server that is busy again until ctx ends.
func patiently(ctx context.Context, ask func() (document, error)) (document, error) {
	return backoff.Retry(ctx, func() (document, error) {
		doc, err := ask()
		var e *apiError
		switch {
		case err == nil:
			return doc, nil
		case errors.As(err, &e) && e.busy():
			return doc, backoff.RetryAfter(max(int(e.RetryAfter.Seconds()), 1))
		default:
			return doc, backoff.Permanent(err)
		}
	}, backoff.WithMaxElapsedTime(0))
}

func (e *apiError) busy() bool {
	return e.Status == http.StatusServiceUnavailable || e.Status == http.StatusTooManyRequests
}

// statusOf is the HTTP status of an error that the server answered with, else 0.
func statusOf(err error) int {
	var e *apiError
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

func (c *client) uploadOnce(ctx context.Context, store, path string, open func() (io.ReadCloser, error)) (document, error) {
	file, err := open()
	if err != nil {
		return document{}, err
	}
	defer file.Close()
	reader, writer := io.Pipe()
	form := multipart.NewWriter(writer)
	go func() { writer.CloseWithError(c.writeForm(form, store, path, file)) }()
	resp, err := c.send(ctx, http.MethodPost, "/v1/documents", form.FormDataContentType(), reader)
	reader.CloseWithError(io.ErrClosedPipe) // the writer ends, whether or not the server read all
	if err != nil {
		return document{}, err
	}
	defer resp.Body.Close()
	var reply struct{ Data []document }
	if err := json.NewDecoder(resp.Body).Decode(&reply); err != nil {
		return document{}, fmt.Errorf("read the server's reply: %w", err)
	}
	if len(reply.Data) != 1 {
		return document{}, fmt.Errorf("the server answered for %d documents instead of one", len(reply.Data))
	}
	return reply.Data[0], nil
}

func (c *client) writeForm(form *multipart.Writer, store, path string, file io.Reader) error {
	if err := form.WriteField("store", store); err != nil {
		return err
	}
	if err := form.WriteField("path", path); err != nil {
		return err
	}
	if err := c.labels.write(form); err != nil {
		return err
	}
	part, err := form.CreateFormFile("file", path[strings.LastIndexByte(path, '/')+1:])
	if err != nil {
		return err
	}
	if _, err := io.Copy(part, file); err != nil {
		return err
	}
	return form.Close()
}

// documents lists a whole store.
func (c *client) documents(ctx context.Context, store string) ([]document, error) {
	return c.documentsIn(ctx, store, "")
}

// documentsIn lists the documents of a store that are in a state; empty: all.
func (c *client) documentsIn(ctx context.Context, store, state string) ([]document, error) {
	var all []document
	for after := ""; ; {
		var page struct {
			Data    []document
			HasMore bool `json:"has_more"`
		}
		path := "/v1/documents?limit=100&order=asc&store=" + url.QueryEscape(store) + "&status=" + url.QueryEscape(state) + "&after=" + url.QueryEscape(after)
		if err := c.call(ctx, http.MethodGet, path, nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Data...)
		if !page.HasMore || len(page.Data) == 0 {
			return all, nil
		}
		after = page.Data[len(page.Data)-1].ID
	}
}

// answer is what `ask` shows of an answer.
type answer struct {
	Text       string  `json:"text"`
	Groundwork details `json:"groundwork"`
	Usage      usage   `json:"usage"`
}

// usage is what the model server counted.
type usage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
}

// evidence is what the decision to answer was made by.
type evidence struct {
	Strength  float64 `json:"strength"`
	Threshold float64 `json:"threshold"`
	Embedding string  `json:"embedding"`
}

type details struct {
	AnswerID  string   `json:"answer_id"`
	Abstained bool     `json:"abstained"`
	Query     string   `json:"query"`
	Evidence  evidence `json:"evidence"`
	Sources   []struct {
		Index      int      `json:"index"`
		DocumentID string   `json:"document_id"`
		Filename   string   `json:"filename"`
		Start      int      `json:"start"`
		End        int      `json:"end"`
		Page       *int     `json:"page"`
		Heading    []string `json:"heading"`
		Text       string   `json:"text"`
		Score      float64  `json:"score"`
	} `json:"sources"`
	Nearest []struct {
		DocumentID string   `json:"document_id"`
		Filename   string   `json:"filename"`
		Heading    []string `json:"heading"`
	} `json:"nearest,omitempty"`
	Citations []struct {
		Source      int    `json:"source"`
		AnswerStart int    `json:"answer_start"`
		AnswerEnd   int    `json:"answer_end"`
		DocumentID  string `json:"document_id"`
		Start       int    `json:"start"`
		End         int    `json:"end"`
		Quote       string `json:"quote"`
		Verdict     string `json:"verdict"`
	} `json:"citations"`
	Unsupported [][2]int           `json:"unsupported"`
	Context     map[string]any     `json:"context"`
	TimingsMs   map[string]float64 `json:"timings_ms"`
	Fingerprint eval.Fingerprint   `json:"fingerprint"`
}

// userAsks is the body of a chat request with one question.
func userAsks(model, question string) map[string]any {
	return map[string]any{"model": model, "messages": []map[string]string{{"role": "user", "content": question}}}
}

// stream sends a chat request and reads its answer; emit gets each piece of text.
func (c *client) stream(ctx context.Context, body map[string]any, emit func(string)) (answer, error) {
	resp, err := c.openStream(ctx, body)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	var a answer
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		if data == "[DONE]" {
			return a, nil
		}
		var chunk struct {
			Choices []struct {
				Delta struct{ Content string }
			}
			Groundwork *details
			Usage      *usage
			Error      *apiError
		}
		if err := json.Unmarshal([]byte(data), &chunk); err != nil {
			return a, fmt.Errorf("the server sent a broken chunk: %w", err)
		}
		if chunk.Error != nil {
			return a, chunk.Error
		}
		if chunk.Groundwork != nil {
			a.Groundwork = *chunk.Groundwork
		}
		if chunk.Usage != nil {
			a.Usage = *chunk.Usage
		}
		for _, choice := range chunk.Choices {
			a.Text += choice.Delta.Content
			emit(choice.Delta.Content)
		}
	}
	if err := lines.Err(); err != nil {
		return a, fmt.Errorf("the answer broke off: %w", err)
	}
	return a, errors.New("the answer broke off: the server closed the stream before its end")
}

func (c *client) openStream(ctx context.Context, body map[string]any) (*http.Response, error) {
	body["stream"], body["stream_options"] = true, map[string]bool{"include_usage": true}
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return c.send(ctx, http.MethodPost, "/v1/chat/completions", "application/json", bytes.NewReader(raw))
}

// storeModel finds the model name that answers over store.
func (c *client) storeModel(ctx context.Context, store string) (string, error) {
	var list struct {
		Data []struct{ ID string }
	}
	if err := c.call(ctx, http.MethodGet, "/v1/models", nil, &list); err != nil {
		return "", err
	}
	var stores []string
	for _, m := range list.Data {
		if _, name, ok := strings.Cut(m.ID, "@"); ok {
			if name == store {
				return m.ID, nil
			}
			stores = append(stores, name)
		}
	}
	if len(stores) == 0 {
		return "", fmt.Errorf("there is no store %q, nor any other; make one with `groundwork ingest PATH --store %s`", store, store)
	}
	return "", fmt.Errorf("there is no store %q; there is %s", store, strings.Join(stores, ", "))
}
