package parse_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/ingest/parse"
)

func TestParseReadsADocumentInAChild(t *testing.T) {
	t.Parallel()
	text, err := shared.Parse(t.Context(), "a.md", "text/markdown", file(t, []byte("# Title\r\n\r\nSome *text*.")))
	require.NoError(t, err)
	require.Equal(t, parse.Text{Body: "# Title\n\nSome *text*.", Title: "Title", Marks: []parse.Mark{
		{Kind: parse.KindHeading, Start: 0, End: 7, Level: 1, Label: "Title"},
	}}, text)
}

func TestParseTakesAReaderThatIsNoFile(t *testing.T) {
	t.Parallel()
	text, err := shared.Parse(t.Context(), "a.txt", "", strings.NewReader("from memory"))
	require.NoError(t, err)
	require.Equal(t, "from memory", text.Body)
}

func TestParseReadsTheFileFromItsStart(t *testing.T) {
	t.Parallel()
	f := file(t, []byte("all of it"))
	_, err := f.Seek(4, 0)
	require.NoError(t, err)
	text, err := shared.Parse(t.Context(), "a.txt", "", f)
	require.NoError(t, err)
	require.Equal(t, "all of it", text.Body)
}

func TestAChildThatFailsGivesACode(t *testing.T) {
	t.Parallel()
	for character, want := range map[string]parse.Code{
		"hang": parse.CodeLimit, "spin": parse.CodeLimit, "eat": parse.CodeLimit,
		"flood": parse.CodeTooLarge, "panic": parse.CodeInvalid,
	} {
		t.Run(character, func(t *testing.T) {
			t.Parallel()
			if character == "eat" {
				notRaced(t)
			}
			l := limits()
			l.CPU, l.Text = time.Second, 1<<20
			if character == "hang" {
				l.Wall = 500 * time.Millisecond
			}
			_, err := runner(character, l).Parse(t.Context(), "a.txt", "", file(t, []byte("x")))
			require.Equal(t, want, codeOf(t, err))
		})
	}
}

func TestAProgramThatIsNoChildIsNotTheDocumentsFault(t *testing.T) {
	t.Parallel()
	for name, exe := range map[string][]string{
		"missing": {filepath.Join(t.TempDir(), "nothing")}, "mute": {os.Args[0], "mute"}, "exit": {os.Args[0], "exit"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &parse.Runner{Exe: exe, Limits: limits()}
			_, err := r.Parse(t.Context(), "a.txt", "", file(t, []byte("x")))
			require.ErrorContains(t, err, "start the parser")
			var e *parse.Error
			require.NotErrorAs(t, err, &e)
		})
	}
}

func TestAChildIsNotTrusted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer string
		want   parse.Code
	}{
		"no JSON":            {`hello`, parse.CodeInvalid},
		"neither":            {`{}`, parse.CodeInvalid},
		"both":               {`{"text":{"body":"x"},"error":{"code":"encrypted","message":"m"}}`, parse.CodeInvalid},
		"mark outside":       {`{"text":{"body":"x","marks":[{"kind":"page","start":0,"end":2,"page":1}]}}`, parse.CodeInvalid},
		"mark negative":      {`{"text":{"body":"x","marks":[{"kind":"page","start":-1,"end":1,"page":1}]}}`, parse.CodeInvalid},
		"mark empty":         {`{"text":{"body":"x","marks":[{"kind":"code","start":1,"end":1}]}}`, parse.CodeInvalid},
		"mark in a rune":     {`{"text":{"body":"é","marks":[{"kind":"code","start":0,"end":1}]}}`, parse.CodeInvalid},
		"marks out of order": {`{"text":{"body":"xyz","marks":[{"kind":"code","start":1,"end":2},{"kind":"code","start":0,"end":1}]}}`, parse.CodeInvalid},
		"unknown kind":       {`{"text":{"body":"x","marks":[{"kind":"spell","start":0,"end":1}]}}`, parse.CodeInvalid},
		"heading of level 9": {`{"text":{"body":"x","marks":[{"kind":"heading","start":0,"end":1,"level":9}]}}`, parse.CodeInvalid},
		"unknown code":       {`{"error":{"code":"root","message":"give me a shell"}}`, parse.CodeInvalid},
		"too much text":      {`{"text":{"body":"` + strings.Repeat("x", 2000) + `"}}`, parse.CodeTooLarge},
		"attachment cut":     {`{"text":{"body":"x"},"attached":[{"name":"a","bytes":3}]}` + "\n" + `ab`, parse.CodeInvalid},
		"attachment outside": {`{"text":{"body":"x"},"attached":[{"name":"../a","bytes":1}]}` + "\na", parse.CodeInvalid},
		"attachment twice":   {`{"text":{"body":"x"},"attached":[{"name":"a","bytes":1},{"name":"a","bytes":1}]}` + "\nab", parse.CodeInvalid},
		"attachment missed":  {`{"text":{"body":"x"},"attached":[{"name":"a","bytes":1}]}` + "\nab", parse.CodeInvalid},
		"attachment < 0":     {`{"text":{"body":"x"},"attached":[{"name":"a","bytes":-1}]}` + "\nab", parse.CodeInvalid},
		"too many attached":  {`{"text":{"body":"x"},"attached":[{"name":"a"},{"name":"b"},{"name":"c"}]}`, parse.CodeInvalid},
		"too much attached":  {`{"text":{"body":"x"},"attached":[{"name":"a","bytes":20}]}` + "\n" + strings.Repeat("x", 20), parse.CodeInvalid},
		"honest":             {`{"error":{"code":"encrypted","message":"locked"}}`, parse.CodeEncrypted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := limits()
			l.Text, l.Attachments, l.AttachedBytes = 1000, 2, 10
			_, err := runner("lie", l).TakeApart(t.Context(), "a.txt", "", file(t, []byte(c.answer)))
			require.Equal(t, c.want, codeOf(t, err))
		})
	}
}

func TestAttachmentsThatNobodyAskedForAreNotTaken(t *testing.T) {
	t.Parallel()
	answer := file(t, []byte(`{"text":{"body":"x"},"attached":[{"name":"a","bytes":1}]}`+"\na"))
	text, err := runner("lie", limits()).TakeApart(t.Context(), "a.txt", "", answer)
	require.NoError(t, err)
	require.Equal(t, []parse.Attachment{{Name: "a", Data: []byte("a")}}, text.Attached)
	_, err = runner("lie", limits()).Parse(t.Context(), "a.txt", "", answer)
	require.Equal(t, parse.CodeInvalid, codeOf(t, err))
}

func TestACancelledParseIsNotTheDocumentsFault(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := runner("hang", limits()).Parse(ctx, "a.txt", "", file(t, []byte("x")))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	var e *parse.Error
	require.NotErrorAs(t, err, &e)
}

func TestWarmFillsTheCache(t *testing.T) {
	t.Parallel()
	require.NoError(t, shared.Warm(t.Context()))
	files, err := filepath.Glob(filepath.Join(cacheDir, "*", "*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
}
