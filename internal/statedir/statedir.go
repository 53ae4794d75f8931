// Package statedir keeps the state directories of games, <root>/<game>, and copies of them beside, <root>/<game>.<label>.
// What it does can be cut anywhere, by a crash of the service or of the machine, and is completed by doing it again. It
// looks at no engine: who copies, restores or sets aside a state has stopped the engine that writes it.
package statedir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/google/uuid"

	"galaxy/backend/galaxy"
)

// Root is the directory that holds them all.
type Root struct {
	path string
	// is and emptyAt are what was at path when it was opened, and when, if it held nothing: a disk that is not
	// mounted looks like that. sys is how the file system is asked; tests have it fail.
	is      fs.FileInfo
	emptyAt time.Time
	sys     system
	// reached is called wherever a crash would leave something else behind; tests crash there.
	reached func(step string)
}

// system is what is asked of the file system whose failure could be taken for a game's.
type system struct {
	readDir func(name string) ([]fs.DirEntry, error)
	mkdir   func(name string, perm fs.FileMode) error
	chown   func(name string, uid, gid int) error
	rename  func(from, to string) error
}

// New gives the root at path, which is made when it is missing.
func New(path string) (Root, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Root{}, err
	}
	r := Root{path: abs, reached: func(string) {}, sys: system{os.ReadDir, os.Mkdir, os.Chown, os.Rename}}
	if err := os.MkdirAll(abs, 0o755); err != nil {
		return r, fmt.Errorf("make the state root (BACKEND_GAME_STATE_ROOT): %w", err)
	}
	if r.is, err = os.Stat(abs); err != nil {
		return r, fmt.Errorf("look at the state root (BACKEND_GAME_STATE_ROOT): %w", err)
	}
	entries, err := os.ReadDir(abs)
	if err != nil {
		return r, fmt.Errorf("read the state root (BACKEND_GAME_STATE_ROOT): %w", err)
	}
	if len(entries) == 0 {
		r.emptyAt = time.Now()
	}
	return r, nil
}

// Path is the root's own.
func (r Root) Path() string { return r.path }

// Dir is where the game's state is.
func (r Root) Dir(game galaxy.GameID) string { return filepath.Join(r.path, game.String()) }

// Prepare makes the state directory of the spec's game and gives it to uid and gid; -1 leaves them as they are. A
// game that has run must find its own: there the directory is never made, so that a mount that failed cannot look
// like a fresh game.
func (r Root) Prepare(spec galaxy.ContainerSpec, uid, gid int) error {
	dir := r.Dir(spec.Game)
	if spec.StateMustExist {
		return r.holds(dir, spec.StateSince)
	}
	if err := r.there(); err != nil {
		return err
	}
	if err := r.sys.mkdir(dir, 0o755); err != nil && !isDir(dir, err) {
		return unmade(err)
	}
	if err := r.sys.chown(dir, uid, gid); err != nil {
		return unmade(err)
	}
	return nil
}

// isDir reports whether a directory was not made because it is there.
func isDir(dir string, err error) bool {
	if !errors.Is(err, fs.ErrExist) {
		return false
	}
	is, err := os.Stat(dir)
	return err == nil && is.IsDir()
}

// unmade tells why a state directory could not be made. That it stands where something else does, or may not be given
// to the engines' user, is for the settings to put right, and would be so again.
func unmade(err error) error {
	if errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EPERM) {
		return fmt.Errorf("%w: %w", galaxy.ErrStartConfig, err)
	}
	return short(err)
}

// SetAside renames the game's state directory, so that a game can be made anew. Without one there is nothing to do.
func (r Root) SetAside(game galaxy.GameID) error {
	err := r.sys.rename(r.Dir(game), aside(r.Dir(game)))
	if errors.Is(err, fs.ErrNotExist) {
		return r.there()
	}
	return short(err)
}

func aside(dir string) string { return dir + ".aside-" + uuid.NewString() }

// FreeSpace gives the bytes that an unprivileged user may still write below the root.
func (r Root) FreeSpace(ctx context.Context) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	n, err := free(r.path)
	if err != nil {
		return 0, fmt.Errorf("free space of %s: %w", r.path, err)
	}
	return n, nil
}

// holds reports why dir is no state directory with something in it. Only a directory that is not there, or empty, is
// missing: whatever else fails says nothing about it.
func (r Root) holds(dir string, since time.Time) error {
	entries, err := r.sys.readDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if gone := r.rootOf(since); gone != nil {
			return gone
		}
		return fmt.Errorf("%w: %w", galaxy.ErrStateMissing, err)
	case err != nil:
		return short(err)
	case len(entries) == 0:
		return fmt.Errorf("%w: %s is empty", galaxy.ErrStateMissing, dir)
	}
	return nil
}

// there reports whether the root that was opened is away: it does not exist, or something else is in its place that
// holds nothing, as where a disk was mounted.
func (r Root) there() error {
	is, err := os.Stat(r.path)
	if err != nil {
		return r.away(err)
	}
	if os.SameFile(r.is, is) {
		return nil
	}
	entries, err := r.sys.readDir(r.path)
	if err == nil && len(entries) == 0 {
		err = errors.New("another directory is in its place, and holds nothing")
	}
	if err != nil {
		return r.away(err)
	}
	return nil
}

// rootOf reports why a state of that age cannot be expected in the root that there is: it is another one than was
// opened, or it held nothing at a time when it should have held that state.
func (r Root) rootOf(since time.Time) error {
	is, err := os.Stat(r.path)
	switch {
	case err != nil:
		return r.away(err)
	case !os.SameFile(r.is, is):
		return r.away(errors.New("another directory is in its place"))
	case !r.emptyAt.IsZero() && !since.IsZero() && since.Before(r.emptyAt):
		return r.away(errors.New("it held nothing when the service started, and the game is older"))
	}
	return nil
}

func (r Root) away(err error) error {
	return fmt.Errorf("%w: the state root %s is away (is its disk mounted?): %w", galaxy.ErrShortage, r.path, err)
}

// short marks a failure of the system as a shortage: it says nothing about a game, and what failed is tried again.
// Other errors are left as they are.
func short(err error) error {
	var errno syscall.Errno
	if err == nil || !errors.As(err, &errno) {
		return err
	}
	return fmt.Errorf("%w: %w", galaxy.ErrShortage, err)
}

func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
