package llmtest

import (
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Kind is what goes wrong.
type Kind string

// The faults. Those with Mid in the name let Fault.After pieces through first.
const (
	Slow             Kind = "slow first token" // Fault.Delay before anything is sent
	HangBefore       Kind = "hang before headers"
	HangMid          Kind = "hang mid-stream"
	ResetBefore      Kind = "connection reset before headers"
	DieMid           Kind = "server dies mid-stream" // with everything else that it does; After 0: before the first token
	ResetMid         Kind = "connection reset mid-stream"
	CutMid           Kind = "clean end mid-stream"
	ErrorMid         Kind = "error event mid-stream"
	MalformedMid     Kind = "malformed SSE"
	LongLineMid      Kind = "10 MB line"
	InvalidUTF8Mid   Kind = "invalid UTF-8"
	MissingDone      Kind = "missing [DONE]"
	Busy             Kind = "429"
	Broken           Kind = "500"
	Loading          Kind = "503 loading model"
	Denied           Kind = "401"
	Unknown          Kind = "404 model"
	BadRequest       Kind = "400"
	TooLong          Kind = "context window exceeded"
	Redirect         Kind = "redirect elsewhere" // to Fault.Target
	NotJSON          Kind = "a web page instead of JSON"
	WrongDimensions  Kind = "wrong dimensions"
	NaN              Kind = "NaN in a vector"
	ZeroVector       Kind = "zero vector"
	WrongCount       Kind = "one vector too few"
	NoVectors        Kind = "no vectors at all"
	ShuffledVectors  Kind = "vectors out of order, with their index"
	UnnormalisedMuch Kind = "vectors of length 7"
	SameIndex        Kind = "an index that is there twice"
	StrangeIndex     Kind = "an index of no text"
	NoScore          Kind = "a score that is null"
)

// Fault makes requests go wrong.
type Fault struct {
	Kind   Kind
	Path   string        // only this path; empty: the POST routes below /v1
	Times  int           // so many requests; 0: until Heal
	After  int           // pieces before a mid-stream fault
	Delay  time.Duration // of Slow; Retry-After of Busy and Loading
	Target string        // of Redirect
}

// Inject adds faults; the first that fits a request is used.
func (s *Server) Inject(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

// Heal removes all faults.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// late are the faults that the handlers themselves carry out.
var late = map[Kind]bool{
	HangMid: true, DieMid: true, ResetMid: true, CutMid: true, ErrorMid: true, MalformedMid: true, LongLineMid: true,
	InvalidUTF8Mid: true, MissingDone: true, WrongDimensions: true, NaN: true, ZeroVector: true,
	WrongCount: true, NoVectors: true, ShuffledVectors: true, UnnormalisedMuch: true, SameIndex: true, StrangeIndex: true, NoScore: true,
}

// take finds the fault for a request and uses it up.
func (s *Server) take(path string, wantLate bool) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.faults {
		f := &s.faults[i]
		if late[f.Kind] != wantLate || f.Times < 0 {
			continue
		}
		if f.Path != path && (f.Path != "" || !strings.HasPrefix(path, "/v1/") && path != "/rerank" || path == "/v1/models") {
			continue
		}
		found := *f
		if f.Times == 1 {
			f.Times = -1
		} else if f.Times > 1 {
			f.Times--
		}
		return found, true
	}
	return Fault{}, false
}

// faulty carries out a fault that comes before the reply; false means carry on.
func (s *Server) faulty(w http.ResponseWriter, r *http.Request, req Request) bool {
	f, ok := s.take(req.Path, false)
	if !ok {
		return false
	}
	switch f.Kind {
	case Slow:
		if s.wait(r.Context(), f.Delay) {
			return false
		}
		s.hungUp(r, req)
	case HangBefore:
		s.hang(r.Context())
		s.hungUp(r, req)
	case ResetBefore:
		reset(w)
	case Redirect:
		http.Redirect(w, r, f.Target, http.StatusTemporaryRedirect)
	case NotJSON:
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html>Welcome to the router</html>"))
	case TooLong:
		s.tooLong(w, s.opts.ContextTokens+1)
	default:
		status := map[Kind]int{Busy: 429, Broken: 500, Loading: 503, Denied: 401, Unknown: 404, BadRequest: 400}[f.Kind]
		if f.Delay > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(f.Delay.Seconds())))
		}
		fail(w, status, "server_error", "scripted "+string(f.Kind))
	}
	return true
}

// hungUp reports a generation whose client left. When it is the server that is
// closing, the connection is dropped, so that no reply looks complete.
func (s *Server) hungUp(r *http.Request, req Request) {
	select {
	case <-s.done:
		panic(http.ErrAbortHandler)
	default:
	}
	if r.Context().Err() == nil || !isGeneration(req.Path) {
		return
	}
	select {
	case s.cancelled <- req:
	default: // nobody reads; the test is not interested
	}
}

// reset drops the connection with a TCP reset.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // ends the connection too
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // makes Close send RST; the Close below is what counts
	}
	_ = conn.Close()
}
