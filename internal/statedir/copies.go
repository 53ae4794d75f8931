package statedir

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"galaxy/backend/galaxy"
)

// names are where a state and what belongs to one of its copies stand. A directory called copy is always a whole one: it
// comes into being by a rename, and goes by one.
type names struct {
	state    string
	copy     string // <game>.<label>
	copying  string // a copy being made
	replaced string // the state that a restore has taken out of the way
	dropping string // a copy being removed
}

var (
	labels   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	reserved = regexp.MustCompile(`^(copying-|replaced-|dropping-|aside-|log$|run\.json)`)
)

func (r Root) names(game galaxy.GameID, label string) (names, error) {
	if !labels.MatchString(label) || reserved.MatchString(label) {
		return names{}, fmt.Errorf("%q is no label of a state's copy", label)
	}
	dir := r.Dir(game)
	return names{state: dir, copy: dir + "." + label, copying: dir + ".copying-" + label,
		replaced: dir + ".replaced-" + label, dropping: dir + ".dropping-" + label}, nil
}

// CopyState copies the game's state under a label. A copy that is there already is kept. The error wraps
// galaxy.ErrStateMissing when there is no state.
func (r Root) CopyState(ctx context.Context, game galaxy.GameID, label string) error {
	n, err := r.names(game, label)
	if err != nil {
		return err
	}
	if there, err := exists(n.copy); err != nil {
		return r.lacking(err)
	} else if there {
		return r.lacking(flush(r.path))
	}
	if err := r.copyState(ctx, n); err != nil {
		_ = os.RemoveAll(n.copying) // what is left of it the next one removes
		return fmt.Errorf("copy the state of game %s: %w", game, r.lacking(err))
	}
	return nil
}

// lacking marks what ended a copy as a shortage if that passes without the game: nothing may be concluded from it. A
// full disk or a file that cannot be read stays what it is, for whoever wanted the copy can do without one, and the
// game waits meanwhile.
func (r Root) lacking(err error) error {
	switch {
	case err == nil || errors.Is(err, galaxy.ErrShortage) || errors.Is(err, galaxy.ErrStateMissing):
		return err
	case galaxy.Exhausted(err):
		return short(err)
	}
	if away := r.there(); away != nil {
		return away
	}
	return err
}

func (r Root) copyState(ctx context.Context, n names) error {
	if err := r.holds(n.state, time.Time{}); err != nil {
		return err
	}
	if err := os.RemoveAll(n.copying); err != nil {
		return err
	}
	r.reached("room is made")
	c := copier{ctx: ctx, reached: r.reached}
	if err := c.directory(n.state, n.copying); err != nil {
		return err
	}
	r.reached("copied")
	if err := c.flush(); err != nil {
		return err
	}
	r.reached("on the disk")
	// The label begins anew: what an earlier restore by it has replaced would make that restore seem done.
	if err := os.RemoveAll(n.replaced); err != nil {
		return err
	}
	if err := flush(r.path); err != nil {
		return err
	}
	r.reached("the label is free")
	if err := os.Rename(n.copying, n.copy); err != nil {
		return err
	}
	r.reached("named")
	return flush(r.path)
}

// RestoreState puts the copy in the place of the game's state, which is kept as <game>.replaced-<label>. Once it is done,
// doing it again changes nothing. Without a copy the error wraps galaxy.ErrNoCopy.
func (r Root) RestoreState(_ context.Context, game galaxy.GameID, label string) error {
	n, err := r.names(game, label)
	if err != nil {
		return err
	}
	if err := r.restore(n); err != nil {
		return fmt.Errorf("restore the state of game %s from %s: %w", game, filepath.Base(n.copy), short(err))
	}
	return nil
}

func (r Root) restore(n names) error {
	state, err1 := exists(n.state)
	copied, err2 := exists(n.copy)
	replaced, err3 := exists(n.replaced)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	if !copied {
		if state && replaced {
			return flush(r.path)
		}
		if err := r.there(); err != nil {
			return err
		}
		return galaxy.ErrNoCopy
	}
	var err error
	switch {
	case state && replaced:
		// A restore was cut in the middle, and somebody has made the directory anew since. That was not what it replaced.
		err = os.Rename(n.state, aside(n.state))
	case state:
		err = os.Rename(n.state, n.replaced)
	case !replaced:
		// There is nothing to replace; an empty directory says, as otherwise a full one, that the restore was done.
		err = os.Mkdir(n.replaced, 0o700)
	}
	if err != nil {
		return err
	}
	r.reached("out of the way")
	if err := flush(r.path); err != nil {
		return err
	}
	if err := os.Rename(n.copy, n.state); err != nil {
		return err
	}
	r.reached("in its place")
	return flush(r.path)
}

// DropState removes the copy, and what a restore by it has replaced. The last state that a game has is never dropped: then
// the error wraps galaxy.ErrStateMissing, and the copy is to be restored first.
func (r Root) DropState(_ context.Context, game galaxy.GameID, label string) error {
	n, err := r.names(game, label)
	if err != nil {
		return err
	}
	if err := r.drop(n); err != nil {
		return fmt.Errorf("drop the copy %s: %w", filepath.Base(n.copy), short(err))
	}
	return nil
}

func (r Root) drop(n names) error {
	state, err1 := exists(n.state)
	copied, err2 := exists(n.copy)
	replaced, err3 := exists(n.replaced)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	if !state && (copied || replaced) {
		return galaxy.ErrStateMissing
	}
	if err := r.there(); err != nil {
		return err
	}
	if err := os.RemoveAll(n.dropping); err != nil {
		return err
	}
	r.reached("room is made")
	if copied {
		if err := os.Rename(n.copy, n.dropping); err != nil {
			return err
		}
		r.reached("the copy is none")
		if err := flush(r.path); err != nil {
			return err
		}
	}
	for _, dir := range []string{n.dropping, n.copying, n.replaced} {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		r.reached("one is removed")
	}
	return flush(r.path)
}
