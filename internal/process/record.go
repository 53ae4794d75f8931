package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"galaxy/backend/galaxy"
)

// record is what is kept of a started engine, in <game>.run.json beside its state directory.
type record struct {
	PID       int       `json:"pid"`
	Born      string    `json:"born"` // the process's start as the system tells it: a reused pid has another
	Address   string    `json:"address"`
	Version   string    `json:"version"`
	ImageRef  string    `json:"image_ref"`
	StartedAt time.Time `json:"started_at"`
	Storage   string    `json:"storage,omitempty"` // the state directory that it was given; records of before this was kept have none
}

func (r record) life() life { return life{r.PID, r.Born} }

const recordSuffix = ".run.json"

func (d *Driver) file(game galaxy.GameID) string { return d.Dir(game) + recordSuffix }

// look needs mu. It gives the record of the game's engine, and whether that lives; a zero record when there is none.
// A record that cannot be read, or a process that cannot be looked at, is not a missing one.
func (d *Driver) look(game galaxy.GameID) (rec record, alive bool, err error) {
	rec, err = d.read(game)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(d.Path()); err != nil { // with it, every record is gone
			return record{}, false, lacking(fmt.Errorf("the state root is away (is its disk mounted?): %w", err))
		}
		return record{}, false, nil
	}
	if err != nil {
		return record{}, false, err
	}
	alive, err = d.alive(game, rec)
	return rec, alive, err
}

// read gives the record of the game's engine.
func (d *Driver) read(game galaxy.GameID) (rec record, err error) {
	b, err := os.ReadFile(d.file(game))
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, err
	}
	if err != nil {
		return record{}, lacking(err)
	}
	if err = json.Unmarshal(b, &rec); err == nil && rec.PID <= 0 {
		err = errors.New("it names no process")
	}
	if err != nil {
		return record{}, fmt.Errorf("%w: %s is no record of an engine: end the engine, if it runs, and remove the file: %w",
			galaxy.ErrShortage, d.file(game), err)
	}
	return rec, nil
}

func (d *Driver) write(game galaxy.GameID, rec record) error {
	b, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	// On the disk before it has its name: half a record after a crash of the machine could not be read, and nothing
	// started.
	tmp, err := os.Create(d.file(game) + ".tmp")
	if err != nil {
		return err
	}
	_, err = tmp.Write(b)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), d.file(game))
}
