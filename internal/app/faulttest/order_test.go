package faulttest_test

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"groundwork/llm/llmtest"
)

// wish is what a client asks of one path.
type wish struct {
	kind    string // put, remove, read
	content string // SHA-256, of put
	id      string // of remove
}

// fact is what came back.
type fact struct {
	id, content string // of the document; empty: there is none
	refused     bool   // there is no such document, or it was just being deleted: nothing was done
}

// state is a path in the sequential model: a document or none.
type state struct{ id, content string }

// pathModel is one path when everything happens one after the other: a put
// makes a document with a new id, or gives the one that is there a new content;
// a remove takes the document of its id away.
var pathModel = porcupine.Model{
	Init: func() any { return state{} },
	Step: func(was, in, out any) (bool, any) { return step(was.(state), in.(wish), out.(fact)) },
}

func step(was state, in wish, out fact) (explained bool, is state) {
	switch {
	case in.kind == "read":
		return was == (state{out.id, out.content}), was
	case in.kind == "remove" && out.refused:
		return was.id != in.id, was
	case in.kind == "remove":
		return was.id == in.id, state{}
	case out.refused:
		return true, was
	}
	return was.id == "" || was.id == out.id, state{out.id, in.content}
}

// TestRacingWishesHaveAnOrder lets several clients put, replace, remove and
// read the same few paths at once. For each path there must be an order, one
// wish after the other, that explains every reply and what is there in the end.
func TestRacingWishesHaveAnOrder(t *testing.T) {
	t.Parallel()
	seed := newSeed(t)
	rounds, wishes := scale(3, 40), 0
	s := settings{Dir: t.TempDir(), Model: llmtest.Start(t, llmtest.Options{}).BaseURL()}
	url, stop := start(t, s)
	l, c := newLedger(never), newClient(url)
	const clients, each = 4, 12
	for round := range rounds {
		h := &history{began: time.Now(), paths: map[string][]porcupine.Operation{}}
		var wait sync.WaitGroup
		for i := range clients {
			chance := rand.New(rand.NewPCG(seed, uint64(round*clients+i)))
			wait.Go(func() {
				for range each {
					if err := h.ask(t, c, l, i, []string{"a.md", "b.md"}[chance.IntN(2)], chance); err != nil {
						t.Errorf("client %d: %v", i, err)
						return
					}
				}
			})
		}
		wait.Wait()
		docs := settled(t, c)
		for _, path := range []string{"a.md", "b.md"} {
			h.read(clients, path, docs)
			require.NoError(t, wholeInSearch(t.Context(), c, path))
			wishes += len(h.paths[path])
			require.Equal(t, porcupine.Ok, porcupine.CheckOperationsTimeout(pathModel, h.paths[path], time.Minute), "%s in round %d: no order explains %+v", path, round, h.paths[path])
		}
		for _, d := range docs { // the next round begins with nothing
			require.Equal(t, "ready", d.Status, "%+v", d.Error)
			require.NoError(t, c.remove(t.Context(), d.ID))
		}
	}
	stop()
	verify(t, s)
	row(t, "racing wishes", "%d histories, %d wishes: each has an order", 2*rounds, wishes)
}

// history is who asked what when, and what came, by path.
type history struct {
	began time.Time

	mu    sync.Mutex
	paths map[string][]porcupine.Operation
	ids   []string // that were ever seen
}

func (h *history) note(client int, path string, in wish, call time.Duration, out fact) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.paths[path] = append(h.paths[path], porcupine.Operation{ClientId: client, Input: in, Output: out, Call: int64(call), Return: int64(time.Since(h.began))})
	if out.id != "" {
		h.ids = append(h.ids, path, out.id)
	}
}

// some is an id that the path had once; empty when none is known.
func (h *history) some(path string, chance *rand.Rand) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var own []string
	for i := 0; i < len(h.ids); i += 2 {
		if h.ids[i] == path {
			own = append(own, h.ids[i+1])
		}
	}
	if len(own) == 0 {
		return ""
	}
	return own[max(len(own)-1-chance.IntN(3), 0)] // mostly one of the newest
}

func (h *history) ask(t *testing.T, c *client, l *ledger, client int, path string, chance *rand.Rand) error {
	t.Helper()
	call := time.Since(h.began)
	id := h.some(path, chance)
	switch n := chance.IntN(10); {
	case n < 3 && id != "":
		out, err := outcome(c.remove(t.Context(), id), http.StatusNotFound)
		if err == nil {
			h.note(client, path, wish{kind: "remove", id: id}, call, out)
		}
		return err
	case n < 6:
		docs, err := c.documents(t.Context())
		if err != nil {
			return err
		}
		var out fact
		for _, d := range docs {
			if d.Filename == path {
				out = fact{id: d.ID, content: d.SHA256}
			}
		}
		h.note(client, path, wish{kind: "read"}, call, out)
		return nil
	}
	content := l.content(path, 1+chance.IntN(2))
	id, err := c.upload(t.Context(), path, content)
	out, err := outcome(err, http.StatusServiceUnavailable)
	if err == nil {
		out.id = id
		h.note(client, path, wish{kind: "put", content: sum(content)}, call, out)
	}
	return err
}

// outcome takes a refusal of one status for an answer.
func outcome(err error, status int) (fact, error) {
	var r *refusal
	if errors.As(err, &r) && r.status == status {
		return fact{refused: true}, nil
	}
	return fact{}, err
}

// read adds what is there in the end.
func (h *history) read(client int, path string, docs []document) {
	var out fact
	for _, d := range docs {
		if d.Filename == path {
			out = fact{id: d.ID, content: d.SHA256}
		}
	}
	h.note(client, path, wish{kind: "read"}, time.Since(h.began), out)
}
