package ingest

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
)

// grown is a library in which a store is made while it is walked, with the originals a and b.
type grown struct {
	Records
	walks int
}

func (g *grown) EachStore(_ context.Context, each func(rag.Store) error) error {
	if g.walks++; g.walks == 1 {
		return nil
	}
	return each(rag.Store{Tenant: "t", ID: "vs_new"})
}

func (g *grown) EachDocument(_ context.Context, each func(rag.Document) error) error {
	return each(rag.Document{Tenant: "t", StoreID: "vs_new", ID: "file-b", SHA256: "b", State: rag.StateReady, Version: 1, LiveVersion: 1})
}

func (g *grown) EachOriginal(_ context.Context, each func(sum, file string) error) error {
	return errors.Join(each("a", "file-a"), each("b", "file-b"))
}

func (g *grown) Unreferenced(context.Context, []string) ([]string, error) { return nil, nil }

// grownIndex holds entries of a store that is new and of one that never was.
type grownIndex struct {
	Audited
	Index
	Describer
}

func (grownIndex) Unsound(context.Context, rag.Scope) (string, error) { return "", nil }
func (grownIndex) Mend(context.Context, rag.Scope) error              { return nil }

func (grownIndex) Scopes(context.Context) ([]rag.Scope, error) {
	return []rag.Scope{{Tenant: "t", Store: "vs_new"}, {Tenant: "t", Store: "vs_never"}}, nil
}

func (grownIndex) Held(_ context.Context, _ rag.Scope, each func(Held) error) error {
	return each(Held{})
}

func (grownIndex) RemoveStore(_ context.Context, scope rag.Scope) error {
	if scope.Store != "vs_never" {
		return errors.New("removed " + scope.Store)
	}
	return nil
}

// unlucky is a file store on a machine that has no descriptors left.
type unlucky struct{ Files }

func (unlucky) Open(_ context.Context, sum string) (io.ReadSeekCloser, error) {
	if sum == "a" {
		return nil, rag.Fail(rag.CodeNotFound, "it is gone")
	}
	return nil, errors.New("too many open files")
}

func (unlucky) List(context.Context, func(string) error) error { return nil }

func (unlucky) Delete(_ context.Context, sum string) error {
	if sum != "a" {
		return errors.New("deleted " + sum)
	}
	return nil
}

func TestRepairLeavesAloneWhatIsNewAndWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	index := grownIndex{}
	r := Repairer{Verifier: &Verifier{Records: &grown{}, Index: index, Files: unlucky{}}, Index: index, Files: unlucky{}}
	out, err := r.Repair(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, out.Removed, "the store that never was")
	require.Empty(t, out.Lost, "a file that cannot be read may be sound")
	left := []string{}
	for _, f := range out.Left {
		left = append(left, f.Original)
	}
	require.ElementsMatch(t, []string{"a", "b"}, left)
}

func TestVerifyEndsWhenTheDiskIsFull(t *testing.T) {
	t.Parallel()
	v := &Verifier{Records: &grown{}, Index: grownIndex{}, Files: full{}}
	_, err := v.Verify(t.Context())
	require.Equal(t, rag.CodeFull, rag.CodeOf(err))
}

type full struct{ unlucky }

func (full) Open(context.Context, string) (io.ReadSeekCloser, error) {
	return nil, rag.Fail(rag.CodeFull, "no space for the copy")
}
