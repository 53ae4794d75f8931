package statedir

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
)

// clear does what a start does with what was left behind.
func (w *world) clear() {
	found, err := w.StateCopies(w.t.Context())
	w.must(err)
	for _, c := range found {
		require.Equal(w.t, galaxy.StateCopy{Game: w.game, Label: label}, c)
		w.must(w.DropState(w.t.Context(), c.Game, c.Label))
	}
}

// TestWhateverACrashLeavesOfACopyIsFoundAndRemoved, wherever a copy, its restore or its removal was cut.
func TestWhateverACrashLeavesOfACopyIsFoundAndRemoved(t *testing.T) {
	cuts := 0
	for name, do := range map[string]func(*world) error{
		"a copy":    (*world).copyIt,
		"a restore": func(w *world) error { w.must(w.copyIt()); w.write("new"); return w.restoreIt() },
		"a drop":    func(w *world) error { w.must(w.copyIt()); return w.dropIt() },
		"a drop of what was replaced": func(w *world) error {
			w.must(w.copyIt())
			w.write("new")
			w.must(w.restoreIt())
			return w.dropIt()
		},
	} {
		t.Run(name, func(t *testing.T) {
			for step := 1; ; step++ {
				w := newWorld(t)
				w.write("old")
				crashed := w.crash(step, func() error { return do(w) })
				if w.state() == "" { // a restore was cut in the middle: the copy is the state, and is never dropped
					require.Equal(t, "old", w.copied(), "step %d", step)
					require.ErrorIs(t, w.dropIt(), galaxy.ErrStateMissing)
					w.must(w.restoreIt())
				}
				state := w.state()
				w.clear()
				require.Equal(t, state, w.state(), "step %d: the state is touched", step)
				require.Empty(t, w.rest(), "step %d", step)
				if !crashed {
					cuts += step - 1
					return
				}
			}
		})
	}
	require.Greater(t, cuts, 20)
}

// TestAClearingThatIsCutIsCompletedByTheNext.
func TestAClearingThatIsCutIsCompletedByTheNext(t *testing.T) {
	for step, crashed := 1, true; crashed; step++ {
		w := newWorld(t)
		w.write("old")
		w.must(w.copyIt())
		w.write("new")
		crashed = w.crash(step, func() error { w.clear(); return nil })
		w.clear()
		require.Equal(t, "new", w.state(), "step %d", step)
		require.Empty(t, w.rest(), "step %d", step)
	}
}

func TestOnlyWhatBelongsToACopyIsFound(t *testing.T) {
	w := newWorld(t)
	id := w.game.String()
	for _, name := range []string{id, id + ".aside-1", id + ".log", "other", id + "x.patch-1", strings.ToUpper(id) + ".patch-1", id + ".", id + ".run.json",
		id + ".copying-", id + ".copying-replaced-patch-1", "." + id + ".patch-1", id + "patch-1"} {
		w.must(os.MkdirAll(filepath.Join(w.path, name), 0o750))
	}
	w.must(os.WriteFile(filepath.Join(w.path, id+".patch-7"), nil, 0o640))
	w.must(os.Symlink("other", filepath.Join(w.path, id+".patch-8")))
	found, err := w.StateCopies(t.Context())
	w.must(err)
	require.Empty(t, found)
	for _, name := range []string{".patch-3", ".copying-patch-3", ".dropping-patch-4", ".replaced-patch-12"} {
		w.must(os.Mkdir(filepath.Join(w.path, id+name), 0o750))
	}
	found, err = w.StateCopies(t.Context())
	w.must(err)
	var labels []string
	for _, c := range found {
		require.Equal(t, w.game, c.Game)
		labels = append(labels, c.Label)
	}
	require.ElementsMatch(t, []string{"patch-3", "patch-4", "patch-12"}, labels)
	there, err := w.Copied(t.Context(), w.game, "patch-3")
	w.must(err)
	require.True(t, there)
	there, err = w.Copied(t.Context(), w.game, "patch-4")
	w.must(err)
	require.False(t, there, "half a copy is none")
}
