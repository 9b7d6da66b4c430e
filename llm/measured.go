package llm

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// speed is in tokens a second; 0 is unknown.
type speed struct {
	Prefill float64 `json:"prefill_per_sec"`
	Decode  float64 `json:"decode_per_sec"`

	Logprobs bool `json:"logprobs"` // log-probabilities came when they were asked for
}

// measurement is one entry of the cache.
type measurement struct {
	speed
	MeasuredAt time.Time `json:"measured_at"`
	What       string    `json:"what"` // for people who look into the file
}

// measurements is the cache file: by fingerprint.
type measurements map[string]measurement

// fingerprint names what a speed depends on. The address is no part of it: a
// local server has another port at each start.
func (c *Chat) fingerprint(f facts) string {
	sum := sha256.Sum256([]byte(c.what(f)))
	return hex.EncodeToString(sum[:8])
}

func (c *Chat) what(f facts) string {
	threads := c.opts.Threads
	if threads == 0 {
		threads = runtime.NumCPU()
	}
	machine := c.opts.Machine
	if machine == "" {
		machine = cpuModel()
	}
	return fmt.Sprintf("%s %s on %s by %s, %d threads", c.opts.Model, f.quantisation, machine, f.kind, threads)
}

// cpuModel is the processor's name, or its architecture where the system does not tell.
var cpuModel = sync.OnceValue(readCPUModel)

func readCPUModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOOS + "/" + runtime.GOARCH
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, found := strings.Cut(lines.Text(), ":"); found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOOS + "/" + runtime.GOARCH
}

// recall reads the cache. A missing or broken file holds nothing.
func (c *Chat) recall(key string) (measurement, bool) {
	all, err := c.readMeasurements()
	if err != nil {
		c.opts.Log.Warn("the file of measured speeds is left aside", "error", err)
	}
	m, ok := all[key]
	return m, ok && m.Prefill > 0
}

func (c *Chat) readMeasurements() (measurements, error) {
	if c.opts.MeasuredCache == "" {
		return measurements{}, nil
	}
	raw, err := os.ReadFile(c.opts.MeasuredCache)
	if errors.Is(err, fs.ErrNotExist) {
		return measurements{}, nil
	}
	if err != nil {
		return measurements{}, fmt.Errorf("read measured speeds: %w", err)
	}
	all := measurements{}
	if err := json.Unmarshal(raw, &all); err != nil {
		return measurements{}, fmt.Errorf("read measured speeds in %s: %w", c.opts.MeasuredCache, err)
	}
	return all, nil
}

// remember adds to the cache; a reader sees the old file or the new one.
func (c *Chat) remember(f facts, m measurement) error {
	if c.opts.MeasuredCache == "" {
		return nil
	}
	all, err := c.readMeasurements()
	if err != nil {
		all = measurements{} // a broken file is replaced
	}
	m.What = c.what(f)
	all[c.fingerprint(f)] = m
	raw, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("encode measured speeds: %w", err)
	}
	dir := filepath.Dir(c.opts.MeasuredCache)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("keep measured speeds: %w", err)
	}
	tmp, err := os.CreateTemp(dir, ".measured-*") // mode 0600
	if err != nil {
		return fmt.Errorf("keep measured speeds: %w", err)
	}
	_, err = tmp.Write(append(raw, '\n'))
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), c.opts.MeasuredCache)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keep measured speeds: %w", err), os.Remove(tmp.Name()))
	}
	return nil
}
