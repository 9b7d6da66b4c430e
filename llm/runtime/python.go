package runtime

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// scripts are the few lines of Python that serve models, and the versions they run with.
//
//go:embed python/*.py python/requirements.lock
var scripts embed.FS

const lockName = "python/requirements.lock"

// PackageVersion is the locked version of a Python package, "" when it is not in the lock.
// ONNX Runtime's version changes the vectors of quantised models, so it belongs into their fingerprint.
func PackageVersion(name string) string {
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + `==(\S+)`).FindSubmatch(embedded(lockName))
	if found == nil {
		return ""
	}
	return string(found[1])
}

// embedded reads a file of this binary.
func embedded(name string) []byte {
	data, err := scripts.ReadFile(name)
	if err != nil {
		panic(err) // a name that does not exist: no binary should have been built
	}
	return data
}

// digest is the beginning of the SHA-256 of data, enough to tell versions apart.
func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:6])
}

// script writes the named script below dir, unless it is there, and returns its
// path. The path holds the content's hash, so that binaries of several versions
// get along.
func script(dir, name string) (string, error) {
	data := embedded("python/" + name)
	path := filepath.Join(dir, "scripts", digest(data), name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("look for %s: %w", name, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	return path, writeFile(path, data)
}
