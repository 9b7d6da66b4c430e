package app_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/configs"
	"groundwork/internal/pgtest"
	"groundwork/llm/llmtest"
	"groundwork/store/blob/s3test"
	"groundwork/store/qdrant/qdranttest"
)

// soakEnv set to 1 runs the tests that have a small and a full size in the full one.
const soakEnv = "GROUNDWORK_SOAK"

// movedQuestions are asked before and after.
const movedQuestions = 50

// TestMigrateThereAndBack moves an embedded installation to PostgreSQL, Qdrant
// and S3, and back: the list of documents, the bytes of each, and the sources and
// citations of every answer are the same in all three places.
func TestMigrateThereAndBack(t *testing.T) {
	t.Parallel()
	documents := 60
	if os.Getenv(soakEnv) == "1" {
		documents = 1000
	}
	database, engine, originals := pgtest.URL(t), qdranttest.StartOwn(t), s3test.Start(t)
	from := config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{KeepNothing: true}))
	s := start(t, from)
	s.uploadRules(documents)
	before := s.remember(documents)
	require.NoError(t, s.stop())

	cluster := from
	cluster.Server.DataDir = t.TempDir()
	cluster.Store.SQL, cluster.Store.Index = configs.Secret(database), "qdrant"
	cluster.Store.Qdrant.URL = engine.URL
	cluster.Store.Files = originals.NewBucket()
	cluster.Store.FilesAccessKey, cluster.Store.FilesSecretKey = s3test.AccessKey, s3test.SecretKey
	back := from
	back.Server.DataDir = t.TempDir()

	move(t, from, cluster, documents)
	move(t, from, cluster, documents) // as after one that broke off at the end
	require.Empty(t, kinds(t, cluster))
	there := start(t, cluster)
	before.equal(t, there.remember(documents))
	require.NoError(t, there.stop())

	move(t, cluster, back, documents)
	require.Empty(t, kinds(t, back))
	home := start(t, back)
	before.equal(t, home.remember(documents))
}

func move(t *testing.T, from, to configs.Config, documents int) {
	t.Helper()
	o, end := operator(t, from)
	defer end()
	m, err := o.Migrate(t.Context(), to, func(string, int) {})
	require.NoError(t, err)
	require.Equal(t, documents, m.Originals)
	require.Equal(t, 100, m.Queries)
	require.GreaterOrEqual(t, m.Entries, m.Queries)
	require.InDelta(t, 1, m.Overlap, 0.01)
}

// rule is a document of a few chunks that says one thing no other one says.
func rule(n int) (path, content string) {
	var text strings.Builder
	fmt.Fprintf(&text, "# Rules of unit %d in %s\n\nEmployees of unit %d in %s get %d days of annual leave.\n", n, word(n), n, word(n), 20+n%15)
	for section := range 2 + n%2 {
		fmt.Fprintf(&text, "\n## Section %d\n\n", section+1)
		for i := range 90 {
			text.WriteString(word(n*31+section*7+i*i%97) + " ")
		}
		text.WriteString("is how it is done.\n")
	}
	return fmt.Sprintf("rules/unit-%04d.md", n), text.String()
}

// uploadRules uploads documents until each is searchable.
func (s *server) uploadRules(documents int) {
	s.t.Helper()
	const atOnce = 20
	for from := 0; from < documents; from += atOnce {
		var files []string
		for n := from; n < min(from+atOnce, documents); n++ {
			path, content := rule(n)
			files = append(files, path, content)
		}
		for _, d := range s.upload("handbook", files...) {
			require.Equal(s.t, "ready", d.Status, "%+v", d)
		}
	}
}

// memory is what an installation shows of itself.
type memory struct {
	documents []string // as they are listed
	answers   []completion
}

// equal compares piece by piece, so that a difference is one that can be read.
func (m memory) equal(t *testing.T, other memory) {
	t.Helper()
	require.Len(t, other.documents, len(m.documents))
	for i, d := range m.documents {
		require.JSONEq(t, d, other.documents[i])
	}
	for i, a := range m.answers {
		require.Equal(t, a, other.answers[i], "the answer to question %d", i)
	}
}

// remember lists all documents, holds the bytes of each to its checksum, and asks
// questions whose answers are spread over the documents.
func (s *server) remember(documents int) (m memory) {
	s.ready(time.Minute) // an answer tells what was measured of the model
	s.t.Helper()
	m.documents = s.listed("handbook")
	require.Len(s.t, m.documents, documents)
	for _, raw := range m.documents {
		var d struct{ ID, SHA256, Status string }
		require.NoError(s.t, json.Unmarshal([]byte(raw), &d))
		require.Equal(s.t, "ready", d.Status)
		require.Equal(s.t, d.SHA256, s.checksum(d.ID))
	}
	for i := range movedQuestions {
		n := i * documents / movedQuestions
		a := s.ask("test-chat@handbook", fmt.Sprintf("How many days of annual leave do employees of unit %d in %s get?", n, word(n)))
		require.NotEmpty(s.t, a.Groundwork.Sources)
		require.NotEmpty(s.t, a.Groundwork.Citations, "question %d", i)
		for j := range a.Choices[0].Message.Annotations {
			a.Choices[0].Message.Annotations[j].URLCitation.URL = "" // names the server
		}
		a.Groundwork.AnswerID = ""
		delete(a.Groundwork.Fingerprint, "index_generation") // counts the changes of one index
		m.answers = append(m.answers, a)
	}
	s.checkCitations(m.answers[0])
	return m
}

// listed are all documents of a store, page by page, as JSON.
func (s *server) listed(store string) (out []string) {
	s.t.Helper()
	for after := ""; ; {
		var page struct {
			Data    []json.RawMessage
			HasMore bool   `json:"has_more"`
			LastID  string `json:"last_id"`
		}
		s.json(http.MethodGet, "/v1/documents?limit=100&store="+store+"&after="+url.QueryEscape(after), nil, http.StatusOK, &page)
		for _, raw := range page.Data {
			out = append(out, string(raw))
		}
		if !page.HasMore {
			return out
		}
		after = page.LastID
	}
}

// checksum is that of a document's original as it is given back.
func (s *server) checksum(id string) string {
	s.t.Helper()
	resp := s.do(http.MethodGet, "/v1/files/"+url.PathEscape(id)+"/content", "", http.NoBody)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, resp.StatusCode, "%s", raw)
	require.NoError(s.t, resp.Body.Close())
	return fmt.Sprintf("%x", sha256.Sum256(raw))
}
