// Package disk keeps a game in a directory so that a kill at any instant leaves exactly one turn, and no acknowledged
// order is lost. state.json is the only commit point; beside it stand orders/<turn>/, reports/<turn>/ and archive/.
package disk

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"galaxy/backend/engine/rules"
)

// ErrInitialised: there is a game in the directory already.
var ErrInitialised = errors.New("the directory holds a game already")

// ErrLocked: another engine works in the directory.
var ErrLocked = errors.New("another engine holds the state directory")

// archived is how many past states are kept.
const archived = 10

// Saved is what state.json holds. The digest is that of the state as the turn left it; what is decided between turns
// (a race being banished) does not change it.
type Saved struct {
	Digest string       `json:"digest"`
	State  *rules.State `json:"state"`
}

// Pending is what a race wants of the turn being prepared.
type Pending struct {
	Race     string            `json:"race"`
	Turn     int               `json:"turn"`
	Revision int64             `json:"revision"`
	Commands []json.RawMessage `json:"commands"` // the list
	Batches  []Batch           `json:"batches"`  // beside it, carried out before
	At       time.Time         `json:"at"`
}

// Batch is a set of commands that was accepted as one.
type Batch struct {
	ID       string            `json:"id"`
	Commands []json.RawMessage `json:"commands"`
	Revision int64             `json:"revision"`
}

// Dir is a locked state directory.
type Dir struct {
	path string
	lock *os.File
}

// Open locks the directory, making it if need be.
func Open(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(path, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, ErrLocked
	}
	return &Dir{path, lock}, nil
}

// Close gives the directory up.
func (d *Dir) Close() error { return d.lock.Close() }

// Load gives the saved game, or nil when there is none.
func (d *Dir) Load() (*Saved, error) {
	b, err := os.ReadFile(d.file("state.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var s Saved
	if err := json.Unmarshal(b, &s); err != nil || s.State == nil {
		return nil, fmt.Errorf("state.json is not a saved game: %w", err)
	}
	return &s, nil
}

// Init commits the first state. Of two that race, one gets ErrInitialised: link(2) never replaces a file.
func (d *Dir) Init(s Saved, reports map[int]rules.Report) error {
	if err := d.writeReports(s.State.Turn, reports); err != nil {
		return err
	}
	tmp, err := d.writeTemp(d.path, s)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp) }()
	if err := os.Link(tmp, d.file("state.json")); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return ErrInitialised
		}
		return err
	}
	return syncDir(d.path)
}

// Commit makes s the state. Its reports, and the state before it in the archive, are on disk by then.
func (d *Dir) Commit(s Saved, reports map[int]rules.Report) error {
	if err := d.writeReports(s.State.Turn, reports); err != nil {
		return err
	}
	if err := d.archive(s.State.Turn - 1); err != nil {
		return err
	}
	return d.Save(s)
}

// Save replaces the state within its turn.
func (d *Dir) Save(s Saved) error { return d.write(d.file("state.json"), s) }

// archive keeps the present state under its turn's number, and drops the oldest.
func (d *Dir) archive(turn int) error {
	dir := d.file("archive")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	err := os.Link(d.file("state.json"), filepath.Join(dir, fmt.Sprintf("%d.json", turn)))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := os.Remove(filepath.Join(dir, fmt.Sprintf("%d.json", turn-archived))); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDir(dir)
}

func (d *Dir) writeReports(turn int, reports map[int]rules.Report) error {
	for race, r := range reports {
		if err := d.write(d.report(turn, race), r); err != nil {
			return err
		}
	}
	return nil
}

// Report gives a stored report as JSON; fs.ErrNotExist when there is none.
func (d *Dir) Report(turn, race int) (json.RawMessage, error) {
	return os.ReadFile(d.report(turn, race))
}

func (d *Dir) report(turn, race int) string {
	return d.file("reports", strconv.Itoa(turn), strconv.Itoa(race)+".json")
}

// SaveOrders stores what a race wants; from its return on the orders survive anything.
func (d *Dir) SaveOrders(race int, p Pending) error {
	return d.write(d.file("orders", strconv.Itoa(p.Turn), strconv.Itoa(race)+".json"), p)
}

// Orders gives what the races want of a turn, by race name.
func (d *Dir) Orders(turn int) (map[string]*Pending, error) {
	out := map[string]*Pending{}
	files, err := filepath.Glob(d.file("orders", strconv.Itoa(turn), "*.json"))
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var p Pending
		if err := json.Unmarshal(b, &p); err != nil {
			return nil, fmt.Errorf("%s is not a list of orders: %w", filepath.Base(name), err)
		}
		out[p.Race] = &p
	}
	return out, nil
}

func (d *Dir) file(parts ...string) string {
	return filepath.Join(append([]string{d.path}, parts...)...)
}

// write replaces a file whole: a reader, or a start after a crash, sees the old one or the new one.
func (d *Dir) write(name string, v any) error {
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	tmp, err := d.writeTemp(dir, v)
	if err != nil {
		return err
	}
	if err := os.Rename(tmp, name); err != nil {
		_ = os.Remove(tmp)
		return err
	}
	return syncDir(dir)
}

func (d *Dir) writeTemp(dir string, v any) (name string, err error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	f, err := os.CreateTemp(dir, ".tmp-*")
	if err != nil {
		return "", err
	}
	defer func() {
		if closed := f.Close(); err == nil {
			err = closed
		}
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(b); err != nil {
		return "", err
	}
	return f.Name(), f.Sync()
}

// Sweep removes what writes cut off by a crash have left behind.
func (d *Dir) Sweep() error {
	return filepath.WalkDir(d.path, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.HasPrefix(entry.Name(), ".tmp-") {
			return os.Remove(path)
		}
		return err
	})
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// Batched gives the commands that were accepted beside the list.
func (p *Pending) Batched() []json.RawMessage {
	var all []json.RawMessage
	for _, b := range p.Batches {
		all = append(all, b.Commands...)
	}
	return all
}

// All gives everything a race wants, in the order it is carried out.
func (p *Pending) All() []json.RawMessage { return append(p.Batched(), p.Commands...) }
