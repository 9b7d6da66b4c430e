package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"groundwork/internal/app"
	"groundwork/llm/llmtest"
)

// TestMain lets the test binary be the parser child, and the program itself: to be killed.
func TestMain(m *testing.M) {
	if os.Getenv(beMain) != "" {
		main()
		os.Exit(0)
	}
	if len(os.Args) > 1 && os.Args[1] == app.ParseChild {
		os.Exit(app.RunParseChild())
	}
	os.Exit(m.Run())
}

// beMain makes the test binary the program.
const beMain = "GROUNDWORK_TEST_BE_MAIN"

// shell runs commands on a data directory of the test's own, with scripted models.
type shell struct {
	t       testing.TB
	environ []string
}

func setup(t *testing.T) shell {
	t.Helper()
	return setupWith(t, llmtest.Options{})
}

func setupWith(t *testing.T, models llmtest.Options) shell {
	t.Helper()
	model := llmtest.Start(t, models)
	dir := t.TempDir()
	return shell{t, []string{
		"HOME=" + dir, "GROUNDWORK_SERVER__DATA_DIR=" + dir, "GROUNDWORK_ANSWER__ABSTAIN=off",
		"GROUNDWORK_PARSE__MEMORY=" + strconv.Itoa(parserMemory),
		"GROUNDWORK_LLM__CHAT__BASE_URL=" + model.BaseURL(), "GROUNDWORK_LLM__CHAT__MODEL=test-chat",
		"GROUNDWORK_LLM__EMBED__BASE_URL=" + model.BaseURL(), "GROUNDWORK_LLM__EMBED__MODEL=test-embed",
	}}
}

func (s shell) run(args ...string) (stdout string, err error) {
	s.t.Helper()
	var out, errOut bytes.Buffer
	err = run(s.t.Context(), environment{args: args, environ: s.environ, in: strings.NewReader(""), out: &out, err: &errOut})
	s.t.Logf("groundwork %s\n%s%s", strings.Join(args, " "), out.String(), errOut.String())
	return out.String(), err
}

func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
}

func TestIngestSearchAskEval(t *testing.T) {
	t.Parallel()
	s := setup(t)
	docs := t.TempDir()
	write(t, docs, map[string]string{
		"people/leave.md": "# Leave\n\nEmployees get 30 days of annual leave.", "it/badge.txt": "The badge office opens on Wednesday.",
		"bad.bin": "\x00\x01\x02\xff\x00", ".hidden": "left out",
	})
	out, err := s.run("ingest", docs, "--store", "h", "--json")
	require.ErrorIs(t, err, errReported, "one document failed")
	var r result
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Equal(t, 3, r.Files)
	require.Equal(t, 2, r.Ready)
	require.Len(t, r.Failed, 1)
	require.Equal(t, "unsupported_file", r.Failed[0].Error.Code)

	out, err = s.run("search", "--store", "h", "--explain", "annual leave")
	require.NoError(t, err)
	require.Contains(t, out, "evidence ")
	require.Contains(t, out, "--- user\nPassages:")
	out, err = s.run("search", "--store", "h", "annual leave")
	require.NotContains(t, out, "--- user")
	require.NoError(t, err)
	require.Contains(t, out, "people/leave.md › Leave")

	out, err = s.run("ask", "--store", "h", "How many days of annual leave do employees get?")
	require.NoError(t, err)
	require.Contains(t, out, "sources:")
	require.Contains(t, out, "people/leave.md")

	questions := filepath.Join(docs, "q.jsonl")
	write(t, docs, map[string]string{"q.jsonl": `{"id":"1","question":"How many days of annual leave do employees get?","gold":[{"path":"people/leave.md","quote":"30 days"}],"must_contain":["30"]}`})
	out, err = s.run("eval", "--store", "h", "--questions", questions, "--json")
	require.NoError(t, err)
	require.Contains(t, out, `"verbatim": true`)
	require.Contains(t, out, `"hit": true`)

	_, err = s.run("ask", "--store", "nowhere", "What?")
	require.ErrorContains(t, err, "there is no store")
}

func TestIngestSaysAttributesAndSearchFilters(t *testing.T) {
	t.Parallel()
	s := setup(t)
	docs := t.TempDir()
	write(t, docs, map[string]string{"leave.md": "Employees get 30 days of annual leave."})
	_, err := s.run("ingest", docs, "--store", "hr-store", "--attribute", "team=hr", "--attribute", "year=2025", "--attribute", `code="5"`, "--allow", "hr")
	require.NoError(t, err)
	for filter, found := range map[string]bool{
		"team=hr": true, "team!=hr": false, "year>=2025": true, "year>2025": false, "year<2026": true, "code=5": false, `code="5"`: true,
		`{"type":"in","key":"team","value":["it","hr"]}`: true, "groundwork.path=leave.md": true, "groundwork.path=other.md": false,
	} {
		out, err := s.run("search", "--store", "hr-store", "--filter", filter, "annual leave")
		require.NoError(t, err, filter)
		require.Equal(t, found, strings.Contains(out, "leave.md"), filter)
	}
	out, err := s.run("search", "--store", "hr-store", "--filter", "team=hr", "--filter", "year=2026", "annual leave")
	require.NoError(t, err)
	require.Contains(t, out, "nothing was found")
	_, err = s.run("search", "--store", "hr-store", "--filter", "town=Bern", "annual leave")
	require.ErrorContains(t, err, `No document of this store has the attribute "town". There is code, team, year, groundwork.attached_to, groundwork.created_at`)
	_, err = s.run("search", "--store", "hr-store", "--filter", "team", "annual leave")
	require.ErrorContains(t, err, "neither JSON nor of the form name=value")
	_, err = s.run("ingest", docs, "--attribute", "team")
	require.ErrorContains(t, err, "is not of the form name=value")
}

func TestKeys(t *testing.T) {
	t.Parallel()
	s := setup(t)
	token, err := s.run("keys", "create", "--name", "app", "--verbs", "ask,write")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(token, "gw_"))
	out, err := s.run("keys", "list")
	require.NoError(t, err)
	require.Contains(t, out, "verbs=ask,write")
	require.NotContains(t, out, strings.TrimSpace(token))
	_, err = s.run("keys", "revoke", strings.Fields(out)[0])
	require.NoError(t, err)
	out, err = s.run("keys", "list")
	require.NoError(t, err)
	require.NotContains(t, out, "revoked=\n")
	_, err = s.run("keys", "create", "--group", "hr", "--group", "Finance, Bern")
	require.NoError(t, err)
	out, err = s.run("keys", "list")
	require.NoError(t, err)
	require.Contains(t, out, "groups=hr,Finance, Bern")
	for _, wrong := range [][]string{{"--group", ""}, {"--group", "hr", "--verbs", "ask,write"}} {
		_, err = s.run(append([]string{"keys", "create"}, wrong...)...)
		require.ErrorContains(t, err, "group")
	}
	_, err = s.run("keys", "create", "--verbs", "fly")
	require.ErrorContains(t, err, "unknown verb")
}

func TestWrongInputSaysWhatToDo(t *testing.T) {
	t.Parallel()
	s := setup(t)
	for want, args := range map[string][]string{
		"unknown command":       {"fly"},
		"requires at least":     {"ingest"},
		"no such file":          {"ingest", "/nowhere/at/all"},
		"required flag":         {"eval"},
		"gpt-9":                 {"models", "verify", "gpt-9"},
		"cannot be reached":     {"ask", "--server", "http://127.0.0.1:1", "What?"},
		"unknown configuration": {"serve", "--config", "testdata/unknown.yaml"},
	} {
		_, err := s.run(args...)
		require.ErrorContains(t, err, want, "%v", args)
	}
}

func TestEveryCommandHasHelpAndAnExample(t *testing.T) {
	t.Parallel()
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Name() == "completion" || cmd.Name() == "help" || cmd.Hidden {
			return
		}
		require.NotEmpty(t, cmd.Short, cmd.CommandPath())
		require.NotEmpty(t, cmd.Example, cmd.CommandPath())
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk((&cli{}).root())
}

func TestConfigPrintsTheDefault(t *testing.T) {
	t.Parallel()
	out, err := setup(t).run("config")
	require.NoError(t, err)
	require.Contains(t, out, "first_token_target: 8s")
}
