package storetest

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
)

// attach reads a version with what is attached to it (name, content, …), as far as all its chunks are indexed.
func (f Fixture) attach(t *testing.T, mail rag.Document, files ...string) {
	t.Helper()
	ref := refOf(mail)
	_, err := f.Start(t.Context(), ref)
	require.NoError(t, err)
	r := ingest.Reading{Text: "mail", Chunks: words(ref, "mail"), TakenApart: true}
	var sums []string
	for i := 0; i < len(files); i += 2 {
		sums = append(sums, hash(files[i+1]))
		r.Attached = append(r.Attached, ingest.Attached{Path: files[i], SHA256: hash(files[i+1]), Bytes: int64(len(files[i+1])), MediaType: "text/csv"})
	}
	require.NoError(t, f.Expect(t.Context(), ref, sums))
	require.NoError(t, f.SaveText(t.Context(), ref, r, 2))
	require.NoError(t, f.Embedded(t.Context(), ref, 0, 1))
}

// attached are the documents in a mail, by name.
func (f Fixture) attached(t *testing.T, mail rag.Document) map[string]rag.Document {
	t.Helper()
	docs, more, err := f.Documents(t.Context(), rag.Scope{Tenant: mail.Tenant, Store: mail.StoreID}, rag.Page{Limit: 100})
	require.NoError(t, err)
	require.False(t, more)
	out := map[string]rag.Document{}
	for _, d := range docs {
		if d.AttachedTo == mail.ID {
			require.NotContains(t, out, d.Path, "it is there twice")
			out[d.Path] = d
		}
	}
	return out
}

func attachedSuite(t *testing.T, open OpenLibrary) {
	setup := func(t *testing.T) (Fixture, rag.Scope) {
		f := open(t, Limits{})
		return f, f.scope(t, "handbook")
	}
	t.Run("attachments become documents with what is said of the mail", func(t *testing.T) {
		t.Parallel()
		f, scope := setup(t)
		own := f.upload(t, scope, "rates.csv", "another")
		mail, _ := f.accept(t, ingest.Accepted{Tenant: tenant, StoreID: scope.Store, Path: "mail.eml", SHA256: hash("mail"), Bytes: 4,
			Labels: rag.Labels{Attributes: rag.Attributes{"team": "hr"}, Allow: []string{"hr"}}})
		f.attach(t, mail, "rates.csv", "a", "b.txt", "b")
		in := f.attached(t, mail)
		require.Len(t, in, 2)
		rates := in["rates.csv"]
		require.NotEqual(t, own.ID, rates.ID)
		require.Equal(t, rag.Document{ID: rates.ID, Tenant: tenant, StoreID: scope.Store, Path: "rates.csv", SHA256: hash("a"), Bytes: 1, MediaType: "text/csv",
			Version: 1, State: rag.StateQueued, CreatedAt: rates.CreatedAt, UpdatedAt: rates.UpdatedAt, AttachedTo: mail.ID, AttachedVersion: 1,
			Labels: rag.Labels{Attributes: rag.Attributes{"team": "hr"}, Allow: []string{"hr"}}}, rates)
		require.Len(t, ofKind(f.Jobs(t), "parse"), 4)
		require.True(t, f.document(t, mail).TakenApart)
		file, err := f.File(t.Context(), tenant, rates.ID)
		require.NoError(t, err)
		require.Equal(t, hash("a"), file.SHA256)
		again := f.upload(t, scope, "b.txt", "of the store itself")
		require.Empty(t, again.AttachedTo, "a path of the store is none in a mail")

		docs, _, err := f.Documents(t.Context(), as(scope, "it"), rag.Page{Limit: 10})
		require.NoError(t, err)
		require.Empty(t, docs)
		docs, _, err = f.Documents(t.Context(), as(scope, "hr"), rag.Page{Limit: 10})
		require.NoError(t, err)
		require.Len(t, docs, 3)
	})
	t.Run("a new version of the mail renews, keeps and drops", func(t *testing.T) {
		t.Parallel()
		f, scope := setup(t)
		mail := f.upload(t, scope, "mail.eml", "one")
		f.attach(t, mail, "same", "s", "changed", "c", "gone", "g", "failed", "f", "old name", "n")
		_, err := f.Ready(t.Context(), refOf(mail))
		require.NoError(t, err)
		before := f.attached(t, mail)
		for path, d := range before {
			if path == "failed" {
				require.NoError(t, f.Fail(t.Context(), refOf(d), rag.CodeEncrypted, "locked"))
			} else {
				f.ready(t, d, "text")
			}
		}
		mail = f.upload(t, scope, "mail.eml", "two")
		f.attach(t, mail, "same", "s", "changed", "c2", "failed", "f", "new name", "n")
		after := f.attached(t, mail)
		require.Len(t, after, 6, "what is gone stays until the new version is ready")
		old, err := f.Ready(t.Context(), refOf(mail))
		require.NoError(t, err)
		require.Equal(t, []string{hash("one")}, old.Originals)
		require.Len(t, old.Removals, 2)
		after = f.attached(t, mail)
		require.Len(t, after, 4)
		require.Equal(t, before["same"].Version, after["same"].Version)
		require.Equal(t, rag.StateReady, after["same"].State)
		require.Equal(t, before["changed"].ID, after["changed"].ID)
		require.Equal(t, []any{2, 1, rag.StateQueued, hash("c2")}, []any{after["changed"].Version, after["changed"].LiveVersion, after["changed"].State, after["changed"].SHA256})
		require.Equal(t, rag.StateQueued, after["failed"].State, "it is tried again")
		require.Equal(t, rag.StateQueued, after["new name"].State)
		for _, gone := range []string{"gone", "old name"} {
			_, err := f.Document(t.Context(), scope, before[gone].ID)
			requireCode(t, rag.CodeNotFound, err)
			receipt, err := f.Receipt(t.Context(), tenant, before[gone].ID)
			require.NoError(t, err)
			r, err := f.Pending(t.Context(), tenant, receipt.ID)
			require.NoError(t, err)
			require.Equal(t, []ingest.Target{{StoreID: scope.Store, DocumentID: before[gone].ID}}, r.Targets)
			require.True(t, slices.ContainsFunc(old.Removals, func(o ingest.Removal) bool { return o.ID == r.ID && o.ObjectID == before[gone].ID }))
			require.Equal(t, 1, receipt.Passages)
		}
		require.Equal(t, []string{"sweep", "sweep"}, ofKind(f.Jobs(t), "sweep"))
		free, err := f.Unreferenced(t.Context(), []string{hash("g"), hash("n"), hash("s")})
		require.NoError(t, err)
		require.Equal(t, []string{hash("g")}, free)
	})
	t.Run("a version that was overtaken does not drop what the newer one has", func(t *testing.T) {
		t.Parallel()
		f, scope := setup(t)
		first := f.upload(t, scope, "mail.eml", "one")
		f.attach(t, first, "a", "a", "b", "b")
		second := f.upload(t, scope, "mail.eml", "two")
		f.attach(t, second, "b", "b", "c", "c")
		_, err := f.Ready(t.Context(), refOf(first))
		require.NoError(t, err)
		require.Len(t, f.attached(t, first), 3)
		_, err = f.Ready(t.Context(), refOf(second))
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"b", "c"}, slices.Collect(maps.Keys(f.attached(t, first))))
	})
	t.Run("what is attached goes with its mail, however deep", func(t *testing.T) {
		t.Parallel()
		for name, remove := range map[string]func(f Fixture, scope rag.Scope, mail rag.Document) (ingest.Removal, error){
			"document": func(f Fixture, scope rag.Scope, mail rag.Document) (ingest.Removal, error) {
				return f.Remove(t.Context(), scope, mail.ID)
			},
			"file": func(f Fixture, _ rag.Scope, mail rag.Document) (ingest.Removal, error) {
				return f.RemoveFile(t.Context(), tenant, mail.ID)
			},
			"batch": func(f Fixture, scope rag.Scope, mail rag.Document) (ingest.Removal, error) {
				b, err := f.CreateBatch(t.Context(), scope, []string{mail.ID})
				require.NoError(t, err)
				require.Equal(t, map[rag.State]int{rag.StateEmbedding: 1}, b.Counts, "what is attached is no file of the batch")
				return f.CancelBatch(t.Context(), scope, b.ID)
			},
			"store": func(f Fixture, scope rag.Scope, _ rag.Document) (ingest.Removal, error) {
				return f.RemoveStore(t.Context(), scope)
			},
		} {
			f, scope := setup(t)
			mail := f.upload(t, scope, "mail.eml", "mail")
			f.attach(t, mail, "inner.eml", "inner", "a", "a")
			inner := f.attached(t, mail)["inner.eml"]
			f.attach(t, inner, "x", "x", "y", "a")
			x := f.attached(t, inner)["x"]
			f.ready(t, x, "two words")
			other := f.upload(t, scope, "other.eml", "other")
			if name != "store" {
				f.attach(t, other, "a", "a")
			}
			family, err := f.Family(t.Context(), scope, mail.ID)
			require.NoError(t, err)
			require.Len(t, family, 4)

			r, err := remove(f, scope, mail)
			require.NoError(t, err, name)
			receipt, err := f.Receipt(t.Context(), tenant, r.ID)
			require.NoError(t, err)
			blobs := []string{hash("mail"), hash("inner"), hash("x")}
			if name == "store" {
				blobs = append(blobs, hash("a"), hash("other"))
			} else {
				require.Equal(t, 5, receipt.Versions, name)
				require.Equal(t, 4, receipt.Passages, name)
				var targets []string
				for _, target := range r.Targets {
					targets = append(targets, target.DocumentID)
				}
				require.ElementsMatch(t, append(family, mail.ID), targets, name)
			}
			require.ElementsMatch(t, blobs, r.Blobs, name)
			for _, id := range append(family, mail.ID) {
				_, err = f.Document(t.Context(), scope, id)
				requireCode(t, rag.CodeNotFound, err)
				_, err = f.File(t.Context(), tenant, id)
				requireCode(t, rag.CodeNotFound, err)
			}
			if name != "store" {
				require.Len(t, f.attached(t, other), 1)
			}
		}
	})
	t.Run("an attachment can be removed by itself, until the mail brings it back", func(t *testing.T) {
		t.Parallel()
		f, scope := setup(t)
		mail := f.upload(t, scope, "mail.eml", "one")
		f.attach(t, mail, "a", "a")
		a := f.attached(t, mail)["a"]
		_, err := f.Remove(t.Context(), scope, a.ID)
		require.NoError(t, err)
		f.document(t, mail)
		mail = f.upload(t, scope, "mail.eml", "two")
		f.attach(t, mail, "a", "a")
		require.NotEqual(t, a.ID, f.attached(t, mail)["a"].ID)
	})
	t.Run("what is said of a mail is said of what is attached", func(t *testing.T) {
		t.Parallel()
		f, scope := setup(t)
		mail := f.upload(t, scope, "mail.eml", "mail")
		f.attach(t, mail, "inner.eml", "inner")
		inner := f.attached(t, mail)["inner.eml"]
		f.attach(t, inner, "x", "x")
		x := f.attached(t, inner)["x"]
		before := len(ofKind(f.Jobs(t), "describe"))
		_, err := f.Label(t.Context(), scope, mail.ID, rag.Labels{Attributes: rag.Attributes{"n": 1.0}, Allow: []string{"hr"}})
		require.NoError(t, err)
		require.Len(t, ofKind(f.Jobs(t), "describe"), before+3)
		for _, d := range []rag.Document{inner, x} {
			got := f.document(t, d)
			require.Equal(t, rag.Labels{Attributes: rag.Attributes{"n": 1.0}, Allow: []string{"hr"}}, got.Labels)
			require.False(t, got.Described)
			_, err = f.Document(t.Context(), as(scope, "it"), d.ID)
			requireCode(t, rag.CodeNotFound, err)
		}
		changed := upload(scope, "mail.eml", "mail")
		changed.Labels = rag.Labels{Allow: []string{}}
		f.accept(t, changed)
		require.Empty(t, f.document(t, x).Allow)
		_, err = f.Label(t.Context(), scope, x.ID, rag.Labels{Allow: []string{"it"}})
		requireCode(t, rag.CodeConflict, err)
		_, _, err = f.Accept(t.Context(), ingest.Accepted{Tenant: tenant, StoreID: scope.Store, FileID: x.ID, Labels: rag.Labels{Allow: []string{"it"}}})
		requireCode(t, rag.CodeConflict, err)
		_, err = f.Label(t.Context(), scope, x.ID, rag.Labels{})
		require.NoError(t, err)
	})
	t.Run("expected contents are in use until the version goes", func(t *testing.T) {
		t.Parallel()
		f, scope := setup(t)
		expect := func(path, content string) (rag.Document, string) {
			t.Helper()
			doc := f.upload(t, scope, path, content)
			sum := hash("in " + content)
			require.NoError(t, f.Expect(t.Context(), refOf(doc), []string{sum, sum}))
			require.NoError(t, f.Expect(t.Context(), refOf(doc), []string{sum}))
			return doc, sum
		}
		free := func(sum string, want bool) {
			t.Helper()
			free, err := f.Unreferenced(t.Context(), []string{sum})
			require.NoError(t, err)
			require.Equal(t, want, len(free) == 1)
		}
		failed, one := expect("mail.eml", "one")
		require.NoError(t, f.Fail(t.Context(), refOf(failed), rag.CodeEmbedding, "no"))
		require.ErrorIs(t, f.Expect(t.Context(), refOf(failed), []string{one}), ingest.ErrStale)
		overtaken, two := expect("mail.eml", "two")
		doc, three := expect("mail.eml", "three")
		require.ErrorIs(t, f.Expect(t.Context(), refOf(overtaken), []string{two}), ingest.ErrStale)
		for _, sum := range []string{one, two, three} {
			free(sum, false)
		}
		f.embed(t, doc, "without it after all")
		free(three, true)
		require.ErrorIs(t, f.Expect(t.Context(), refOf(doc), []string{three}), ingest.ErrDone)
		old, err := f.Ready(t.Context(), refOf(doc))
		require.NoError(t, err)
		require.ElementsMatch(t, []string{hash("one"), hash("two"), one, two}, old.Originals)

		doc, sum := expect("goes.eml", "four")
		free(sum, false)
		r, err := f.Remove(t.Context(), scope, doc.ID)
		require.NoError(t, err)
		require.ElementsMatch(t, []string{hash("four"), sum}, r.Blobs)
		free(sum, true)
	})
}

func ofKind(all []string, kind string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(k string) bool { return k != kind })
}
