package configs

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/knadh/koanf/v2"
)

// overlay puts one source of settings on top of k.
func overlay(k *koanf.Koanf, source koanf.Provider, parser koanf.Parser, known map[string]bool) error {
	layer := koanf.New(".")
	if err := layer.Load(source, parser); err != nil {
		return err
	}
	if err := readFiles(layer, known); err != nil {
		return err
	}
	return k.Merge(layer)
}

// readFiles replaces each KEY_file, where KEY is a known key, by KEY with what
// the file holds, without the newline at its end. An empty path means not set.
// Keys that end in _file themselves, such as upload.max_file, are left alone.
func readFiles(layer *koanf.Koanf, known map[string]bool) error {
	for _, name := range layer.Keys() {
		key, ok := strings.CutSuffix(name, "_file")
		if !ok || known[name] || !known[key] {
			continue
		}
		path := layer.String(name)
		layer.Delete(name)
		if path == "" {
			continue
		}
		if layer.Exists(key) {
			return fmt.Errorf("%s and %s are both set; keep one of them", key, name)
		}
		raw, err := os.ReadFile(path)
		if err == nil && len(raw) > maxValue {
			err = errors.New("the file is larger than 64 KB, which no value is")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := layer.Set(key, strings.TrimRight(string(raw), "\r\n")); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

const maxValue = 64 << 10
