package configs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/configs"
)

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "value")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestAValueComesFromAFile(t *testing.T) {
	t.Parallel()
	secret := write(t, "s3cr et\r\n")
	cfg, err := configs.Load("", []string{"GROUNDWORK_LLM__CHAT__API_KEY_FILE=" + secret, "GROUNDWORK_SERVER__STREAMS_FILE=" + write(t, "7\n")})
	require.NoError(t, err)
	require.Equal(t, "s3cr et", cfg.LLM.Chat.APIKey.Reveal())
	require.Equal(t, 7, cfg.Server.Streams)

	file := write(t, "llm: {chat: {api_key_file: "+secret+", model: mine}}")
	cfg, err = configs.Load(file, nil)
	require.NoError(t, err)
	require.Equal(t, "s3cr et", cfg.LLM.Chat.APIKey.Reveal())
	require.Equal(t, "mine", cfg.LLM.Chat.Model)

	cfg, err = configs.Load(file, []string{"GROUNDWORK_LLM__CHAT__API_KEY=variable"})
	require.NoError(t, err)
	require.Equal(t, "variable", cfg.LLM.Chat.APIKey.Reveal(), "variables go on top of the file")
	cfg, err = configs.Load(write(t, "llm: {chat: {api_key: plain}}"), []string{"GROUNDWORK_LLM__CHAT__API_KEY_FILE=" + secret})
	require.NoError(t, err)
	require.Equal(t, "s3cr et", cfg.LLM.Chat.APIKey.Reveal())
}

func TestFileKeysThatAreNoPaths(t *testing.T) {
	t.Parallel()
	cfg, err := configs.Load("", []string{"GROUNDWORK_UPLOAD__MAX_FILE=3MB", "GROUNDWORK_LLM__CHAT__API_KEY_FILE="})
	require.NoError(t, err)
	require.EqualValues(t, 3<<20, cfg.Upload.MaxFile)
	require.Empty(t, cfg.LLM.Chat.APIKey.Reveal())
}

func TestFilesThatCannotBe(t *testing.T) {
	t.Parallel()
	secret := write(t, "hidden")
	for want, environ := range map[string][]string{
		"llm.chat.api_key_file: open /no/such/file":               {"GROUNDWORK_LLM__CHAT__API_KEY_FILE=/no/such/file"},
		"llm.chat.api_key and llm.chat.api_key_file are both set": {"GROUNDWORK_LLM__CHAT__API_KEY_FILE=" + secret, "GROUNDWORK_LLM__CHAT__API_KEY=x"},
		"larger than 64 KB":                         {"GROUNDWORK_LLM__CHAT__API_KEY_FILE=" + write(t, strings.Repeat("x", 70_000))},
		`unknown configuration key "llm.nope_file"`: {"GROUNDWORK_LLM__NOPE_FILE=" + secret},
	} {
		_, err := configs.Load("", environ)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "hidden")
	}
}
