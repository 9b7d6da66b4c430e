package openai

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Limits bound what a request may ask for.
type Limits struct {
	MaxTokens int // of a reply
	MaxQuery  int // bytes of a question
}

// Message is one turn of a conversation; its parts are joined.
type Message struct {
	Role    string // system, developer, user, assistant
	Content string
}

// Question is a chat request over a store. The last message is the user's.
type Question struct {
	Messages     []Message
	MaxTokens    int // 0: not given
	Temperature  *float64
	TopP         *float64
	Seed         *int
	Stop         []string
	Stream       bool
	IncludeUsage bool
	Extension    Extension
}

// notHere are members of OpenAI's API that mean nothing for an answer from
// documents on one's own machine; they are accepted and ignored.
var notHere = []string{
	"user", "store", "metadata", "parallel_tool_calls", "service_tier", "safety_identifier",
	"prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "prediction", "reasoning_effort", "verbosity",
}

// generation are the rules that every request to the chat model shares.
func generation(l Limits) map[string]rule {
	rules := map[string]rule{
		"model": text, "stream": boolean, "stream_options": streamOptions,
		"max_tokens":  integer(1, int64(l.MaxTokens)),
		"temperature": number(0, 2), "top_p": number(0, 1), "seed": integer(math.MinInt64, math.MaxInt64),
		"stop": stops, "n": exactly("1"),
	}
	for _, name := range notHere {
		rules[name] = ignored
	}
	return rules
}

// ToQuestion reads a chat request that is answered from a store. Members that
// would change the answer and cannot be honoured are refused by name.
func ToQuestion(f Fields, l Limits) (Question, *Invalid) {
	rules := generation(l)
	for name, r := range map[string]rule{
		"messages": array, "groundwork": object, "max_completion_tokens": integer(1, int64(l.MaxTokens)),
		"presence_penalty": exactly("0"), "frequency_penalty": exactly("0"), "logprobs": exactly("false"),
		"top_logprobs": exactly("0"), "logit_bias": exactly("{}"), "tools": exactly("[]"), "functions": exactly("[]"), "function_call": exactly(`"none"`, `"auto"`),
		"tool_choice": exactly(`"none"`, `"auto"`), "response_format": exactly(`{"type":"text"}`), "modalities": exactly(`["text"]`),
	} {
		rules[name] = r
	}
	if bad := check(f, "", rules); bad != nil {
		return Question{}, bad
	}
	messages, bad := toMessages(f["messages"])
	if bad != nil {
		return Question{}, bad
	}
	if bad := Query("messages", messages[len(messages)-1].Content, l); bad != nil {
		return Question{}, bad
	}
	q := sampling(f, messages)
	q.Extension, bad = toExtension(f["groundwork"])
	return q, bad
}

// sampling decodes members that check has already found to be of the right type.
func sampling(f Fields, messages []Message) Question {
	q := Question{Messages: messages, Stream: f.Stream()}
	var options struct {
		IncludeUsage bool `json:"include_usage"`
	}
	for name, into := range map[string]any{
		"max_tokens": &q.MaxTokens, "temperature": &q.Temperature, "top_p": &q.TopP, "seed": &q.Seed, "stream_options": &options,
	} {
		decode(f[name], into)
	}
	decode(f["max_completion_tokens"], &q.MaxTokens)
	q.Stop, _ = oneOrMany(f["stop"]) // checked by stops
	q.IncludeUsage = options.IncludeUsage
	return q
}

func decode(raw json.RawMessage, into any) {
	if len(raw) > 0 {
		_ = json.Unmarshal(raw, into) // the rules have seen the value decode
	}
}

// Query checks a search text: not blank and within the limit.
func Query(param, query string, l Limits) *Invalid {
	if strings.TrimSpace(query) == "" {
		return invalid(param, "The question is empty. Put a question into the last message or into query.")
	}
	if len(query) > l.MaxQuery {
		return &Invalid{Param: param, TooLarge: true, Message: fmt.Sprintf(
			"The question is %d bytes long and %d are allowed. Ask a shorter one; longer texts can be uploaded as documents.", len(query), l.MaxQuery)}
	}
	return nil
}

func toMessages(raw json.RawMessage) ([]Message, *Invalid) {
	var list []Fields
	if json.Unmarshal(raw, &list) != nil || len(list) == 0 {
		return nil, invalid("messages", "messages must be an array with at least one message object. Add the user's question.")
	}
	out := make([]Message, 0, len(list))
	for i, f := range list {
		m, bad := toMessage(fmt.Sprintf("messages[%d].", i), f)
		if bad != nil {
			return nil, bad
		}
		out = append(out, m)
	}
	if out[len(out)-1].Role != "user" {
		return nil, invalid("messages", "The last message must have the role user. Put the question there.")
	}
	return out, nil
}

func toMessage(prefix string, f Fields) (Message, *Invalid) {
	dropNulls(f)
	// Clients send an earlier reply back as they got it, so what a reply holds is allowed.
	bad := check(f, prefix, map[string]rule{
		"role": roles, "content": ignored, "name": text,
		"annotations": ignored, "refusal": ignored, "groundwork": ignored, "reasoning_content": ignored,
		"tool_calls": exactly("[]"),
	})
	if bad != nil {
		return Message{}, bad
	}
	if f["role"] == nil {
		return Message{}, noRole(prefix)
	}
	var m Message
	decode(f["role"], &m.Role)
	m.Content, bad = content(prefix+"content", f["content"], "text")
	return m, bad
}

var roles = exactly(`"system"`, `"developer"`, `"user"`, `"assistant"`)

func noRole(prefix string) *Invalid {
	return invalid(prefix+"role", "%srole is missing. Use system, developer, user or assistant.", prefix)
}

// content is a string or an array of parts, of the types that carry text; parts are joined by a line break.
func content(param string, raw json.RawMessage, types ...string) (string, *Invalid) {
	var s string
	if len(raw) == 0 || json.Unmarshal(raw, &s) == nil {
		return s, nil
	}
	var parts []struct {
		Type    string `json:"type"`
		Text    string `json:"text"`
		Refusal string `json:"refusal"`
	}
	if json.Unmarshal(raw, &parts) != nil {
		return "", invalid(param, "%s must be a string or an array of text parts.", param)
	}
	var texts []string
	for i, p := range parts {
		switch {
		case slices.Contains(types, p.Type):
			texts = append(texts, p.Text)
		case p.Type == "refusal":
			texts = append(texts, p.Refusal)
		default:
			return "", invalid(fmt.Sprintf("%s[%d].type", param, i), "Only text can be asked about; %s[%d] is of the type %q. Remove it.", param, i, clip(p.Type))
		}
	}
	return strings.Join(texts, "\n"), nil
}
