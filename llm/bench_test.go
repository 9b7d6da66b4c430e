package llm

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"groundwork/llm/llmtest"
	"groundwork/rag"
)

func benchChat(b *testing.B, servers []*llmtest.Server) *Chat {
	b.Helper()
	o := ChatOptions{Model: "test-chat"}
	for _, s := range servers {
		o.BaseURLs = append(o.BaseURLs, s.BaseURL())
	}
	c, err := NewChat(o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	return c
}

// BenchmarkPool compares, in turns, a request that goes straight to a server
// with one that the pool places.
func BenchmarkPool(b *testing.B) {
	for _, n := range []int{1, 2, 8} {
		b.Run(fmt.Sprintf("servers=%d", n), func(b *testing.B) {
			c := benchChat(b, llmtest.StartMany(b, n, llmtest.Options{Reply: func(llmtest.Request) llmtest.Reply {
				return llmtest.Reply{Text: "Employees of unit 7 get 7 days of annual leave."}
			}}))
			prompt := rag.Prompt{Prefix: "chunk", Messages: []rag.Message{{Role: "user", Content: "How many days?"}}}
			straight := func(req *http.Request, _ *patience) (*http.Response, *server, error) {
				s := c.pool.servers[0]
				req, err := s.at(req)
				if err != nil {
					return nil, nil, err
				}
				resp, err := s.send(req)
				return resp, s, err
			}
			run := func(send sender) time.Duration {
				start := time.Now()
				if _, err := c.generate(b.Context(), request{prompt: prompt, send: send}, func(string) error { return nil }); err != nil {
					b.Fatal(err)
				}
				return time.Since(start)
			}
			pooled := c.pool.sender(demand{prefix: prompt.Prefix})
			var with, without []time.Duration
			for b.Loop() {
				without, with = append(without, run(straight)), append(with, run(pooled))
			}
			slices.Sort(with)
			slices.Sort(without)
			w, o := with[len(with)/2], without[len(without)/2]
			b.ReportMetric(float64(w.Microseconds()), "pool-µs")
			b.ReportMetric(float64(o.Microseconds()), "straight-µs")
			b.ReportMetric(float64(w)/float64(o), "ratio")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkChoice is the pool's own work for a request: a slot taken and given back.
func BenchmarkChoice(b *testing.B) {
	for _, n := range []int{1, 2, 8} {
		b.Run(fmt.Sprintf("servers=%d", n), func(b *testing.B) {
			c := benchChat(b, llmtest.StartMany(b, n, llmtest.Options{}))
			for b.Loop() {
				t := &ticket{prefix: hash("chunk"), tried: map[*server]int{}, ready: make(chan grant, 1)}
				s, err := c.pool.acquire(b.Context(), t)
				if err != nil {
					b.Fatal(err)
				}
				l := &lease{pool: c.pool, server: s, began: time.Now(), done: func(error) {}}
				l.end(nil)
			}
		})
	}
}

// BenchmarkThroughput keeps 32 callers busy with answers of ten pieces at 5 ms
// a piece, on servers of four slots.
func BenchmarkThroughput(b *testing.B) {
	for _, n := range []int{1, 2} {
		b.Run(fmt.Sprintf("servers=%d", n), func(b *testing.B) {
			c := benchChat(b, llmtest.StartMany(b, n, llmtest.Options{Slots: 4, Reply: func(llmtest.Request) llmtest.Reply {
				return llmtest.Reply{Text: "one two three four five six seven eight nine ten", Pace: 5 * time.Millisecond}
			}}))
			if _, err := c.Probe(b.Context()); err != nil {
				b.Fatal(err)
			}
			jobs := make(chan int)
			var work sync.WaitGroup
			for range 32 {
				work.Go(func() {
					for i := range jobs {
						prompt := rag.Prompt{Prefix: fmt.Sprint("chunk ", i%50), Messages: []rag.Message{{Role: "user", Content: "How many?"}}}
						if _, err := c.Generate(b.Context(), prompt, func(string) error { return nil }); err != nil {
							b.Error(err)
						}
					}
				})
			}
			b.ResetTimer()
			for i := range b.N {
				jobs <- i
			}
			close(jobs)
			work.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "answers/s")
		})
	}
}
