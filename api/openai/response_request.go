package openai

import (
	"encoding/json"
	"fmt"
)

// ResponseRequest is a request of POST /v1/responses, answered from one store.
type ResponseRequest struct {
	Question
	Tool    *FileSearch // nil when the model's name says which store
	Results bool        // show in the file_search_call what was found
	Repeat  Repeat
}

// FileSearch is OpenAI's tool of that name.
type FileSearch struct {
	Store     string
	K         int     // passages at most; 0: not given
	Threshold float64 // lowest score of a passage
	Filter    *Filter // documents that are searched; nil: all
}

// Repeat is what a response repeats of its request, as it came.
type Repeat struct {
	Instructions    *string           `json:"instructions"`
	MaxOutputTokens *int              `json:"max_output_tokens"`
	Metadata        map[string]string `json:"metadata"`
	Temperature     *float64          `json:"temperature"`
	ToolChoice      json.RawMessage   `json:"tool_choice"`
	Tools           json.RawMessage   `json:"tools"`
	TopP            *float64          `json:"top_p"`
}

// includable are the values of include; all but the first ask for things that no response here holds.
var includable = []string{
	"file_search_call.results", "web_search_call.results", "web_search_call.action.sources", "message.input_image.image_url",
	"computer_call_output.output.image_url", "code_interpreter_call.outputs", "reasoning.encrypted_content",
}

func responseRules(l Limits) map[string]rule {
	rules := map[string]rule{
		"model": text, "input": ignored, "instructions": text, "stream": boolean, "stream_options": streamOptions,
		"max_output_tokens": integer(1, int64(l.MaxTokens)), "temperature": number(0, 2), "top_p": number(0, 1),
		"metadata": metadata, "tools": array, "include": subset(includable...),
		"tool_choice": exactly(`"auto"`, `"required"`, `{"type":"file_search"}`), "truncation": exactly(`"auto"`, `"disabled"`),
		"background": exactly("false"), "top_logprobs": exactly("0"), "text": plainText, "max_tool_calls": integer(1, 1<<31-1),
	}
	for _, name := range []string{
		"user", "store", "parallel_tool_calls", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention",
		"prompt_cache_options", "reasoning",
	} {
		rules[name] = ignored
	}
	return rules
}

// ToResponse reads a request of POST /v1/responses.
func ToResponse(f Fields, l Limits) (ResponseRequest, *Invalid) {
	for _, name := range []string{"previous_response_id", "conversation"} {
		if f[name] != nil {
			return ResponseRequest{}, invalid(name, "%s is not supported: no response is kept here. Send the earlier messages in input.", name)
		}
	}
	if bad := check(f, "", responseRules(l)); bad != nil {
		return ResponseRequest{}, bad
	}
	r := ResponseRequest{Repeat: Repeat{ToolChoice: json.RawMessage(`"auto"`), Tools: json.RawMessage("[]"), Metadata: map[string]string{}}}
	for name, into := range map[string]any{
		"instructions": &r.Repeat.Instructions, "max_output_tokens": &r.Repeat.MaxOutputTokens, "metadata": &r.Repeat.Metadata,
		"temperature": &r.Repeat.Temperature, "tool_choice": &r.Repeat.ToolChoice, "tools": &r.Repeat.Tools, "top_p": &r.Repeat.TopP,
	} {
		decode(f[name], into)
	}
	messages, bad := toInput(f["input"])
	if bad != nil {
		return r, bad
	}
	if bad := Query("input", messages[len(messages)-1].Content, l); bad != nil {
		return r, bad
	}
	if r.Repeat.Instructions != nil {
		messages = append([]Message{{Role: "system", Content: *r.Repeat.Instructions}}, messages...)
	}
	r.Question = sampling(f, messages)
	decode(f["max_output_tokens"], &r.MaxTokens)
	var include []string
	decode(f["include"], &include)
	for _, name := range include {
		r.Results = r.Results || name == includable[0]
	}
	r.Tool, bad = toFileSearch(f["tools"])
	return r, bad
}

func plainText(raw json.RawMessage) string {
	var f Fields
	if json.Unmarshal(raw, &f) != nil {
		return "must be an object"
	}
	if bad := check(f, "", map[string]rule{"format": exactly(`{"type":"text"}`), "verbosity": ignored}); bad != nil {
		return "is wrong: " + bad.Message[:len(bad.Message)-1]
	}
	return ""
}

// toFileSearch is the one tool that a response may use; nil when there is none.
func toFileSearch(raw json.RawMessage) (*FileSearch, *Invalid) {
	var tools []Fields
	if len(raw) > 0 && json.Unmarshal(raw, &tools) != nil {
		return nil, invalid("tools", "tools must be an array of objects.")
	}
	if len(tools) == 0 {
		return nil, nil
	}
	if len(tools) > 1 {
		return nil, invalid("tools", "There are %d tools and one is possible here. Keep the file_search tool.", len(tools))
	}
	f := tools[0]
	if string(f["type"]) != `"file_search"` {
		return nil, invalid("tools[0].type", "The only tool here is file_search. Ask the model alone, with other tools, by POST /v1/chat/completions.")
	}
	dropNulls(f)
	bad := check(f, "tools[0].", map[string]rule{
		"type": text, "vector_store_ids": ids, "max_num_results": integer(1, 50), "ranking_options": rankingOptions, "filters": object,
	})
	if bad != nil {
		return nil, bad
	}
	var stores []string
	if decode(f["vector_store_ids"], &stores); len(stores) != 1 || stores[0] == "" {
		return nil, invalid("tools[0].vector_store_ids", "vector_store_ids must name exactly one store: an answer comes from one store. GET /v1/vector_stores lists them.")
	}
	out := &FileSearch{Store: stores[0], Threshold: threshold(f["ranking_options"])}
	decode(f["max_num_results"], &out.K)
	out.Filter, bad = ToFilter(f["filters"], "tools[0].filters")
	return out, bad
}

func toInput(raw json.RawMessage) ([]Message, *Invalid) {
	var one string
	if json.Unmarshal(raw, &one) == nil && len(raw) > 0 {
		return []Message{{Role: "user", Content: one}}, nil
	}
	var list []Fields
	if json.Unmarshal(raw, &list) != nil {
		return nil, invalid("input", "input must be a string or an array of messages. Put the question there.")
	}
	var out []Message
	for i, f := range list {
		dropNulls(f)
		var kind string
		decode(f["type"], &kind)
		switch kind {
		case "", "message":
			m, bad := toInputMessage(fmt.Sprintf("input[%d].", i), f)
			if bad != nil {
				return nil, bad
			}
			out = append(out, m)
		case "file_search_call", "reasoning": // of an earlier response; its message follows
		default:
			return nil, invalid(fmt.Sprintf("input[%d].type", i), "Only messages can be asked about; input[%d] is of the type %q. Remove it.", i, clip(kind))
		}
	}
	if len(out) == 0 || out[len(out)-1].Role != "user" {
		return nil, invalid("input", "The last message of input must have the role user. Put the question there.")
	}
	return out, nil
}

func toInputMessage(prefix string, f Fields) (Message, *Invalid) {
	bad := check(f, prefix, map[string]rule{
		"type": text, "role": roles, "content": ignored, "id": text, "status": text, "phase": ignored,
	})
	if bad != nil {
		return Message{}, bad
	}
	if f["role"] == nil {
		return Message{}, noRole(prefix)
	}
	var m Message
	decode(f["role"], &m.Role)
	m.Content, bad = content(prefix+"content", f["content"], "input_text", "output_text")
	return m, bad
}
