package openai

import "encoding/json"

// forwarded are the rules of requests that go to the model server as they came.
func forwarded(l Limits) map[string]rule {
	rules := generation(l)
	for name, r := range map[string]rule{
		"presence_penalty": number(-2, 2), "frequency_penalty": number(-2, 2), "repeat_penalty": number(0, 2),
		"top_k": integer(0, 1000), "min_p": number(0, 1), "logit_bias": object, "cache_prompt": boolean,
	} {
		rules[name] = r
	}
	return rules
}

// CheckForward checks a chat request that goes to the model server as it came:
// members on the allow-list with values in range; others are refused by name.
func CheckForward(f Fields, l Limits) *Invalid {
	rules := forwarded(l)
	for name, r := range map[string]rule{
		"messages": array, "max_completion_tokens": integer(1, int64(l.MaxTokens)), "logprobs": boolean, "top_logprobs": integer(0, 20),
		"response_format": object, "tools": functions, "tool_choice": toolChoice, "modalities": exactly(`["text"]`),
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

// functions are the tools that a model server knows; llama.cpp's takes anything else for its own failure.
func functions(raw json.RawMessage) string {
	var tools []struct {
		Type     string `json:"type"`
		Function *struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	err := json.Unmarshal(raw, &tools)
	for _, t := range tools {
		if err != nil || t.Type != "function" || t.Function == nil || t.Function.Name == "" {
			return `must be an array of functions such as {"type": "function", "function": {"name": "…"}}`
		}
	}
	if err != nil {
		return "must be an array"
	}
	return ""
}

func toolChoice(raw json.RawMessage) string {
	if exactly(`"none"`, `"auto"`, `"required"`)(raw) == "" || functions(json.RawMessage("["+string(raw)+"]")) == "" {
		return ""
	}
	return `must be none, auto, required, or a function such as {"type": "function", "function": {"name": "…"}}`
}

// CheckCompletion checks a request of POST /v1/completions.
func CheckCompletion(f Fields, l Limits) *Invalid {
	rules := forwarded(l)
	for name, r := range map[string]rule{
		"prompt": prompt, "logprobs": integer(0, 5), "echo": exactly("false"), "best_of": exactly("1"), "suffix": exactly(`""`),
	} {
		rules[name] = r
	}
	if bad := check(f, "", rules); bad != nil {
		return bad
	}
	if f["prompt"] == nil {
		return invalid("prompt", "prompt is missing. Send the text that the model is to go on with.")
	}
	return nil
}

func prompt(raw json.RawMessage) string {
	if list, err := oneOrMany(raw); err != nil || len(list) != 1 || list[0] == "" {
		return "must be one text that is not empty: a string, or an array of one string; tokens are not taken, and further texts need further requests"
	}
	return ""
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
	var tokens []any
	if json.Unmarshal(raw, &tokens) == nil && len(tokens) > 0 && !isText(tokens[0]) {
		return "holds tokens, which differ from model to model. Send text; LangChain's OpenAIEmbeddings does with check_embedding_ctx_length=False"
	}
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

func isText(v any) bool {
	_, ok := v.(string)
	return ok
}

// CheckDimensions refuses a reply whose vectors are not as long as the request
// wants them: a server that cannot shorten them may ignore the wish.
func CheckDimensions(f Fields, reply []byte) *Invalid {
	var want int
	if decode(f["dimensions"], &want); want == 0 {
		return nil
	}
	var got struct {
		Data []struct {
			Embedding json.RawMessage `json:"embedding"`
		} `json:"data"`
	}
	if json.Unmarshal(reply, &got) != nil || len(got.Data) == 0 {
		return nil // not for this check to say
	}
	var vector []float64
	var packed []byte // base64 of 32-bit floats
	n := 0
	switch raw := got.Data[0].Embedding; {
	case json.Unmarshal(raw, &vector) == nil:
		n = len(vector)
	case json.Unmarshal(raw, &packed) == nil:
		n = len(packed) / 4
	}
	if n != want {
		return invalid("dimensions", "dimensions can only be %d with this model. Leave it out.", n)
	}
	return nil
}
