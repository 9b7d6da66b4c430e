package parse

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"unicode/utf16"

	"github.com/klippa-app/go-pdfium"
	pdfium_wazy "github.com/klippa-app/go-pdfium/experimental/wazy"
	"github.com/samyfodil/wazy"
	"github.com/samyfodil/wazy/api"
)

// WarmPDF compiles the PDF reader into cacheDir, when it is not there yet.
func WarmPDF(ctx context.Context, cacheDir string) error {
	pool, err := startPDF(ctx, &linear{}, cacheDir)
	if err != nil {
		return err
	}
	return pool.Close()
}

func startPDF(ctx context.Context, memory *linear, cacheDir string) (pdfium.Pool, error) {
	config := wazy.NewRuntimeConfig().WithCoreFeatures(api.CoreFeaturesV2 | api.CoreFeatureExceptionHandling)
	if cacheDir != "" {
		cache, err := wazy.NewCompilationCacheWithDir(cacheDir)
		if err != nil {
			return nil, err
		}
		config = config.WithCompilationCache(cache)
	}
	return pdfium_wazy.Init(pdfium_wazy.Config{
		Context: api.WithMemoryAllocator(ctx, memory), RuntimeConfig: config,
		MaxTotal: 1, FSConfig: wazy.NewFSConfig(), Stdout: io.Discard, Stderr: io.Discard,
	})
}

// engine is the PDF reader by its own functions. They take and give numbers;
// what is longer lies in its memory, where it is read without asking. A page
// has thousands of objects, and the library around the reader makes several
// calls, allocations and a random name for each.
//
// The first call that fails is kept in err; all later ones do nothing and give 0.
type engine struct {
	ctx    context.Context
	pool   pdfium.Pool
	memory *linear
	lookup reflect.Value
	known  [ops]function
	stack  [8]uint64
	few    uint64 // the place of 64 bytes for small results
	room   uint64 // the place of size bytes for text
	size   uint64
	err    error
}

type function interface {
	CallWithStack(ctx context.Context, stack []uint64) error
}

// newEngine starts a reader in memory.
func newEngine(ctx context.Context, memory *linear, cacheDir string) (*engine, error) {
	pool, err := startPDF(ctx, memory, cacheDir)
	if err != nil {
		return nil, err
	}
	reader, err := pool.GetInstanceWithContext(ctx)
	if err != nil {
		return nil, err
	}
	e := &engine{ctx: ctx, pool: pool, memory: memory}
	if r, ok := reader.(interface{ GetImplementation() any }); ok {
		e.lookup = reflect.ValueOf(r.GetImplementation()).MethodByName("Fn") // its type has no name outside the library
	}
	if !e.lookup.IsValid() {
		return nil, errors.New("the library does not give its functions")
	}
	e.few = e.call(opMalloc, 64)
	return e, e.err
}

// call calls a function. Its result is a number of 32 bits, an address, or the bits of a float.
func (e *engine) call(o op, args ...uint64) uint64 {
	if e.err != nil {
		return 0
	}
	if e.known[o] == nil {
		found, ok := e.lookup.Call([]reflect.Value{reflect.ValueOf(opNames[o])})[0].Interface().(function)
		if !ok {
			e.err = fmt.Errorf("the PDF reader has no %s", opNames[o])
			return 0
		}
		e.known[o] = found
	}
	copy(e.stack[:], args)
	if err := e.known[o].CallWithStack(e.ctx, e.stack[:]); err != nil {
		e.err = err
		return 0
	}
	return e.stack[0]
}

// count is call for functions that give an int.
func (e *engine) count(o op, args ...uint64) int { return int(int32(e.call(o, args...))) }

// could is call for functions that give whether they could.
func (e *engine) could(o op, args ...uint64) bool { return uint32(e.call(o, args...)) != 0 }

// bytes is a stretch of the memory, until the next call.
func (e *engine) bytes(at, n uint64) []byte {
	at = uint64(uint32(at))
	if e.err == nil && at+n > uint64(len(e.memory.space)) {
		e.err = errors.New("the PDF reader points outside its memory")
	}
	if e.err != nil {
		return make([]byte, n)
	}
	return e.memory.space[at : at+n]
}

// float is the i-th of the small results.
func (e *engine) float(i int) float32 {
	return math.Float32frombits(e.word(i))
}

func (e *engine) double(i int) float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(e.bytes(e.few+8*uint64(i), 8)))
}

func (e *engine) word(i int) uint32 { return binary.LittleEndian.Uint32(e.bytes(e.few+4*uint64(i), 4)) }

// space gives the place of n bytes, until the next call of it.
func (e *engine) space(n uint64) uint64 {
	if n > e.size {
		if e.room != 0 {
			e.call(opFree, e.room)
		}
		e.size = max(n, 64<<10)
		if e.room = e.call(opMalloc, e.size); e.room == 0 && e.err == nil {
			e.err = errors.New("the PDF reader has no memory left")
		}
	}
	return e.room
}

// put copies data to a place of its own.
func (e *engine) put(data []byte) uint64 {
	at := e.call(opMalloc, uint64(len(data)))
	if at == 0 && e.err == nil {
		e.err = errors.New("the PDF reader has no memory left")
	}
	copy(e.bytes(at, uint64(len(data))), data)
	return at
}

// text asks for a text by a function that takes a place and its size in bytes after args, and gives the size it needs.
func (e *engine) text(o op, args ...uint64) string {
	n := uint64(uint32(e.call(o, append(args, 0, 0)...)))
	if n < 2 || n > 1<<20 {
		return ""
	}
	at := e.space(n)
	e.call(o, append(args, at, n)...)
	return e.utf16(at, n/2)
}

// utf16 is a text of so many units, without the zero at its end.
func (e *engine) utf16(at, units uint64) string {
	raw := e.bytes(at, 2*units)
	u := make([]uint16, units)
	for i := range u {
		u[i] = binary.LittleEndian.Uint16(raw[2*i:])
	}
	if n := len(u); n > 0 && u[n-1] == 0 {
		u = u[:n-1]
	}
	return string(utf16.Decode(u))
}
