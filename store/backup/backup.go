// Package backup is the file that a backup is: a tar, compressed with gzip.
//
// The first entry says what wrote the file and in which format, so that a
// version that does not know the format stops there. The entries of the
// installation follow, in the order in which they were added. Then comes the
// manifest, with name, size and SHA-256 of each, and last the manifest's own
// SHA-256. A file that was cut or altered anywhere is refused as a whole.
package backup

import (
	"fmt"
	"time"
)

// Format of the file. One that is higher was written by a newer version.
const Format = 1

const (
	headName     = "groundwork-backup.json"
	manifestName = "manifest.json"
	sealName     = "manifest.sha256"
)

// Head is what a backup says of itself.
type Head struct {
	Format      int       `json:"format"`
	Version     string    `json:"version"` // of the program that wrote it
	CreatedAt   time.Time `json:"created_at"`
	Dimensions  int       `json:"dimensions"`  // of the vectors
	Fingerprint string    `json:"fingerprint"` // of what the vectors were made with
}

// Entry is one file inside.
type Entry struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Manifest is everything that is inside.
type Manifest struct {
	Head    Head           `json:"head"`
	Counts  map[string]int `json:"counts"` // of what the writer counted, such as documents
	Entries []Entry        `json:"entries"`
}

// damaged is an error of a file that is not as it was written.
func damaged(path, why string) error {
	return fmt.Errorf("%s is damaged: %s; take another backup, nothing was restored", path, why)
}
