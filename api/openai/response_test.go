package openai_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/api/openai"
)

func TestToResponse(t *testing.T) {
	t.Parallel()
	r, bad := openai.ToResponse(fields(t, `{"model":"m","input":"Hi"}`), limits)
	require.Nil(t, bad)
	require.Equal(t, openai.Question{Messages: []openai.Message{{"user", "Hi"}}}, r.Question)
	require.Nil(t, r.Tool)
	require.False(t, r.Results)

	r, bad = openai.ToResponse(fields(t, `{"model":"m","instructions":"Be brief.","store":true,"user":"u","reasoning":{"effort":"low"},"parallel_tool_calls":true,
		"previous_response_id":null,"stream":true,"max_output_tokens":20,"temperature":0,"top_p":0.5,"metadata":{"a":"b"},"truncation":"auto","text":{"format":{"type":"text"}},
		"include":["reasoning.encrypted_content","file_search_call.results"],"tool_choice":"auto",
		"tools":[{"type":"file_search","vector_store_ids":["vs_1"],"max_num_results":3,"ranking_options":{"ranker":"auto","score_threshold":0.25},"filters":null}],
		"input":[{"role":"developer","content":"In English."},{"role":"user","content":[{"type":"input_text","text":"How"},{"type":"input_text","text":"many?"}]},
			{"type":"file_search_call","id":"fs_1","status":"completed","queries":["x"],"results":null},
			{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"28","annotations":[],"logprobs":[]},{"type":"refusal","refusal":"No."}]},
			{"type":"message","role":"user","content":"And then?"}]}`), limits)
	require.Nil(t, bad)
	zero, half := 0.0, 0.5
	require.Equal(t, openai.Question{Messages: []openai.Message{{"system", "Be brief."}, {"developer", "In English."}, {"user", "How\nmany?"}, {"assistant", "28\nNo."}, {"user", "And then?"}},
		MaxTokens: 20, Temperature: &zero, TopP: &half, Stream: true}, r.Question)
	require.Equal(t, &openai.FileSearch{Store: "vs_1", K: 3, Threshold: 0.25}, r.Tool)
	require.True(t, r.Results)
	require.JSONEq(t, `{"a":"b"}`, marshal(t, r.Repeat.Metadata))
	require.Equal(t, 20, *r.Repeat.MaxOutputTokens)
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	data, err := openai.Marshal(v)
	require.NoError(t, err)
	return string(data)
}

func TestToResponseRefuses(t *testing.T) {
	t.Parallel()
	search := func(more string) string {
		return `{"input":"Hi","tools":[{"type":"file_search","vector_store_ids":["vs_1"]` + more + `}]}`
	}
	for body, param := range map[string]string{
		`{}`:           "input",
		`{"input":""}`: "input",
		`{"input":7}`:  "input",
		`{"input":[]}`: "input",
		`{"input":[{"role":"assistant","content":"Hi"}]}`:                                                 "input",
		`{"input":[{"content":"Hi"}]}`:                                                                    "input[0].role",
		`{"input":[{"role":"tool","content":"Hi"}]}`:                                                      "input[0].role",
		`{"input":[{"role":"user","content":[{"type":"input_image","image_url":"http://x/"}]}]}`:          "input[0].content[0].type",
		`{"input":[{"role":"user","content":"Hi"},{"type":"function_call_output","output":"1"}]}`:         "input[1].type",
		`{"input":[{"type":"item_reference","id":"msg_1"}]}`:                                              "input[0].type",
		`{"input":"Hi","previous_response_id":"resp_1"}`:                                                  "previous_response_id",
		`{"input":"Hi","conversation":"conv_1"}`:                                                          "conversation",
		`{"input":"Hi","background":true}`:                                                                "background",
		`{"input":"Hi","prompt":{"id":"pmpt_1"}}`:                                                         "prompt",
		`{"input":"Hi","max_output_tokens":5000}`:                                                         "max_output_tokens",
		`{"input":"Hi","max_tokens":5}`:                                                                   "max_tokens",
		`{"input":"Hi","instructions":["x"]}`:                                                             "instructions",
		`{"input":"Hi","include":["message.output_text.logprobs"]}`:                                       "include",
		`{"input":"Hi","tool_choice":"none"}`:                                                             "tool_choice",
		`{"input":"Hi","text":{"format":{"type":"json_schema","name":"x","schema":{}}}}`:                  "text",
		`{"input":"Hi","top_logprobs":2}`:                                                                 "top_logprobs",
		`{"input":"Hi","tools":[{"type":"web_search"}]}`:                                                  "tools[0].type",
		`{"input":"Hi","tools":[1]}`:                                                                      "tools",
		`{"input":"Hi","tools":[{"type":"file_search","vector_store_ids":["a"]},{"type":"file_search"}]}`: "tools",
		`{"input":"Hi","tools":[{"type":"file_search"}]}`:                                                 "tools[0].vector_store_ids",
		`{"input":"Hi","tools":[{"type":"file_search","vector_store_ids":["a","b"]}]}`:                    "tools[0].vector_store_ids",
		search(`,"max_num_results":51`):                                                                   "tools[0].max_num_results",
		search(`,"ranking_options":{"score_threshold":2}`):                                                "tools[0].ranking_options",
		search(`,"ranking_options":{"hybrid_search":{"embedding_weight":1,"text_weight":0}}`):             "tools[0].ranking_options",
	} {
		_, bad := openai.ToResponse(fields(t, body), limits)
		require.NotNil(t, bad, body)
		require.Equal(t, param, bad.Param, body)
		require.Less(t, len(bad.Message), 300, body)
	}
	_, bad := openai.ToResponse(fields(t, `{"input":"`+strings.Repeat("a", 101)+`"}`), limits)
	require.True(t, bad.TooLarge)
}
