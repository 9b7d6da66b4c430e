package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOpenWebUI sends what Open WebUI sends with this server as an OpenAI
// connection: its headers, its bodies, members that it adds by its settings.
func TestOpenWebUI(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var forwarded string
	b.models.forward = func(_ context.Context, _, server, _ string, body []byte) (*http.Response, error) {
		forwarded = server + " " + string(body)
		if server == "embed" {
			return upstream(200, `{"object":"list","model":"bge-small","data":[{"object":"embedding","index":0,"embedding":[1,0]}]}`)
		}
		return upstream(200, `{"id":"up","object":"chat.completion","created":1,"model":"m","choices":[]}`)
	}
	header := []string{"Content-Type", "application/json", "X-OpenWebUI-User-Name", "J%C3%BCrgen", "X-OpenWebUI-User-Id", "u1",
		"X-OpenWebUI-User-Email", "j@example.com", "X-OpenWebUI-User-Role", "user", "X-OpenWebUI-Chat-Id", "c1"}
	const (
		talk  = `[{"role":"system","content":"Be brief."},{"role":"user","content":"Hello!"},{"role":"assistant","content":"Hello."},{"role":"user","content":"How many days?"}]`
		title = `{"model":"%","messages":[{"role":"user","content":"### Task:\nGenerate a concise, 3-5 word title.\n### Chat History:\n<chat_history>\nUSER: How many days?\n</chat_history>"}],"stream":false,"max_completion_tokens":1000}`
		over  = "llama3.1:8b@handbook"
	)
	for _, sc := range []scenario{
		{name: "models", method: "GET", path: "/v1/models", status: 200, has: []string{`"id":"llama3.1:8b@handbook","object":"model"`, `"owned_by"`}},
		{name: "chat", path: chatPath, body: `{"stream":true,"model":"` + over + `","messages":` + talk + `,"stream_options":{"include_usage":true}}`, status: 200,
			has: []string{`"content":"You have "`, `"usage":{"prompt_tokens":50`, "data: [DONE]"}},
		{name: "chat with every setting", path: chatPath, status: 200, has: []string{"[DONE]"},
			body: `{"stream":true,"model":"` + over + `","messages":` + talk + `,"temperature":0.8,"top_p":0.9,"max_tokens":128,"frequency_penalty":0.0,"presence_penalty":0.0,"seed":0,"stop":["</s>"],"logit_bias":{},"reasoning_effort":"medium","user":"u1"}`},
		{name: "text parts", path: chatPath, body: `{"stream":false,"model":"` + over + `","messages":[{"role":"user","content":[{"type":"text","text":"How many days?"}]}]}`, status: 200, has: []string{`"content":"You have 28 days."`}},
		{name: "a title over a store", path: chatPath, body: strings.Replace(title, "%", over, 1), status: 200, has: []string{`"choices":[{`}},
		{name: "a title by the model alone", path: chatPath, body: strings.Replace(title, "%", "llama3.1:8b", 1), status: 200, has: []string{`"choices":[]`}},
		{name: "a picture", path: chatPath, status: 400, code: "invalid_request", has: []string{`"param":"messages[0].content[1].type"`},
			body: `{"stream":true,"model":"` + over + `","messages":[{"role":"user","content":[{"type":"text","text":"What is this?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]}`},
		{name: "tools over a store", path: chatPath, status: 400, code: "invalid_request", has: []string{`"param":"tools"`},
			body: `{"stream":true,"model":"` + over + `","messages":` + talk + `,"tools":[{"type":"function","function":{"name":"f","parameters":{}}}]}`},
		{name: "tools for the model alone", path: chatPath, status: 200,
			body: `{"stream":false,"model":"llama3.1:8b","messages":` + talk + `,"tools":[{"type":"function","function":{"name":"f","parameters":{}}}],"tool_choice":"auto","response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{}}}}`},
		{name: "embeddings", path: "/v1/embeddings", body: `{"input":["carry over"],"model":"bge-small"}`, status: 200, has: []string{`"embedding":[1,0]`}},
	} {
		if sc.method == "" {
			sc.method = "POST"
		}
		sc.key, sc.header = keyAsk, header
		sc.run(t, b)
	}
	require.Equal(t, `embed {"input":["carry over"],"model":"bge-small"}`, forwarded)
	require.Equal(t, "Be brief.", b.asker.asked[0].Messages[0].Content)
	require.Equal(t, "How many days?", b.asker.asked[0].Messages[3].Content)
}
