package app_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/llm/llmtest"
)

type replay struct {
	Same        bool
	Then, Now   string
	Differences []struct{ What, Then, Now string }
}

func TestAKeptAnswerIsMadeAgainBitByBit(t *testing.T) {
	t.Parallel()
	cfg := config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{}))
	cfg.Answer.Keep, cfg.Answer.KeepFor = 10, time.Hour
	s := start(t, cfg)
	docs := s.upload("handbook", "leave.md", handbook(30))
	a := s.ask("test-chat@handbook", "How many days of annual leave do employees of unit 30 get?")
	var again replay
	resp := s.do(http.MethodPost, "/v1/answers/"+a.Groundwork.AnswerID+"/replay", "", nil)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&again))
	require.True(t, again.Same, "%+v", again.Differences)
	require.Empty(t, again.Differences)
	require.Equal(t, a.Choices[0].Message.Content, again.Now)

	resp = s.do(http.MethodDelete, "/v1/documents/"+docs[0].ID+"?store=handbook", "", nil)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	resp = s.do(http.MethodPost, "/v1/answers/"+a.Groundwork.AnswerID+"/replay", "", nil)
	require.Equal(t, http.StatusNotFound, resp.StatusCode, "an answer goes with the document it was made from")
}

func TestNoAnswerIsKeptByDefault(t *testing.T) {
	t.Parallel()
	s := start(t, config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{})))
	s.upload("handbook", "leave.md", handbook(30))
	a := s.ask("test-chat@handbook", "How many days of annual leave do employees of unit 30 get?")
	resp := s.do(http.MethodPost, "/v1/answers/"+a.Groundwork.AnswerID+"/replay", "", nil)
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
}
