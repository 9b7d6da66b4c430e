package openai_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/api/openai"
)

var limits = openai.Limits{MaxTokens: 4096, MaxQuery: 100}

func fields(t *testing.T, body string) openai.Fields {
	t.Helper()
	f, bad := openai.Decode([]byte(body), 64)
	require.Nil(t, bad)
	return f
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, want string }{
		"empty":         {"", "not a JSON object"},
		"no object":     {"[1]", "not a JSON object"},
		"null":          {"null", "not a JSON object"},
		"broken":        {`{"a":`, "not a JSON object"},
		"garbage":       {`{"a" 1}`, "not valid JSON"},
		"two values":    {`{"a":1} {"b":2}`, "not a JSON object"},
		"deep array":    {`{"a":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, "deeper than 64"},
		"deep object":   {strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65), "deeper than 64"},
		"never closed":  {strings.Repeat("[", 100000), "deeper than 64"},
		"member twice":  {`{"model":"a","model":"b"}`, "twice"},
		"twice inside":  {`{"a":[{"b":1,"b":2}]}`, "twice"},
		"twice escaped": {`{"model":"a","\u006dodel":"b"}`, "twice"},
		"no UTF-8":      {"{\"a\":\"\xff\"}", "UTF-8"},
	} {
		_, bad := openai.Decode([]byte(c.body), 64)
		require.NotNil(t, bad, name)
		require.Contains(t, bad.Message, c.want, name)
	}
	f, bad := openai.Decode([]byte(`{"a":`+strings.Repeat("[", 63)+strings.Repeat("]", 63)+`,"b":null,"c":{"a":1}}`), 64)
	require.Nil(t, bad)
	require.Len(t, f, 2, "null means not given")
}

func TestToQuestion(t *testing.T) {
	t.Parallel()
	q, bad := openai.ToQuestion(fields(t, `{"model":"m@s","stream":true,"stream_options":{"include_usage":true},"max_tokens":10,"max_completion_tokens":20,
		"temperature":0,"top_p":0.5,"seed":-3,"stop":"END","n":1,"user":"u","store":false,"metadata":{"a":"b"},"tools":[],"presence_penalty":0.0,
		"response_format":{"type":"text"},"logprobs":false,"service_tier":"auto","functions":null,
		"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"},
			{"role":"assistant","content":"Hello","annotations":[],"refusal":null,"tool_calls":null,"groundwork":{"a":1}},
			{"role":"user","name":"Ann","content":[{"type":"text","text":"How many"},{"type":"text","text":"days?"}]}]}`), limits)
	require.Nil(t, bad)
	zero, half, seed := 0.0, 0.5, -3
	require.Equal(t, openai.Question{
		Messages:  []openai.Message{{"system", "Be brief."}, {"user", "Hi"}, {"assistant", "Hello"}, {"user", "How many\ndays?"}},
		MaxTokens: 20, Temperature: &zero, TopP: &half, Seed: &seed, Stop: []string{"END"}, Stream: true, IncludeUsage: true}, q)

	q, bad = openai.ToQuestion(fields(t, `{"messages":[{"role":"user","content":"Hi"}],"stop":["a","b"]}`), limits)
	require.Nil(t, bad)
	require.Equal(t, openai.Question{Messages: []openai.Message{{"user", "Hi"}}, Stop: []string{"a", "b"}}, q, "what is not given stays unset")
}

const hi = `"messages":[{"role":"user","content":"Hi"}]`

func TestToQuestionRefuses(t *testing.T) {
	t.Parallel()
	for body, param := range map[string]string{
		`{}`:                              "messages",
		`{"messages":[]}`:                 "messages",
		`{"messages":"Hi"}`:               "messages",
		`{"messages":[1]}`:                "messages",
		`{"messages":[{"content":"Hi"}]}`: "messages[0].role",
		`{"messages":[{"role":"tool","content":"Hi"}]}`:                                                   "messages[0].role",
		`{"messages":[{"role":"assistant","content":"Hi"}]}`:                                              "messages",
		`{"messages":[{"role":"user","content":"  "}]}`:                                                   "messages",
		`{"messages":[{"role":"user"}]}`:                                                                  "messages",
		`{"messages":[{"role":"user","content":7}]}`:                                                      "messages[0].content",
		`{"messages":[{"role":"user","content":"Hi","weight":1}]}`:                                        "messages[0].weight",
		`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"http://x/"}}]}]}`: "messages[0].content[0].type",
		`{"messages":[{"role":"assistant","tool_calls":[{"id":"1"}]},{"role":"user","content":"Hi"}]}`:    "messages[0].tool_calls",
		`{` + hi + `,"stream":"yes"}`:                                                                     "stream",
		`{` + hi + `,"stream_options":{"x":1}}`:                                                           "stream_options",
		`{` + hi + `,"max_tokens":0}`:                                                                     "max_tokens",
		`{` + hi + `,"max_tokens":4097}`:                                                                  "max_tokens",
		`{` + hi + `,"max_completion_tokens":1e9}`:                                                        "max_completion_tokens",
		`{` + hi + `,"temperature":2.1}`:                                                                  "temperature",
		`{` + hi + `,"temperature":"hot"}`:                                                                "temperature",
		`{` + hi + `,"top_p":-1}`:                                                                         "top_p",
		`{` + hi + `,"n":2}`:                                                                              "n",
		`{` + hi + `,"stop":[""]}`:                                                                        "stop",
		`{` + hi + `,"seed":1.5}`:                                                                         "seed",
		`{` + hi + `,"presence_penalty":1}`:                                                               "presence_penalty",
		`{` + hi + `,"tools":[{"type":"function"}]}`:                                                      "tools",
		`{` + hi + `,"response_format":{"type":"json_object"}}`:                                           "response_format",
		`{` + hi + `,"top_k":3}`:                                                                          "top_k",
		`{` + hi + `,"Temperature":0}`:                                                                    "Temperature",
		`{` + hi + `,"groundwork":1}`:                                                                     "groundwork",
		`{` + hi + `,"groundwork":{"abstain":"never"}}`:                                                   "groundwork.abstain",
		`{` + hi + `,"groundwork":{"context_budget":0}}`:                                                  "groundwork.context_budget",
		`{` + hi + `,"groundwork":{"fly":1}}`:                                                             "groundwork.fly",
		`{` + hi + `,"lora":[{"id":0,"scale":1}]}`:                                                        "lora",
		`{` + hi + `,"` + strings.Repeat("x", 500) + `":0}`:                                               strings.Repeat("x", 500),
	} {
		_, bad := openai.ToQuestion(fields(t, body), limits)
		require.NotNil(t, bad, body)
		require.Equal(t, param, bad.Param, body)
		require.Less(t, len(bad.Message), 300, body)
		require.False(t, bad.TooLarge, body)
	}
}

func TestQuestionTooLong(t *testing.T) {
	t.Parallel()
	long, err := json.Marshal(strings.Repeat("é", 51))
	require.NoError(t, err)
	body := `{"messages":[{"role":"system","content":` + string(long) + `},{"role":"user","content":%s}]}`
	_, bad := openai.ToQuestion(fields(t, strings.Replace(body, "%s", string(long), 1)), limits)
	require.NotNil(t, bad)
	require.True(t, bad.TooLarge)
	require.Contains(t, bad.Message, "102 bytes")
	_, bad = openai.ToQuestion(fields(t, strings.Replace(body, "%s", `"Hi"`, 1)), limits)
	require.Nil(t, bad, "only the question is limited")
}

func TestCheckForward(t *testing.T) {
	t.Parallel()
	require.Nil(t, openai.CheckForward(fields(t, `{`+hi+`,"model":"m","top_k":40,"min_p":0.1,"repeat_penalty":1.1,"presence_penalty":-2,
		"response_format":{"type":"json_object"},"tools":[{"type":"function","function":{"name":"f","parameters":{}}}],"tool_choice":{"type":"function","function":{"name":"f"}},"logit_bias":{"5":1},"cache_prompt":false,"user":"u"}`), limits))
	for body, param := range map[string]string{
		`{"model":"m"}`:                              "messages",
		`{` + hi + `,"max_tokens":5000}`:             "max_tokens",
		`{` + hi + `,"top_k":-1}`:                    "top_k",
		`{` + hi + `,"n":3}`:                         "n",
		`{` + hi + `,"id_slot":1}`:                   "id_slot",
		`{` + hi + `,"tools":[1]}`:                   "tools",
		`{` + hi + `,"tools":{}}`:                    "tools",
		`{` + hi + `,"tools":[{"type":"function"}]}`: "tools",
		`{` + hi + `,"tool_choice":{"type":"x"}}`:    "tool_choice",
		`{` + hi + `,"tool_choice":"any"}`:           "tool_choice",
		`{` + hi + `,"lora":[]}`:                     "lora",
		`{` + hi + `,"grammar":"root ::= x"}`:        "grammar",
	} {
		bad := openai.CheckForward(fields(t, body), limits)
		require.NotNil(t, bad, body)
		require.Equal(t, param, bad.Param, body)
	}
}

func TestCheckEmbedding(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"model":"e","input":"a"}`, `{"input":["a","b"],"encoding_format":"base64","user":"u"}`} {
		require.Nil(t, openai.CheckEmbedding(fields(t, body)), body)
	}
	for body, param := range map[string]string{
		`{"model":"e"}`:                         "input",
		`{"input":""}`:                          "input",
		`{"input":[]}`:                          "input",
		`{"input":[1,2]}`:                       "input",
		`{"input":[[1],[2]]}`:                   "input",
		`{"input":["a",1]}`:                     "input",
		`{"input":"a","encoding_format":"hex"}`: "encoding_format",
		`{"input":"a","truncate":true}`:         "truncate",
	} {
		bad := openai.CheckEmbedding(fields(t, body))
		require.NotNil(t, bad, body)
		require.Equal(t, param, bad.Param, body)
	}
}

func TestCheckDimensions(t *testing.T) {
	t.Parallel()
	three, two := `{"data":[{"embedding":[0.1,2,3]}]}`, `{"data":[{"embedding":"AAAAAAAAAAA="}]}`
	for _, c := range []struct {
		request, reply string
		fine           bool
	}{
		{`{"input":"a"}`, three, true}, {`{"dimensions":3}`, three, true}, {`{"dimensions":2}`, three, false},
		{`{"dimensions":2}`, two, true}, {`{"dimensions":3}`, two, false}, {`{"dimensions":3}`, `{"data":[]}`, true},
	} {
		bad := openai.CheckDimensions(fields(t, c.request), []byte(c.reply))
		require.Equal(t, c.fine, bad == nil, c.request+c.reply)
		require.True(t, bad == nil || bad.Param == "dimensions")
	}
}

func TestToSearch(t *testing.T) {
	t.Parallel()
	s, bad := openai.ToStoreSearch(fields(t, `{"query":["a","b"],"max_num_results":3,"rewrite_query":true,"ranking_options":{"ranker":"auto","score_threshold":0.5}}`), limits)
	require.Nil(t, bad)
	require.Equal(t, openai.Search{Queries: []string{"a", "b"}, K: 3, Threshold: 0.5}, s)
	s, bad = openai.ToSearch(fields(t, `{"query":"a","store":"handbook","explain":true}`), limits)
	require.Nil(t, bad)
	require.Equal(t, openai.Search{Queries: []string{"a"}, Store: "handbook", K: 5, Explain: true}, s)
	for body, param := range map[string]string{
		`{}`:                                    "query",
		`{"query":[]}`:                          "query",
		`{"query":["a",""]}`:                    "query",
		`{"query":"a","max_num_results":51}`:    "max_num_results",
		`{"query":"a","filters":{"type":"eq"}}`: "filters.key",
		`{"query":"a","filters":[]}`:            "filters",
		`{"query":"a","ranking_options":{"ranker":"x"}}`: "ranking_options",
	} {
		_, bad := openai.ToStoreSearch(fields(t, body), limits)
		require.NotNil(t, bad, body)
		require.Equal(t, param, bad.Param, body)
	}
	_, bad = openai.ToSearch(fields(t, `{"query":"a"}`), limits)
	require.Equal(t, "store", bad.Param)
	_, bad = openai.ToSearch(fields(t, `{"query":"`+strings.Repeat("a", 101)+`","store":"s"}`), limits)
	require.True(t, bad.TooLarge)
}

func TestToStore(t *testing.T) {
	t.Parallel()
	r, bad := openai.ToStore(fields(t, `{"name":"handbook","metadata":{"a":"b"},"file_ids":["file-1"],"chunking_strategy":{"type":"auto"}}`), true)
	require.Nil(t, bad)
	require.Equal(t, "handbook", *r.Name)
	require.Equal(t, map[string]string{"a": "b"}, r.Metadata)
	require.Equal(t, []string{"file-1"}, r.FileIDs)
	r, bad = openai.ToStore(fields(t, `{}`), false)
	require.Nil(t, bad)
	require.Nil(t, r.Name)
	require.Nil(t, r.Metadata)
	for body, param := range map[string]string{
		`{"name":5}`:                              "name",
		`{"metadata":{"a":1}}`:                    "metadata",
		`{"expires_after":{"days":1}}`:            "expires_after",
		`{"file_ids":"file-1"}`:                   "file_ids",
		`{"chunking_strategy":{"type":"static"}}`: "chunking_strategy",
	} {
		_, bad := openai.ToStore(fields(t, body), true)
		require.NotNil(t, bad, body)
		require.Equal(t, param, bad.Param, body)
	}
	in, bad := openai.ToAttach(fields(t, `{"file_id":"file-1","attributes":{"a":1},"groundwork":{"allow":["hr"]}}`))
	require.Nil(t, bad)
	require.Equal(t, openai.Attach{FileID: "file-1", Labels: openai.Labels{Attributes: map[string]any{"a": 1.0}, Allow: []string{"hr"}}}, in)
	in, bad = openai.ToAttach(fields(t, `{"file_id":"file-1","attributes":null}`))
	require.Nil(t, bad)
	require.Equal(t, openai.Attach{FileID: "file-1"}, in)
	for body, param := range map[string]string{
		`{}`: "file_id", `{"file_id":"f","attributes":{"a":[1]}}`: "attributes.a", `{"file_id":"f","groundwork":{"x":1}}`: "groundwork.x",
	} {
		_, bad := openai.ToAttach(fields(t, body))
		require.NotNil(t, bad, body)
		require.Equal(t, param, bad.Param, body)
	}
}

func TestToBatch(t *testing.T) {
	t.Parallel()
	hr := openai.Labels{Attributes: map[string]any{"team": "hr"}, Allow: []string{"hr"}}
	for body, want := range map[string][]openai.Attach{
		`{"file_ids":["a","b"],"chunking_strategy":{"type":"auto"}}`:                                                             {{FileID: "a"}, {FileID: "b"}},
		`{"file_ids":["a","b"],"attributes":{"team":"hr"},"groundwork":{"allow":["hr"]}}`:                                        {{FileID: "a", Labels: hr}, {FileID: "b", Labels: hr}},
		`{"files":[{"file_id":"a","attributes":null},{"file_id":"b","attributes":{"team":"hr"},"groundwork":{"allow":["hr"]}}]}`: {{FileID: "a"}, {FileID: "b", Labels: hr}},
	} {
		files, bad := openai.ToBatch(fields(t, body))
		require.Nil(t, bad, body)
		require.Equal(t, want, files, body)
	}
	many, err := json.Marshal(slices.Repeat([]string{"a"}, 2001))
	require.NoError(t, err)
	for body, param := range map[string]string{
		`{}`:                                "file_ids",
		`{"file_ids":[]}`:                   "file_ids",
		`{"file_ids":"a"}`:                  "file_ids",
		`{"file_ids":[1]}`:                  "file_ids",
		`{"file_ids":["a"],"files":[]}`:     "file_ids",
		`{"file_ids":` + string(many) + `}`: "file_ids",
		`{"files":[1]}`:                     "files",
		`{"files":[{}]}`:                    "files[0].file_id",
		`{"files":[{"file_id":"a","attributes":{"a":[]}}]}`: "files[0].attributes.a",
		`{"files":[{"file_id":"a"}],"attributes":{}}`:       "attributes",
		`{"files":[{"file_id":"a","x":1}]}`:                 "files[0].x",
		`{"file_ids":["a"],"file_id":"a"}`:                  "file_id",
	} {
		_, bad := openai.ToBatch(fields(t, body))
		require.NotNil(t, bad, body)
		require.Equal(t, param, bad.Param, body)
	}
}

// FuzzRequests: whatever comes in, no decoder panics, and a question that is
// accepted keeps its invariants.
func FuzzRequests(f *testing.F) {
	f.Add([]byte(`{` + hi + `,"model":"m","stop":["a"],"n":1}`))
	f.Add([]byte(`{"query":["a"],"ranking_options":{"ranker":5},"messages":[{"role":"user","content":[{"type":"text"}]}]}`))
	f.Add([]byte(`{"a":[[[{"b":null}]]]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		fields, bad := openai.Decode(body, 8)
		if bad != nil {
			return
		}
		_, _ = fields.Model()
		_ = openai.CheckForward(fields, limits)
		_ = openai.CheckCompletion(fields, limits)
		_ = openai.CheckEmbedding(fields)
		_, _ = openai.ToResponse(fields, limits)
		_, _ = openai.ToStoreSearch(fields, limits)
		_, _ = openai.ToSearch(fields, limits)
		_, _ = openai.ToStore(fields, true)
		_, _ = openai.ToAttach(fields)
		_, _ = openai.ToBatch(fields)
		q, bad := openai.ToQuestion(fields, limits)
		if bad != nil {
			return
		}
		last := q.Messages[len(q.Messages)-1]
		require.Equal(t, "user", last.Role)
		require.NotEmpty(t, strings.TrimSpace(last.Content))
		require.LessOrEqual(t, len(last.Content), limits.MaxQuery)
		require.LessOrEqual(t, q.MaxTokens, limits.MaxTokens)
	})
}
