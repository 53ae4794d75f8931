package statedir

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
)

// lacks has every look at the file system fail like that.
func (w *world) lacks(errno syscall.Errno) {
	fail := func(name string) error { return &fs.PathError{Op: "open", Path: name, Err: errno} }
	w.sys.readDir = func(name string) ([]fs.DirEntry, error) { return nil, fail(name) }
	w.sys.mkdir = func(name string, _ fs.FileMode) error { return fail(name) }
	w.sys.chown = func(name string, _, _ int) error { return fail(name) }
	w.sys.rename = func(name, _ string) error { return fail(name) }
}

func (w *world) has() galaxy.ContainerSpec {
	return galaxy.ContainerSpec{Game: w.game, StateMustExist: true}
}
func (w *world) new() galaxy.ContainerSpec { return galaxy.ContainerSpec{Game: w.game} }

// lacked requires that err says something about us, and nothing about a game.
func lacked(t *testing.T, err error, about ...any) {
	t.Helper()
	require.ErrorIs(t, err, galaxy.ErrShortage, about...)
	require.ErrorIs(t, err, galaxy.ErrDriverUnknown, about...)
	for _, verdict := range []error{galaxy.ErrStateMissing, galaxy.ErrStartConfig, galaxy.ErrNoCopy} {
		require.NotErrorIs(t, err, verdict, about...)
	}
}

func TestOnlyWhatIsNotThereIsMissing(t *testing.T) {
	w := newWorld(t)
	w.write("old")
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.EIO, syscall.EACCES, syscall.ESTALE, syscall.ENOMEM,
		syscall.EINTR, syscall.ENOSPC, syscall.EAGAIN, syscall.EROFS, syscall.ENOTCONN, syscall.EHOSTDOWN} {
		other := newWorld(t)
		other.write("old")
		other.lacks(errno)
		lacked(t, other.Prepare(other.has(), -1, -1), errno)
		lacked(t, other.Prepare(other.new(), -1, -1), errno)
		lacked(t, other.SetAside(other.game), errno)
		lacked(t, other.copyIt(), errno)
		require.ErrorContains(t, other.Prepare(other.has(), -1, -1), errno.Error(), "operators read what is wrong")
	}
	require.NoError(t, w.Prepare(w.has(), -1, -1))
	require.NoError(t, os.RemoveAll(w.Dir(w.game)))
	require.ErrorIs(t, w.Prepare(w.has(), -1, -1), galaxy.ErrStateMissing)
	require.NoError(t, os.Mkdir(w.Dir(w.game), 0o755))
	require.ErrorIs(t, w.Prepare(w.has(), -1, -1), galaxy.ErrStateMissing, "an empty one is none")
	w.lacks(syscall.EPERM)
	require.ErrorIs(t, w.Prepare(w.new(), -1, -1), galaxy.ErrStartConfig, "a user that cannot be given a directory is a setting")
}

func TestACopyThatTheDiskCannotHoldIsNoShortage(t *testing.T) {
	w := newWorld(t)
	w.write("old")
	err := w.lacking(&fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC})
	require.NotErrorIs(t, err, galaxy.ErrDriverUnknown, "a patch is not worth waiting for room")
	lacked(t, w.lacking(&fs.PathError{Op: "open", Path: "x", Err: syscall.EMFILE}))
}

func TestARootThatIsAwayIsNoVerdictOnItsGames(t *testing.T) {
	for name, take := range map[string]func(w *world, away string){
		"it does not exist":            func(*world, string) {},
		"it is a bare mount point":     func(w *world, _ string) { require.NoError(t, os.Mkdir(w.path, 0o755)) },
		"a file is in its place":       func(w *world, _ string) { require.NoError(t, os.WriteFile(w.path, nil, 0o644)) },
		"another disk is in its place": func(w *world, _ string) { require.NoError(t, os.MkdirAll(filepath.Join(w.path, "lost+found"), 0o755)) },
		"its link leads nowhere":       func(w *world, away string) { require.NoError(t, os.Symlink(away+".nowhere", w.path)) },
	} {
		w := newWorld(t)
		w.write("old")
		away := w.path + ".away"
		require.NoError(t, os.Rename(w.path, away))
		take(w, away)
		lacked(t, w.Prepare(w.has(), -1, -1), name)
		require.NotErrorIs(t, w.copyIt(), galaxy.ErrStateMissing, name)
		if name != "another disk is in its place" {
			lacked(t, w.restoreIt(), name)
			lacked(t, w.Prepare(w.new(), -1, -1), "%s: no game begins on a disk that is to be mounted over", name)
		}
		require.NoError(t, os.RemoveAll(w.path))
		require.NoError(t, os.Rename(away, w.path))
		require.NoError(t, w.Prepare(w.has(), -1, -1), "%s: it is back", name)
		require.NoError(t, w.copyIt())
		require.NoError(t, w.restoreIt())
	}
}

func TestARootThatWasEmptyAtTheStartHoldsNoOlderGames(t *testing.T) {
	w := newWorld(t) // its disk was mounted too late
	older, younger, unknown := w.has(), w.has(), w.has()
	older.StateSince, younger.StateSince = time.Now().Add(-time.Hour), time.Now().Add(time.Second)
	lacked(t, w.Prepare(older, -1, -1))
	require.ErrorIs(t, w.Prepare(younger, -1, -1), galaxy.ErrStateMissing, "it began here, and its state is gone")
	require.ErrorIs(t, w.Prepare(unknown, -1, -1), galaxy.ErrStateMissing)

	require.NoError(t, os.Mkdir(filepath.Join(w.path, "another"), 0o755))
	next, err := New(w.path)
	require.NoError(t, err)
	require.ErrorIs(t, next.Prepare(older, -1, -1), galaxy.ErrStateMissing, "a root with something in it is believed")
}
