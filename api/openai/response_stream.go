package openai

import "strings"

// ResponseEvent is one event of a streamed response; its Type is the event's name too.
type ResponseEvent struct {
	Type            string        `json:"type"`
	SequenceNumber  int           `json:"sequence_number"`
	Response        *Response     `json:"response,omitempty"`
	OutputIndex     *int          `json:"output_index,omitempty"`
	ItemID          string        `json:"item_id,omitempty"`
	ContentIndex    *int          `json:"content_index,omitempty"`
	Item            any           `json:"item,omitempty"`
	Part            *OutputText   `json:"part,omitempty"`
	Delta           *string       `json:"delta,omitempty"`
	Text            *string       `json:"text,omitempty"`
	Logprobs        []any         `json:"logprobs,omitzero"` // empty where OpenAI has a list
	Annotation      *FileCitation `json:"annotation,omitempty"`
	AnnotationIndex *int          `json:"annotation_index,omitempty"`
	*StreamError
}

// StreamError is the event error: OpenAI's members, and the envelope that its clients raise.
type StreamError struct {
	Code    *string `json:"code"`
	Message string  `json:"message"`
	Param   *string `json:"param"`
	Error   Error   `json:"error"`
}

// ResponseStream makes the events of one response, in OpenAI's order.
type ResponseStream struct {
	head ResponseHead
	sent int
	call SearchCall
	text strings.Builder
}

// NewResponseStream begins with nothing sent.
func NewResponseStream(h ResponseHead) *ResponseStream { return &ResponseStream{head: h} }

// The places of the two items in the output.
const (
	atSearch  = 0
	atMessage = 1
)

// Begin is everything up to the first word: the response, the search and what it found, the empty message.
func (s *ResponseStream) Begin(found Found) []any {
	started, h := response(s.head, "in_progress"), s.head
	s.call = searchCall(h, "completed", &found)
	part := outputText("", nil)
	step := func(name string) ResponseEvent {
		return ResponseEvent{Type: "response.file_search_call." + name, OutputIndex: new(atSearch), ItemID: h.SearchID}
	}
	return s.number(
		ResponseEvent{Type: "response.created", Response: &started},
		ResponseEvent{Type: "response.in_progress", Response: &started},
		ResponseEvent{Type: "response.output_item.added", OutputIndex: new(atSearch), Item: searchCall(h, "in_progress", nil)},
		step("in_progress"), step("searching"), step("completed"),
		ResponseEvent{Type: "response.output_item.done", OutputIndex: new(atSearch), Item: s.call},
		ResponseEvent{Type: "response.output_item.added", OutputIndex: new(atMessage), Item: message(h, "in_progress")},
		s.inMessage(ResponseEvent{Type: "response.content_part.added", Part: &part}))
}

// Text is one piece of the answer.
func (s *ResponseStream) Text(delta string) []any {
	s.text.WriteString(delta)
	return s.number(s.inMessage(ResponseEvent{Type: "response.output_text.delta", Delta: &delta, Logprobs: []any{}}))
}

// End is the citations, what is done, and the whole response; at is as for NewResponse.
func (s *ResponseStream) End(a Answer, at int64) []any {
	whole := NewResponse(s.head, a, at)
	var events []ResponseEvent
	notes := fileCitations(a)
	for i := range notes {
		events = append(events, s.inMessage(ResponseEvent{Type: "response.output_text.annotation.added", Annotation: &notes[i], AnnotationIndex: &i}))
	}
	part := outputText(a.Text, notes)
	return s.number(append(events,
		s.inMessage(ResponseEvent{Type: "response.output_text.done", Text: &a.Text, Logprobs: []any{}}),
		s.inMessage(ResponseEvent{Type: "response.content_part.done", Part: &part}),
		ResponseEvent{Type: "response.output_item.done", OutputIndex: new(atMessage), Item: message(s.head, whole.Status, part)},
		ResponseEvent{Type: "response." + whole.Status, Response: &whole})...)
}

// Fail ends a response that was begun: it is failed, what there is of its
// answer is incomplete, and clients that know only errors get one.
func (s *ResponseStream) Fail(e Error) []any {
	failed := response(s.head, "failed")
	failed.Error = &ResponseError{Code: "server_error", Message: e.Message}
	if e.Type == "rate_limit_error" {
		failed.Error.Code = "rate_limit_exceeded"
	}
	failed.Output = []any{s.call, message(s.head, "incomplete", outputText(s.text.String(), nil))}
	return s.number(ResponseEvent{Type: "response.failed", Response: &failed},
		ResponseEvent{Type: "error", StreamError: &StreamError{Code: e.Code, Message: e.Message, Param: e.Param, Error: e}})
}

func (s *ResponseStream) inMessage(e ResponseEvent) ResponseEvent {
	e.ItemID, e.OutputIndex, e.ContentIndex = s.head.MessageID, new(atMessage), new(0)
	return e
}

func (s *ResponseStream) number(events ...ResponseEvent) []any {
	out := make([]any, len(events))
	for i, e := range events {
		e.SequenceNumber = s.sent
		s.sent++
		out[i] = e
	}
	return out
}
