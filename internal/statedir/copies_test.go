package statedir

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
)

const label = "patch-1"

// world is a root with one game, whose state is told apart by a word in each of its files.
type world struct {
	Root
	t    testing.TB
	game galaxy.GameID
}

func newWorld(t testing.TB) *world {
	r, err := New(t.TempDir())
	require.NoError(t, err)
	return &world{r, t, galaxy.GameID{UUID: galaxy.NewID()}}
}

var files = []string{"state.json", "orders/terran.json", "reports/1/terran.json"}

// write gives the game a state, as an engine would.
func (w *world) write(word string) {
	for _, name := range files {
		name = filepath.Join(w.Dir(w.game), name)
		require.NoError(w.t, os.MkdirAll(filepath.Dir(name), 0o750))
		require.NoError(w.t, os.WriteFile(name, []byte(word), 0o640))
	}
}

// holds gives the word of what stands at <game><suffix>: empty when there is nothing, "?" when it is not whole.
func (w *world) holds(suffix string) string {
	dir := w.Dir(w.game) + suffix
	if there, err := exists(dir); err != nil || !there {
		require.NoError(w.t, err)
		return ""
	}
	words := map[string]bool{}
	for _, name := range files {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return "?"
		}
		words[string(text)] = true
	}
	for word := range words {
		if len(words) == 1 {
			return word
		}
	}
	return "?"
}

func (w *world) state() string    { return w.holds("") }
func (w *world) copied() string   { return w.holds("." + label) }
func (w *world) replaced() string { return w.holds(".replaced-" + label) }

// rest is what stands below the root beside the state.
func (w *world) rest() []string {
	entries, err := os.ReadDir(w.path)
	require.NoError(w.t, err)
	var out []string
	for _, e := range entries {
		if e.Name() != w.game.String() {
			out = append(out, strings.TrimPrefix(e.Name(), w.game.String()))
		}
	}
	return out
}

func (w *world) copyIt() error    { return w.CopyState(context.Background(), w.game, label) }
func (w *world) restoreIt() error { return w.RestoreState(context.Background(), w.game, label) }
func (w *world) dropIt() error    { return w.DropState(context.Background(), w.game, label) }

// crash runs do until it has reached its n-th step, and reports whether it came so far.
func (w *world) crash(n int, do func() error) (crashed bool) {
	type end struct{}
	w.reached = func(string) {
		if n--; n == 0 {
			panic(end{})
		}
	}
	defer func() {
		w.reached = func(string) {}
		if r := recover(); r != nil {
			_, crashed = r.(end)
			require.True(w.t, crashed, r)
		}
	}()
	require.NoError(w.t, do())
	return false
}

func TestACrashAtAnyStepIsCompletedByDoingItAgain(t *testing.T) {
	cuts := 0
	for name, c := range map[string]struct {
		before func(*world)
		do     func(*world) error
		after  [3]string // state, copy, replaced
	}{
		"a first copy": {
			func(w *world) { w.write("old") },
			(*world).copyIt, [3]string{"old", "old", ""}},
		"a copy that is there is kept": {
			func(w *world) { w.write("old"); w.must(w.copyIt()); w.write("new") },
			(*world).copyIt, [3]string{"new", "old", ""}},
		"a copy by a label that was restored begins anew": {
			func(w *world) {
				w.write("old")
				w.must(w.copyIt())
				w.write("new")
				w.must(w.restoreIt())
				w.write("newer")
			},
			(*world).copyIt, [3]string{"newer", "newer", ""}},
		"a restore": {
			func(w *world) { w.write("old"); w.must(w.copyIt()); w.write("new") },
			(*world).restoreIt, [3]string{"old", "", "new"}},
		"a restore that was done": {
			func(w *world) {
				w.write("old")
				w.must(w.copyIt())
				w.write("new")
				w.must(w.restoreIt())
				w.write("on")
			},
			(*world).restoreIt, [3]string{"on", "", "new"}},
		"a restore where the state is gone": {
			func(w *world) { w.write("old"); w.must(w.copyIt()); w.must(os.RemoveAll(w.Dir(w.game))) },
			(*world).restoreIt, [3]string{"old", "", "?"}},
		"a restore after a copy and a restore by the same label": {
			func(w *world) {
				w.write("old")
				w.must(w.copyIt())
				w.write("new")
				w.must(w.restoreIt())
				w.must(w.copyIt())
				w.write("newer")
			},
			(*world).restoreIt, [3]string{"old", "", "newer"}},
		"a copy that is dropped": {
			func(w *world) { w.write("old"); w.must(w.copyIt()); w.write("new") },
			(*world).dropIt, [3]string{"new", "", ""}},
		"what a restore has replaced is dropped": {
			func(w *world) { w.write("old"); w.must(w.copyIt()); w.write("new"); w.must(w.restoreIt()) },
			(*world).dropIt, [3]string{"old", "", ""}},
		"a drop of nothing": {
			func(w *world) { w.write("old") },
			(*world).dropIt, [3]string{"old", "", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			for step := 1; ; step++ {
				w := newWorld(t)
				c.before(w)
				crashed := w.crash(step, func() error { return c.do(w) })
				require.NotEqual(t, "?", w.copied(), "step %d: half a copy has a whole one's name", step)
				require.True(t, good(w.state()) || w.state() == "" && good(w.copied()), "step %d: there is no whole state", step)
				require.NoError(t, c.do(w), "step %d", step)
				require.Equal(t, c.after, [3]string{w.state(), w.copied(), w.replaced()}, "step %d", step)
				require.NoError(t, c.do(w), "once more")
				require.Equal(t, c.after, [3]string{w.state(), w.copied(), w.replaced()}, "step %d, once more", step)
				w.must(w.dropIt())
				require.Equal(t, c.after[0], w.state())
				require.Empty(t, w.rest(), "step %d: nothing is left behind", step)
				if !crashed {
					cuts += step - 1
					return
				}
			}
		})
	}
	require.Greater(t, cuts, 20, "most of these take several steps")
}

func good(word string) bool { return word != "" && word != "?" }

func (w *world) must(err error) {
	w.t.Helper()
	require.NoError(w.t, err)
}

func TestWhatWasCutIsLeftForSomethingElse(t *testing.T) {
	cuts := 0
	for name, c := range map[string]struct {
		cut, then func(*world) error
	}{
		"a copy is cut, and given up":      {(*world).copyIt, (*world).dropIt},
		"a restore is cut, and copied":     {func(w *world) error { w.must(w.copyIt()); return w.restoreIt() }, func(w *world) error { w.must(w.copyIt()); return w.restoreIt() }},
		"a drop is cut, and copied anew":   {func(w *world) error { w.must(w.copyIt()); return w.dropIt() }, (*world).copyIt},
		"a drop is cut, and not completed": {func(w *world) error { w.must(w.copyIt()); return w.dropIt() }, func(*world) error { return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			for step := 1; ; step++ {
				w := newWorld(t)
				w.write("old")
				crashed := w.crash(step, func() error { return c.cut(w) })
				require.NoError(t, c.then(w))
				require.Equal(t, "old", w.state(), "step %d", step)
				require.NotEqual(t, "?", w.copied(), "step %d", step)
				w.must(w.dropIt())
				require.Empty(t, w.rest(), "step %d", step)
				if !crashed {
					cuts += step - 1
					return
				}
			}
		})
	}
	require.Greater(t, cuts, 4, "each of these takes a step at least")
}

func TestADirectoryMadeInTheMiddleOfARestoreIsNotWhatItReplaced(t *testing.T) {
	w := newWorld(t)
	w.write("old")
	w.must(w.copyIt())
	w.write("new")
	w.must(os.Rename(w.Dir(w.game), w.Dir(w.game)+".replaced-"+label))
	w.write("stray")
	w.must(w.restoreIt())
	require.Equal(t, [3]string{"old", "", "new"}, [3]string{w.state(), w.copied(), w.replaced()})
	w.must(w.dropIt())
	require.Len(t, w.rest(), 1)
	require.Equal(t, "stray", w.holds(w.rest()[0]), "it is set aside")
}

func TestWhatIsNotThereIsNamed(t *testing.T) {
	w := newWorld(t)
	require.ErrorIs(t, w.copyIt(), galaxy.ErrStateMissing)
	require.ErrorIs(t, w.restoreIt(), galaxy.ErrNoCopy)
	w.must(os.Mkdir(w.Dir(w.game), 0o755))
	require.ErrorIs(t, w.copyIt(), galaxy.ErrStateMissing, "an empty directory is no state")
	require.Empty(t, w.rest())
	w.write("old")
	require.ErrorIs(t, w.restoreIt(), galaxy.ErrNoCopy)
	require.Equal(t, "old", w.state())

	w.must(w.copyIt())
	w.must(os.RemoveAll(w.Dir(w.game)))
	require.ErrorIs(t, w.dropIt(), galaxy.ErrStateMissing, "the last state is never dropped")
	require.Equal(t, "old", w.copied())
}

func TestACopyThatCannotBeMadeLeavesNothing(t *testing.T) {
	w := newWorld(t)
	w.write("old")
	ctx, cancel := context.WithCancel(t.Context())
	w.reached = func(step string) {
		if step == "an entry is copied" {
			cancel()
		}
	}
	require.ErrorIs(t, w.CopyState(ctx, w.game, label), context.Canceled)
	require.Empty(t, w.rest())
}

func TestLabelsThatWouldHideOthersAreRefused(t *testing.T) {
	w := newWorld(t)
	w.write("old")
	for _, bad := range []string{"", ".", "..", "a/b", "a b", "-a", "log", "run.json", "run.json.tmp", "replaced-a", "copying-a", "dropping-a", "aside-a", strings.Repeat("a", 65)} {
		for _, do := range []func(context.Context, galaxy.GameID, string) error{w.CopyState, w.RestoreState, w.DropState} {
			require.ErrorContains(t, do(t.Context(), w.game, bad), "no label", bad)
		}
	}
	require.NoError(t, w.CopyState(t.Context(), w.game, "1.0.1_before"))
}

// told is all that a copy has to keep of a file.
type told struct {
	Mode     fs.FileMode
	UID, GID int
	Text     string
	At       time.Time
}

func tree(t *testing.T, dir string) map[string]told {
	out := map[string]told{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		require.NoError(t, err)
		is, err := e.Info()
		require.NoError(t, err)
		uid, gid := owner(is)
		x := told{Mode: is.Mode(), UID: uid, GID: gid, At: is.ModTime()}
		switch {
		case is.Mode().IsRegular():
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			x.Text = string(text)
		case is.Mode()&fs.ModeSymlink != 0:
			x.Text, err = os.Readlink(path)
			require.NoError(t, err)
			x.At = time.Time{}
		}
		name, err := filepath.Rel(dir, path)
		require.NoError(t, err)
		out[name] = x
		return nil
	}))
	return out
}

func TestACopyKeepsOwnersModesTimesAndLinks(t *testing.T) {
	w := newWorld(t)
	w.write("old")
	at := func(name string) string { return filepath.Join(w.Dir(w.game), name) }
	outside := filepath.Join(t.TempDir(), "secret")
	w.must(os.WriteFile(outside, []byte("secret"), 0o600))
	w.must(os.Symlink(outside, at("link")))
	w.must(os.Symlink(filepath.Dir(outside), at("orders/away")))
	w.must(os.Symlink("nowhere", at("dangling")))
	w.must(os.Chmod(at("state.json"), 0o400))
	w.must(os.WriteFile(at("empty"), nil, 0o604))
	w.must(os.Mkdir(at("bare"), 0o700))
	w.must(os.WriteFile(at("big"), []byte(strings.Repeat("0123456789", 1<<17)), 0o600))
	w.must(os.Chtimes(at("reports"), time.Now(), time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)))
	if os.Getuid() == 0 {
		w.must(os.Chmod(at("empty"), 0o755|fs.ModeSetgid))
		for i, name := range []string{".", "state.json", "link", "orders", "bare"} {
			w.must(os.Lchown(at(name), 65532+i, 65533+i))
		}
	}
	before := tree(t, w.Dir(w.game))
	w.must(syscall.Mkfifo(at("pipe"), 0o600))
	w.must(os.Chtimes(w.Dir(w.game), time.Now(), before["."].At))

	w.must(w.copyIt())
	require.Equal(t, before, tree(t, w.Dir(w.game)+"."+label))
	w.must(os.Remove(at("big")))
	w.must(w.restoreIt())
	require.Equal(t, before, tree(t, w.Dir(w.game)))
	text, err := os.ReadFile(outside)
	require.NoError(t, err)
	require.Equal(t, "secret", string(text))
}

func TestAStateThatIsALinkIsNotCopied(t *testing.T) {
	w := newWorld(t)
	elsewhere := t.TempDir()
	w.must(os.WriteFile(filepath.Join(elsewhere, "state.json"), []byte("x"), 0o600))
	w.must(os.Symlink(elsewhere, w.Dir(w.game)))
	require.ErrorContains(t, w.copyIt(), "no directory")
	require.Empty(t, w.rest())
}

func TestSpaceIsThatOfTheFileSystem(t *testing.T) {
	w := newWorld(t)
	n, err := w.FreeSpace(t.Context())
	require.NoError(t, err)
	require.Positive(t, n)
	w.must(os.RemoveAll(w.path))
	_, err = w.FreeSpace(t.Context())
	require.ErrorIs(t, err, fs.ErrNotExist)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = w.FreeSpace(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func BenchmarkCopyOfALongGame(b *testing.B) {
	w := newWorld(b)
	for turn := range 100 {
		for race := range 40 {
			name := filepath.Join(w.Dir(w.game), "reports", fmt.Sprint(turn), fmt.Sprint(race))
			w.must(os.MkdirAll(filepath.Dir(name), 0o750))
			w.must(os.WriteFile(name, make([]byte, 8<<10), 0o640))
		}
	}
	for b.Loop() {
		w.must(w.copyIt())
		w.must(w.dropIt())
	}
}
