package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
)

func versionSuite(t *testing.T, open OpenLibrary) {
	t.Run("a document passes through its states", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		scope := f.scope(t, "handbook")
		doc := f.upload(t, scope, "leave.md", "leave")
		ref := refOf(doc)

		started, err := f.Start(t.Context(), ref)
		require.NoError(t, err)
		require.Equal(t, rag.StateParsing, started.State)
		require.Equal(t, hash("leave"), started.SHA256)
		require.Equal(t, rag.StateParsing, f.document(t, doc).State)

		text := "über fünf Tage"
		chunks := words(ref, text)
		require.NoError(t, f.SaveText(t.Context(), ref, ingest.Reading{Text: text, Chunks: chunks}, 2))
		require.Equal(t, []string{"parse", "embed", "embed"}, f.Jobs(t))
		got := f.document(t, doc)
		require.Equal(t, rag.StateEmbedding, got.State)
		require.Equal(t, 3, got.Chunks)
		require.Error(t, f.Complete(t.Context(), ref), "two batches are left")

		part, err := f.Chunks(t.Context(), ref, 1, 3)
		require.NoError(t, err)
		require.Equal(t, chunks[1:3], part)

		f.Advance(time.Minute)
		require.NoError(t, f.Embedded(t.Context(), ref, 2, 3))
		require.Equal(t, 1, f.document(t, doc).ChunksDone)
		require.NoError(t, f.Embedded(t.Context(), ref, 0, 2))
		require.Equal(t, 3, f.document(t, doc).ChunksDone)
		require.NoError(t, f.Complete(t.Context(), ref))
		require.Equal(t, []string{"parse", "embed", "embed", "publish"}, f.Jobs(t))
		_, err = f.Text(t.Context(), everywhere, doc.ID)
		requireCode(t, rag.CodeNotFound, err)

		old, err := f.Ready(t.Context(), ref)
		require.NoError(t, err)
		require.Empty(t, old)
		got = f.document(t, doc)
		require.Equal(t, rag.StateReady, got.State)
		require.Equal(t, 1, got.LiveVersion)
		require.Equal(t, doc.CreatedAt.Add(time.Minute), got.UpdatedAt)
		stored, err := f.Text(t.Context(), everywhere, doc.ID)
		require.NoError(t, err)
		require.Equal(t, text, stored)
	})
	t.Run("every step may run twice", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		doc := f.upload(t, f.scope(t, "handbook"), "leave.md", "leave")
		ref := refOf(doc)
		for range 2 {
			_, err := f.Start(t.Context(), ref)
			require.NoError(t, err)
		}
		chunks := words(ref, "a b c")
		require.NoError(t, f.SaveText(t.Context(), ref, ingest.Reading{Text: "a b c", Chunks: chunks}, 2))
		_, err := f.Start(t.Context(), ref)
		require.ErrorIs(t, err, ingest.ErrDone)
		require.ErrorIs(t, f.SaveText(t.Context(), ref, ingest.Reading{Text: "a b c", Chunks: chunks}, 2), ingest.ErrDone)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for from := 0; from < 3; from += 2 {
					if err := f.Embedded(t.Context(), ref, from, min(from+2, 3)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		require.Equal(t, 3, f.document(t, doc).ChunksDone)
		require.Equal(t, []string{"parse", "embed", "embed", "publish"}, f.Jobs(t))
		_, err = f.Ready(t.Context(), ref)
		require.NoError(t, err)
		_, err = f.Ready(t.Context(), ref)
		require.ErrorIs(t, err, ingest.ErrDone)
		requireAll(t, f, ref, ingest.ErrDone)
	})
	t.Run("a new version replaces the old one when it is ready", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		scope := f.scope(t, "handbook")
		first := f.upload(t, scope, "leave.md", "old")
		f.ready(t, first, "old text")
		second := f.upload(t, scope, "leave.md", "new")
		require.Equal(t, 1, second.LiveVersion)

		text, err := f.Text(t.Context(), everywhere, first.ID)
		require.NoError(t, err)
		require.Equal(t, "old text", text, "still the live one")
		requireAll(t, f, refOf(first), ingest.ErrDone)
		free, err := f.Unreferenced(t.Context(), []string{hash("old"), hash("new"), hash("absent")})
		require.NoError(t, err)
		require.Equal(t, []string{hash("absent")}, free)

		require.Equal(t, []string{hash("old")}, f.ready(t, second, "new text here"))
		got := f.document(t, second)
		require.Equal(t, 2, got.LiveVersion)
		require.Equal(t, 3, got.Chunks)
		text, err = f.Text(t.Context(), everywhere, first.ID)
		require.NoError(t, err)
		require.Equal(t, "new text here", text)
		requireAll(t, f, refOf(first), ingest.ErrStale)
		old, err := f.Passages(t.Context(), scope, []string{ingest.ChunkID(refOf(first), 0)})
		require.NoError(t, err)
		require.Empty(t, old)
	})
	t.Run("a version that was overtaken stops", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		scope := f.scope(t, "handbook")
		first := f.upload(t, scope, "leave.md", "old")
		require.NoError(t, f.SaveText(t.Context(), refOf(first), ingest.Reading{Text: "a", Chunks: words(refOf(first), "a")}, 2))
		second := f.upload(t, scope, "leave.md", "new")
		requireAll(t, f, refOf(first), ingest.ErrStale)
		require.ElementsMatch(t, []string{hash("old")}, f.ready(t, second, "b"))
	})
	t.Run("a version that the index shows is live until the one that overtook it is ready", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		scope := f.scope(t, "handbook")
		f.ready(t, f.upload(t, scope, "leave.md", "oldest"), "oldest text")
		first := f.upload(t, scope, "leave.md", "old")
		f.embed(t, first, "old text")
		require.NoError(t, f.Complete(t.Context(), refOf(first)))
		second := f.upload(t, scope, "leave.md", "new") // between the index's publication and the library's
		old, err := f.Ready(t.Context(), refOf(first))
		require.NoError(t, err)
		require.Equal(t, []string{hash("oldest")}, old.Originals)
		got := f.document(t, second)
		require.Equal(t, rag.StateQueued, got.State)
		require.Equal(t, []int{3, 2}, []int{got.Version, got.LiveVersion})
		text, err := f.Text(t.Context(), everywhere, second.ID)
		require.NoError(t, err)
		require.Equal(t, "old text", text)
		_, err = f.Ready(t.Context(), refOf(first))
		require.ErrorIs(t, err, ingest.ErrDone)
		require.Equal(t, []string{hash("old")}, f.ready(t, second, "new text"))
	})
	t.Run("content used elsewhere is no orphan", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		scope := f.scope(t, "handbook")
		f.upload(t, scope, "copy.md", "old")
		f.ready(t, f.upload(t, scope, "leave.md", "old"), "a")
		require.Empty(t, f.ready(t, f.upload(t, scope, "leave.md", "new"), "b"))
	})
	t.Run("passages come in the order asked, within the store", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		scope := f.scope(t, "handbook")
		doc := f.upload(t, scope, "guides/leave.md", "leave")
		ref := refOf(doc)
		f.ready(t, doc, "über fünf Tage")
		id := func(seq int) string { return ingest.ChunkID(ref, seq) }
		got, err := f.Passages(t.Context(), scope, []string{id(2), "absent", id(0)})
		require.NoError(t, err)
		require.Equal(t, []rag.Passage{
			{ChunkID: id(2), DocumentID: doc.ID, Version: doc.Version, Filename: "guides/leave.md", Seq: 2, Start: 10, End: 14, Page: 3,
				Heading: []string{"Leave", "Part 2"}, Header: "Handbook", Text: "Tage"},
			{ChunkID: id(0), DocumentID: doc.ID, Version: doc.Version, Filename: "guides/leave.md", Seq: 0, Start: 0, End: 4, Page: 1,
				Heading: []string{"Leave", "Part 0"}, Header: "Handbook", Text: "über"},
		}, got)
		for _, other := range []rag.Scope{{Tenant: "other", Store: scope.Store}, f.scope(t, "other")} {
			got, err = f.Passages(t.Context(), other, []string{id(0)})
			require.NoError(t, err)
			require.Empty(t, got)
		}
		got, err = f.Passages(t.Context(), scope, nil)
		require.NoError(t, err)
		require.Empty(t, got)

		whole, all, err := f.DocumentPassages(t.Context(), scope, doc.ID)
		require.NoError(t, err)
		require.Equal(t, 1, whole.LiveVersion)
		require.Len(t, all, 3)
		require.Equal(t, "über fünf Tage", all[0].Text+" "+all[1].Text+" "+all[2].Text)
		require.Equal(t, "guides/leave.md", all[2].Filename)
		f.upload(t, scope, "guides/leave.md", "a version that is not live yet")
		_, all, err = f.DocumentPassages(t.Context(), scope, doc.ID)
		require.NoError(t, err)
		require.Len(t, all, 3)
		_, _, err = f.DocumentPassages(t.Context(), f.scope(t, "third"), doc.ID)
		requireCode(t, rag.CodeNotFound, err)
	})
	t.Run("a long document", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		scope := f.scope(t, "handbook")
		doc := f.upload(t, scope, "long.md", "long")
		ref := refOf(doc)
		text, ids := "", []string{}
		for i := range 1203 {
			text += "word "
			ids = append(ids, ingest.ChunkID(ref, i))
		}
		require.NoError(t, f.SaveText(t.Context(), ref, ingest.Reading{Text: text, Chunks: words(ref, text)}, 100))
		require.Len(t, f.Jobs(t), 1+13)
		got, err := f.Passages(t.Context(), scope, ids)
		require.NoError(t, err)
		require.Len(t, got, 1203)
		require.Equal(t, 1202, got[1202].Seq)
	})
}

// requireAll calls everything that a job could.
func requireAll(t *testing.T, f Fixture, ref ingest.Ref, want error) {
	t.Helper()
	_, err := f.Start(t.Context(), ref)
	require.ErrorIs(t, err, want)
	require.ErrorIs(t, f.SaveText(t.Context(), ref, ingest.Reading{Text: "x", Chunks: words(ref, "x")}, 1), want)
	_, err = f.Chunks(t.Context(), ref, 0, 1)
	require.ErrorIs(t, err, want)
	require.ErrorIs(t, f.Embedded(t.Context(), ref, 0, 1), want)
	require.ErrorIs(t, f.Complete(t.Context(), ref), want)
	_, err = f.Ready(t.Context(), ref)
	require.ErrorIs(t, err, want)
	require.ErrorIs(t, f.Fail(t.Context(), ref, rag.CodeInternal, "x"), want)
	require.ErrorIs(t, f.Delayed(t.Context(), ref, true, "x"), want)
	require.ErrorIs(t, f.Delayed(t.Context(), ref, false, "x"), want)
}

func failSuite(t *testing.T, open OpenLibrary) {
	t.Run("a failed document stays, with its reason", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		doc := f.upload(t, f.scope(t, "handbook"), "scan.pdf", "scan")
		require.NoError(t, f.Fail(t.Context(), refOf(doc), rag.CodeNoText, "run OCR on it"))
		got := f.document(t, doc)
		require.Equal(t, rag.StateFailed, got.State)
		require.Equal(t, rag.CodeNoText, got.ErrorCode)
		require.Equal(t, "run OCR on it", got.Error)
		require.Equal(t, 1, got.Attempts)
		requireAll(t, f, refOf(doc), ingest.ErrStale)
	})
	t.Run("a document says what it waits for, until it goes on", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		doc := f.upload(t, f.scope(t, "handbook"), "leave.md", "text")
		ref := refOf(doc)
		requireDelay := func(attempts int, why string) {
			t.Helper()
			got := f.document(t, doc)
			require.Equal(t, attempts, got.Attempts)
			require.Equal(t, why, got.WaitsFor)
		}
		for range 2 {
			require.NoError(t, f.Delayed(t.Context(), ref, false, "the model server is away"))
			requireDelay(0, "the model server is away")
		}
		for n := range 2 {
			require.NoError(t, f.Delayed(t.Context(), ref, true, "it failed"))
			requireDelay(n+1, "it failed")
		}
		require.NoError(t, f.SaveText(t.Context(), ref, ingest.Reading{Text: "a b", Chunks: words(ref, "a b")}, 1))
		requireDelay(2, "")
		require.NoError(t, f.Delayed(t.Context(), ref, false, "the disk is full"))
		require.NoError(t, f.Embedded(t.Context(), ref, 0, 1))
		requireDelay(2, "")
		require.NoError(t, f.Fail(t.Context(), ref, rag.CodeEmbedding, "x"))
		requireDelay(3, "")
		again, _, err := f.Accept(t.Context(), upload(ref.Scope(), "leave.md", "text"))
		require.NoError(t, err)
		require.Zero(t, again.Attempts)
	})
	t.Run("the same content again is a new try", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		scope := f.scope(t, "handbook")
		doc := f.upload(t, scope, "scan.pdf", "scan")
		chunks := f.embed(t, doc, "a b c")
		require.NoError(t, f.Fail(t.Context(), refOf(doc), rag.CodeEmbedding, "x"))
		left, err := f.Passages(t.Context(), scope, []string{chunks[0].ID})
		require.NoError(t, err)
		require.Empty(t, left, "chunks of a failed version go")
		again, created, err := f.Accept(t.Context(), upload(scope, "scan.pdf", "scan"))
		require.NoError(t, err)
		require.True(t, created)
		require.Equal(t, doc.ID, again.ID)
		require.Equal(t, 2, again.Version)
		require.Equal(t, rag.StateQueued, again.State)
		require.Zero(t, again.ChunksDone)
		require.Empty(t, again.ErrorCode)
		require.Equal(t, again, f.document(t, doc))
		require.Empty(t, f.ready(t, again, "d"))
		require.Equal(t, 2, f.document(t, doc).LiveVersion)
	})
	t.Run("an older live version stays live", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		scope := f.scope(t, "handbook")
		f.ready(t, f.upload(t, scope, "leave.md", "old"), "old text")
		second := f.upload(t, scope, "leave.md", "new")
		require.NoError(t, f.Fail(t.Context(), refOf(second), rag.CodeEncrypted, "remove the password"))
		got := f.document(t, second)
		require.Equal(t, rag.StateFailed, got.State)
		require.Equal(t, 1, got.LiveVersion)
		text, err := f.Text(t.Context(), everywhere, second.ID)
		require.NoError(t, err)
		require.Equal(t, "old text", text)
	})
}
