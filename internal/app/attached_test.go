package app_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/configs"
	"groundwork/ingest"
	"groundwork/ingest/parse/parsetest"
	"groundwork/internal/app"
	"groundwork/llm/llmtest"
	"groundwork/rag"
)

// mail is a message with files (name, content, …); one whose name ends with .eml is a message in it.
func mail(subject, text string, files ...string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "From: Ada <ada@example.org>\r\nTo: bob@example.org\r\nSubject: %s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=%q\r\n\r\n--%s\r\n\r\n%s\r\n", subject, subject, subject, text)
	for i := 0; i < len(files); i += 2 {
		kind := "application/octet-stream"
		if path.Ext(files[i]) == ".eml" {
			kind = "message/rfc822"
		}
		fmt.Fprintf(&out, "--%s\r\nContent-Type: %s\r\nContent-Disposition: attachment; filename=%q\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n",
			subject, kind, files[i], base64.StdEncoding.EncodeToString([]byte(files[i+1])))
	}
	fmt.Fprintf(&out, "--%s--\r\n", subject)
	return out.String()
}

// sheet is a PDF of one page; readers find its parts without a table of them.
func sheet(text string) string {
	stream := "BT /F1 12 Tf 72 700 Td (" + text + ") Tj ET"
	return fmt.Sprintf("%%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"+
		"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>endobj\n"+
		"4 0 obj<</Length %d>>stream\n%s\nendstream endobj\ntrailer<</Root 1 0 R>>\n%%%%EOF\n", len(stream), stream)
}

// listing is a store's documents by name.
type listing map[string]struct {
	document
	AttachedTo string `json:"attached_to"`
	SHA256     string
	Version    int
	Allow      []string
}

// settledIn waits until all documents of a store are ready or failed, and as many as wanted.
func (s *server) settledIn(store string, want int) listing {
	s.t.Helper()
	var out listing
	require.Eventually(s.t, func() bool {
		var list struct {
			Data []struct {
				document
				AttachedTo string `json:"attached_to"`
				SHA256     string
				Version    int
				Allow      []string
			}
		}
		s.json(http.MethodGet, "/v1/documents?limit=100&store="+store, nil, http.StatusOK, &list)
		out = listing{}
		for _, d := range list.Data {
			if d.Status != "ready" && d.Status != "failed" {
				return false
			}
			require.NotContains(s.t, out, d.Filename, "it is there twice")
			out[d.Filename] = d
		}
		return len(out) == want
	}, time.Minute, 20*time.Millisecond, "%v", &out)
	return out
}

// finds are the names of what a search for words finds.
func (s *server) finds(store, words string) []string {
	s.t.Helper()
	var reply struct {
		Data []struct{ Filename, Text string }
	}
	s.json(http.MethodPost, "/v1/search", object{"query": words, "store": store, "k": 50}, http.StatusOK, &reply)
	names := []string{}
	for _, hit := range reply.Data {
		if strings.Contains(hit.Text, words) {
			names = append(names, hit.Filename)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func TestAttachmentsAreDocuments(t *testing.T) {
	t.Parallel()
	onBothPairs(t, liveOfAMail)
}

func liveOfAMail(t *testing.T, cfg configs.Config) {
	s := start(t, cfg)
	inner := mail("Inner", "The inner message says quagmire.", "deep.csv", "Town,Fee\nHamburg,12\nlabyrinth,9\n")
	first := mail("Rates", "The rates are attached; see the pergola.", "rates.csv", "City,Night\nBonn,90\nkumquat,7\n", "plan.pdf", sheet("The plan names the gazebo."),
		"inner.eml", inner, "locked.docx", protected, "blob.bin", "\x00\x01\x02\xff\xfe\x00\x80binary\x00\x00", "gone.txt", "The old annex says xylophone.")
	up := s.labelled("m", "post/mail.eml", first, "attributes", `{"team":"hr"}`, "allow", `["hr"]`)
	s.upload("m", "rates.csv", "City,Night\nof the store itself,1\n")
	s.json(http.MethodDelete, "/v1/documents/"+s.upload("m", "other.md", "Nothing.")[0].ID+"?store=m", nil, http.StatusOK, nil)
	var page struct{ Data []map[string]any }
	s.json(http.MethodGet, "/v1/documents?limit=100&store=m&status=failed", nil, http.StatusOK, &page)

	// every attachment is a document of its own, with its own end
	byID := map[string]string{}
	var own string
	require.Eventually(t, func() bool {
		s.json(http.MethodGet, "/v1/documents?limit=100&order=asc&store=m", nil, http.StatusOK, &page)
		for _, d := range page.Data {
			if d["status"] != "ready" && d["status"] != "failed" {
				return false
			}
			said := fmt.Sprint(d["status"])
			if e, ok := d["error"].(object); ok {
				said = fmt.Sprint(e["code"])
			}
			if d["filename"] == "rates.csv" && d["attached_to"] == nil {
				own = d["id"].(string)
				continue
			}
			byID[d["filename"].(string)] = said
		}
		return len(page.Data) == 9
	}, time.Minute, 20*time.Millisecond)
	require.Equal(t, map[string]string{"post/mail.eml": "ready", "rates.csv": "ready", "plan.pdf": "ready", "inner.eml": "ready", "deep.csv": "ready",
		"locked.docx": "encrypted", "blob.bin": "unsupported_file", "gone.txt": "ready"}, byID)
	s.json(http.MethodDelete, "/v1/documents/"+own+"?store=m", nil, http.StatusOK, nil)
	docs := s.settledIn("m", 8)
	for name, d := range docs {
		want := map[string]string{"post/mail.eml": "", "deep.csv": docs["inner.eml"].ID}
		in, ok := want[name]
		if !ok {
			in = up.ID
		}
		require.Equal(t, in, d.AttachedTo, name)
		require.Equal(t, []string{"hr"}, d.Allow, name)
		var file object
		s.json(http.MethodGet, "/v1/files/"+d.ID, nil, http.StatusOK, &file)
		if in != "" {
			require.Equal(t, object{"attached_to": in}, file["groundwork"], name)
		}
	}
	require.Equal(t, []string{"rates.csv"}, s.finds("m", "kumquat"), "it is read once")
	require.Equal(t, []string{"plan.pdf"}, s.finds("m", "gazebo"))
	require.Equal(t, []string{"deep.csv"}, s.finds("m", "labyrinth"))
	require.Equal(t, []string{"inner.eml"}, s.finds("m", "quagmire"))
	var passages struct {
		Data []struct{ Header, Text string }
	}
	s.json(http.MethodGet, "/v1/documents/"+docs["rates.csv"].ID+"/passages?store=m", nil, http.StatusOK, &passages)
	require.Contains(t, passages.Data[0].Header, "\nin mail.eml")
	require.NotContains(t, passages.Data[0].Text, "mail.eml")
	require.NotContains(t, s.files("m", eq(rag.FactAttachedTo, up.ID)), "post/mail.eml")
	require.Contains(t, s.files("m", eq(rag.FactAttachedTo, up.ID)), "plan.pdf")
	s.labelsFollow(cfg, up.ID, docs["rates.csv"].ID)

	// a new version keeps, changes, adds and drops
	s.upload("m", "post/mail.eml", mail("Rates", "The rates are attached; see the veranda.", "rates.csv", "City,Night\nBonn,90\nkumquat,7\n",
		"plan.pdf", sheet("The plan names the rotunda."), "inner.eml", inner, "new.txt", "A new annex says zeppelin."))
	next := s.settledIn("m", 6)
	require.ElementsMatch(t, []string{"post/mail.eml", "rates.csv", "plan.pdf", "inner.eml", "deep.csv", "new.txt"}, names(next))
	for _, same := range []string{"rates.csv", "inner.eml", "deep.csv"} {
		require.Equal(t, docs[same], next[same])
	}
	require.Equal(t, docs["plan.pdf"].ID, next["plan.pdf"].ID)
	require.Equal(t, []string{"plan.pdf"}, s.finds("m", "rotunda"))
	require.Empty(t, s.finds("m", "gazebo"))
	require.Equal(t, []string{"new.txt"}, s.finds("m", "zeppelin"))
	s.json(http.MethodGet, "/v1/files/"+docs["gone.txt"].ID, nil, http.StatusNotFound, nil)
	require.Empty(t, s.finds("m", "xylophone"))
	require.Eventually(t, func() bool {
		var receipt object
		s.json(http.MethodGet, "/v1/receipts/"+docs["gone.txt"].ID, nil, http.StatusOK, &receipt)
		return receipt["deleted_at"] != nil
	}, 30*time.Second, 20*time.Millisecond)
	require.NoError(t, s.stop())
	require.Empty(t, kinds(t, cfg))

	cfg = survives(t, cfg, s.key, next)
	s = again(t, cfg, s.key)
	require.Equal(t, names(next), names(s.settledIn("m", 6)))
	require.Equal(t, []string{"deep.csv"}, s.finds("m", "labyrinth"))

	// the mail takes everything with it
	var reply struct{ Groundwork struct{ Receipt object } }
	s.json(http.MethodDelete, "/v1/documents/"+up.ID+"?store=m", nil, http.StatusOK, &reply)
	require.NotNil(t, reply.Groundwork.Receipt["deleted_at"])
	removed := reply.Groundwork.Receipt["removed"].(object)
	require.Equal(t, 6.0, removed["library"].(object)["versions"])
	require.Equal(t, removed["library"].(object)["passages"], removed["index"].(object)["chunks"])
	require.Equal(t, object{"originals": 6.0}, removed["files"])
	for _, d := range next {
		for _, at := range []string{"/v1/files/" + d.ID, "/v1/files/" + d.ID + "/text", "/v1/documents/" + d.ID + "?store=m", "/v1/vector_stores/m/files/" + d.ID} {
			s.json(http.MethodGet, at, nil, http.StatusNotFound, nil)
		}
	}
	require.Empty(t, s.settledIn("m", 0))
	require.NoError(t, s.stop())
	require.Empty(t, kinds(t, cfg))
	files(t, cfg.Server.DataDir, func(at string, raw []byte) {
		for _, word := range []string{"kumquat", "gazebo", "rotunda", "labyrinth", "quagmire", "xylophone", "zeppelin", "pergola", base64.StdEncoding.EncodeToString([]byte("City,Night\nBonn,90\nkumquat"))[:20]} {
			require.False(t, bytes.Contains(raw, []byte(word)), "%s is in %s", word, at)
		}
	})
}

func names(l listing) (out []string) {
	for name := range l {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// labelsFollow changes who may read a mail: nobody sees an attachment without its mail.
func (s *server) labelsFollow(cfg configs.Config, id, attached string) {
	s.t.Helper()
	keys, done, err := app.OpenKeys(s.t.Context(), cfg)
	require.NoError(s.t, err)
	defer done()
	token := func(groups []string, verbs ...string) string {
		_, token, err := keys.CreateKey(s.t.Context(), rag.Key{Tenant: rag.DefaultTenant, Name: fmt.Sprint(groups), Verbs: verbs, Groups: groups})
		require.NoError(s.t, err)
		return token
	}
	it, hr, all := *s, *s, *s
	it.key, hr.key, all.key = token([]string{"it"}, "ask"), token([]string{"hr"}, "ask"), token(nil, "admin")
	s.key = all.key
	sees := func(s server, n, status int) {
		s.t.Helper()
		require.Len(s.t, s.settledIn("m", n), n)
		s.json(http.MethodGet, "/v1/files/"+attached, nil, status, nil)
		found := s.finds("m", "kumquat")
		require.Equal(s.t, n > 0, len(found) > 0, "%v", found)
	}
	sees(hr, 8, http.StatusOK)
	sees(it, 0, http.StatusNotFound)
	change := func(groups string) { s.labelled("m", "post/mail.eml", s.content(id), "allow", groups) }
	change(`["it"]`)
	sees(it, 8, http.StatusOK)
	sees(hr, 0, http.StatusNotFound)
	change(`["hr"]`)
	sees(it, 0, http.StatusNotFound)
	s.json(http.MethodPost, "/v1/vector_stores/m/files/"+attached, object{"attributes": object{"team": "it"}}, http.StatusConflict, nil)
	s.json(http.MethodPost, "/v1/vector_stores/m/files/"+id, object{"attributes": object{"team": "board"}}, http.StatusOK, nil)
	require.Contains(s.t, s.files("m", eq("team", "board")), "rates.csv")
}

// content is a document's original.
func (s *server) content(id string) string {
	s.t.Helper()
	resp := s.do(http.MethodGet, "/v1/files/"+id+"/content", "", http.NoBody)
	require.Equal(s.t, http.StatusOK, resp.StatusCode)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	return string(raw)
}

// again starts a server on what another left.
func again(t *testing.T, cfg configs.Config, key string) *server {
	t.Helper()
	s := start(t, cfg)
	s.key = key
	return s
}

// survives takes an installation through everything that makes it anew: a new
// index beside the old one, one in its place, and a backup. It gives it as it is after the first two.
func survives(t *testing.T, cfg configs.Config, key string, docs listing) configs.Config {
	t.Helper()
	next := changed(cfg)
	r := rebuild(t, next)
	b, err := r.Build(t.Context(), unseen)
	require.NoError(t, err)
	require.Equal(t, len(docs), b.Documents)
	require.Empty(t, b.Lost)
	require.NoError(t, r.Swap(t.Context(), unseen))
	require.Empty(t, kinds(t, next))
	holds := func(cfg configs.Config, says string) {
		s := again(t, cfg, key)
		for name, d := range s.settledIn("m", len(docs)) {
			require.Equal(t, []string{docs[name].ID, docs[name].AttachedTo, docs[name].SHA256}, []string{d.ID, d.AttachedTo, d.SHA256}, name)
		}
		require.Equal(t, []string{"rates.csv"}, s.finds("m", "kumquat"), says)
		require.NoError(t, s.stop())
		require.Empty(t, kinds(t, cfg), says)
	}
	holds(next, "built beside")
	o, end := operator(t, next)
	_, err = o.Reindex(t.Context())
	require.NoError(t, err)
	end()
	holds(next, "built in its place")
	file, _ := backedUp(t, next)
	other := next
	other.Server.DataDir, other.Store = t.TempDir(), config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{})).Store
	restored(t, file, other)
	holds(other, "restored")
	return next
}

func TestAttachmentsOfOutlooksMessagesAreDocuments(t *testing.T) {
	t.Parallel()
	s := start(t, config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{KeepNothing: true})))
	in := "__attach_version1.0_#1/__substg1.0_3701000D/"
	s.upload("m", "mail.msg", string(parsetest.Compound(map[string][]byte{
		"__properties_version1.0":                          make([]byte, 64),
		"__substg1.0_0037001F":                             parsetest.WideText("Hotel rates"),
		"__substg1.0_1000001F":                             parsetest.WideText("The rates are attached."),
		"__attach_version1.0_#0/__substg1.0_3707001F":      parsetest.WideText("rates.csv"),
		"__attach_version1.0_#0/__substg1.0_37010102":      []byte("City,Night\nkumquat,165\n"),
		in + "__substg1.0_0037001F":                        parsetest.WideText("Re: rates"),
		in + "__substg1.0_1000001F":                        parsetest.WideText("Agreed, says the quagmire."),
		in + "__attach_version1.0_#0/__substg1.0_3707001F": parsetest.WideText("bonn.csv"),
		in + "__attach_version1.0_#0/__substg1.0_37010102": []byte("City,Night\nlabyrinth,90\n"),
	})))
	docs := s.settledIn("m", 4)
	require.Equal(t, []string{"Re: rates.eml", "bonn.csv", "mail.msg", "rates.csv"}, names(docs))
	require.Equal(t, docs["Re: rates.eml"].ID, docs["bonn.csv"].AttachedTo)
	require.Equal(t, []string{"rates.csv"}, s.finds("m", "kumquat"))
	require.Equal(t, []string{"Re: rates.eml"}, s.finds("m", "quagmire"))
	require.Equal(t, []string{"bonn.csv"}, s.finds("m", "labyrinth"))
}

// TestMailsInMailsEndSomewhere: what lies too deep is read as part of its mail.
func TestMailsInMailsEndSomewhere(t *testing.T) {
	t.Parallel()
	cfg := config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{KeepNothing: true}))
	cfg.Parse.Attachments = 2
	s := start(t, cfg)
	bomb := "From: a@example.org\r\nSubject: innermost\r\n\r\nThe end says kumquat."
	for depth := range 8 {
		name := fmt.Sprintf("level-%d.eml", depth)
		bomb = mail(fmt.Sprintf("Level%d", depth), fmt.Sprintf("Level %d.", depth), name, bomb, "a"+name, bomb, "b"+name, bomb)
	}
	s.upload("m", "bomb.eml", bomb)
	require.Eventually(t, func() bool {
		var st struct {
			Counts struct {
				Completed, Total int
			} `json:"file_counts"`
		}
		s.json(http.MethodGet, "/v1/vector_stores/m", nil, http.StatusOK, &st)
		return st.Counts.Completed == 7 && st.Counts.Total == 7
	}, time.Minute, 20*time.Millisecond, "the mail, two in it, and two in each of these")
	require.NoError(t, s.stop())
	require.Empty(t, kinds(t, cfg))
}

// TestALostAttachmentComesBackFromItsMail: the mail holds its bytes too.
func TestALostAttachmentComesBackFromItsMail(t *testing.T) {
	t.Parallel()
	cfg := config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{KeepNothing: true}))
	s := start(t, cfg)
	s.upload("m", "mail.eml", mail("Rates", "They are attached.", "rates.csv", "City,Night\nkumquat,7\n"))
	before := s.settledIn("m", 2)
	require.NoError(t, s.stop())
	sum := before["rates.csv"].SHA256
	original := filepath.Join(cfg.Server.DataDir, "files", sum[:2], sum)
	for _, harm := range []func() error{
		func() error { return os.Remove(original) },
		func() error { return os.WriteFile(original, []byte("City,Night\nkumquat,8\n"), 0o600) },
	} {
		require.NoError(t, harm())
		o, end := operator(t, cfg)
		r, err := o.Repair(t.Context(), nil)
		require.NoError(t, err)
		require.Equal(t, []string{"missing_original"}, faultKinds(r.Audit.Faults))
		require.True(t, r.OK(), "%+v", r)
		require.Equal(t, 1, r.Queued)
		end()
		s = start(t, cfg)
		after := s.settledIn("m", 2)
		require.Equal(t, before["rates.csv"], after["rates.csv"])
		require.Equal(t, "City,Night\nkumquat,7\n", s.content(after["rates.csv"].ID))
		require.NoError(t, s.stop())
		require.Empty(t, kinds(t, cfg))
	}
}

func faultKinds(faults []ingest.Fault) (out []string) {
	for _, f := range faults {
		out = append(out, f.Kind)
	}
	return out
}
