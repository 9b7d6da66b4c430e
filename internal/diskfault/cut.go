package diskfault

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// sector is what a disk writes whole or not at all.
const sector = 512

// file is the bytes that names may stand for.
type file struct {
	changes []change
}

type change struct {
	op   Op
	kept bool // synced
	lost bool // its sync failed: no later one brings it back
}

// naming is a change of names that is made whole or not at all.
type naming struct {
	from   string // name that goes; empty: none
	to     string // name that comes; empty: none
	file   *file  // nil: a folder
	synced bool
}

// Disk is a folder as a power cut left it.
type Disk struct {
	Files   map[string][]byte
	Folders []string // sorted; without the folder itself
}

// Cut is what is left when the power goes before log[at]. A file keeps what was
// written before its last sync, and of the rest what chance keeps, in any
// order and perhaps torn at a sector; a folder keeps its names likewise, and
// what lies in a folder whose own name went is gone.
func Cut(log []Op, at int, chance *rand.Rand) Disk {
	namings, _ := play(log[:at])
	odds := []float64{0, 0, 0.5, 1, chance.Float64()}
	names, bytes := odds[chance.IntN(len(odds))], odds[chance.IntN(len(odds))]
	left := map[string]*file{}
	for _, n := range namings {
		if !n.synced && chance.Float64() >= names {
			continue
		}
		n.apply(left)
	}
	d := Disk{Files: map[string][]byte{}}
	for _, name := range sortedKeys(left) {
		if !reachable(left, name) {
			continue
		}
		if left[name] == nil {
			d.Folders = append(d.Folders, name)
			continue
		}
		d.Files[name] = left[name].after(bytes, chance)
	}
	return d
}

// End is the folder after the whole log, as if all had been kept.
func End(log []Op) Disk {
	_, names := play(log)
	d := Disk{Files: map[string][]byte{}}
	for _, name := range sortedKeys(names) {
		if names[name] == nil {
			d.Folders = append(d.Folders, name)
			continue
		}
		d.Files[name] = names[name].after(2, nil)
	}
	return d
}

// play gives the changes of names, and the names as they are in the end.
func play(log []Op) (namings []*naming, names map[string]*file) {
	names = map[string]*file{}
	name := func(n naming) {
		namings = append(namings, &n)
		n.apply(names)
	}
	for _, op := range log {
		f, known := names[op.Path]
		switch op.Kind {
		case Create:
			name(naming{to: op.Path, file: &file{}})
		case Mkdir:
			name(naming{to: op.Path})
		case Rename:
			if known {
				name(naming{from: op.Path, to: op.To, file: f})
			}
		case Remove:
			if known {
				name(naming{from: op.Path})
			}
		case Write, Truncate:
			if f != nil {
				f.changes = append(f.changes, change{op: op})
			}
		case Sync:
			if f != nil {
				f.sync(op.Failed)
			} else if !op.Failed {
				syncNames(namings, op.Path)
			}
		}
	}
	return namings, names
}

// apply makes the change; what lies in a folder goes with it.
func (n *naming) apply(names map[string]*file) {
	delete(names, n.from)
	if n.to == "" {
		return
	}
	names[n.to] = n.file
	if n.from == "" || n.file != nil {
		return
	}
	for _, name := range sortedKeys(names) {
		if rest, inside := strings.CutPrefix(name, n.from+"/"); inside {
			names[n.to+"/"+rest] = names[name]
			delete(names, name)
		}
	}
}

func (f *file) sync(failed bool) {
	for i := range f.changes {
		switch c := &f.changes[i]; {
		case c.kept || c.lost:
		case failed:
			c.lost = true
		default:
			c.kept = true
		}
	}
}

// syncNames makes durable what has changed in a folder.
func syncNames(namings []*naming, folder string) {
	for _, n := range namings {
		if n.to != "" && filepath.Dir(n.to) == folder || n.to == "" && filepath.Dir(n.from) == folder {
			n.synced = true
		}
	}
}

// after is what the file holds: what was synced, and each other write with
// the given odds.
func (f *file) after(odds float64, chance *rand.Rand) []byte {
	var out []byte
	for _, c := range f.changes {
		op := c.op
		if !c.kept && odds <= 1 {
			if chance.Float64() >= odds {
				continue
			}
			op = torn(op, chance)
		}
		if op.Kind == Truncate {
			out = resize(out, op.Size)
			continue
		}
		if end := op.Offset + int64(len(op.Data)); end > int64(len(out)) {
			out = resize(out, end)
		}
		copy(out[op.Offset:], op.Data)
	}
	return out
}

// torn is now and then only some sectors of a write.
func torn(op Op, chance *rand.Rand) Op {
	if op.Kind != Write || len(op.Data) <= sector || chance.IntN(4) > 0 {
		return op
	}
	op.Data = op.Data[:sector*(1+chance.IntN((len(op.Data)-1)/sector))]
	return op
}

func resize(b []byte, size int64) []byte {
	if size <= int64(len(b)) {
		return b[:size:size]
	}
	return append(b, make([]byte, size-int64(len(b)))...)
}

func reachable(left map[string]*file, name string) bool {
	for dir := filepath.Dir(name); dir != "."; dir = filepath.Dir(dir) {
		if f, there := left[dir]; !there || f != nil {
			return false
		}
	}
	return true
}

func sortedKeys(m map[string]*file) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, strings.Compare)
	return keys
}

// WriteTo makes the folder dir of it.
func (d Disk) WriteTo(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make a disk: %w", err)
	}
	for _, name := range d.Folders {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			return fmt.Errorf("make a disk: %w", err)
		}
	}
	for name, content := range d.Files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return fmt.Errorf("make a disk: %w", err)
		}
	}
	return nil
}
