package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
)

// flaky keeps files, and is away for some of the calls that come.
type flaky struct {
	away  int // calls of each kind that fail
	calls map[string]int
	files []rag.File
	texts map[string]string
}

func (f *flaky) call(kind string) error {
	if f.calls[kind]++; f.calls[kind] <= f.away {
		return rag.Fail(rag.CodeUnavailable, "the "+kind+" is away")
	}
	return nil
}

func (f *flaky) File(_ context.Context, _, id string) (rag.File, error) {
	if err := f.call("record"); err != nil {
		return rag.File{}, err
	}
	for _, file := range f.files {
		if file.ID == id {
			return file, nil
		}
	}
	return rag.File{}, rag.Fail(rag.CodeNotFound, "none")
}

func (f *flaky) Files(_ context.Context, _ string, p rag.Page) ([]rag.File, bool, error) {
	if err := f.call("list"); err != nil {
		return nil, false, err
	}
	for i, file := range f.files {
		if p.After == "" || file.ID == p.After {
			if p.After != "" {
				i++
			}
			return f.files[i : i+1], i+1 < len(f.files), nil
		}
	}
	return nil, false, nil
}

// content fails when it is read, as a bucket's does.
type content struct {
	io.Reader
	io.Seeker
	io.Closer
}

func (f *flaky) Open(_ context.Context, sum string) (io.ReadSeekCloser, error) {
	if err := f.call("bucket"); err != nil {
		return nil, err
	}
	text := strings.NewReader(f.texts[sum])
	if err := f.call("content"); err != nil {
		return content{iotest.ErrReader(err), text, io.NopCloser(nil)}, nil
	}
	return content{text, text, io.NopCloser(nil)}, nil
}

// TestUploadsWaitForWhatIsAway: records, list, bucket and the bytes themselves.
func TestUploadsWaitForWhatIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &flaky{away: 3, calls: map[string]int{}, texts: map[string]string{"s": "text"},
			files: []rag.File{{ID: "1", SHA256: "s", Purpose: "evals"}, {ID: "2", SHA256: "s"}, {ID: "3", SHA256: "empty", Purpose: "evals"}}}
		var log strings.Builder
		u := uploads{records: f, contents: f, log: slog.New(slog.NewTextHandler(&log, nil))}
		r, err := u.open(t.Context(), "", "2")
		require.NoError(t, err)
		raw, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, "text", string(raw))
		require.NoError(t, r.Close())
		require.Equal(t, 3, strings.Count(log.String(), "a fine-tuning job waits"), "once for each: %s", log.String())

		clear(f.calls)
		sets := map[string]string{}
		require.NoError(t, u.sets(t.Context(), "", func(name string, in io.Reader) error {
			raw, err := io.ReadAll(in)
			sets[name] = string(raw)
			return err
		}))
		require.Equal(t, map[string]string{"1": "text", "3": ""}, sets)
		_, err = u.open(t.Context(), "", "4")
		require.Equal(t, rag.CodeNotFound, rag.CodeOf(err), "that is not waited for")
	})
}

// TestVectorsThatAreWrongAreNotWaitedFor: another model is no outage, and other jobs wait behind this one.
func TestVectorsThatAreWrongAreNotWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wrong := rag.Fail(rag.CodeEmbedding, "768 dimensions")
		tries := 0
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		_, err := persist(ctx, slog.New(slog.DiscardHandler), func() (int, error) {
			if tries++; tries > 9 {
				stop()
			}
			return 0, wrong
		})
		require.ErrorIs(t, err, wrong)
		require.Equal(t, 1, tries)
	})
}

func TestFaithfulKeepsTheReadersError(t *testing.T) {
	t.Parallel()
	lost := errors.New("lost")
	f := &faithful{Reader: io.MultiReader(strings.NewReader("a"), iotest.ErrReader(lost))}
	_, err := io.ReadAll(f)
	require.ErrorIs(t, err, lost)
	require.ErrorIs(t, f.err, lost)
	f = &faithful{Reader: strings.NewReader("a")}
	_, err = io.ReadAll(f)
	require.NoError(t, err)
	require.NoError(t, f.err)
}
