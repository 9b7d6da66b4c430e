package openai

import (
	"encoding/json"
	"math"
)

// CheckForward checks a chat request that goes to the model server as it came:
// members on the allow-list with values in range; others are refused by name.
func CheckForward(f Fields, l Limits) *Invalid {
	rules := generation(l)
	for name, r := range map[string]rule{
		"presence_penalty": number(-2, 2), "frequency_penalty": number(-2, 2), "repeat_penalty": number(0, 2),
		"top_k": integer(0, 1000), "min_p": number(0, 1), "logprobs": boolean, "top_logprobs": integer(0, 20),
		"logit_bias": object, "response_format": object, "tools": array, "tool_choice": ignored, "cache_prompt": boolean,
		"seed": integer(math.MinInt64, math.MaxInt64), "modalities": exactly(`["text"]`),
	} {
		rules[name] = r
	}
	if bad := check(f, "", rules); bad != nil {
		return bad
	}
	var messages []map[string]json.RawMessage
	if json.Unmarshal(f["messages"], &messages) != nil || len(messages) == 0 {
		return invalid("messages", "messages must be an array with at least one message object. Add the user's message.")
	}
	return nil
}

// CheckEmbedding checks a request to the embedding server.
func CheckEmbedding(f Fields) *Invalid {
	bad := check(f, "", map[string]rule{
		"model": text, "input": inputs, "encoding_format": exactly(`"float"`, `"base64"`),
		"dimensions": integer(1, 1<<16), "user": ignored,
	})
	if bad == nil && f["input"] == nil {
		return invalid("input", "input is missing. Send a string or an array of strings.")
	}
	return bad
}

func inputs(raw json.RawMessage) string {
	const want = "must be a string or an array of 1 to 2048 strings, none of them empty"
	list, err := oneOrMany(raw)
	if err != nil || len(list) == 0 || len(list) > 2048 {
		return want
	}
	for _, s := range list {
		if s == "" {
			return want
		}
	}
	return ""
}
