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

	"github.com/google/uuid"

	"galaxy/backend/galaxy"
)

// Root is the directory that holds them all.
type Root struct {
	path string
	// reached is called wherever a crash would leave something else behind; tests crash there.
	reached func(step string)
}

// New gives the root at path, which is made when it is missing.
func New(path string) (Root, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Root{}, err
	}
	return Root{path: abs, reached: func(string) {}}, os.MkdirAll(abs, 0o755)
}

// Path is the root's own.
func (r Root) Path() string { return r.path }

// Dir is where the game's state is.
func (r Root) Dir(game galaxy.GameID) string { return filepath.Join(r.path, game.String()) }

// Prepare makes the game's state directory and gives it to uid and gid; -1 leaves them as they are. A game that has run
// must find its own: there the directory is never made, so that a mount that failed cannot look like a fresh game.
func (r Root) Prepare(game galaxy.GameID, mustExist bool, uid, gid int) error {
	dir := r.Dir(game)
	if mustExist {
		return holds(dir)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("%w: %w", galaxy.ErrStartConfig, err)
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		return fmt.Errorf("%w: %w", galaxy.ErrStartConfig, err)
	}
	return nil
}

// SetAside renames the game's state directory, so that a game can be made anew. Without one there is nothing to do.
func (r Root) SetAside(game galaxy.GameID) error {
	err := os.Rename(r.Dir(game), aside(r.Dir(game)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
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

// holds reports why dir is no state directory with something in it.
func holds(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", galaxy.ErrStateMissing, err)
	case len(entries) == 0:
		return fmt.Errorf("%w: %s is empty", galaxy.ErrStateMissing, dir)
	}
	return nil
}

func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
