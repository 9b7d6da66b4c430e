package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
)

// label gives an upload labels.
func label(a ingest.Accepted, attributes rag.Attributes, allow ...string) ingest.Accepted {
	a.Labels = rag.Labels{Attributes: attributes, Allow: allow}
	return a
}

// as is a scope as the keys of groups see it.
func as(scope rag.Scope, groups ...string) rag.Scope {
	scope.Only = &rag.Only{Groups: append([]string{}, groups...)}
	return scope
}

func (f Fixture) accept(t *testing.T, a ingest.Accepted) (rag.Document, bool) {
	t.Helper()
	doc, created, err := f.Accept(t.Context(), a)
	require.NoError(t, err)
	return doc, created
}

func (f Fixture) undescribed(t *testing.T) []string {
	t.Helper()
	var ids []string
	require.NoError(t, f.EachUndescribed(t.Context(), func(d rag.Document) error { ids = append(ids, d.ID); return nil }))
	return ids
}

func describeJobs(kinds []string) int {
	return len(slices.DeleteFunc(kinds, func(kind string) bool { return kind != "describe" }))
}

func labelSuite(t *testing.T, open OpenLibrary) {
	attributes := rag.Attributes{"team": "hr \u00fc\x01", "year": 2026.0, "draft": false, "share": 0.1}
	t.Run("labels stay with the document", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		scope := f.scope(t, "handbook")
		doc, _ := f.accept(t, label(upload(scope, "leave.md", "leave"), attributes, "hr", "all", "hr"))
		require.Equal(t, attributes, doc.Attributes)
		require.Equal(t, []string{"all", "hr"}, doc.Allow)
		require.Equal(t, doc.Labels, f.document(t, doc).Labels)
		require.Zero(t, describeJobs(f.Jobs(t)), "a new document is described when it is published")
		f.ready(t, doc, "leave")
		passages, err := f.Passages(t.Context(), scope, []string{ingest.ChunkID(refOf(doc), 0)})
		require.NoError(t, err)
		require.Equal(t, attributes, passages[0].Attributes)

		again, created := f.accept(t, upload(scope, "leave.md", "leave"))
		require.False(t, created)
		require.Equal(t, doc.Labels, again.Labels)
		newer, created := f.accept(t, upload(scope, "leave.md", "newer"))
		require.True(t, created)
		require.Equal(t, doc.Labels, newer.Labels, "who says nothing changes nothing")
		require.Zero(t, describeJobs(f.Jobs(t)))
	})
	t.Run("an upload that says something replaces what was said", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		scope := f.scope(t, "handbook")
		doc, _ := f.accept(t, label(upload(scope, "leave.md", "leave"), attributes, "hr"))
		same, created := f.accept(t, label(upload(scope, "leave.md", "leave"), rag.Attributes{"team": "it"}))
		require.False(t, created, "the content is the same")
		require.Equal(t, rag.Labels{Attributes: rag.Attributes{"team": "it"}, Allow: []string{"hr"}}, same.Labels)
		require.Equal(t, same.Labels, f.document(t, doc).Labels)
		require.Equal(t, 1, describeJobs(f.Jobs(t)))
		newer, created := f.accept(t, label(upload(scope, "leave.md", "newer"), nil, "it"))
		require.True(t, created)
		require.Equal(t, rag.Labels{Attributes: rag.Attributes{"team": "it"}, Allow: []string{"it"}}, newer.Labels)
		require.Equal(t, 2, describeJobs(f.Jobs(t)))
	})
	t.Run("labels change by themselves", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		scope := f.scope(t, "handbook")
		doc, _ := f.accept(t, label(upload(scope, "leave.md", "leave"), attributes, "hr"))
		changed, err := f.Label(t.Context(), scope, doc.ID, rag.Labels{Attributes: rag.Attributes{}})
		require.NoError(t, err)
		require.Empty(t, changed.Attributes)
		require.Equal(t, []string{"hr"}, changed.Allow)
		require.Equal(t, 1, describeJobs(f.Jobs(t)))
		_, err = f.Label(t.Context(), scope, doc.ID, rag.Labels{Attributes: rag.Attributes{}, Allow: []string{"hr"}})
		require.NoError(t, err)
		require.Equal(t, 1, describeJobs(f.Jobs(t)), "nothing changed")
		_, err = f.Label(t.Context(), scope, "file-absent", rag.Labels{Attributes: rag.Attributes{}})
		requireCode(t, rag.CodeNotFound, err)
		_, err = f.Label(t.Context(), as(scope, "it"), doc.ID, rag.Labels{Allow: []string{"it"}})
		requireCode(t, rag.CodeNotFound, err)
		_, err = f.Label(t.Context(), rag.Scope{Tenant: "other", Store: scope.Store}, doc.ID, rag.Labels{Attributes: rag.Attributes{}})
		requireCode(t, rag.CodeNotFound, err)
	})
	t.Run("what the index does not know is remembered", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		scope := f.scope(t, "handbook")
		doc := f.upload(t, scope, "leave.md", "leave")
		require.Empty(t, f.undescribed(t), "it is not searchable")
		f.ready(t, doc, "leave")
		require.Equal(t, []string{doc.ID}, f.undescribed(t))
		read := f.document(t, doc)
		require.NoError(t, f.Described(t.Context(), read))
		require.Empty(t, f.undescribed(t))
		changed, err := f.Label(t.Context(), scope, doc.ID, rag.Labels{Attributes: attributes})
		require.NoError(t, err)
		require.NoError(t, f.Described(t.Context(), read))
		require.Equal(t, []string{doc.ID}, f.undescribed(t), "that was what the row said before")
		require.NoError(t, f.Described(t.Context(), changed))
		require.Empty(t, f.undescribed(t))
	})
	t.Run("keys are known while a document has them", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		scope, other := f.scope(t, "handbook"), f.scope(t, "other")
		doc, _ := f.accept(t, label(upload(scope, "leave.md", "leave"), rag.Attributes{"team": "hr", "Year": 1.0}, "hr"))
		f.accept(t, label(upload(scope, "pay.md", "pay"), rag.Attributes{"team": "hr", "grade": 7.0}, "board"))
		f.accept(t, label(upload(other, "a.md", "a"), rag.Attributes{"elsewhere": true}))
		known := func(scope rag.Scope, keys ...string) (unknown, known []string) {
			unknown, known, err := f.Unknown(t.Context(), scope, keys)
			require.NoError(t, err)
			return unknown, known
		}
		unknown, _ := known(scope, "team", "grade", "Year")
		require.Empty(t, unknown)
		unknown, all := known(scope, "year", "team", "elsewhere")
		require.Equal(t, []string{"year", "elsewhere"}, unknown)
		require.Equal(t, []string{"Year", "grade", "team"}, all)
		unknown, all = known(as(scope, "hr"), "grade")
		require.Equal(t, []string{"grade"}, unknown, "only documents have it that hr may not read")
		require.Equal(t, []string{"Year", "team"}, all)
		unknown, all = known(rag.Scope{Tenant: "other", Store: scope.Store}, "team")
		require.Equal(t, []string{"team"}, unknown)
		require.Empty(t, all)
		_, err := f.Label(t.Context(), scope, doc.ID, rag.Labels{Attributes: rag.Attributes{"team": "hr"}})
		require.NoError(t, err)
		unknown, _ = known(scope, "Year")
		require.Equal(t, []string{"Year"}, unknown)
		_, err = f.RemoveStore(t.Context(), other)
		require.NoError(t, err)
	})
	t.Run("groups decide what is there", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		scope := f.scope(t, "handbook")
		leave, _ := f.accept(t, label(upload(scope, "leave.md", "leave"), nil, "hr", "all"))
		f.Advance(time.Second)
		pay, _ := f.accept(t, label(upload(scope, "pay.md", "payments"), nil, "board"))
		f.Advance(time.Second)
		open := f.upload(t, scope, "open.md", "open")
		for _, d := range []rag.Document{leave, pay, open} {
			f.ready(t, d, "word")
		}
		list := func(scope rag.Scope) []string {
			docs, more, err := f.Documents(t.Context(), scope, rag.Page{Limit: 10, Ascending: true})
			require.NoError(t, err)
			require.False(t, more)
			ids := []string{}
			for _, d := range docs {
				ids = append(ids, d.ID)
			}
			return ids
		}
		require.Equal(t, []string{leave.ID, pay.ID, open.ID}, list(scope))
		require.Equal(t, []string{leave.ID}, list(as(scope, "hr", "none")))
		require.Equal(t, []string{leave.ID, pay.ID}, list(as(scope, "all", "board")))
		require.Empty(t, list(as(scope, "HR")), "a document without groups is nobody's")
		require.Empty(t, list(as(scope)))
		_, _, err := f.Documents(t.Context(), as(scope, "hr"), rag.Page{Limit: 10, After: pay.ID})
		requireCode(t, rag.CodeInvalid, err)
		_, err = f.Document(t.Context(), as(scope, "hr"), pay.ID)
		requireCode(t, rag.CodeNotFound, err)
		_, err = f.Document(t.Context(), as(scope, "hr"), leave.ID)
		require.NoError(t, err)
		_, err = f.Text(t.Context(), as(everywhere, "hr"), pay.ID)
		requireCode(t, rag.CodeNotFound, err)
		_, err = f.Text(t.Context(), as(everywhere, "board"), pay.ID)
		require.NoError(t, err)
		for group, want := range map[string][]string{"board": {scope.Store}, "hr": nil} {
			held, err := f.Holders(t.Context(), as(everywhere, group), pay.ID)
			require.NoError(t, err)
			require.Equal(t, want, held)
		}
		var chunks []string
		for _, d := range []rag.Document{leave, pay, open} {
			chunks = append(chunks, ingest.ChunkID(refOf(d), 0))
		}
		passages, err := f.Passages(t.Context(), as(scope, "board"), chunks)
		require.NoError(t, err)
		require.Len(t, passages, 1)
		require.Equal(t, pay.ID, passages[0].DocumentID)
		require.Equal(t, []string{"board"}, passages[0].Allow)
		counts, size, err := f.Readable(t.Context(), as(scope, "hr", "board"))
		require.NoError(t, err)
		require.Equal(t, map[rag.State]int{rag.StateReady: 2}, counts)
		require.Equal(t, int64(len("leave")+len("payments")), size)
		counts, size, err = f.Readable(t.Context(), as(scope, "nobody"))
		require.NoError(t, err)
		require.Empty(t, counts)
		require.Zero(t, size)
	})
}
